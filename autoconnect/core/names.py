"""Names of cities and models that are the same though they are spelled in several ways.

Partials and stored cubes keep each spelling. Where a cube is read for an answer, its spellings are folded, and the
spelling with most transactions in the whole job is shown.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from autoconnect.core.cube import Cube, Ints, merge
from autoconnect.core.notes import Note, shown
from autoconnect.core.schema import Folding

#: Examples in a note.
_MAX_EXAMPLES = 100
_SEPARATORS = re.compile(r"[\s_\-'\u2019]+")
#: Characters that are decomposed at a time: consecutive accents are sorted, in time quadratic in their number.
_PIECE = 64

#: Transactions of each spelling of a name.
Spellings = Mapping[str, int]


@dataclass(frozen=True)
class Folded:
    """A cube whose names are folded; `cities` and `models` have the spellings of each shown name that has several."""

    cube: Cube
    cities: Mapping[str, Spellings] = field(default_factory=dict)
    models: Mapping[str, Spellings] = field(default_factory=dict)

    def spellings(self, key: str) -> Mapping[str, Spellings]:
        """Those of `city` or of `model`."""
        return self.cities if key == "city" else self.models


def fold(cube: Cube, folding: Folding) -> Folded:
    """Fold the names of a cube: each is replaced by the spelling with most transactions, of equals the first.

    Raises CubeError if a sum does not fit in 64 bits.
    """
    cities = _spellings(cube.cities, cube.city, cube, folding)
    models = _spellings(cube.models, cube.model, cube, folding)
    if not cities and not models:
        return Folded(cube)
    renamed = replace(cube, cities=_rename(cube.cities, cities), models=_rename(cube.models, models))
    return Folded(merge([renamed]), cities, models)


def key_of(name: str, folding: Folding) -> str:
    """What two names have in common if they are the same."""
    if folding == "off":
        return name
    folded = _SEPARATORS.sub(" ", name.casefold())
    if folding == "case" or folded.isascii():
        return folded
    pieces = (folded[start : start + _PIECE] for start in range(0, len(folded), _PIECE))
    return "".join(_without_accents("".join(unicodedata.normalize("NFD", piece) for piece in pieces)))


def note_of(folded: Folded) -> Iterator[Note]:
    """The note that tells which spellings are shown as one name, if there are any."""
    names = [*folded.cities.items(), *folded.models.items()]
    others = [
        (-count, spelling, name)
        for name, spellings in names
        for spelling, count in spellings.items()
        if spelling != name
    ]
    if others:
        examples = ", ".join(
            f"{shown(spelling)} ({-count:,}) as {shown(name)}"
            for count, spelling, name in sorted(others)[:_MAX_EXAMPLES]
        )
        message = f"Names that differ in case, accents or separators are shown as one: {examples}."
        yield Note("names_merged", message, len(others))


def _spellings(names: Sequence[str], codes: Ints, cube: Cube, folding: Folding) -> dict[str, Spellings]:
    """The spellings of each name that has several of them in use, with the most frequent one as their name."""
    keys = [key_of(name, folding) for name in names]
    if len(set(keys)) == len(keys):
        return {}
    groups: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        groups[key].append(index)
    several = [group for group in groups.values() if len(group) > 1]
    counts = cube.transactions_by(codes, len(names))
    found: dict[str, Spellings] = {}
    for group in several:
        spellings = sorted(((names[index], counts[index]) for index in group), key=lambda item: (-item[1], item[0]))
        used = {name: count for name, count in spellings if count}
        if len(used) > 1:
            found[spellings[0][0]] = used
    return found


def _rename(names: Sequence[str], spellings: Mapping[str, Spellings]) -> tuple[str, ...]:
    """The name that is shown for each of `names`."""
    new_names = {spelling: name for name, of_name in spellings.items() for spelling in of_name}
    return tuple(new_names.get(name, name) for name in names)


def _without_accents(decomposed: str) -> Iterator[str]:
    after_latin = False
    for character in decomposed:
        if not unicodedata.combining(character):
            after_latin = _is_latin(character)
            yield character
        elif not after_latin:
            yield character


@lru_cache(maxsize=4_096)
def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN")
