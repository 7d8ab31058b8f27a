"""The arguments of compiled code: a block, the shape of its records, the rows it becomes, and the deferred records."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoconnect.core.kernel.compiler import inlined

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Ints32 = NDArray[np.int32]
Ints = NDArray[np.int64]
#: In compiled code an integer is a machine integer, whatever type Python would give it.
Int = Any

#: Bytes that must be readable before and after a block: a load of up to this many begins wherever a field does.
MARGIN = 64

#: In place of a value: the field is missing, or only the plain mapper can tell what it is.
ABSENT, UNSURE = -1, -2
#: In place of the key bits of a text, and of the cell of a row: the row is deferred to the plain mapper.
DEFERRED = -1
#: The code of the type "rental", the only type that has a duration.
RENTAL = 0
MAX_MONTHS = 1_200

#: Day 0 of the kernel, counted from 1970-01-01. It is before every date, so no day is negative.
DAY_ZERO = -(1 << 20)

#: Rows that are read column by column, and cells that are found before rows are added to them: the data of this many
#: stays in the first-level cache.
CHUNK = 128

LF, CR, QUOTE = np.uint8(10), np.uint8(13), np.uint8(34)


class Block(NamedTuple):
    """The bytes of a batch from `begin` to `end` of `data`; a record begins at `begin`, in line `line` of the batch.

    `line` counts physical lines. `positions` has room for one entry per byte and 16 more.
    """

    data: Bytes
    positions: Ints32
    begin: int
    end: int
    line: int


class Span(NamedTuple):
    """Neighbouring columns whose fields are read as one text, by their indexes; `first` is -1 if there are none."""

    first: int
    last: int


class Shape(NamedTuple):
    """How records are written: the number of fields, the indexes of the columns (-1: no such column), marks as bytes.

    `spans` hold city, type and model. `missing_words` are the words for a missing value, each as the bytes of a word
    of 8 whose highest byte is the size. `month_starts` has the first day, counted from DAY_ZERO, of each month from
    0001-01 to 10000-01.
    """

    fields: int
    id_column: int
    date_column: int
    price_column: int
    duration_column: int
    cost_column: int
    spans: tuple[Span, Span, Span]
    delimiter: np.uint8
    decimal: np.uint8
    is_utf8: bool
    max_record_bytes: int
    missing_words: Words
    month_starts: Ints32


class Rows(NamedTuple):
    """Rows of a block: the position and line of each, the codes of its three texts, its values, and its cell.

    `entry` is the index, in the positions of the block, of the end of the row's first field. `day` counts from
    DAY_ZERO.
    """

    start: Ints32
    end: Ints32
    line: Ints32
    entry: Ints32
    first_code: Ints32
    second_code: Ints32
    third_code: Ints32
    day: Ints32
    months: Ints32
    cell: Ints32
    price: Ints
    cost: Ints


class DeferredRecords(NamedTuple):
    """Records of a block that are deferred to the plain mapper: their positions and lines. `used` counts them."""

    start: Ints32
    end: Ints32
    line: Ints32
    used: Ints


def make_rows(capacity: int) -> Rows:
    """Room for `capacity` rows."""
    columns: dict[str, Any] = dict.fromkeys(Rows._fields, np.int32) | {"price": np.int64, "cost": np.int64}
    return Rows(**{name: np.empty(capacity, dtype) for name, dtype in columns.items()})


def make_deferred(capacity: int) -> DeferredRecords:
    """Room for `capacity` records."""
    return DeferredRecords(
        start=np.empty(capacity, np.int32),
        end=np.empty(capacity, np.int32),
        line=np.empty(capacity, np.int32),
        used=np.zeros(1, np.int64),
    )


@inlined
def defer(deferred: DeferredRecords, start: Int, end: Int, line: Int) -> None:
    """Defer a record to the plain mapper."""
    count = deferred.used[0]
    deferred.start[count] = start
    deferred.end[count] = end
    deferred.line[count] = line
    deferred.used[0] = count + 1
