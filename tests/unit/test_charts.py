"""A chart is a specification with the numbers of its tables, whatever the names, languages, themes and sizes."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from autoconnect.core.charts import CHARTS, HEIGHTS, WIDTHS, Style
from autoconnect.core.charts.base import months_between
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE
from tests.oracle import Row
from tests.unit.batches import cube_of_rows
from tests.unit.charts import LONGEST, notes_of, rows_of, spec_of, table_of, tables_of, values_of

STYLES = (Style(currency="EUR"), Style(theme="dark", language="fr"))
#: A name that would end a string of an expression, and one that is an address.
HOSTILE = ("Pa'ris\"]+warn(1)+[\\", "https://example.invalid/picture.png")


def test_every_metric_has_a_chart_of_the_same_name() -> None:
    assert list(CHARTS) == list(CATALOGUE)
    for name, chart in CHARTS.items():
        assert chart.tables[0] == chart.name == name
        assert set(chart.tables) <= set(CATALOGUE)


def test_a_chart_says_which_table_is_missing() -> None:
    with pytest.raises(ValueError, match="trend needs the tables of trend and monthly-revenue; monthly-revenue is"):
        CHARTS["trend"].spec({"trend": table_of("trend", Cube.empty())})


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("monthly-revenue", ("city", "month", "revenue")),
        ("city-comparison", ("city", "revenue", "revenue_pct")),
        ("top-models", ("city", "transactions")),
        ("seasonality", ("month", "revenue")),
        ("rental-duration", ("city", "mean_months", "min_months", "max_months")),
        ("margins", ("city", "margin_rate_pct")),
    ],
)
@pytest.mark.parametrize("cities", [1, 3])
def test_the_numbers_of_a_chart_are_those_of_its_table(
    name: str, columns: tuple[str, ...], style: Style, cities: int
) -> None:
    cube = cube_of_rows(rows_of(cities, models=4))
    expected = [tuple(as_drawn(row[column]) for column in columns) for row in table_of(name, cube).rows]
    drawn = [
        tuple(value[column] for column in columns) for value in values_of(name, cube, style) if columns[-1] in value
    ]
    assert sorted(drawn) == sorted(expected)
    assert len(expected) >= cities


def as_drawn(value: object) -> object:
    return float(value) if isinstance(value, int | Decimal) else value


def test_the_shares_of_sales_and_rentals_are_those_of_the_table() -> None:
    cube = cube_of_rows(rows_of(cities=3, models=4))
    columns = ("sales_pct", "rentals_pct", "sales_revenue_pct", "rental_revenue_pct")
    expected = [as_drawn(row[column]) for row in table_of("sales-rental-split", cube).rows for column in columns]
    assert [value["share"] for value in values_of("sales-rental-split", cube, Style())] == expected


def test_the_seasonal_index_is_that_of_the_table() -> None:
    cube = cube_of_rows(rows_of(cities=3, models=4))
    expected = {str(row["month"])[5:]: as_drawn(row["seasonal_index"]) for row in table_of("seasonality", cube).rows}
    indexes = [value for value in values_of("seasonality", cube, Style()) if "seasonal_index" in value]
    assert {value["calendar_month"]: value["seasonal_index"] for value in indexes} == expected


@pytest.mark.parametrize(("style", "sentence"), [(STYLES[0], "No transactions match"), (STYLES[1], "Aucune")])
@pytest.mark.parametrize("name", CHARTS)
def test_a_selection_without_transactions_says_so(name: str, style: Style, sentence: str) -> None:
    spec = spec_of(name, Cube.empty(), style)
    texts = [word for layer in spec["layer"] for word in layer["mark"].get("text", [])]
    assert "".join([*texts, *notes_of(spec)]).startswith(sentence)


@pytest.mark.parametrize("size", [(WIDTHS[0], HEIGHTS[0]), (WIDTHS[1], HEIGHTS[1]), (500, 400)])
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_the_size_that_is_asked_for(name: str, size: tuple[int, int]) -> None:
    width, height = size
    spec = spec_of(name, cube_of_rows(rows_of(3, 5)), Style(width=width, height=height))
    assert (spec["width"], spec["height"]) == (width, height)
    assert spec["autosize"] == {"type": "fit", "contains": "padding"}


@pytest.mark.parametrize(
    "wrong",
    [{"width": 319}, {"height": 2401}, {"theme": "blue"}, {"language": "de"}, {"currency": "'+x"}, {"currency": "eur"}],
)
def test_a_style_refuses_a_value_that_a_picture_cannot_have(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; expected"):
        Style(**wrong)


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_bounded_however_many_cities_and_models_there_are(name: str) -> None:
    cube = cube_of_rows(rows_of(cities=60, models=37, count=6_000, years=30))
    for style in (Style(), Style(width=WIDTHS[0], height=HEIGHTS[0])):
        spec = spec_of(name, cube, style)
        assert len(spec["data"]["values"]) <= 1_200
        assert spec["height"] <= HEIGHTS[1]
        if name not in ("summary", "monthly-revenue"):
            assert any(word in note for note in notes_of(spec) for word in ("shown", "those with"))


@pytest.mark.parametrize("name", CHARTS)
def test_a_specification_is_plain_json_and_loads_nothing(name: str) -> None:
    spec = spec_of(name, cube_of_rows(rows_of(3, 5)), Style())
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    assert not {key for key, _ in items(spec)} & {"url", "href", "image", "signal", "usermeta", "tooltip"}
    assert {value for key, value in items(spec) if key == "type" and isinstance(value, str)} <= {
        *("bar", "text", "rect", "rule", "line", "point", "fit"),
        *("nominal", "ordinal", "quantitative"),
    }


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", CHARTS)
def test_names_of_files_stand_in_no_expression(name: str, style: Style) -> None:
    rows = [Row(str(n), date(2023 + n // 2, 1, 1), HOSTILE[0], "location", HOSTILE[1], 100, 5, 50) for n in range(4)]
    hostile, plain = (spec_of(name, cube_of_rows(rows), style) for rows in (rows, harmless(rows)))
    assert expressions(hostile) == expressions(plain)
    assert expressions(hostile) or name in ("city-comparison", "margins")


@pytest.mark.parametrize("width", [WIDTHS[0], 558, WIDTHS[1]])
@pytest.mark.parametrize("name", CHARTS)
def test_no_text_is_smaller_than_12_pixels(name: str, width: int) -> None:
    spec = spec_of(name, cube_of_rows(rows_of(3, 5)), Style(width=width))
    sizes = [value for key, value in items(spec) if key.lower().endswith("fontsize")]
    assert min(sizes) >= 12


def harmless(rows: list[Row]) -> list[Row]:
    return [Row(row.id, row.day, "Paris", row.type, "Clio", row.price, row.months, row.cost) for row in rows]


def items(part: object) -> Iterator[tuple[str, Any]]:
    """All keys of a specification with their values, however deep."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            yield from items(value)
    elif isinstance(part, list):
        for value in part:
            yield from items(value)


def expressions(spec: dict[str, Any]) -> list[str]:
    keys = ("labelExpr", "calculate", "filter", "test", "expr")
    return [value for key, value in items(spec) if key in keys and isinstance(value, str)]


@pytest.mark.parametrize("name", CHARTS)
def test_a_character_that_an_svg_cannot_hold_is_replaced(name: str) -> None:
    cube = cube_of_rows([Row("1", date(2024, 1, 1), "Pa\x01ris", "location", "A\x02", 100, 5, 90)])
    spec = repr(CHARTS[name].spec(tables_of(name, cube)))
    shows_cities = name not in ("summary", "seasonality", "trend", "year-over-year")
    assert ("Pa\ufffdris" in spec) == shows_cities
    assert "\\x01" not in spec
    assert "\\x02" not in spec


@pytest.mark.parametrize("name", CHARTS)
def test_the_largest_amounts_can_be_drawn(name: str) -> None:
    rows = [Row(str(n), date(2023 + n, 1, 1), "Paris", "vente", "A", 999_999_999_999, None, 1) for n in range(2)]
    spec = spec_of(name, cube_of_rows(rows), Style(currency="CHF"))
    assert json.dumps(spec, allow_nan=False)
    assert max(len(str(value.get("money", ""))) for value in spec["data"]["values"]) <= LONGEST


def test_a_month_without_transactions_keeps_its_place() -> None:
    assert months_between("2023-11", "2024-02") == ["2023-11", "2023-12", "2024-01", "2024-02"]
