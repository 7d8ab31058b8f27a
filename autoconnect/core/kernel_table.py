"""What the kernel writes to as it reads: the names it has met, and the cells. Both grow here, between its runs."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from autoconnect.core import kernel
from autoconnect.core.cube import Cube, Ints, merge
from autoconnect.core.kernel import Cells, Lines, Names, Rows, Texts
from autoconnect.core.layout import Layout
from autoconnect.core.records import split_fields
from autoconnect.core.schema import Refused, readers

Number = TypeVar("Number", bound=np.generic)

#: After so many rows cells are put aside, lest a sum leave 64 bits or a count 32: amounts of which the kernel is sure
#: are less than 10^10 cents.
_MOST_ROWS = 1 << 29
#: As they are after so many names of a column, lest the number of one leave its place in a cell's key.
_MOST_NAMES = 1 << (kernel.NAME_BITS - 1)

_FIRST_TEXTS = 1 << 10
_FIRST_PAGES = 1 << 10
_PAGE_SHIFT = 5
#: A table that has outgrown so many cells (32 MB), few of them in use, goes on with one cell a page.
_SPARSE_CELLS = 1 << 19
_FEW = 1 / 4


class CellTable:
    """The cells of rows that the kernel has read, and the names they go by."""

    def __init__(self, layout: Layout, spans: Sequence[Sequence[str]], most_bytes: int) -> None:
        """`spans` are the neighbouring columns of names, three groups; at most so many bytes are added at a time."""
        columns = {name: _Column(layout, name) for name in ("city", "type", "model")}
        self._cities, self._models = columns["city"].numbers, columns["model"].numbers
        self._spans = [_Span(layout, [columns[name] for name in span], most_bytes) for span in spans]
        self._cells = _make_cells(_FIRST_PAGES, _PAGE_SHIFT, with_costs="cost" in layout.positions)
        #: How many rows were read, those with a doubt among them.
        self.rows = 0

    def texts(self) -> Texts:
        """The texts of each span, with room for those of another block."""
        first, second, third = (span.make_room() for span in self._spans)
        return first, second, third

    def fold(self, rows: Rows, count: int, deferred: Lines) -> None:
        """Adds rows to their cells; those with a name that is none, or a doubt, go to `left`."""
        first, second, third = (span.judge() for span in self._spans)
        row = 0
        while (row := kernel.fold_rows(rows, row, count, (first, second, third), self._cells, deferred)) < count:
            self._cells = _larger(self._cells)
        self.rows += count

    @property
    def cells(self) -> int:
        """How many cells are in use."""
        return len(_used_cells(self._cells))

    def is_full(self) -> bool:
        """Whether another block could be too much for sums in 64 bits, or for numbers of names in a key."""
        return self.rows >= _MOST_ROWS or max(len(self._cities), len(self._models)) >= _MOST_NAMES

    def cube(self) -> Cube:
        """The cube of all rows."""
        cells = self._cells
        used = _used_cells(cells)
        key, within_page = cells.key[used >> cells.shift], used & ((1 << cells.shift) - 1)
        names, page = key >> kernel.DAY_BITS, key & ((1 << kernel.DAY_BITS) - 1)
        cube = Cube(
            cities=tuple(self._cities),
            models=tuple(self._models),
            city=names >> (kernel.NAME_BITS + kernel.TYPE_BITS),
            day=(page << cells.shift) + within_page + kernel.DAY_ZERO,
            type=names & ((1 << kernel.TYPE_BITS) - 1),
            model=(names >> kernel.TYPE_BITS) & ((1 << kernel.NAME_BITS) - 1),
            measures=_measures(cells, used),
        )
        return merge([cube])


class _Column:
    """A column of names: which bits of a cell's key a field of it stands for."""

    def __init__(self, layout: Layout, column: str) -> None:
        self._read = readers(layout.decimal)[column]
        self._shift = kernel.DAY_BITS + {"type": 0, "model": kernel.TYPE_BITS}.get(
            column, kernel.TYPE_BITS + kernel.NAME_BITS
        )
        self._known: dict[str, int] = {}
        #: Numbers of names, in order of appearance.
        self.numbers: dict[str, int] = {}

    def bits(self, field: str) -> int:
        """The bits of a field, or REFUSED."""
        if field not in self._known:
            self._known[field] = self._judge(field.strip())
        return self._known[field]

    def _judge(self, field: str) -> int:
        try:
            value = self._read(field)
        except Refused:
            return kernel.REFUSED
        number = value if isinstance(value, int) else self.numbers.setdefault(value, len(self.numbers))
        return number << self._shift


class _Span:
    """The distinct texts of neighbouring columns of names, and what each of them stands for."""

    def __init__(self, layout: Layout, columns: Sequence[_Column], most_bytes: int) -> None:
        self._encoding, self._delimiter = layout.encoding, layout.delimiter
        self._columns = columns
        self._most_bytes = most_bytes
        self._judged = 0
        self._meanings = np.zeros(_FIRST_TEXTS, np.int64)
        self._names = Names(
            slots=np.zeros(_slots_for(_FIRST_TEXTS), np.int64),
            heads=np.empty(kernel.HEAD * _FIRST_TEXTS, np.uint8),
            size=np.empty(_FIRST_TEXTS, np.int64),
            start=np.empty(_FIRST_TEXTS, np.int64),
            text=np.empty(most_bytes + kernel.MARGIN, np.uint8),
            used=np.zeros(2, np.int64),
        )

    def make_room(self) -> Names:
        """The texts, with room for as many more as can come at a time."""
        names, (texts, text_bytes) = self._names, self._names.used.tolist()
        if 2 * texts > len(names.size):
            room = 4 * texts
            self._names = names._replace(
                slots=np.zeros(_slots_for(room), np.int64),
                heads=_longer(names.heads, kernel.HEAD * texts, kernel.HEAD * room),
                size=_longer(names.size, texts, room),
                start=_longer(names.start, texts, room),
            )
            self._meanings = _longer(self._meanings, texts, room)
            kernel.rehash_names(self._names)
        if text_bytes + self._most_bytes + kernel.MARGIN > len(names.text):
            room = 2 * text_bytes + self._most_bytes + kernel.MARGIN
            self._names = self._names._replace(text=_longer(names.text, text_bytes, room))
        return self._names

    def judge(self) -> NDArray[np.int64]:
        """For the code of each text: the bits of a cell's key that it stands for, or REFUSED."""
        names, count = self._names, int(self._names.used[0])
        for code in range(self._judged, count):
            start = int(names.start[code])
            self._meanings[code] = self._meaning(names.text[start : start + int(names.size[code])].tobytes())
        self._judged = count
        return self._meanings

    def _meaning(self, text: bytes) -> int:
        fields = split_fields(text.decode(self._encoding), self._delimiter)
        meaning = 0
        for column, field in zip(self._columns, fields, strict=True):
            meaning |= column.bits(field)  # REFUSED has all bits
        return meaning


def _longer(array: NDArray[Number], used: int, room: int) -> NDArray[Number]:
    longer = np.empty(room, array.dtype)
    longer[:used] = array[:used]
    return longer


def _slots_for(room: int) -> int:
    """The size of a hash table for so many: a power of two, at most half full."""
    return 1 << (2 * room - 1).bit_length()


def _make_cells(pages: int, shift: int, *, with_costs: bool) -> Cells:
    cells = pages << shift
    return Cells(
        slots=np.zeros(2 * _slots_for(pages), np.int64),
        key=np.empty(pages, np.int64),
        measures=_aligned_zeros(cells),
        costs=np.zeros((cells if with_costs else 0, 3), np.int64),
        shift=shift,
        used=np.zeros(1, np.int64),
    )


def _aligned_zeros(cells: int) -> NDArray[np.int64]:
    """Rows of 8 zeros, each of which is one cache line."""
    zeros = np.zeros(8 * (cells + 1), np.int64)
    first = -zeros.ctypes.data % 64 // 8
    return zeros[first : first + 8 * cells].reshape(cells, 8)


def _larger(cells: Cells) -> Cells:
    """The same cells with room for more."""
    used, size = len(_used_cells(cells)), len(cells.measures)
    if cells.shift and size >= _SPARSE_CELLS and used < size * _FEW:
        pages, shift = 4 * used, 0
    else:
        pages, shift = (4 if size < _SPARSE_CELLS else 2) * len(cells.key), cells.shift
    larger = _make_cells(pages, shift, with_costs=len(cells.costs) > 0)
    kernel.move_cells(cells, larger)
    return larger


def _used_cells(cells: Cells) -> NDArray[np.intp]:
    return np.flatnonzero(cells.measures[: int(cells.used[0]) << cells.shift, 0])


def _measures(cells: Cells, used: NDArray[np.intp]) -> dict[str, Ints]:
    """The measures of the cells in use, of which the kernel has some as their distance from a bound."""
    counts, revenue, max_price, below, months, months_squared, max_months, months_below = cells.measures[used].T
    costed, cost, costed_revenue = cells.costs[used].T if len(cells.costs) else np.zeros((3, len(used)), np.int64)
    return {
        "transactions": counts & 0xFFFFFFFF,
        "revenue": revenue,
        "min_price": kernel.MAX_INT64 - below,
        "max_price": max_price,
        "durations": counts >> 32,
        "months": months,
        "months_squared": months_squared,
        "min_months": np.where(months_below, kernel.MAX_MONTHS + 1 - months_below, kernel.MAX_INT64),
        "max_months": max_months,
        "costed": costed,
        "cost": cost,
        "costed_revenue": costed_revenue,
    }
