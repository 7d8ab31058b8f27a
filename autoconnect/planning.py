"""Planning: find the files of a source, judge how they are written, cut them into batches.

Any engine can call it. It imports no numpy, so that a process that only plans stays small.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.layout import Layout
from autoconnect.core.plan import Part, Plan, PlannedBatch
from autoconnect.core.sniffer import Sniffed, read_sample, sniff
from autoconnect.core.splits import ByteRange, RecordScan, batch_bytes, cut, cut_at_records
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders, SourceFile, find_source, open_source

#: Where batches may end: `lines` costs a few reads per batch, `records` one read of the whole source.
Between = Literal["lines", "records"]

#: Largest batch when nothing else limits it: the kernel maps a batch block by block.
LARGEST_BYTES = 32 << 20
#: Largest batch that is held in memory as a whole: by the plain mapper, which needs hundreds of bytes for each byte it
#: reads, or by Redis.
LARGEST_IN_MEMORY_BYTES = 4 << 20


@dataclass(frozen=True)
class BatchSize:
    """The size of batches: `fixed_bytes`, or four batches per worker, within bounds."""

    workers: int
    fixed_bytes: int | None = None
    largest_bytes: int = LARGEST_BYTES

    def bytes_for(self, file_bytes: int) -> int:
        """The size of the batches of a file."""
        return self.fixed_bytes or batch_bytes(file_bytes, self.workers, self.largest_bytes)


def batch_size(settings: Settings, workers: int) -> BatchSize:
    """The size of batches for a number of workers, as the settings want it."""
    in_memory = settings.mapper == "plain" or settings.batch_transport == "inline"
    return BatchSize(workers, settings.batch_bytes, LARGEST_IN_MEMORY_BYTES if in_memory else LARGEST_BYTES)


def plan(
    names: Sequence[str],
    folders: Folders,
    size: BatchSize,
    between: Between = "lines",
    versions: Mapping[str, str] | None = None,
    options: DialectOptions = NOTHING_GIVEN,
) -> Plan:
    """Plan a source that consists of the named files, in this order.

    `versions` has, by name, the versions that files must still have; `options` are what the user gives of the dialect.
    Raises SourceError if a file cannot be read as a transactions CSV, and SourceChanged if it no longer has its
    version.
    """
    for step in plan_in_steps(names, folders, size, between, versions, options):
        if step:
            return step
    raise AssertionError("the last step is the plan")


def plan_in_steps(
    names: Sequence[str],
    folders: Folders,
    size: BatchSize,
    between: Between = "lines",
    versions: Mapping[str, str] | None = None,
    options: DialectOptions = NOTHING_GIVEN,
) -> Iterator[Plan | None]:
    """Do the same as `plan`, one batch per step: every step yields None, except the last, which yields the plan."""
    parts: list[Part] = []
    batches: list[PlannedBatch] = []
    for index, name in enumerate(names):
        version = (versions or {}).get(name) or find_source(name, folders).version
        with open_source(name, version, folders) as file:
            layout = sniff_file(file, options).layout
            parts.append(Part(name, version, layout, first_batch=len(batches)))
            for byte_range in _cut(file, layout, size.bytes_for(file.size), between):
                batches.append(PlannedBatch(index, byte_range))
                yield None
    yield Plan(parts, batches)


def sniff_file(file: SourceFile, options: DialectOptions = NOTHING_GIVEN) -> Sniffed:
    """Judge how a file is written, without planning it. Raises SourceError as `plan` does."""
    return sniff(read_sample(file.size, file.read), options)


def _cut(file: SourceFile, layout: Layout, batch_bytes: int, between: Between) -> Iterator[ByteRange]:
    if between == "lines":
        return cut(layout.data_start, file.size, batch_bytes, file.read, layout.line_end)
    scan = RecordScan(layout.data_start, file.size, file.read, layout.form)
    return cut_at_records(layout.data_start, batch_bytes, scan)
