"""How many cells a job may have, so that its cube fits into Redis and into the memory of every service that holds one.

`python -m benchmarks.capacity` measures the figures here; docs/operations.md has its output.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter


@dataclass(frozen=True)
class Need:
    """Bytes of memory that a service needs at its peak: without any cell, and for each cell of a job."""

    base: int
    per_cell: int


#: By service. The worst case is a model of its own for every cell.
NEEDS: Mapping[str, Need] = {
    "worker": Need(base=260 << 20, per_cell=1_150),
    # It also keeps sums of some 60 MB for other jobs.
    "aggregator": Need(base=355 << 20, per_cell=500),
    # Half of its memory is for cubes, the other half for answers.
    "api": Need(base=125 << 20, per_cell=760),
}
#: Bytes of a cell in Redis, in a sum or a result, with its model's name: twice what was measured, since names differ.
CELL_BYTES = 40
#: Bytes of a result without its cells: metrics, and as many rejects as are kept.
_RESULT_BYTES = 8 << 20
#: Share of a limit that a service fills if it has the limit for itself; the rest is for what the system counts, too.
_SHARE_ALONE = 0.9
#: Share that services fill together if they are on one machine, or in one group: the rest is for Redis and the system.
_SHARE_TOGETHER = 0.75
#: Even the smallest machine takes this many cells, which is as many as the sample needs.
_LEAST_CELLS = 10_000
#: Cells if neither Redis nor any service has said how much memory it has.
_UNKNOWN_CELLS = 2_000_000


@dataclass(frozen=True)
class Holder:
    """A process that holds cubes: its service, a name of NEEDS, and the memory that it shares with others of a pool."""

    service: str
    bytes: int
    pool: str


def most_cells(holders: Iterable[Holder], reserved_bytes: int) -> int:
    """The most cells that a job may have.

    `reserved_bytes` of Redis are for one sum or result; 0 if Redis has no limit.
    """
    pool_of = attrgetter("pool")
    pools = groupby(sorted(holders, key=pool_of), key=pool_of)
    cells = [_cells_of_pool(list(pool)) for _, pool in pools]
    if reserved_bytes:
        cells.append((reserved_bytes - _RESULT_BYTES) // CELL_BYTES)
    return max(min(cells, default=_UNKNOWN_CELLS), _LEAST_CELLS)


def _cells_of_pool(holders: Sequence[Holder]) -> int:
    """The cells for which the memory of a pool is enough, if all of its holders have their peaks at once."""
    needs = [NEEDS[holder.service] for holder in holders]
    share = _SHARE_ALONE if len(holders) == 1 else _SHARE_TOGETHER
    usable = int(min(holder.bytes for holder in holders) * share)
    return (usable - sum(need.base for need in needs)) // sum(need.per_cell for need in needs)
