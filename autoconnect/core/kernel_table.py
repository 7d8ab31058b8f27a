"""What the kernel writes to as it reads: the names it has met, and the cells. Both grow here, between its runs."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from autoconnect.core import kernel
from autoconnect.core.cube import Cube, Ints, merge
from autoconnect.core.kernel import Cells, Lines, Meanings, Names, Rows, Texts
from autoconnect.core.layout import Layout
from autoconnect.core.records import split_fields
from autoconnect.core.schema import Refused, readers

Number = TypeVar("Number", bound=np.generic)

#: After so many rows cells are put aside, lest a sum leave 64 bits: twice 2^22 rows of 10^12 cents do not.
_MOST_ROWS = 1 << 22
#: As they are after so many texts of a column, lest the number of a name leave its place in a cell's key.
_MOST_TEXTS = 1 << (kernel.NAME_BITS - 1)

_FIRST_PAGES = 1 << 10
_PAGE_SHIFT = 5
#: A table that has outgrown so many cells, few of them in use, goes on with one cell a page.
_SPARSE_CELLS = 1 << 20
_FEW = 1 / 4


class Table:
    """The cells of rows that the kernel has read, and the names they go by."""

    def __init__(self, layout: Layout, most_rows: int, most_bytes: int) -> None:
        """At most so many rows, of so many bytes, are added at a time."""
        self._city = _Column(layout, "city", most_rows, most_bytes)
        self._type = _Column(layout, "type", most_rows, most_bytes)
        self._model = _Column(layout, "model", most_rows, most_bytes)
        self._cells = _make_cells(_FIRST_PAGES, _PAGE_SHIFT, with_costs="cost" in layout.positions)
        self._rows = 0

    def texts(self) -> Texts:
        """The texts of cities, types and models, with room for those of another block."""
        return Texts(self._city.make_room(), self._type.make_room(), self._model.make_room())

    def fold(self, rows: Rows, count: int, left: Lines) -> None:
        """Adds rows to their cells; those with a name that is none go to `left`."""
        meanings = Meanings(self._city.judge(), self._type.judge(), self._model.judge())
        row = 0
        while (row := kernel.fold_rows(rows, row, count, meanings, self._cells, left)) < count:
            self._cells = _larger(self._cells)
        self._rows += count

    @property
    def rows_per_cell(self) -> float:
        """How many rows were added for each cell that they became, on average; 0 before there is one."""
        return self._rows / max(len(_used_cells(self._cells)), 1)

    def is_full(self) -> bool:
        """Whether another block could be too much for sums in 64 bits, or for numbers of names in a key."""
        texts = max(int(column.names.used[0]) for column in (self._city, self._model))
        return self._rows >= _MOST_ROWS or texts >= _MOST_TEXTS

    def cube(self) -> Cube:
        """The cube of all rows."""
        cells = self._cells
        used = _used_cells(cells)
        key, within_page = cells.key[used >> cells.shift], used & ((1 << cells.shift) - 1)
        names, page = key >> kernel.DAY_BITS, key & ((1 << kernel.DAY_BITS) - 1)
        cube = Cube(
            cities=self._city.values,
            models=self._model.values,
            city=names >> (kernel.NAME_BITS + kernel.TYPE_BITS),
            day=(page << cells.shift) + within_page - kernel.DAY_BIAS,
            type=names & ((1 << kernel.TYPE_BITS) - 1),
            model=(names >> kernel.TYPE_BITS) & ((1 << kernel.NAME_BITS) - 1),
            measures=_measures(cells, used),
        )
        return merge([cube])


class _Column:
    """The distinct texts of a column of names, and what each of them stands for."""

    def __init__(self, layout: Layout, column: str, most_texts: int, most_bytes: int) -> None:
        self._encoding, self._delimiter = layout.encoding, layout.delimiter
        self._read = readers(layout.decimal)[column]
        self._most_texts, self._most_bytes = most_texts, most_bytes
        self._judged = 0
        self._numbers: dict[str, int] = {}
        self._meanings = np.empty(most_texts, np.int32)
        self.names = Names(
            slots=_empty_slots(most_texts),
            first=np.empty(most_texts, np.uint64),
            second=np.empty(most_texts, np.uint64),
            size=np.empty(most_texts, np.int64),
            start=np.empty(most_texts, np.int64),
            text=np.empty(most_bytes, np.uint8),
            used=np.zeros(2, np.int64),
        )

    @property
    def values(self) -> tuple[str, ...]:
        """The names by their numbers."""
        return tuple(self._numbers)

    def make_room(self) -> Names:
        """The texts, with room for as many more as can come at a time."""
        texts, text_bytes = self.names.used.tolist()
        if texts + self._most_texts > len(self.names.size):
            room = 2 * texts + self._most_texts
            self.names = self.names._replace(
                slots=_empty_slots(room),
                first=_longer(self.names.first, texts, room),
                second=_longer(self.names.second, texts, room),
                size=_longer(self.names.size, texts, room),
                start=_longer(self.names.start, texts, room),
            )
            self._meanings = _longer(self._meanings, texts, room)
            kernel.rehash_names(self.names)
        if text_bytes + self._most_bytes > len(self.names.text):
            room = 2 * text_bytes + self._most_bytes
            self.names = self.names._replace(text=_longer(self.names.text, text_bytes, room))
        return self.names

    def judge(self) -> NDArray[np.int32]:
        """For the code of each text: the number of its name, the code of its type, or REFUSED."""
        names, count = self.names, int(self.names.used[0])
        for code in range(self._judged, count):
            start = int(names.start[code])
            self._meanings[code] = self._meaning(names.text[start : start + int(names.size[code])].tobytes())
        self._judged = count
        return self._meanings

    def _meaning(self, text: bytes) -> int:
        [field] = split_fields(text.decode(self._encoding), self._delimiter)
        try:
            value = self._read(field.strip())
        except Refused:
            return kernel.REFUSED
        return value if isinstance(value, int) else self._numbers.setdefault(value, len(self._numbers))


def _longer(array: NDArray[Number], used: int, room: int) -> NDArray[Number]:
    longer = np.empty(room, array.dtype)
    longer[:used] = array[:used]
    return longer


def _empty_slots(room: int) -> NDArray[np.int32]:
    """A hash table of a power of two, at most half full with so many."""
    return np.zeros(1 << (2 * room - 1).bit_length(), np.int32)


def _make_cells(pages: int, shift: int, *, with_costs: bool) -> Cells:
    cells = pages << shift
    return Cells(
        slots=_empty_slots(pages),
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
        pages, shift = 2 * len(cells.key), cells.shift
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
