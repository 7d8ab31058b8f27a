"""A group: batches of one plan, mapped to one partial and committed together; all of them count, or none does.

A partial with few rows per cell costs Redis and the aggregator too much for the rows it stands for, so a worker maps
further batches to it.
"""

import time
from dataclasses import dataclass, field
from typing import Protocol

from autoconnect.broker.batches import Claim
from autoconnect.broker.keys import BatchId
from autoconnect.core.partial import Partial


class MappedSoFar(Protocol):
    """The part of a mapper that tells what it has mapped."""

    @property
    def rows(self) -> int:
        """As `Mapper.rows`."""

    @property
    def cells(self) -> int:
        """As `Mapper.cells`."""

    def partial(self) -> Partial:
        """As `Mapper.partial`."""


@dataclass(frozen=True)
class GroupPolicy:
    """The limits of a group. Reaching one of them ends it, as does the lack of a ready batch that fits."""

    #: Rows per cell: a partial with more is worth its commit.
    rows_per_cell: float = 200
    #: Cells of the partial: if there are more, its batches share too few cells to gain from a group.
    cells: int = 100_000
    #: Batches: committing more would hold up Redis.
    batches: int = 256
    #: Seconds since the group began.
    seconds: float = 1.0


@dataclass
class Group:
    """The batches that `mapper` has mapped; `first` is the claim that began the group."""

    first: Claim
    mapper: MappedSoFar
    policy: GroupPolicy
    items: list[BatchId] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)

    def accepts(self, claim: Claim) -> bool:
        """Whether a batch may join: it is of the same part and plan, and neither must be committed alone."""
        first = self.first
        same_plan = (claim.id.job, claim.id.generation) == (first.id.job, first.id.generation)
        return same_plan and claim.batch.part == first.batch.part and not (claim.alone or first.alone)

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
