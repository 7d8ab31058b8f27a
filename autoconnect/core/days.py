"""Days: the forms of dates by the order of day, month and year, read to the number of days since 1970-01-01."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache

from autoconnect.core.dialect import Dates

#: The first and the last accepted day: those before and after them stand for "no date" in many programs.
FIRST_DAY, LAST_DAY = date(1900, 1, 2), date(2099, 12, 30)
#: A day as users are shown it, for each order.
EXAMPLES: Mapping[Dates, str] = {
    "ymd": "2024-01-31",
    "dmy": "31/01/2024",
    "mdy": "01/31/2024",
    "dmyy": "31/01/24",
    "mdyy": "01/31/24",
    "yymd": "24-01-31",
}
#: Characters by which a day is known: the longest has ten, and the next one tells whether it ends there.
LENGTH = 11
#: The order in which day and month change places, of those that can be judged.
OTHER_ORDER: Mapping[Dates, Dates] = {"dmy": "mdy", "mdy": "dmy"}

#: Years of two digits up to this one are in the 21st century; no others are read.
_MAX_SHORT_YEAR = 69
#: Where year, month and day stand, and the number of digits of the year.
_ORDERS: Mapping[Dates, tuple[Sequence[int], int]] = {
    "dmy": ((2, 1, 0), 4),
    "mdy": ((2, 0, 1), 4),
    "dmyy": ((2, 1, 0), 2),
    "mdyy": ((2, 0, 1), 2),
    "yymd": ((0, 1, 2), 2),
}
_YEAR_FIRST = (0, 1, 2), 4
_EPOCH = date(1970, 1, 1).toordinal()
_TIME = r"(?:[T\s].*)?"
_MARKED = re.compile(rf"([0-9]{{1,4}})([-/.])([0-9]{{1,2}})\2([0-9]{{1,4}}){_TIME}", re.DOTALL)
_COMPACT = re.compile(rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}}){_TIME}", re.DOTALL)
_ANYWHERE = re.compile(r"(?=((?:[0-9]{1,4}([-/.])[0-9]{1,2}\2[0-9]{1,4}|[0-9]{8})(?:[T\s]|\Z)))")


def numbers_of(text: str) -> tuple[str, str, str] | None:
    """The three numbers of a trimmed text that is written like a day, None if it is not."""
    if marked := _MARKED.fullmatch(text):
        return marked[1], marked[3], marked[4]
    compact = _COMPACT.fullmatch(text)
    return (compact[1], compact[2], compact[3]) if compact else None


def read_day(text: str, order: Dates) -> int | None:
    """The day of a trimmed text, None if it has none in this order; a year of four digits may always come first."""
    numbers = numbers_of(text)
    if not numbers:
        return None
    places, digits = _ORDERS.get(order, _YEAR_FIRST) if len(numbers[0]) < 4 else _YEAR_FIRST
    year, month, day = (numbers[place] for place in places)
    return _day(year, month, day) if len(year) == digits else None


def is_day(text: str) -> bool:
    """Whether a trimmed text has a day in any order."""
    return text[:1].isdigit() and _begins_with_day(text[:LENGTH])


def ends_in_day(text: str) -> bool:
    """Whether a text is a day in any order, or ends in one; what may follow a day may follow it."""
    return any(is_day(match[1]) for match in _ANYWHERE.finditer(text))


@lru_cache(maxsize=4_096)
def _begins_with_day(start: str) -> bool:
    return any(read_day(start, order) is not None for order in EXAMPLES)


def is_in_other_order(text: str, order: Dates) -> bool:
    """Whether a text that has no day in this order has one if day and month change places."""
    return order in OTHER_ORDER and read_day(text, OTHER_ORDER[order]) is not None


def _day(year: str, month: str, day: str) -> int | None:
    if len(month) > 2 or len(day) > 2 or (len(year) == 2 and int(year) > _MAX_SHORT_YEAR):
        return None
    century = "20" if len(year) == 2 else ""
    try:
        found = date(int(century + year), int(month), int(day))
    except ValueError:  # the 30th of February, month 13, year 0
        return None
    return found.toordinal() - _EPOCH if FIRST_DAY <= found <= LAST_DAY else None
