"""Any roll-up of the cube equals the oracle's, in the requested order."""

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
@given(several_transactions(), filters(), KEYS, MEASURES, st.integers(1, 30), st.data())
def test_a_query_equals_the_oracles(
    rows: list[Row],
    chosen_filters: dict[str, Any],
    keys: list[str],
    measures: list[str],
    limit: int,
    data: st.DataObject,
) -> None:
    columns = [*keys, *measures]
    order = data.draw(st.lists(st.sampled_from([*columns, *(f"-{name}" for name in columns)]), max_size=3))
    order = list({name.removeprefix("-"): name for name in order}.values())
    query = RollUp.read(",".join(keys), ",".join(measures), ",".join(order), limit)
    table = query.run(Selection.read(**chosen_filters).apply(cube_of_rows(rows)))
    expected = in_order(oracle.query(oracle.select(rows, **chosen_filters), keys, measures), order)
    assert table.rows == expected[:limit]
    assert (table.note is not None) == (len(expected) > limit)
    assert table.names == columns


def test_a_query_defaults_to_transactions_and_revenue_and_1000_rows() -> None:
    assert RollUp.read() == RollUp([], ["transactions", "revenue"], [], 1_000)


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


def test_no_cells_make_no_rows() -> None:
    assert RollUp.read("city").run(Cube.empty()).rows == []
