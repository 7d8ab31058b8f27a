"""Any roll-up of the cube says what the oracle says, in the order asked for."""

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
    """Rows ordered by columns, a `-` for descending; equal ones stay as they are, null comes before all else."""
    for name in reversed(order):
        column = name.removeprefix("-")
        rows = sorted(rows, key=lambda row: (row[column] is not None, row[column] or 0), reverse=name != column)
    return rows


@settings(max_examples=100)
@given(several_transactions(), filters(), KEYS, MEASURES, st.integers(1, 30), st.data())
def test_a_query_says_what_the_oracle_says(
    rows: list[Row], wanted: dict[str, Any], keys: list[str], measures: list[str], limit: int, data: st.DataObject
) -> None:
    columns = [*keys, *measures]
    order = data.draw(st.lists(st.sampled_from([*columns, *(f"-{name}" for name in columns)]), max_size=3))
    order = list({name.removeprefix("-"): name for name in order}.values())
    query = RollUp.read(",".join(keys), ",".join(measures), ",".join(order), limit)
    table = query.run(Selection.read(**wanted).apply(cube_of_rows(rows)))
    expected = in_order(oracle.query(oracle.select(rows, **wanted), keys, measures), order)
    assert table.rows == expected[:limit]
    assert (table.note is not None) == (len(expected) > limit)
    assert query.columns == columns


def test_without_measures_it_gives_transactions_and_revenue_up_to_1000_rows() -> None:
    assert RollUp.read() == RollUp([], ["transactions", "revenue"], [], 1_000)


@pytest.mark.parametrize(
    ("parameter", "words"),
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
def test_a_word_that_a_query_cannot_know_is_refused_by_the_parameters_name(
    parameter: str, words: dict[str, Any]
) -> None:
    with pytest.raises(SelectionError) as caught:
        RollUp.read(**words)
    assert caught.value.name == parameter


def test_no_cells_make_no_rows() -> None:
    assert RollUp.read("city").run(Cube.empty()).rows == []
