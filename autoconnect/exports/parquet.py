"""Parquet: exact money, real dates, counts as int64, and other numbers as doubles, which all programs compute with."""

import io
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from autoconnect.core.table import Kind, Table, Value
from autoconnect.exports.base import Format, chunks

if TYPE_CHECKING:
    from pyarrow import DataType

#: Chunks of rows in a row group: readers are fast with many rows, and the group being written is in memory.
_GROUP_CHUNKS = 10
#: Digits of an amount of money: the most that fit into decimal128.
_MONEY_DIGITS = 38


def _write(table: Table, head: Mapping[str, object]) -> Iterator[bytes]:
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(column.name, _type(column.kind)) for column in table.columns])

    def batch(rows: list[dict[str, Value]]) -> pyarrow.RecordBatch:
        columns = [[_cell(row[column.name], column.kind) for row in rows] for column in table.columns]
        arrays = [pyarrow.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
        return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)

    buffer = io.BytesIO()
    with parquet.ParquetWriter(buffer, schema) as writer:
        for batches in chunks(map(batch, chunks(table.rows)), _GROUP_CHUNKS):
            writer.write_table(pyarrow.Table.from_batches(batches, schema))
            yield _taken(buffer)
    yield _taken(buffer)


def _type(kind: Kind) -> "DataType":
    import pyarrow

    if kind is Kind.MONEY:
        return pyarrow.decimal128(_MONEY_DIGITS, 2)
    if kind is Kind.DAY:
        return pyarrow.date32()
    if kind in (Kind.COUNT, Kind.RANK, Kind.YEAR):
        return pyarrow.int64()
    if kind in (Kind.PERCENT, Kind.RATIO, Kind.DURATION):
        return pyarrow.float64()
    return pyarrow.string()


def _cell(value: Value, kind: Kind) -> object:
    if isinstance(value, Decimal) and kind is not Kind.MONEY:
        return float(value)
    return date.fromisoformat(value) if isinstance(value, str) and kind is Kind.DAY else value


def _taken(buffer: io.BytesIO) -> bytes:
    """What has been written since the last call."""
    piece = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return piece


FORMAT = Format("parquet", "application/vnd.apache.parquet", ".parquet", _write)
