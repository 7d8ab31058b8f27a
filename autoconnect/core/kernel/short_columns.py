"""Columns of short texts, judged by the plain functions: each distinct text once for all mappers of a process."""

from collections.abc import Callable
from functools import cache

from autoconnect.core.fields import read_duration_of_sale, readers
from autoconnect.core.kernel.blocks import DAY_ZERO, UNSURE
from autoconnect.core.kernel.fold import MONTHS_BITS
from autoconnect.core.kernel.short_texts import MAX_SHORT_TEXTS, ShortTable, make_short_table, move_short_texts
from autoconnect.core.layout import Layout
from autoconnect.core.records import Form, split_fields
from autoconnect.core.schema import ABSENT, Refused, trimmed

_INITIAL_TEXTS = 1 << 11
#: Stands for the months of a text that is no duration; larger than any number of months.
_NO_MONTHS = (1 << MONTHS_BITS) - 1


class ShortColumn:
    """The distinct texts of a column, and what they mean; if the source lacks the column, that nothing is unsure."""

    def __init__(self, layout: Layout, column: str) -> None:
        self._form = layout.form
        self._judge = _judges(layout)[column]
        self._judged = 0
        if column not in layout.positions:
            self.table = make_short_table(1)
            self.table.values[:] = 0
            return
        dialect = layout.dialect
        self._known = _known_texts(self._form, column, dialect.dates if column == "date" else dialect.currency)
        known = self._known[0]
        self.table = ShortTable(
            known.keys.copy(), known.values.copy(), known.order.copy(), known.used.copy(), known.shift
        )
        self._judged = int(self.table.used[0])

    def make_room(self) -> None:
        """Make room for the texts of another chunk, unless there are too many."""
        capacity = len(self.table.order)
        if 2 * self.table.used[0] > capacity and capacity < MAX_SHORT_TEXTS:
            larger = make_short_table(4 * capacity)
            move_short_texts(self.table, larger)
            self.table = larger

    def judge(self) -> None:
        """Write the values of all texts that are new."""
        count = int(self.table.used[0])
        for code in self.table.order[self._judged : count].tolist():
            low, high = self.table.keys[2 * code - 2 : 2 * code].tolist()
            size = (high >> 56) - 1
            self.table.values[code] = self._value((low | high << 64).to_bytes(16, "little")[:size])
        self._judged = count

    def keep(self) -> None:
        """Keep the texts for the next mapper, if they are few."""
        if len(self.table.order) == _INITIAL_TEXTS:
            self._known[0] = self.table

    def _value(self, text: bytes) -> int:
        fields = split_fields(text.decode(self._form.encoding), self._form.delimiter.decode())
        return self._judge(trimmed(fields[0])) if len(fields) == 1 else UNSURE


@cache
def _known_texts(form: Form, column: str, part: str | None) -> list[ShortTable]:
    """A list with the texts of a column that are judged; `part` is the part of the dialect that decides about them."""
    return [make_short_table(_INITIAL_TEXTS)]


def _judges(layout: Layout) -> dict[str, Callable[[str], int]]:
    """For each column: its value of a trimmed field."""
    read = readers(layout)

    def day(field: str) -> int:
        return _read(read["date"], field, UNSURE + DAY_ZERO) - DAY_ZERO

    def months(field: str) -> int:
        rental = _read(read["duration"], field, _NO_MONTHS)
        sale = _read(read_duration_of_sale, field, _NO_MONTHS)
        both = max(rental, 0) | max(sale, 0) << MONTHS_BITS
        return both - (both >> 31 << 32)  # as a signed number of 32 bits

    def currency(field: str) -> int:
        return 0 if _read(read["currency"], field, UNSURE) == ABSENT else UNSURE

    return {"date": day, "duration": months, "currency": currency}


def _read(read: Callable[[str], object], field: str, otherwise: int) -> int:
    try:
        value = read(field)
    except Refused:
        return otherwise
    assert isinstance(value, int)
    return value
