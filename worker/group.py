"""A group: batches of one plan, mapped to one partial and committed together; all of them count, or none does.

A partial with few rows per cell costs Redis and the aggregator too much for what it says, so a worker maps more
batches to it.
"""

import time
from dataclasses import dataclass, field

from autoconnect.broker.batches import Claim
from autoconnect.broker.keys import BatchId
from autoconnect.core.mapper import Mapper


@dataclass(frozen=True)
class GroupPolicy:
    """The limits of a group: it is committed once it reaches one of them."""

    #: Rows per cell: a partial with more is worth its commit.
    rows_per_cell: float = 200
    #: Cells of the partial: the rows of such a source seem to share few cells.
    cells: int = 100_000
    #: Batches: committing more would hold up Redis.
    batches: int = 256
    #: Seconds since the group began.
    seconds: float = 1.0


@dataclass
class Group:
    """The batches that `mapper` has mapped; `first` is the claim that began the group."""

    first: Claim
    mapper: Mapper
    policy: GroupPolicy
    items: list[BatchId] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)

    def accepts(self, claim: Claim) -> bool:
        """Whether a batch may join: it is of the same part and plan, and neither it nor the group has to be alone."""
        ours, other = self.first, claim
        same_plan = (ours.id.job, ours.id.generation) == (other.id.job, other.id.generation)
        return same_plan and ours.batch.part == other.batch.part and not (ours.alone or other.alone)

    @property
    def wants_more(self) -> bool:
        """Whether to map another batch before these are committed."""
        policy = self.policy
        if self.first.alone or len(self.items) >= policy.batches:
            return False
        if time.monotonic() - self.started_s >= policy.seconds:
            return False
        cells = self.mapper.cells
        return cells < policy.cells and self.mapper.rows <= policy.rows_per_cell * cells
