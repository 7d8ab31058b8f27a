"""Earlier periods that a selection is compared with, by hand and by the oracle: their bounds, and their figures."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core.exact import day_name
from autoconnect.core.metrics import CATALOGUE, compute, earlier_of
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.metrics.comparison import PERIODS
from autoconnect.core.periods import same_dates_before
from autoconnect.core.selection import Selection
from autoconnect.core.table import Table
from tests import oracle
from tests.oracle import Row
from tests.unit.batches import cube_of_rows

#: Days at which months of different lengths meet, and any others.
DAYS = st.sampled_from(
    [date(2024, 2, 28) + timedelta(days=365 * year + day) for year in (-1, 0, 1) for day in range(4)]
)
ANY_DAYS = DAYS | st.dates(date(2022, 1, 1), date(2025, 12, 31))


def bounds(compare: str, first: str, last: str) -> list[str]:
    before = PERIODS[compare](Selection.read(first=first, last=last), None)
    assert before is not None
    assert before.first is not None
    assert before.last is not None
    return [day_name(before.first), day_name(before.last)]


def sold(day: date, cents: int, city: str = "Paris", kind: str = "vente") -> Row:
    return Row("1", day, city, kind, "A4", cents)


def table_of(name: str, rows: list[Row], options: dict[str, Any] | None = None, **filters: Any) -> Table:
    metric, cube, selection = CATALOGUE[name], cube_of_rows(rows), Selection.read(**filters)
    cells = selection.apply(cube)
    earlier = selection.earlier_cells(earlier_of(metric, options or {}), cells, cube)
    return compute(metric, cells, JobFacts(len(rows), 0, has_cost=False), options, earlier)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2024-03-01", "2024-03-31", ["2024-01-30", "2024-02-29"]),
        ("2024-02", "2024-02", ["2024-01-03", "2024-01-31"]),
        ("2024-01-01", "2024-01-01", ["2023-12-31", "2023-12-31"]),
    ],
)
def test_the_previous_period_is_as_long_and_ends_just_before(first: str, last: str, expected: list[str]) -> None:
    assert bounds("previous", first, last) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2024-01", "2024-12", ["2023-01-01", "2023-12-31"]),
        ("2024-02", "2024-02", ["2023-02-01", "2023-02-28"]),
        ("2025-02", "2025-02", ["2024-02-01", "2024-02-29"]),
        ("2024-02-29", "2024-02-29", ["2023-02-28", "2023-02-28"]),
        ("2024-02-28", "2024-02-28", ["2023-02-28", "2023-02-28"]),
        ("2025-02-28", "2025-03-01", ["2024-02-28", "2024-03-01"]),
        ("2024-03-15", "2024-04-14", ["2023-03-15", "2023-04-14"]),
    ],
)
def test_the_period_of_a_year_earlier_has_the_same_dates(first: str, last: str, expected: list[str]) -> None:
    assert bounds("year", first, last) == expected


@settings(max_examples=60)
@given(ANY_DAYS, ANY_DAYS, st.sampled_from([7, 10]), st.sampled_from([7, 10]))
def test_any_period_is_compared_with_the_oracles(one: date, other: date, first: int, last: int) -> None:
    """Given a transaction of a price of its own on each day of six years / When days or months bound the selection"""
    rows = [sold(date(2021, 1, 1) + timedelta(days=day), day**2) for day in range(6 * 365)]
    filters = {"first": min(one, other).isoformat()[:first], "last": max(one, other).isoformat()[:last]}
    for name, options in (*(("summary", {"compare": name}) for name in PERIODS), ("year-over-year", {})):
        expected = oracle.metric(name, rows, len(rows), 0, filters, **options)
        assert table_of(name, rows, options, **filters).rows == expected


@pytest.mark.parametrize("compare", PERIODS)
def test_without_days_there_is_no_earlier_period(compare: str) -> None:
    for filters in ({}, {"first": "2024-01"}, {"last": "2024-01"}):
        assert PERIODS[compare](Selection.read(**filters), None) is None


@pytest.mark.parametrize("compare", PERIODS)
def test_periods_at_the_edges_of_the_calendar_are_compared_with_nothing(compare: str) -> None:
    rows = [sold(date(2024, 1, 1), 100)]
    (row,) = table_of("summary", rows, {"compare": compare}, first="0001-01-01", last="9999-12-31").rows
    assert (row["transactions"], row["transactions_before"]) == (1, 1 if compare == "year" else 0)


def test_an_open_bound_is_that_of_the_selections_own_days() -> None:
    """Given days in both years / When only Lyon is selected / I expect its own first and last day to count"""
    rows = [
        sold(date(2024, 5, 10), 300, "Lyon"),
        sold(date(2024, 5, 20), 500, "Lyon"),
        sold(date(2023, 5, 9), 7, "Lyon"),
        sold(date(2023, 5, 10), 100, "Lyon"),
        sold(date(2023, 5, 21), 9, "Lyon"),
        sold(date(2024, 6, 1), 11, "Paris"),
    ]
    (row,) = table_of("summary", rows, {"compare": "year"}, city=["lyon"], first="2024-05-10").rows
    assert (row["revenue"], row["revenue_before"], row["revenue_change_pct"]) == (8, 1, 700)
    assert (row["first_date_before"], row["last_date_before"]) == ("2023-05-10", "2023-05-10")


def test_figures_are_compared_exactly_and_null_without_anything_before() -> None:
    """Given a mean ticket of 1/3 cent more / I expect the change of the exact means, not of those that are shown"""
    rows = [sold(date(2024, 2, day), cents) for day, cents in ((1, 100), (2, 100), (3, 101))]
    rows += [sold(date(2024, 1, 31), 100, kind="location")]
    (row,) = table_of("summary", rows, {"compare": "previous"}, first="2024-02-01", last="2024-02-03").rows
    assert (row["average_ticket"], row["average_ticket_before"]) == (Decimal("1.00"), Decimal("1.00"))
    assert row["average_ticket_change_pct"] == Decimal("0.33")
    assert (row["sales"], row["sales_before"], row["sales_change_pct"]) == (3, 0, None)
    assert (row["rentals"], row["rentals_before"], row["rentals_change_pct"]) == (0, 1, -100)
    (row,) = table_of("summary", rows, {"compare": "previous"}, first="2024-01", last="2024-01").rows
    assert [row[f"{name}_before"] for name in ("transactions", "revenue", "average_ticket")] == [0, 0, None]
    assert [value for name, value in row.items() if name.endswith("_change_pct")] == [None] * 5


def test_without_compare_the_summary_stays_as_it_is() -> None:
    table = table_of("summary", [sold(date(2024, 2, 1), 100)])
    assert table.columns == CATALOGUE["summary"].columns
    compared = table_of("summary", [sold(date(2024, 2, 1), 100)], {"compare": "year"})
    metric = CATALOGUE["summary"]
    assert set(compared.columns) == {*metric.columns, *metric.more_columns}
    assert compared.names[:6] == [
        *("transactions", "transactions_before", "transactions_change_pct"),
        *("revenue", "revenue_before", "revenue_change_pct"),
    ]


def test_a_year_before_the_selection_is_compared_under_its_other_filters() -> None:
    rows = [
        sold(date(2023, 3, 1), 100),
        sold(date(2023, 3, 20), 300),
        sold(date(2023, 3, 2), 1, kind="location"),
        sold(date(2023, 3, 2), 5, "Lyon"),
        sold(date(2024, 3, 20), 600),
        sold(date(2024, 4, 1), 1),
    ]
    by_month = table_of("year-over-year", rows, first="2024-01", type="sale").rows
    assert [list(row.values()) for row in by_month] == [
        ["Paris", "2024-03", 1, 6, 4, 50],
        ["Paris", "2024-04", 1, Decimal("0.01"), None, None],
    ]
    same_days = table_of("year-over-year", rows, first="2024-03-15", last="2024-03", type="sale").rows
    assert [list(row.values()) for row in same_days] == [["Paris", "2024-03", 1, 6, 3, 100]]


def test_bounds_that_are_open_stay_open_for_years_by_month() -> None:
    assert same_dates_before(Selection.read(city=["Paris"])) == Selection.read(city=["Paris"])
    assert same_dates_before(Selection.read(first="2024-05")) == Selection.read(first="2023-05")
    assert same_dates_before(Selection.read(last="2024-02")) == Selection.read(last="2023-02")
