"""The order of day, month and year, proved by numbers over 12."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from autoconnect.core.days import LENGTH, numbers_of
from autoconnect.core.dialect import Dates
from autoconnect.core.sniffer.sightings import Judged, Sighting
from autoconnect.errors import SourceError

#: What a date tells: its only possible order, or that it has two, or a year of two digits.
Form = Literal["ymd", "dmy", "mdy", "either", "two_digits"]

#: A sample of this many dates may have one that fits the other order only, or has a year of two digits.
_DATES_PER_ODD_ONE = 1_000


def form_of(text: str) -> Form | None:
    """What a trimmed field tells if it is written like a date; None if it is not, or cannot be one in any order."""
    numbers = numbers_of(text)
    if not numbers:
        return None
    first, second, last = numbers
    digits = len(first), len(last)
    if digits[0] == 4:
        return "ymd" if digits[1] <= 2 else None
    if digits == (1, 2) or digits in ((2, 1), (2, 2)):
        return "two_digits"
    return _order(int(first), int(second)) if digits in ((1, 4), (2, 4)) else None


def judge_dates(dates: Iterable[tuple[Sighting, int]], *, is_comma_proved: bool) -> Judged[Dates]:
    """The order of day and month in the sampled dates, each with its number.

    Raises SourceError, which shows a date and names the option, if the dates do not settle it.
    """
    counts: Counter[Form] = Counter()
    first: dict[Form, Sighting] = {}
    for sighting, count in dates:
        if form := form_of(sighting.value[:LENGTH]):
            counts[form] += count
            first.setdefault(form, sighting)
    most = counts.total() // _DATES_PER_ODD_ONE
    if counts["two_digits"] > most:
        _ask(f"The dates have years of two digits: {first['two_digits']}", "dmyy", "mdyy", "yymd")
    order: Literal["dmy", "mdy"] = "dmy" if counts["dmy"] > counts["mdy"] else "mdy"
    fewer = min(counts["dmy"], counts["mdy"])
    if fewer > most or 0 < fewer == counts[order]:
        _ask(f"The dates are in two orders: {first['dmy']}, and {first['mdy']}", "dmy", "mdy")
    if order in first:
        return Judged(order, str(first[order]))
    if "either" in first and not is_comma_proved:
        _ask(f"The dates do not tell the day from the month: {first['either']}", "dmy", "mdy")
    if "either" in first:
        return Judged("dmy", f"{first['either']}, and the decimal mark is a comma")
    return Judged("ymd", str(first["ymd"]) if "ymd" in first else "no date was sampled")


def _ask(finding: str, *orders: Dates) -> None:
    options = [f"dates={order}" for order in orders]
    asked = f"{', '.join(options[:-1])} or {options[-1]}"
    raise SourceError(f"{finding}; give {asked} (--dialect {options[0]}).", part="dates")


def _order(first: int, second: int) -> Form | None:
    """The order in which two numbers are a day and a month."""
    if not 1 <= min(first, second) <= 12 or max(first, second) > 31:
        return None
    if first <= 12 and second <= 12:
        return "either"
    return "dmy" if first > 12 else "mdy"
