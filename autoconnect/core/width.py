"""The number of fields of a row."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from autoconnect.core.dialect import NEEDED
from autoconnect.core.schema import trimmed


class Width(NamedTuple):
    """The numbers of fields of the header, of empty fields beyond them, and of those up to the last needed one."""

    fields: int
    surplus: int
    needed: int

    def fits(self, fields: Sequence[str], *, is_ended: bool) -> bool:
        """Whether only empty fields are too many, as in most rows, or only fields at the end are missing that may be.

        A last record without line end may be cut.
        """
        if len(fields) < self.fields:
            return is_ended and len(fields) >= self.needed
        if len(fields) != self.fields + self.surplus:
            return False
        return not (self.surplus and any(map(trimmed, fields[self.fields :])))


def width_of(fields: int, surplus: int, positions: Mapping[str, int]) -> Width:
    """The width of rows whose columns have these indexes."""
    return Width(fields, surplus, 1 + max(positions.get(meaning, -1) for meaning in NEEDED))
