"""Parquet: columns have types, also in an empty table, and rows are written in groups."""

import io
from datetime import date
from decimal import Decimal

import pyarrow
import pytest
from pyarrow import parquet

from autoconnect.core.table import LazyRows, Row, Table
from autoconnect.exports import FORMATS
from tests.unit.test_workbooks import CITY, EMPTY, ROW, TYPED


def read(table: Table) -> pyarrow.Table:
    return parquet.read_table(io.BytesIO(b"".join(FORMATS["parquet"].write(table, {}))))


@pytest.mark.parametrize("rows", [[], [EMPTY], [ROW]])
def test_columns_have_types_whatever_the_rows_are(rows: list[Row]) -> None:
    table = read(Table(TYPED, rows))
    types = ["int64", "decimal128(38, 2)", "double", "date32[day]", "string", "int64", "double"]
    assert [str(field.type) for field in table.schema] == types
    assert table.num_rows == len(rows)


def test_values_are_those_of_the_table_and_money_is_exact() -> None:
    shown = {**ROW, "day": date(1900, 1, 2), "pct": 12.3, "ratio": 0.1234}
    assert read(Table(TYPED, [ROW, EMPTY])).to_pylist() == [shown, EMPTY]
    large: Row = {**EMPTY, "money": Decimal("92233720368547758.07")}
    assert read(Table(TYPED, [large])).to_pylist() == [large]


def test_texts_are_not_changed() -> None:
    texts = ["=1+1", 'a "quote"\r\n🚗', "", "\x00"]
    assert read(Table((CITY,), [{"city": text} for text in texts])).column("city").to_pylist() == texts


def test_many_rows_are_written_in_pieces_of_bounded_size() -> None:
    table = Table(TYPED, LazyRows(range(100_000), lambda number: {**ROW, "count": number}))
    pieces = list(FORMATS["parquet"].write(table, {}))
    assert max(map(len, pieces)) < 1 << 20
    file = parquet.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert (file.num_row_groups, file.metadata.row_group(0).num_rows) == (10, 10_000)
    assert file.read().column("count").to_pylist() == list(range(100_000))
