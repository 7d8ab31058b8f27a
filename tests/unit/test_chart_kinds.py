"""What single charts draw: tiles, other cities, lines through months, two years."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from autoconnect.core.charts import Style
from autoconnect.core.cube import Cube
from tests.oracle import Row
from tests.unit.batches import cube_of_rows
from tests.unit.charts import notes_of, rows_of, spec_of, table_of, values_of

ENGLISH = Style(currency="EUR")


def months_of(revenue: dict[tuple[int, int], int], city: str = "Paris") -> list[Row]:
    """A sale in each month, with its price in cents."""
    return [
        Row(f"{city}{year}{month}", date(year, month, 1), city, "vente", "A", cents)
        for (year, month), cents in revenue.items()
    ]


def tiles_of(spec: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {tile["name"]: (tile["value"], tile["detail"]) for tile in spec["data"]["values"]}


def test_the_tiles_have_the_key_figures() -> None:
    cube = cube_of_rows(months_of({(2023, 1): 123_456_789, (2024, 4): 100}))
    assert tiles_of(spec_of("summary", cube, ENGLISH)) == {
        "Revenue": ("€1,234,569", ""),
        "Transactions": ("2", ""),
        "Period": ("1 Jan 2023", "to 1 Apr 2024"),
        "Cities": ("1", ""),
        "Models": ("1", ""),
        "Rejected rows of the file": ("7", "of 1,000 read"),
    }


def test_the_tiles_of_an_empty_selection_are_zeros_and_dashes() -> None:
    tiles = tiles_of(spec_of("summary", Cube.empty(), ENGLISH))
    assert (tiles["Revenue"][0], tiles["Period"]) == ("€0", ("\u2013", ""))


def test_the_tiles_of_a_comparison_have_the_changes() -> None:
    cube = cube_of_rows(months_of({(2023, 1): 200_000, (2024, 1): 300_000}))
    spec = spec_of("summary", cube, ENGLISH, compare="year")
    row = table_of("summary", cube, compare="year").rows[0]
    assert row["revenue_change_pct"] == Decimal(150)
    assert tiles_of(spec)["Revenue"] == ("€5,000", "+150.0%")
    assert notes_of(spec) == ["Changes against 1 Jan 2023 to 1 Jan 2023."]


def test_a_comparison_with_nothing_says_so() -> None:
    spec = spec_of("summary", cube_of_rows(months_of({(2024, 1): 100})), ENGLISH, compare="year")
    assert notes_of(spec) == ["No transactions in the period to compare with."]
    assert tiles_of(spec)["Revenue"] == ("€1.00", "\u2013")


def test_cities_past_the_eighth_are_one_part_and_no_revenue_is_lost() -> None:
    cube = cube_of_rows(rows_of(cities=20, models=2))
    spec = spec_of("monthly-revenue", cube, ENGLISH)
    values = spec["data"]["values"]
    colours = next(layer for layer in spec["layer"])["encoding"]["color"]["scale"]
    assert len(colours["domain"]) == 9
    assert colours["domain"][-1] == "0008 12 other cities"
    assert len({value["city"] for value in values}) == 9
    drawn = sum(Decimal(str(value["revenue"])) for value in values)
    assert drawn == table_of("summary", cube).rows[0]["revenue"]


def test_the_cities_that_stay_are_those_with_the_most() -> None:
    rows = [row for n in range(30) for row in months_of({(2024, 1): 100 * (n + 1)}, f"City {n:02}")]
    values = values_of("city-comparison", cube_of_rows(rows), ENGLISH)
    assert [value["city"] for value in values] == [f"City {n:02}" for n in range(29, 9, -1)]
    (note,) = notes_of(spec_of("city-comparison", cube_of_rows(rows), ENGLISH))
    assert note == "20 of 30 cities are shown, those with the highest revenue: 88.2% of all."


@pytest.mark.parametrize("name", ["top-models", "rental-duration"])
def test_the_models_that_stay_are_the_busiest(name: str) -> None:
    rows = [
        Row(f"{m}.{k}", date(2024, 1, 1 + k), "Paris", "location", f"M{m:02}", 100, 5)
        for m in range(15)
        for k in range(m + 1)
    ]
    spec = spec_of(name, cube_of_rows(rows), ENGLISH, n=20)
    assert [value["row"][5:] for value in spec["data"]["values"]] == [f"M{m:02}" for m in range(14, 4, -1)]
    assert "At most 10 models of each city are shown" in notes_of(spec)[0]


def test_a_duration_shows_the_deviation_within_the_interval() -> None:
    rows = [
        Row(str(n), date(2024, 1, 1), "Paris", "location", "A", 100, months) for n, months in enumerate((1, 1, 1, 9))
    ]
    (value,) = values_of("rental-duration", cube_of_rows(rows), ENGLISH)
    assert value["text"] == "3.0 \u00b1 3.5"
    assert (value["min_months"], value["from_months"], value["mean_months"], value["max_months"]) == (1, 1, 3, 9)
    assert value["to_months"] == pytest.approx(6.46)


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "No row of the source carries"), ("fr", "Aucune ligne de la")]
)
def test_without_costs_the_margins_say_why_there_are_none(language: Any, sentence: str) -> None:
    cube = cube_of_rows(months_of({(2024, 1): 100}))
    (layer,) = spec_of("margins", cube, Style(language=language), has_cost=False)["layer"]
    assert "".join(layer["mark"]["text"]).startswith(sentence)


def test_the_english_sentence_is_the_note_of_the_metric() -> None:
    cube = cube_of_rows(months_of({(2024, 1): 100}))
    (layer,) = spec_of("margins", cube, ENGLISH, has_cost=False)["layer"]
    assert "".join(layer["mark"]["text"]) == table_of("margins", cube, has_cost=False).note


def test_a_loss_is_drawn_to_the_left_of_nothing() -> None:
    rows = [Row("1", date(2024, 1, 1), "Paris", "vente", "A", 100, None, 150)]
    spec = spec_of("margins", cube_of_rows(rows), ENGLISH)
    (value,) = spec["data"]["values"]
    assert (value["margin_rate_pct"], value["rate"], value["mean"]) == (-50, "\u221250.0%", "\u2212€0.50")
    assert spec["layer"][0]["encoding"]["x"]["scale"]["domain"][0] == -50


def ends_of(spec: dict[str, Any], kind: str) -> list[tuple[str, float]]:
    return [(value["month"], value["revenue"]) for value in spec["data"]["values"] if value["kind"] == kind]


def test_the_line_goes_through_months_on_a_line_and_on_to_the_forecast() -> None:
    cube = cube_of_rows(months_of({(2023, 11): 90_000, (2024, 1): 10_000, (2024, 2): 20_000, (2024, 4): 40_000}))
    spec = spec_of("trend", cube, ENGLISH)
    assert ends_of(spec, "Revenue") == [("2023-11", 900), ("2024-01", 100), ("2024-02", 200), ("2024-04", 400)]
    assert ends_of(spec, "Fitted line") == [("2024-01", 100), ("2024-04", 400)]
    assert ends_of(spec, "Forecast") == [("2024-04", 400), ("2024-05", 500)]
    assert notes_of(spec) == ["Total: +€100 a month, r\u00b2 = 1.0000, from 3 months. Forecast for May 2024: €500."]
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["bar", "line", "line", "point"]
    assert "strokeDash" in spec["layer"][2]["mark"]


def test_the_trend_adds_up_the_cities() -> None:
    months = {(2024, 1): 10_000, (2024, 2): 20_000}
    cube = cube_of_rows([*months_of(months), *months_of(months, "Lyon")])
    assert ends_of(spec_of("trend", cube, ENGLISH), "Revenue") == [("2024-01", 200), ("2024-02", 400)]


def test_a_single_month_has_no_line() -> None:
    spec = spec_of("trend", cube_of_rows(months_of({(2024, 1): 10_000})), ENGLISH)
    assert ends_of(spec, "Revenue") == [("2024-01", 100)]
    assert notes_of(spec) == ["A line needs revenue in at least two months."]
    assert len(spec["layer"]) == 1


def test_a_line_through_months_far_apart_begins_at_the_edge() -> None:
    cube = cube_of_rows(months_of({(1990, 1): 10_000, (2024, 1): 20_000, (2024, 2): 20_000}))
    spec = spec_of("trend", cube, ENGLISH)
    months = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert len(months) == 120 + 1
    assert ends_of(spec, "Fitted line")[0][0] == months[0]
    assert "The last 120 of 410 months are shown." in notes_of(spec)[0]


def test_two_years_compare_only_cities_with_revenue_in_both() -> None:
    paris = months_of({(2023, 1): 10_000, (2024, 1): 15_000})
    opened, closed = months_of({(2024, 1): 70_000}, "Lyon"), months_of({(2023, 1): 90_000}, "Nice")
    spec = spec_of("year-over-year", cube_of_rows([*paris, *opened, *closed]), ENGLISH)
    before, now, change = spec["data"]["values"]
    assert (before["month"], before["revenue"], now["revenue"]) == ("2024-01", 100, 150)
    assert (change["change_pct"], change["text"]) == (50, "+50.0%")


def test_a_year_without_one_before_says_so() -> None:
    (layer,) = spec_of("year-over-year", cube_of_rows(months_of({(2024, 1): 100})), ENGLISH)["layer"]
    assert "".join(layer["mark"]["text"]).startswith("No city has revenue both in a month")
