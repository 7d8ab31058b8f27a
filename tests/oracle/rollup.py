"""Filters and any roll-up of the rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.oracle.arithmetic import Table, average, grouped, month_of, month_text, over, rentals, revenue, sales
from tests.oracle.fields import TYPES, read_name
from tests.oracle.names import folded
from tests.oracle.rows import Row

KEYS: Mapping[str, Callable[[Row], Any]] = {
    "city": lambda row: row.city,
    "month": lambda row: month_text(month_of(row)),
    "type": lambda row: row.type,
    "model": lambda row: row.model,
    "day": lambda row: row.day.isoformat(),
    "year": lambda row: row.day.year,
    "week": lambda row: "{:04}-W{:02}".format(*row.day.isocalendar()[:2]),
    "quarter": lambda row: f"{row.day.year:04}-Q{(row.day.month + 2) // 3}",
    "weekday": lambda row: row.day.isoweekday(),
}
MEASURES: Mapping[str, Callable[[Sequence[Row]], Any]] = {
    "transactions": len,
    "revenue": lambda rows: revenue(rows),
    "average_ticket": lambda rows: average(rows),
    "min_price": lambda rows: over(min(row.price for row in rows), 100),
    "max_price": lambda rows: over(max(row.price for row in rows), 100),
    "sales": lambda rows: len(sales(rows)),
    "rentals": lambda rows: len(rentals(rows)),
    "mean_months": lambda rows: over(sum(row.months or 0 for row in rows), sum(row.months is not None for row in rows)),
}


def query(rows: Sequence[Row], group_by: Sequence[str], measures: Sequence[str]) -> Table:
    """Any roll-up of the rows, sorted by its keys."""
    groups = grouped(rows, lambda row: tuple(KEYS[key](row) for key in group_by))
    return [
        dict(zip(group_by, key, strict=True)) | {name: MEASURES[name](group) for name in measures}
        for key, group in groups
    ]


def select(
    rows: Iterable[Row],
    city: Sequence[str] = (),
    model: Sequence[str] = (),
    first: str | None = None,
    last: str | None = None,
    type: str | None = None,  # noqa: A002 - the name of the filter in REST and the CLI
    fold: str = "on",
) -> list[Row]:
    """The rows that match filters as a user writes them; names are compared as spellings are."""
    cities, models = ({folded(read_name(name), fold) for name in names} for names in (city, model))
    return [
        row
        for row in rows
        if (not city or folded(row.city, fold) in cities)
        and (not model or folded(row.model, fold) in models)
        and (first is None or row.day.isoformat()[: len(first)] >= first)
        and (last is None or row.day.isoformat()[: len(last)] <= last)
        and (type is None or row.type == TYPES[type.lower()])
    ]
