"""Which columns of a header are used."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoconnect.core.meanings import Meanings
from autoconnect.core.notes import Note, counted, shown
from autoconnect.core.schema import COLUMNS, bare_name, folded_word, header_name, trimmed, visible
from autoconnect.errors import NamedColumns, SourceError

#: Columns that a note names.
_MAX_NAMED = 100
#: A tax word in a folded name that is followed by the name as it is written.
_TAX = re.compile(r"(?:^(?:prix|montant|cout)|[^a-z])(ht|ttc)(?![a-z])")
#: The folded names of an id, the preferred one first.
_IDS = [header_name(name) for name in COLUMNS["id"].names]


@dataclass(frozen=True)
class Columns:
    """The columns that are used: the index of each among the fields, or the text that stands in every row."""

    positions: Mapping[str, int]
    constants: Mapping[str, str]
    notes: Sequence[Note]


def find_columns(names: Sequence[str], meanings: Meanings, header: str) -> Columns:
    """The columns of a header that has all needed ones; `header` shows it in a sentence.

    Raises SourceError if a given name is not in the header, or if two columns have one meaning other than id.
    """
    indexes: dict[str, list[int]] = {}
    meant = list(zip(names, meanings.of(names), strict=True))
    for index, (_, meaning) in enumerate(meant):
        if meaning:
            indexes.setdefault(meaning, []).append(index)
    for meaning in meanings.named:
        if meaning not in indexes:
            raise SourceError(
                f"The header lacks {meanings.described(meaning)}; {header}.", part="columns", columns=meant
            )
    positions = {meaning: _choose(meaning, found, meant) for meaning, found in indexes.items()}
    known = {index for found in indexes.values() for index in found}
    unused = [name for index, name in enumerate(names) if index not in known and not meanings.leaves_out(name)]
    notes = [*_unused(unused), *_second_id(positions, indexes, names)]
    if "cost" not in meanings.named and (note := _other_tax(positions, names)):
        notes.append(note)
        del positions["cost"]
    return Columns(positions, meanings.constants, notes)


def _choose(meaning: str, indexes: Sequence[int], meant: NamedColumns) -> int:
    if meaning == "id":
        return min(indexes, key=lambda index: _id_rank(meant[index][0]))
    if len(indexes) == 1:
        return indexes[0]
    first, second = (meant[index][0] for index in indexes[:2])
    columns = f"{shown(first)} (column {indexes[0] + 1}) and {shown(second)} (column {indexes[1] + 1})"
    advice = f'choose one with --column {meaning}="{shown(first)}"'
    if trimmed(first) == trimmed(second):
        advice = "rename one of them"
    raise SourceError(f"Two columns mean {meaning}: {columns}; {advice}.", part="columns", columns=meant)


def _id_rank(name: str) -> int:
    folded = bare_name(name)
    return _IDS.index(folded) if folded in _IDS else len(_IDS)


def _unused(names: Sequence[str]) -> Iterator[Note]:
    unused = [name for name in map(trimmed, names) if name]
    if unused:
        listed = ", ".join(map(shown, unused[:_MAX_NAMED]))
        yield Note("unused_columns", f"{counted(len(unused), 'column')} not used: {listed}.", len(unused))


def _second_id(
    positions: Mapping[str, int], indexes: Mapping[str, Sequence[int]], names: Sequence[str]
) -> Iterator[Note]:
    others = [shown(trimmed(names[index])) for index in indexes.get("id", ()) if index != positions["id"]]
    if others:
        message = f"The id is {shown(trimmed(names[positions['id']]))}; {', '.join(others[:_MAX_NAMED])} is not used."
        yield Note("second_id", message, len(others))


def _other_tax(positions: Mapping[str, int], names: Sequence[str]) -> Note | None:
    """A note if the names of price and cost both tell their tax, and it differs."""
    if not {"price", "cost"} <= positions.keys():
        return None
    price, cost = (trimmed(names[positions[meaning]]) for meaning in ("price", "cost"))
    taxes, of_cost = _taxes(price), _taxes(cost)
    if not taxes or not of_cost or taxes == of_cost:
        return None
    message = f"The cost {shown(cost)} is not used: its tax differs from that of the price {shown(price)}."
    return Note("cost_not_used", message, 1)


def _taxes(name: str) -> set[str]:
    return set(_TAX.findall(f"{header_name(name)} {folded_word(visible(name))}"))
