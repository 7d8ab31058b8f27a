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
MARGIN = 128

#: In place of a value: the field is missing, or only the plain mapper can tell what it is.
ABSENT, UNSURE = -1, -2
#: In place of the key bits of a text, and of the cell of a row: the row is deferred to the plain mapper.
DEFERRED = -1
#: The code of the type "rental", the only type that has a duration.
RENTAL = 0
MAX_MONTHS = 1_200

#: Day 0 of the kernel, 1900-01-01, counted from 1970-01-01. It is before every date, so no day is negative.
DAY_ZERO = -25_567

#: Bytes whose rows are read together, column by column: they, and what is known of their rows, stay in the nearest
#: caches. A longer record is deferred.
CHUNK_BYTES = 32 << 10
#: No chunk has more rows: the last one may be longer than the bytes of a chunk that are left.
CHUNK_ROWS = CHUNK_BYTES // 2 + 2

LF, CR, QUOTE, TAB, SPACE = np.uint8(10), np.uint8(13), np.uint8(34), np.uint8(9), np.uint8(32)


class Block(NamedTuple):
    """The bytes of a batch from `begin` to `end` of `data`; a record begins at `begin`, in line `line` of the batch.

    `line` counts physical lines.
    """

    data: Bytes
    begin: int
    end: int
    line: int


class Span(NamedTuple):
    """Neighbouring columns whose fields are read as one text, by their indexes; `first` is -1 if there are none."""

    first: int
    last: int


class Shape(NamedTuple):
    """How records are written: the number of fields, the indexes of the columns (-1: no such column), marks as bytes.

    A row has `fields` fields and `surplus` empty ones. `spans` hold city, type and model. `decimal` is the decimal
    mark, 0 if there is none. The others are characters or words, each in a word of 8 bytes whose highest byte is the
    size: `missing`, words for a missing value; `grouping`, what may stand between groups of digits; `currency`, the
    words and signs of the currency; `spaces`, white space of more than one byte; `openings`, these and the other
    characters that may stand before an opening quote.
    """

    fields: int
    surplus: int
    id_column: int
    date_column: int
    price_column: int
    duration_column: int
    cost_column: int
    currency_column: int
    spans: tuple[Span, Span, Span]
    delimiter: np.uint8
    line_end: np.uint8
    decimal: np.uint8
    is_utf8: bool
    chunk_bytes: int
    max_record_bytes: int
    missing: Words
    grouping: Words
    currency: Words
    spaces: Words
    openings: Words


class Rows(NamedTuple):
    """Rows of a chunk: codes of the texts of each, and its values; then its names, its months, and its cell.

    `entry` is the index, in the positions of the chunk, of the end of the row's first field; one before, the record
    before it ends.
    """

    entry: Ints32
    first_code: Ints32
    second_code: Ints32
    third_code: Ints32
    date_code: Ints32
    duration_code: Ints32
    currency_code: Ints32
    cell: Ints32
    months: Ints32
    price: Ints
    cost: Ints
    names: Ints


class DeferredRecords(NamedTuple):
    """Records of a block that are deferred to the plain mapper: their bounds and lines. `used` counts them."""

    start: Ints32
    following: Ints32
    line: Ints32
    used: Ints


class Cursor(NamedTuple):
    """How far a block is read: where the next record begins, its line, and the number of rows of the chunk.

    `stray` is that of a `Walk`. If `is_cut`, the next record does not end in the block.
    """

    start: int
    line: int
    rows: int
    stray: int
    is_cut: bool


def make_rows() -> Rows:
    """Room for the rows of a chunk."""
    columns: dict[str, Any] = dict.fromkeys(Rows._fields, np.int32) | dict.fromkeys(
        ("price", "cost", "names"), np.int64
    )
    return Rows(**{name: np.zeros(CHUNK_ROWS, dtype) for name, dtype in columns.items()})


def make_deferred(capacity: int) -> DeferredRecords:
    """Room for `capacity` records."""
    return DeferredRecords(
        start=np.empty(capacity, np.int32),
        following=np.empty(capacity, np.int32),
        line=np.empty(capacity, np.int32),
        used=np.zeros(1, np.int64),
    )


@inlined
def defer(deferred: DeferredRecords, start: Int, following: Int, line: Int) -> None:
    """Defer the record from `start` to the start of the one that follows to the plain mapper."""
    count = deferred.used[0]
    deferred.start[count] = start
    deferred.following[count] = following
    deferred.line[count] = line
    deferred.used[0] = count + 1
