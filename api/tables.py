"""Answers with tables: as a page of JSON, as a file, or all metrics as one workbook."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from api.computations import Computation
from api.cubes import Result
from api.downloads import disposition
from api.formats import Body
from api.paging import TableParameters, cursor_at, owner_of, read_cursor
from autoconnect.core.cube import Cube
from autoconnect.core.rollup import RollUp
from autoconnect.core.table import Table
from autoconnect.exports import json
from autoconnect.exports.base import Format, with_currency
from autoconnect.exports.workbook import write_workbook
from autoconnect.exports.xlsx import MakeFolder
from autoconnect.models import Job

#: Says that an answer does not hold all rows.
TRUNCATED = {"X-Truncated": "true"}


@dataclass(frozen=True)
class Query:
    """What a client asks for: the name of a table, the filters as they were sent, and the roll-up if it is one."""

    name: str
    filters: Mapping[str, object]
    read_job: Callable[[str], Job | None]
    roll_up: RollUp | None = None

    def file_headers(self, job: Job | None, suffix: str) -> dict[str, str]:
        """The headers of an answer that is a file."""
        first, last = (str(self.filters[name]) if name in self.filters else None for name in ("from", "to"))
        return {"Content-Disposition": disposition(self.name, job.source if job else None, first, last, suffix)}


@dataclass(frozen=True, kw_only=True)
class TableComputation(Computation):
    """Writes a page of a table, or all of its rows up to `limit`.

    `json_form` is how its JSON is written.
    """

    query: Query
    parameters: TableParameters
    json_form: Format = json.FORMAT

    @property
    def is_quick(self) -> bool:
        """A page of JSON is; other formats name the job's source, and read it from Redis."""
        return self.form == json.FORMAT and not self.parameters.has_long_pages

    def write(self, result: Result, cells: Cube) -> Body:
        table = self.table(result, cells)
        part, next_cursor = self._cut(table, result)
        head: dict[str, object] = {**self.head(result), "next_cursor": next_cursor}
        headers = dict(TRUNCATED) if next_cursor else {}
        form = self.form
        if form == json.FORMAT:
            form = self.json_form
        else:
            job = self.query.read_job(result.job_id)
            part = with_currency(part, job)
            head |= {"metric": self.query.name, "computed_at": result.computed_at.isoformat()}
            headers |= self.query.file_headers(job, form.suffix)
        return Body(form.media_type, form.write(part, head), self.kept_bytes(table, result, cells), headers)

    def _cut(self, table: Table, result: Result) -> tuple[Table, str | None]:
        """The rows of the answer, and the cursor of those that follow."""
        owner = self._owner(result)
        start, total = read_cursor(self.parameters.cursor, owner), len(table.rows)
        max_rows = self.parameters.max_rows(self.form)
        end = total if max_rows is None else min(start + max_rows, total)
        if (start, end) == (0, total):
            return table, None
        rows = f"Rows {start + 1:,} to {end:,}" if start else f"The first {end:,}"
        note = " ".join(filter(None, (table.note, f"{rows} of {total:,} rows (limit).")))
        part = replace(table, rows=table.rows[start:end], note=note)
        return part, cursor_at(end, owner) if end < total else None

    def _owner(self, result: Result) -> bytes:
        """What the cursors belong to: this query, and this result; that of an open job has no version."""
        version = result.version or result.facts
        return owner_of(self.query.name, self.query.filters, self.query.roll_up, result.job_id, version, result.folding)


@dataclass(frozen=True, kw_only=True)
class WorkbookComputation(Computation):
    """All metrics in one workbook; `table` is the summary of the selected cells."""

    query: Query
    metrics: Mapping[str, Callable[[Result, Cube], Table]]
    folder: MakeFolder

    def write(self, result: Result, cells: Cube) -> Body:
        job = self.query.read_job(result.job_id)
        tables = {name: partial(make, result, cells) for name, make in self.metrics.items()}
        pieces = write_workbook(tables, job, result.computed_at, self.query.filters, self.folder)
        # Until the file is sent, what the tables were made from is kept.
        kept = cells.nbytes + result.names_bytes
        return Body(self.form.media_type, pieces, kept, self.query.file_headers(job, self.form.suffix))
