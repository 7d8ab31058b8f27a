"""Each metric equals the oracle's, for any rows, filters and options."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE, compute, earlier_of
from autoconnect.core.metrics.base import Choice, JobFacts, Option
from autoconnect.core.selection import Selection
from autoconnect.core.table import Table
from autoconnect.errors import SelectionError
from tests import oracle
from tests.oracle import Row
from tests.transactions import filters, several_transactions
from tests.unit.batches import cube_of_rows

FACTS = JobFacts(rows_read=12, rows_rejected=3, has_cost=True)
NAMES = (
    "summary",
    "monthly-revenue",
    "sales-rental-split",
    "city-comparison",
    "top-models",
    "seasonality",
    "rental-duration",
    "margins",
    "trend",
    "year-over-year",
)


def options_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={option: values(form) for option, form in _options(name).items()})


def values(option: Option) -> st.SearchStrategy[Any]:
    if isinstance(option, Choice):
        return st.sampled_from(option.names)
    return st.integers(option.lowest, min(option.highest, 24))


def _options(name: str) -> Any:
    return CATALOGUE[name].options


def table_of(name: str, cube: Cube, **options: Any) -> Table:
    return compute(CATALOGUE[name], cube, FACTS, options)


def filtered(name: str, rows: list[Row], filters: dict[str, Any], **options: Any) -> Table:
    """The table of a metric over the cells that filters select."""
    metric, cube, selection = CATALOGUE[name], cube_of_rows(rows), Selection.read(**filters)
    cells = selection.apply(cube)
    earlier = selection.earlier_cells(earlier_of(metric, options), cells, cube)
    return compute(metric, cells, FACTS, options, earlier)


def test_the_catalogue_has_the_ten_metrics_in_the_order_of_the_contract() -> None:
    assert tuple(CATALOGUE) == NAMES


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(st.data(), several_transactions(), filters())
def test_a_metric_equals_the_oracles(
    name: str, data: st.DataObject, rows: list[Row], chosen_filters: dict[str, Any]
) -> None:
    options = data.draw(options_of(name))
    table = filtered(name, rows, chosen_filters, **options)
    assert table.rows == oracle.metric(name, rows, 12, 3, chosen_filters, **options)
    assert all(list(row) == table.names for row in table.rows)


@settings(max_examples=40)
@given(several_transactions())
def test_years_are_compared_alike_by_day_and_by_month(rows: list[Row]) -> None:
    """Given cells of months, from which the metrics that are kept are computed / I expect the table of the days"""
    cube = cube_of_rows(rows)
    expected = oracle.metric("year-over-year", rows, 12, 3)
    assert table_of("year-over-year", cube).rows == table_of("year-over-year", cube.by_month()).rows == expected


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_selection_has_an_answer(name: str) -> None:
    nothing = {"transactions": 0, "revenue": 0, "cities": 0, "models": 0, "first_date": None, "last_date": None}
    trend = dict.fromkeys(column.name for column in CATALOGUE["trend"].columns) | {"months_used": 0}
    expected = {"summary": [{**nothing, "rows_read": 12, "rows_rejected": 3}], "trend": [trend]}
    assert table_of(name, Cube.empty()).rows == expected.get(name, [])


def test_margins_say_why_a_source_without_costs_has_none() -> None:
    rows = [Row("1", date(2024, 1, 1), "Paris", "vente", "Audi A4", 100)]
    table = compute(CATALOGUE["margins"], cube_of_rows(rows), JobFacts(1, 0, has_cost=False))
    assert table.rows == []
    assert table.note is not None
    assert "cost" in table.note
    assert table_of("margins", cube_of_rows(rows)).note is None


def test_a_trend_by_hand() -> None:
    """Given 100, 200 and 600 euros in January, February and May / I expect the line that a pocket calculator finds."""
    revenues = {1: 100_00, 2: 200_00, 5: 600_00}
    rows = [Row("1", date(2024, month, 1), "Paris", "vente", "A4", cents) for month, cents in revenues.items()]
    city, everywhere = table_of("trend", cube_of_rows(rows)).rows
    assert city == {
        "city": "Paris",
        "months_used": 3,
        "slope_per_month": Decimal("126.92"),  # 1100 / (26 / 3)
        "r2": Decimal("0.9973"),
        "forecast_month": "2024-06",
        "forecast_revenue": Decimal("723.08"),
    }
    assert everywhere == {**city, "city": None}


def test_ties_go_to_the_earliest_month_and_to_the_first_city_by_name() -> None:
    months = (date(2024, 3, 1), date(2024, 1, 1), date(2024, 2, 1))
    rows = [Row("1", day, city, "vente", "A4", 1_00) for day in months for city in ("Lyon", "Éze", "Eze")]
    table = table_of("city-comparison", cube_of_rows(rows)).rows
    assert [(row["rank"], row["city"], row["best_month"]) for row in table] == [
        (1, "Eze", "2024-01"),
        (2, "Lyon", "2024-01"),
        (3, "Éze", "2024-01"),
    ]


@pytest.mark.parametrize(
    ("name", "option", "text"),
    [
        ("trend", "months", "2"),
        ("trend", "months", "25"),
        ("top-models", "n", "0"),
        ("top-models", "n", "1001"),
        ("top-models", "n", "x"),
        ("top-models", "n", "1.0"),
        ("top-models", "n", ""),
        ("top-models", "n", "-1"),
        ("top-models", "n", "٣"),
        ("top-models", "n", "9" * 5000),
        ("summary", "compare", "last"),
        ("summary", "compare", "Year"),
        ("summary", "compare", ""),
    ],
)
def test_an_option_out_of_bounds_is_refused_by_name(name: str, option: str, text: str) -> None:
    with pytest.raises(SelectionError, match=option) as caught:
        _options(name)[option].read(option, text)
    assert caught.value.name == option


def test_options_are_read_up_to_their_bounds() -> None:
    assert [_options("summary")["compare"].read("compare", text) for text in ("previous", "year")] == [
        "previous",
        "year",
    ]
    assert [_options("trend")["months"].read("months", text) for text in ("3", "24")] == [3, 24]
