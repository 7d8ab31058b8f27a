"""Any roll-up of the cube equals the oracle's, in the requested order."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core.cube import Cube
from autoconnect.core.rollup import RollUp
from autoconnect.core.selection import Selection
from autoconnect.errors import SelectionError
from tests import oracle
from tests.oracle import Row
from tests.transactions import filters, several_transactions
from tests.unit.batches import cube_of_rows

KEYS = st.lists(st.sampled_from(list(oracle.KEYS)), unique=True)
MEASURES = st.lists(st.sampled_from(list(oracle.MEASURES)), unique=True, min_size=1)


def in_order(rows: oracle.Table, order: list[str]) -> oracle.Table:
    """Sort rows by columns, descending if a name has a `-`; equal rows keep their order, and null comes first."""
    for name in reversed(order):
        column = name.removeprefix("-")
        rows = sorted(rows, key=lambda row: (row[column] is not None, row[column] or 0), reverse=name != column)
    return rows


@settings(max_examples=100)
@given(several_transactions(), filters(), KEYS, MEASURES, st.data())
def test_a_query_equals_the_oracles(
    rows: list[Row],
    chosen_filters: dict[str, Any],
    keys: list[str],
    measures: list[str],
    data: st.DataObject,
) -> None:
    columns = [*keys, *measures]
    order = data.draw(st.lists(st.sampled_from([*columns, *(f"-{name}" for name in columns)]), max_size=3))
    order = list({name.removeprefix("-"): name for name in order}.values())
    query = RollUp.read(",".join(keys), ",".join(measures), ",".join(order))
    table = query.run(Selection.read(**chosen_filters).apply(cube_of_rows(rows)))
    expected = in_order(oracle.query(oracle.select(rows, **chosen_filters), keys, measures), order)
    assert table.rows == expected
    assert table.names == columns


def test_a_query_defaults_to_transactions_and_revenue() -> None:
    assert RollUp.read() == RollUp([], ["transactions", "revenue"], [])


@pytest.mark.parametrize(
    ("parameter", "query"),
    [
        ("group_by", {"group_by": "town"}),
        ("group_by", {"group_by": "city,city"}),
        ("group_by", {"group_by": "City"}),
        ("measures", {"measures": "profit"}),
        ("measures", {"measures": "cost"}),
        ("order", {"group_by": "city", "order": "day"}),
        ("order", {"measures": "sales", "order": "-revenue"}),
        ("order", {"order": "revenue,-revenue"}),
        ("order", {"order": "-"}),
        ("order", {"order": "--revenue"}),
        ("order", {"order": "revenue-"}),
        ("order", {"order": "reve-nue"}),
    ],
)
def test_an_unknown_or_repeated_name_is_refused_with_its_parameter(parameter: str, query: dict[str, Any]) -> None:
    with pytest.raises(SelectionError) as caught:
        RollUp.read(**query)
    assert caught.value.name == parameter


def test_weeks_have_the_year_of_their_thursday_and_sort_by_time() -> None:
    days = ((2021, 1, 3), (2021, 1, 4), (2020, 12, 31), (2019, 12, 30), (1969, 12, 28))
    rows = [Row("1", date(*day), "Paris", "vente", "A4", 100) for day in days]
    table = RollUp.read("week,weekday", "transactions").run(cube_of_rows(rows)).rows
    assert [(row["week"], row["weekday"]) for row in table] == [
        ("1969-W52", 7),
        ("2020-W01", 1),
        ("2020-W53", 4),
        ("2020-W53", 7),
        ("2021-W01", 1),
    ]


def test_quarters_begin_in_january_april_july_and_october() -> None:
    rows = [Row("1", date(2024, month, 1), "Paris", "vente", "A4", 100) for month in range(1, 13)]
    table = RollUp.read("quarter", "transactions", "-quarter").run(cube_of_rows(rows)).rows
    assert [(row["quarter"], row["transactions"]) for row in table] == [(f"2024-Q{n}", 3) for n in (4, 3, 2, 1)]


def test_no_cells_make_no_rows() -> None:
    assert RollUp.read("city").run(Cube.empty()).rows == []
