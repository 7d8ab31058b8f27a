"""One workbook with all tables of a job: a cover that says where they come from, then a sheet for each."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from tempfile import TemporaryDirectory

from autoconnect.core.table import Column, Kind, Row, Table, Value
from autoconnect.exports.base import with_currency
from autoconnect.exports.xlsx import MakeFolder, write_book
from autoconnect.models import Job

_COVER = (Column("item", Kind.TEXT, "text"), Column("value", Kind.TEXT, "text"))


def write_workbook(
    tables: Mapping[str, Callable[[], Table]],
    job: Job | None,
    computed_at: datetime | None,
    filters: Mapping[str, object],
    folder: MakeFolder = TemporaryDirectory,
) -> Iterator[bytes]:
    """Write tables by name, each made when its turn comes; `filters` are those that select their transactions.

    Raises SelectionError if a table has more rows than a sheet holds, OSError if the file cannot be stored.
    """
    notes: list[Row] = []

    def sheet(name: str) -> Table:
        table = with_currency(tables[name](), job)
        if table.note:
            notes.insert(0, _line(f"note on {name}", table.note))
        return table

    def cover() -> Table:
        summary = tables["summary"]().rows[0] if "summary" in tables else {}
        return Table(_COVER, [*_facts(job, computed_at, filters, summary), *notes])

    sheets = {name: lambda name=name: sheet(name) for name in tables}
    return write_book({"cover": cover, **sheets}, computed_at and computed_at.isoformat(), folder)


def _facts(
    job: Job | None, computed_at: datetime | None, filters: Mapping[str, object], summary: Mapping[str, Value]
) -> Iterator[Row]:
    if job:
        yield _line("source", job.source)
        yield _line("job", job.id)
    if computed_at:
        yield _line("computed at", computed_at.isoformat(sep=" ", timespec="seconds"))
    if summary.get("first_date"):
        yield _line("period", f"{summary['first_date']} to {summary['last_date']}")
    for name, value in filters.items():
        yield _line(name, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
    if job:
        yield _line("rows read", job.rows.read)
        yield _line("rows rejected", job.rows.rejected)
        for note in job.notes:
            yield _line("note", note.message)


def _line(item: str, value: Value) -> Row:
    return {"item": item, "value": value}
