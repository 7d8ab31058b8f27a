"""Surplus, decimal mark, currency and dates, as the sampled rows prove them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.oracle.columns import Columns, currencies_of_header, fitted
from tests.oracle.failures import CannotPlan
from tests.oracle.fields import (
    CURRENCIES,
    Parts,
    is_missing,
    match_number,
    numbers_of_date,
    take_apart,
    trim,
    without_case_and_accents,
)
from tests.oracle.records import Form, Record, is_suspect


@dataclass(frozen=True)
class Values:
    """The fields of sampled rows, trimmed, as many as the header has."""

    rows: Sequence[Sequence[str]]
    columns: Columns

    def of(self, *meanings: str) -> list[str]:
        """The values of some meanings in all rows, the missing ones left out; a constant counts once."""
        used, constants = self.columns.used, self.columns.constants
        found = [trim(constants[meaning]) for meaning in meanings if meaning in constants]
        found += [row[used[meaning]] for row in self.rows for meaning in meanings if meaning in used]
        return [value for value in found if not is_missing(value)]

    def amounts(self) -> list[tuple[str, Parts]]:
        """The prices and costs that can be read with one mark or the other, as they are written and taken apart."""
        found = [(text, take_apart(text)) for text in self.of("price", "cost")]
        return [(text, parts) for text, parts in found if readings(parts.number)]


def texts_of(record: Record) -> list[str]:
    """The trimmed fields of a record; none if its quotes are bad."""
    return [trim(field.text) for field in record.fields or ()]


def judge_surplus(records: Sequence[Record], columns: Columns, form: Form) -> int:
    """The number of empty fields beyond the header's that more than half of the rows end with; else 0.

    A row that would be suspect, if rows had as many fields as it has, does not count.
    """
    used = list(columns.used.values())
    rows = [texts_of(record) for record in records if not is_suspect(record, used, len(record.fields or ()) - 1, form)]
    beyond = [texts[len(columns.names) :] for texts in rows]
    for surplus, count in Counter(len(extra) for extra in beyond if not any(extra)).items():
        if surplus > 0 and count * 2 > len(rows):
            return surplus
    return 0


def fitting(records: Iterable[Record], columns: Columns, surplus: int, form: Form) -> list[list[str]]:
    """The fields of the rows that have the right field count and no suspect line break."""
    used, delimiters = list(columns.used.values()), len(columns.names) + surplus - 1
    safe = [record for record in records if not is_suspect(record, used, delimiters, form)]
    rows = [fitted(texts_of(record), columns, surplus, record.has_end) for record in safe]
    return [row for row in rows if row is not None]


def readings(number: str) -> dict[str, re.Match[str]]:
    """How a number is read with each of the decimal marks that it can be read with."""
    matches = {mark: match_number(number, mark) for mark in ".,"}
    return {mark: match for mark, match in matches.items() if match}


def has_mark(number: str) -> bool:
    """Whether there is a point or a comma in a number."""
    return "." in number or "," in number


def refuse_cuts_at_decimal_commas(records: Sequence[Record], values: Values) -> None:
    """Amounts such as 12,50 in a file with commas become two fields.

    No sampled amount has a mark, and most prices are followed by a field of two digits, some with a leading zero.
    """
    place = values.columns.used.get("price")
    if place is None or any(has_mark(parts.number) for _, parts in values.amounts()):
        return
    fields = [[*texts_of(record), *[""] * (place + 2)] for record in records]
    prices = [texts for texts in fields if not is_missing(texts[place])]
    cents = [texts[place + 1] for texts in prices if re.fullmatch("[0-9]{2}", texts[place + 1])]
    if len(cents) * 2 > len(prices) and any(text.startswith("0") for text in cents):
        raise CannotPlan(
            f"Amounts seem to be cut at their decimal comma, such as {prices[0][place]},{cents[0]}: quote the amounts,"
            " use another delimiter, or give decimal."
        )


def judge_decimal(values: Values) -> str | None:
    """The decimal mark: a number that can be read with one mark only proves it.

    That holds for a mark followed by 1, 2 or 4 and more final digits, or by 3 after more than 3 digits, and for the
    last of both marks. If there is no such number, a mark that repeats groups digits, so the other one is the decimal
    mark. Numbers such as 12.500 can be read with either.
    """
    marked = [(text, readings(parts.number)) for text, parts in values.amounts() if has_mark(parts.number)]
    proofs: dict[str, str] = {}
    repeats: dict[str, str] = {}
    for text, found in marked:
        if len(found) == 1:
            [(mark, match)] = found.items()
            (proofs if match["decimals"] else repeats).setdefault(mark, text)
    proofs = proofs or repeats
    if len(proofs) == 2:
        raise CannotPlan(f"Both decimal marks occur, as in {proofs['.']!r} and {proofs[',']!r}: give decimal=. or =,")
    if marked and not proofs:
        raise CannotPlan(f"{marked[0][0]!r} may be in thousands or have three decimals: give decimal=. or decimal=,")
    return next(iter(proofs), None)


def proves_comma(values: Values) -> bool:
    """Whether an amount has decimals after a comma, and cannot be read in another way."""
    found = [readings(parts.number) for _, parts in values.amounts()]
    return any(list(marks) == [","] and bool(marks[","]["decimals"]) for marks in found)


def judge_currency(values: Values) -> str | None:
    """The one currency of the amounts, the bracket of the price's header, and the column of currencies."""
    found = {parts.currency for _, parts in values.amounts()}
    found |= {CURRENCIES.get(without_case_and_accents(text)) for text in values.of("currency")}
    if "price" in values.columns.used:
        found |= currencies_of_header(values.columns.name("price"))
    found -= {None}
    if len(found) > 1:
        raise CannotPlan(f"Two currencies occur, {' and '.join(sorted(map(str, found)))}: split the file.")
    return next(iter(found), None)


def judge_dates(values: Values, comma_proved: bool) -> str:
    """The order of day, month and year.

    Four digits first are read in any file. A first number over 12 proves dmy, a second one mdy; 1 in 1,000 sampled
    dates may be of the rarer kind, or have a year of two digits. Without proof, a proved decimal comma means dmy.
    """
    dates: dict[str, list[str]] = {"year first": [], "dmy": [], "mdy": [], "either": [], "short": []}
    for text in values.of("date"):
        if kind := what_a_date_proves(text):
            dates[kind].append(text)
    few = sum(map(len, dates.values())) / 1_000
    first, second = dates["dmy"], dates["mdy"]
    if len(dates["short"]) > few:
        raise CannotPlan(
            f"The year of {dates['short'][0]!r} has two digits: give dates=dmyy, dates=mdyy or dates=yymd."
        )
    rarer = min(len(first), len(second))
    if rarer and (rarer > few or len(first) == len(second)):
        raise CannotPlan(f"Both orders of dates occur, as in {first[0]!r} and {second[0]!r}: give dates=dmy or mdy.")
    if first or second:
        return "dmy" if len(first) > len(second) else "mdy"
    if dates["either"] and not comma_proved:
        raise CannotPlan(f"{dates['either'][0]!r} may be day or month first: give dates=dmy or dates=mdy.")
    return "dmy" if dates["either"] else "ymd"


def what_a_date_proves(text: str) -> str | None:
    """What a text shows that is written like a date; nothing if neither order makes its numbers a day and a month."""
    if numbers_of_date(text, "ymd") or numbers_of_date(text, "compact"):
        return "year first"
    if numbers_of_date(text, "dmyy") or numbers_of_date(text, "yymd"):
        return "short"
    first, second = numbers_of_date(text, "dmy") or (0, 0)
    can_be_dmy = 1 <= first <= 31 and 1 <= second <= 12
    can_be_mdy = 1 <= second <= 31 and 1 <= first <= 12
    if can_be_dmy and can_be_mdy:
        return "either"
    return "dmy" if can_be_dmy else "mdy" if can_be_mdy else None
