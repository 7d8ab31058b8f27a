"""From a source to a plan: find the source, sniff its layout, cut it into byte ranges."""

from collections.abc import Iterator

from autoconnect.broker.jobs import Plan
from autoconnect.core.layout import HEAD_BYTES, WINDOW_BYTES, Layout, sniff, window_offsets
from autoconnect.core.splits import RecordScan, batch_bytes, cut, cut_at_records
from autoconnect.settings import Settings
from autoconnect.sources import SourceFile, Version, find_source, open_source

#: Largest batch for the plain mapper, which holds some hundred bytes for each one it reads, and for inline transport,
#: which holds batches in Redis.
_LARGEST_SMALL_BYTES = 4 << 20
#: Largest batch for the kernel.
_LARGEST_BYTES = 32 << 20


def make_plan(name: str, settings: Settings, workers: int) -> Plan:
    """The plan of a source for that number of workers, cut between lines.

    Raises SourceError if the source can't be read as a transactions CSV.
    """
    version = find_source(name, settings).version
    with open_source(name, version, settings) as file:
        layout = _layout(file, version.size)
        length = _batch_bytes(version.size, settings, workers)
        return Plan(version, layout, list(cut(layout.data_start, version.size, length, file.read)))


def scan_source(name: str, version: Version, settings: Settings, workers: int) -> Iterator[Plan | None]:
    """The same, cut between records, for which the whole source is read.

    Each step finds one more batch and yields None; the last step yields the plan. Raises SourceChanged if the source
    no longer has that version.
    """
    with open_source(name, version, settings) as file:
        layout = _layout(file, version.size)
        scan = RecordScan(layout.data_start, version.size, file.read, layout.delimiter)
        ranges = []
        for batch in cut_at_records(layout.data_start, _batch_bytes(version.size, settings, workers), scan):
            ranges.append(batch)
            yield None
    yield Plan(version, layout, ranges)


def _layout(file: SourceFile, size: int) -> Layout:
    windows = (file.read(offset, WINDOW_BYTES) for offset in window_offsets(size))
    return sniff(file.read(0, HEAD_BYTES), windows)


def _batch_bytes(size: int, settings: Settings, workers: int) -> int:
    small = settings.mapper == "plain" or settings.batch_transport == "inline"
    return settings.batch_bytes or batch_bytes(size, workers, _LARGEST_SMALL_BYTES if small else _LARGEST_BYTES)
