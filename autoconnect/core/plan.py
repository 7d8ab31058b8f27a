"""A plan: the parts of a source, and the batches that they are cut into."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

from autoconnect.core.layout import Layout
from autoconnect.core.splits import ByteRange


@dataclass(frozen=True)
class Part:
    """One file of a source.

    `version` is an opaque token: two contents of a file never share one. `first_batch` is the number of the part's
    first batch; the batches of a plan are numbered from 0, part after part.
    """

    name: str
    version: str
    layout: Layout
    first_batch: int = 0

    def to_json(self) -> str:
        """This part as JSON, for Redis."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The part that `to_json` wrote."""
        fields = json.loads(text)
        return cls(**{**fields, "layout": Layout.from_fields(fields["layout"])})


class PlannedBatch(NamedTuple):
    """A byte range of one part of a plan; `part` is the index of that part."""

    part: int
    range: ByteRange


@dataclass(frozen=True)
class Plan:
    """How to read a source: its parts, and its batches in the order of their numbers."""

    parts: Sequence[Part]
    batches: Sequence[PlannedBatch]

    @property
    def total_bytes(self) -> int:
        """The bytes of all batches: the source without its headers."""
        return sum(batch.range.length for batch in self.batches)


@dataclass(frozen=True)
class MappableBatch:
    """A batch with everything needed to map it; `lines` are its packed lines if they travelled with it, or None."""

    number: int
    part: Part
    range: ByteRange
    lines: bytes | None = None
