"""A chart is a specification with the numbers of its table, whatever the names, languages and themes."""

from datetime import date, timedelta
from typing import Any

import pytest

from autoconnect.core.charts import CHARTS
from autoconnect.core.charts.base import Look, months_between
from autoconnect.core.charts.words import WORDS
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE, compute
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.table import Table
from tests.oracle import Row
from tests.unit.batches import cube_of_rows

LOOKS = (Look(), Look(theme="dark", lang="fr"))


def rows_of(cities: int, models: int) -> list[Row]:
    first, kinds = date(2023, 1, 1), ("vente", "location")
    return [
        Row(str(n), first + timedelta(n), f"City {n % cities}", kinds[n % 2], f"Model {n % models}", 10_000 + n)
        for n in range(400)
    ]


def table_of(name: str, cube: Cube) -> Table:
    return compute(CATALOGUE[name], cube, JobFacts(1, 0, has_cost=False))


def values_of(name: str, cube: Cube, look: Look) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = CHARTS[name].draw(table_of(name, cube), look)["data"]["values"]
    return values


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("monthly-revenue", ("city", "month", "revenue")),
        ("city-comparison", ("city", "revenue", "revenue_pct")),
        ("top-models", ("city", "transactions")),
        ("seasonality", ("month", "revenue", "seasonal_index")),
    ],
)
@pytest.mark.parametrize("cities", [1, 12])
def test_the_numbers_of_a_chart_are_those_of_its_table(
    name: str, columns: tuple[str, ...], look: Look, cities: int
) -> None:
    cube = cube_of_rows(rows_of(cities, models=120))
    expected = [[row[column] for column in columns] for row in table_of(name, cube).rows]
    assert [[value[column] for column in columns] for value in values_of(name, cube, look)] == expected


def test_the_shares_of_sales_and_rentals_are_those_of_the_table() -> None:
    cube = cube_of_rows(rows_of(cities=3, models=4))
    columns = ("sales_pct", "rentals_pct", "sales_revenue_pct", "rental_revenue_pct")
    expected = [row[column] for row in table_of("sales-rental-split", cube).rows for column in columns]
    assert [value["share"] for value in values_of("sales-rental-split", cube, Look())] == expected


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", CHARTS)
def test_a_selection_without_transactions_says_so(name: str, look: Look) -> None:
    chart = CHARTS[name].draw(table_of(name, Cube.empty()), look)
    assert [layer["mark"]["text"] for layer in chart["layer"]] == [WORDS[look.lang]["nothing"]]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_the_size_that_is_asked_for(name: str) -> None:
    chart = CHARTS[name].draw(table_of(name, cube_of_rows(rows_of(2, 2))), Look(width=300, height=200))
    assert (chart["width"], chart["height"]) == (300, 200)


@pytest.mark.parametrize("name", CHARTS)
def test_a_character_that_an_svg_cannot_hold_is_replaced(name: str) -> None:
    cube = cube_of_rows([Row("1", date(2024, 1, 1), "Pa\x01ris", "vente", "A\x02", 100)])
    chart = repr(CHARTS[name].draw(table_of(name, cube), Look()))
    assert ("Pa\ufffdris" in chart) == ("city" in table_of(name, cube).names)
    assert "\\x01" not in chart
    assert "\\x02" not in chart


def test_a_month_without_transactions_keeps_its_place() -> None:
    assert months_between("2023-11", "2024-02") == ["2023-11", "2023-12", "2024-01", "2024-02"]


def test_the_languages_have_the_same_words() -> None:
    assert WORDS["en"].keys() == WORDS["fr"].keys()
