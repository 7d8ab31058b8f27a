"""The command `check`: how a file would be read."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from autoconnect.checking import check
from autoconnect.cli.show import show_table, shown_part
from autoconnect.cli.source import given_source
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.outcome import REJECT_COLUMNS
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.models import CheckedRow, SourceCheck
from autoconnect.sources.local import Folders
from autoconnect.sources.names import source_name

_DIALECT_COLUMNS = tuple(Column(name, Kind.TEXT, "") for name in ("part", "value", "evidence"))
_HEADER_COLUMNS = tuple(Column(name, Kind.TEXT, "") for name in ("column", "meaning", "used"))
_NOTE_COLUMNS = (
    Column("code", Kind.TEXT, ""),
    Column("count", Kind.COUNT, ""),
    Column("line", Kind.COUNT, ""),
    Column("message", Kind.TEXT, ""),
)
_KINDS = {"line": Kind.COUNT, "price": Kind.MONEY, "duration": Kind.COUNT, "cost": Kind.MONEY}
_ROW_COLUMNS = tuple(Column(name, _KINDS.get(name, Kind.TEXT), "") for name in CheckedRow.model_fields)


def check_file(argument: str, options: DialectOptions) -> SourceCheck:
    """How the file would be read that an argument of a command names; raises SourceError if it cannot be."""
    with given_source(argument) as file:
        return check(source_name(Path(file.name)), Folders(file.parent, file.parent), options)


def show_check(out: Console, checked: SourceCheck) -> None:
    """Prints how a file would be read."""
    dialect = checked.dialect.model_dump(exclude={"columns", "types"})
    parts: list[Row] = [
        {"part": part, "value": None if value is None else shown_part(value), "evidence": checked.evidence.get(part)}
        for part, value in dialect.items()
    ]
    parts += [
        {"part": "types", "value": f"{word} = {kind}", "evidence": None} for word, kind in checked.dialect.types.items()
    ]
    show_table(out, f"dialect of {checked.source}", Table(_DIALECT_COLUMNS, parts))
    show_table(out, "columns", Table(_HEADER_COLUMNS, list(_columns(checked))))
    show_table(out, "first rows", Table(_ROW_COLUMNS, [row.model_dump() for row in checked.rows]))
    if checked.rejects:
        rejects = [reject.model_dump() for reject in checked.rejects]
        show_table(out, "first rejected rows of the sample", Table(REJECT_COLUMNS, rejects))
    if checked.notes:
        show_table(out, "notes", Table(_NOTE_COLUMNS, [note.model_dump() for note in checked.notes]))


def _columns(checked: SourceCheck) -> Sequence[Row]:
    header: list[Row] = [
        {"column": column.name, "meaning": column.meaning, "used": "yes" if column.used else "no"}
        for column in checked.columns
    ]
    constants: list[Row] = [
        {"column": text, "meaning": meaning, "used": "yes"}
        for meaning, text in checked.dialect.columns.items()
        if text.startswith("=")
    ]
    return header + constants
