"""The key figures of a report, and how they changed: the latest month, and the last twelve, against those before."""

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from autoconnect.core.charts.base import months_between
from autoconnect.core.exact import change_pct, pct, ratio
from autoconnect.core.table import Row, Table, Value
from autoconnect.exports.report.texts import Texts

_YEAR = 12


@dataclass(frozen=True)
class Figure:
    """A key figure: its name, its value, and a line below it."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Period:
    """The sums of the calendar months from `first` to `last` (`YYYY-MM`)."""

    first: str
    last: str
    revenue: Fraction
    transactions: int

    @property
    def ticket(self) -> Fraction | None:
        """The mean revenue of a transaction; None without transactions."""
        return Fraction(self.revenue, self.transactions) if self.transactions else None


@dataclass(frozen=True)
class Comparison:
    """A period and the one that it is compared with."""

    now: Period
    before: Period

    @property
    def changes(self) -> tuple[Decimal | None, ...]:
        """The changes of revenue, transactions and average ticket in per cent; None against nothing."""
        now, before = self.now, self.before
        return (
            change_pct(now.revenue, before.revenue),
            change_pct(now.transactions, before.transactions),
            change_pct(now.ticket, before.ticket),
        )


@dataclass(frozen=True)
class ComparedLine:
    """A comparison as texts: what is compared, then pairs of a value and its change."""

    name: str
    against: str
    values: Sequence[tuple[str, str]]


def comparisons(seasonality: Table) -> Iterator[Comparison]:
    """The latest month against the one before and a year before, and twelve months against the twelve before them.

    Only periods that lie within the months of the table are compared.
    """
    by_month = {str(row["month"]): row for row in seasonality.rows}
    if not by_month:
        return
    months = months_between(min(by_month), max(by_month))
    for length, distance in ((1, 1), (1, _YEAR), (_YEAR, _YEAR)):
        if len(months) >= length + distance:
            end = len(months) - distance
            yield Comparison(_sum(by_month, months[-length:]), _sum(by_month, months[end - length : end]))


def figures(summary: Row, split: Table, compared: Sequence[Comparison], texts: Texts) -> list[Figure]:
    """The figures of the whole file; below the first three, how they changed in the longest period."""
    revenue, transactions = _fraction(summary["revenue"]), int(summary["transactions"] or 0)
    sales, rentals = (sum(int(row[name] or 0) for row in split.rows) for name in ("sales", "rentals"))
    details = _details(compared[-1], texts) if compared else ("", "", "")
    word = texts.style.word
    return [
        Figure(word("revenue"), texts.rounded_money(summary["revenue"]), details[0]),
        Figure(word("transactions"), texts.count(transactions), details[1]),
        Figure(word("average_ticket"), texts.rounded_money(ratio(revenue, transactions)), details[2]),
        *(
            Figure(word(name), texts.count(count), _share(count, transactions, texts))
            for name, count in (("sales", sales), ("rentals", rentals))
        ),
        Figure(
            word("models"),
            texts.count(summary["models"]),
            texts.say("in_city" if summary["cities"] == 1 else "in_cities", cities=texts.count(summary["cities"])),
        ),
    ]


def compared_lines(compared: Sequence[Comparison], texts: Texts) -> list[ComparedLine]:
    """The comparisons as lines of a table."""
    return [_line(comparison, texts) for comparison in compared]


def is_unfinished(last_day: Value) -> bool:
    """Whether the month of the file's last day, `YYYY-MM-DD`, goes on after it."""
    if last_day is None:
        return False
    year, month, day = map(int, str(last_day).split("-"))
    return day < monthrange(year, month)[1]


def _sum(by_month: Mapping[str, Row], months: Sequence[str]) -> Period:
    rows = [by_month[month] for month in months if month in by_month]
    revenue = sum((_fraction(row["revenue"]) for row in rows), Fraction(0))
    return Period(months[0], months[-1], revenue, sum(int(row["transactions"] or 0) for row in rows))


def _line(comparison: Comparison, texts: Texts) -> ComparedLine:
    now = comparison.now
    values = (
        texts.money(ratio(now.revenue, 1)),
        texts.count(now.transactions),
        texts.money(None if now.ticket is None else ratio(now.ticket, 1)),
    )
    changes = (texts.percent(change, signed=True) for change in comparison.changes)
    against = texts.say("against", before=_name(comparison.before, texts))
    return ComparedLine(_name(now, texts), against, list(zip(values, changes, strict=True)))


def _name(period: Period, texts: Texts) -> str:
    first, last = texts.month(period.first), texts.month(period.last)
    if first == last:
        return last
    if period.first[:4] == period.last[:4]:
        first = first.split()[0]
    return f"{first} \u2013 {last}"


def _details(comparison: Comparison, texts: Texts) -> Sequence[str]:
    key = "month_change" if comparison.now.first == comparison.now.last else "year_change"
    month = texts.month(comparison.now.last)
    return [
        "" if change is None else texts.say(key, change=texts.percent(change, 1, signed=True), month=month)
        for change in comparison.changes
    ]


def _share(count: int, transactions: int, texts: Texts) -> str:
    return texts.say("of_transactions", share=texts.percent(pct(count, transactions), 1))


def _fraction(value: Value) -> Fraction:
    return Fraction(Decimal(value or 0))
