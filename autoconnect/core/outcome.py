"""Reducing: the partials of a job become its outcome. Any engine can call it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoconnect.core.cube import Cube
from autoconnect.core.failures import failure_of
from autoconnect.core.fields import expected
from autoconnect.core.findings import notes_of
from autoconnect.core.lines import FileLines
from autoconnect.core.metrics import CATALOGUE, compute, facts_of
from autoconnect.core.metrics.base import Metric
from autoconnect.core.names import fold, note_of
from autoconnect.core.notes import CODES, Note
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.plan import Part
from autoconnect.core.schema import Folding
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.core.tabulate import KEYS, count_groups

#: Groups of a metric above which its table is not kept: it would be large, and takes long to make.
_KEPT_GROUPS = 20_000

REJECT_COLUMNS = (
    Column("file", Kind.TEXT, "name"),
    Column("line", Kind.COUNT, "count"),
    Column("reason", Kind.TEXT, "name"),
    Column("column", Kind.TEXT, "name"),
    Column("value", Kind.TEXT, "text"),
    Column("expected", Kind.TEXT, "text"),
    Column("raw", Kind.TEXT, "text"),
)


@dataclass(frozen=True)
class Limits:
    """Limits past which a job fails: cells of its cube, and the share of its rows that are rejected (0 to 1)."""

    max_cells: int
    max_rejected_ratio: float


@dataclass(frozen=True)
class Outcome:
    """The end of a job whose batches are all done; `failure` is the reason if it failed, or None.

    `cube` has each name as it is spelled. `metrics` are the unfiltered tables by name, without those that are too large
    to keep; `rejects` is the table of the
    first rejected rows, and `notes` are those of planning and those on the rows.
    """

    cube: Cube
    metrics: Mapping[str, Table]
    rejects: Table
    failure: str | None
    notes: Sequence[Note] = ()


def reduce(partials: Iterable[Partial], parts: Sequence[Part], limits: Limits, folding: Folding = "on") -> Outcome:
    """The outcome of a job from the partials of all its batches; its metrics have folded names.

    Raises CubeError if the cube has too many cells, or a total leaves 64 bits.
    """
    total = merge_partials(partials, limits.max_cells)
    facts = facts_of(total)
    folded = fold(total.cube, folding)
    by_month = folded.cube.by_month()
    metrics = {
        name: compute(metric, folded.cube if metric.by_day else by_month, facts)
        for name, metric in CATALOGUE.items()
        if _has_few_groups(metric, by_month)
    }
    lines = FileLines(total.lines, parts)
    rejects = Table(REJECT_COLUMNS, list(reject_rows(total, lines)))
    failure = failure_of(total, lines, limits.max_rejected_ratio)
    notes = [note for part in parts for note in part.layout.notes]
    notes += [*notes_of(total, lines, failure), *note_of(folded)]
    notes.sort(key=lambda note: CODES.index(note.code))
    return Outcome(total.cube, metrics, rejects, failure, notes)


def reject_rows(total: Partial, lines: FileLines) -> Iterator[Row]:
    """The rejects of a partial that has all batches of its job, with their file and their line in it."""
    for reject in total.rejects:
        place = lines.place(reject.batch, reject.line)
        yield {
            "file": place.part.name,
            "line": place.line,
            "reason": reject.reason,
            "column": reject.column and place.column(reject.column),
            "value": reject.value,
            "expected": expected(reject.reason, place.part.layout, reject.value),
            "raw": reject.raw,
        }


def _has_few_groups(metric: Metric, cube: Cube) -> bool:
    """Whether the groups that the rows of a metric stand for, or are chosen from, are few."""
    keys = [column.name for column in metric.columns if column.name in KEYS]
    return len(cube) <= _KEPT_GROUPS or count_groups(cube, keys) <= _KEPT_GROUPS  # cells are more than groups
