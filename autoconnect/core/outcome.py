"""Reducing: the partials of a job become its outcome. Any engine can call it."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from autoconnect.core.cube import Cube, check_size
from autoconnect.core.metrics import CATALOGUE, compute, facts_of
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.plan import Part
from autoconnect.core.table import Column, Kind, Row, Table

REJECT_COLUMNS = (
    Column("file", Kind.TEXT, "name"),
    Column("line", Kind.COUNT, "count"),
    Column("reason", Kind.TEXT, "name"),
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

    `metrics` are the unfiltered tables by name; `rejects` is the table of the first rejected rows.
    """

    cube: Cube
    metrics: Mapping[str, Table]
    rejects: Table
    failure: str | None


def reduce(partials: Iterable[Partial], parts: Sequence[Part], limits: Limits) -> Outcome:
    """The outcome of a job from the partials of all its batches.

    Raises CubeError if the cube has too many cells, or a total leaves 64 bits.
    """
    total = merge_partials(partials)
    check_size(total.cube, limits.max_cells)
    facts = facts_of(total)
    by_month = total.cube.by_month()
    metrics = {
        name: compute(metric, total.cube if metric.by_day else by_month, facts) for name, metric in CATALOGUE.items()
    }
    rejects = Table(REJECT_COLUMNS, list(reject_rows(total, parts)))
    return Outcome(total.cube, metrics, rejects, _failure(total, limits.max_rejected_ratio))


def reject_rows(total: Partial, parts: Sequence[Part]) -> Iterator[Row]:
    """The rejects of a partial that has all batches of its job, with their file and their line in it (from 1).

    A batch knows only its own lines, so the lines of the earlier batches of its part are added up here.
    """
    first_batches = [part.first_batch for part in parts]
    first_lines: dict[int, int] = {}
    line = 0
    for batch in sorted(total.lines):
        part = parts[bisect_right(first_batches, batch) - 1]
        if batch == part.first_batch:
            line = part.layout.header_lines + 1
        first_lines[batch] = line
        line += total.lines[batch]
    for reject in total.rejects:
        part = parts[bisect_right(first_batches, reject.batch) - 1]
        yield {
            "file": part.name,
            "line": first_lines[reject.batch] + reject.line,
            "reason": reject.reason,
            "raw": reject.raw,
        }


def _failure(total: Partial, max_rejected_ratio: float) -> str | None:
    if total.rows_rejected <= Fraction(str(max_rejected_ratio)) * total.rows_read:
        return None
    return (
        f"{total.rows_rejected:,} of {total.rows_read:,} rows were rejected, more than the allowed share of "
        f"{max_rejected_ratio:.0%} (AUTOCONNECT_MAX_REJECTED_RATIO); see the job's rejects."
    )
