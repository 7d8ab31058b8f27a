"""Names: the texts of spans of columns, and what the plain functions make of them, once for each distinct text."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from autoconnect.core.fields import readers
from autoconnect.core.kernel.blocks import CHUNK_BYTES, CHUNK_ROWS, DEFERRED, MARGIN
from autoconnect.core.kernel.cells import DAY_BITS, NAME_BITS, TYPE_BITS
from autoconnect.core.kernel.texts import HEAD, TextTable, rehash_texts
from autoconnect.core.layout import Layout
from autoconnect.core.records import split_fields
from autoconnect.core.schema import Refused, trimmed

Number = TypeVar("Number", bound=np.generic)

#: Room for the texts of a chunk, whose last record may be as long as all others.
_CHUNK_CONTENT = 2 * CHUNK_BYTES + MARGIN
_INITIAL_TEXTS = 2 * CHUNK_ROWS
_INITIAL_CONTENT = 4 * _CHUNK_CONTENT


class NameColumn:
    """A column of names: the number of each name, and the bits of each field in the key of a cell."""

    def __init__(self, layout: Layout, column: str) -> None:
        self._read = readers(layout)[column]
        self._shift = DAY_BITS + {"type": 0, "model": TYPE_BITS}.get(column, TYPE_BITS + NAME_BITS)
        self._bits: dict[str, int] = {}
        #: Numbers of names, in order of appearance.
        self.numbers: dict[str, int] = {}

    def bits(self, field: str) -> int:
        """The bits of a field, or DEFERRED."""
        if field not in self._bits:
            self._bits[field] = self._judge(trimmed(field))
        return self._bits[field]

    def _judge(self, field: str) -> int:
        try:
            value = self._read(field)
        except Refused:
            return DEFERRED
        number = value if isinstance(value, int) else self.numbers.setdefault(value, len(self.numbers))
        return number << self._shift


class SpanTexts:
    """The distinct texts of a span of columns of names, and the bits of each in the key of a cell."""

    def __init__(self, layout: Layout, columns: Sequence[NameColumn], further_bits: int) -> None:
        """All keys have `further_bits`."""
        self._encoding, self._delimiter = layout.encoding, layout.delimiter
        self._columns = columns
        self._further_bits = further_bits
        self._judged = 0
        self._key_bits = np.full(_INITIAL_TEXTS, further_bits, np.int64)
        self.texts = TextTable(
            slots=np.zeros(slots_for(_INITIAL_TEXTS), np.int64),
            heads=np.empty(HEAD * _INITIAL_TEXTS, np.uint8),
            sizes=np.empty(_INITIAL_TEXTS, np.int64),
            starts=np.empty(_INITIAL_TEXTS, np.int64),
            content=np.empty(_INITIAL_CONTENT, np.uint8),
            used=np.zeros(2, np.int64),
        )

    def make_room(self) -> None:
        """Make room for the texts of another chunk."""
        texts, (count, content_bytes) = self.texts, self.texts.used.tolist()
        if count + CHUNK_ROWS > len(texts.sizes):
            capacity = 4 * len(texts.sizes)
            self.texts = texts._replace(
                slots=np.zeros(slots_for(capacity), np.int64),
                heads=_longer(texts.heads, HEAD * count, HEAD * capacity),
                sizes=_longer(texts.sizes, count, capacity),
                starts=_longer(texts.starts, count, capacity),
            )
            self._key_bits = _longer(self._key_bits, count, capacity)
            rehash_texts(self.texts)
        if content_bytes + _CHUNK_CONTENT > len(texts.content):
            capacity = 2 * content_bytes + _CHUNK_CONTENT
            self.texts = self.texts._replace(content=_longer(texts.content, content_bytes, capacity))

    def judge(self) -> NDArray[np.int64]:
        """By the code of a text: its bits in the key of a cell, or DEFERRED."""
        texts, count = self.texts, int(self.texts.used[0])
        for code in range(self._judged, count):
            start = int(texts.starts[code])
            self._key_bits[code] = self._bits(texts.content[start : start + int(texts.sizes[code])].tobytes())
        self._judged = count
        return self._key_bits

    def _bits(self, text: bytes) -> int:
        fields = split_fields(text.decode(self._encoding), self._delimiter)
        bits = self._further_bits
        for column, field in zip(self._columns, fields, strict=True):
            bits |= column.bits(field)  # DEFERRED has all bits set
        return bits


def _longer(array: NDArray[Number], used: int, capacity: int) -> NDArray[Number]:
    longer = np.empty(capacity, array.dtype)
    longer[:used] = array[:used]
    return longer


def slots_for(capacity: int) -> int:
    """The size of a hash table for `capacity` entries: a power of two, at most half full."""
    return 1 << (2 * capacity - 1).bit_length()
