"""The filters that users may write, and the error for one that cannot be read."""

from datetime import date
from typing import Any

import pytest

from autoconnect.core.selection import Selection
from autoconnect.errors import SelectionError
from tests.oracle import Row
from tests.unit.batches import cube_of_rows

ROWS = [Row("1", day, "Saint-Étienne", "vente", "BMW X3", 1) for day in (date(2024, 2, 1), date(2024, 2, 29))]


@pytest.mark.parametrize(
    "name", ["Saint-Étienne", "saint etienne", "SAINT'ÉTIENNE", "_saint -\u00a0etienne", "sainT-e\u0301ti\u200benne"]
)
def test_case_accents_and_separators_do_not_matter_in_a_name(name: str) -> None:
    assert len(Selection.read(city=[name]).apply(cube_of_rows(ROWS))) == 2
    assert len(Selection.read(city=["SaintEtienne"]).apply(cube_of_rows(ROWS))) == 0


def test_names_are_compared_as_those_of_the_cube_were_folded() -> None:
    cube = cube_of_rows(ROWS)

    assert len(Selection.read(city=["saint étienne"], model=["bmw-x3"]).apply(cube, "case")) == 2
    assert len(Selection.read(city=["saint etienne"]).apply(cube, "case")) == 0
    assert len(Selection.read(city=["Saint-Étienne"], model=["BMW_X3"]).apply(cube, "off")) == 2
    assert len(Selection.read(city=["saint-étienne"]).apply(cube, "off")) == 0


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        ("2024-02", "2024-02", 2),
        ("2024-02-01", "2024-02-29", 2),
        ("2024-02-02", None, 1),
        (None, "2024-02-28", 1),
        ("2024-03", None, 0),
        (None, "2024-01", 0),
    ],
)
def test_both_ends_of_a_period_are_included(first: str | None, last: str | None, rows: int) -> None:
    assert len(Selection.read(first=first, last=last).apply(cube_of_rows(ROWS))) == rows


@pytest.mark.parametrize(("first", "last"), [("2024-03", "2024-02"), ("2024-02-02", "2024-02-01")])
def test_a_period_that_ends_before_it_begins_is_refused(first: str, last: str) -> None:
    with pytest.raises(SelectionError, match=f"^from is '{first}', which is after to, '{last}'; expected") as refused:
        Selection.read(first=first, last=last)
    assert refused.value.name == "from"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2024-13",
        "2024-02-30",
        "24-01",
        "2024-1",
        "2024/01",
        "0000-01",
        "2024-01-01T00",
        "٢٠٢٤-01",
        "2024-01\n",
    ],
)
@pytest.mark.parametrize(("argument", "parameter"), [("first", "from"), ("last", "to")])
def test_an_unreadable_date_is_refused_with_the_parameters_name(argument: str, parameter: str, text: str) -> None:
    with pytest.raises(SelectionError, match="YYYY-MM") as caught:
        Selection.read(**{argument: text})
    assert caught.value.name == parameter


@pytest.mark.parametrize(
    ("argument", "value"), [("city", [""]), ("model", ["Audi", " _"]), ("type", "leasing"), ("type", "")]
)
def test_an_empty_name_and_an_unknown_type_are_refused(argument: str, value: Any) -> None:
    with pytest.raises(SelectionError) as caught:
        Selection.read(**{argument: value})
    assert caught.value.name == argument
