"""What the columns of a source mean: by their names, and by what the user gave."""

from collections.abc import Mapping, Sequence

from autoconnect.core.notes import shown
from autoconnect.core.schema import COLUMNS, bare_name, header_name, meaning_of, trimmed
from autoconnect.errors import SourceError


class Meanings:
    """What the names of a line mean. A name that is given for a meaning replaces all others of this meaning."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        """`given` is what `DialectOptions.columns` has. Raises SourceError if a column is given twice."""
        self._given = given
        self.constants = {meaning: text[1:] for meaning, text in given.items() if text and text.startswith("=")}
        self.named = {meaning: name for meaning, name in given.items() if name and meaning not in self.constants}
        self.needed = [name for name, column in COLUMNS.items() if column.needed and name not in self.constants]
        by_name: dict[str, str] = {}
        for meaning, name in self.named.items():
            other = by_name.setdefault(header_name(name), meaning)
            if other != meaning:
                twice = f"The column {shown(name)} is given as {other} and as {meaning}"
                raise SourceError(f"{twice}; give two columns.", part="columns")

    def of(self, names: Sequence[str]) -> list[str | None]:
        """The meanings of the names of a line, None for columns that are not used.

        Of several names that are the same as a given one, those count that come closest to how it is written.
        """
        found = {name: self._meaning(name) for name in set(names)}  # of a million names, most are equal
        closest: dict[str | None, int] = {}
        for closeness, meaning in found.values():
            closest[meaning] = max(closeness, closest.get(meaning, 0))
        used = {name: meaning for name, (closeness, meaning) in found.items() if closeness == closest[meaning]}
        return [used.get(name) for name in names]

    def missing(self, names: Sequence[str]) -> list[str]:
        """The needed columns that the names of a line lack."""
        meanings = set(self.of(names))
        return [meaning for meaning in self.needed if meaning not in meanings]

    def leaves_out(self, name: str) -> bool:
        """Whether a column is not used because the user said so."""
        return self._given.get(meaning_of(name) or "", "") is None

    def described(self, meaning: str) -> str:
        """The name that a column must have."""
        name = self.named.get(meaning)
        return f"{shown(name)} (given as {meaning})" if name else COLUMNS[meaning].names[0]

    def _meaning(self, name: str) -> tuple[int, str | None]:
        """What a name means, and, if it was given, how close it comes to what was given."""
        fits = [(_closeness(name, asked, meaning), meaning) for meaning, asked in self.named.items()]
        closeness, given = max(fits, default=(0, ""))
        if closeness:
            return closeness, given
        meaning = meaning_of(name)
        return 0, None if meaning in self._given else meaning


def _closeness(name: str, asked: str, meaning: str) -> int:
    """How close a name comes to one that was given: 3 if both are equal, 0 if they are not the same."""
    if trimmed(name) == trimmed(asked):
        return 3
    if header_name(name) == header_name(asked):
        return 2
    return int(bare_name(name, meaning) == bare_name(asked, meaning))
