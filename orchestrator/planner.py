"""From a source to a plan: find it, judge its layout, cut it into byte ranges."""

from autoconnect.broker.jobs import Plan
from autoconnect.core.layout import HEAD_BYTES, WINDOW_BYTES, sniff, window_offsets
from autoconnect.core.splits import batch_bytes, cut
from autoconnect.settings import Settings
from autoconnect.sources import find_source, open_source

#: The plain mapper holds some hundred bytes for each one it reads, so its batches stay small.
LARGEST_BATCH_BYTES = 4 << 20


def make_plan(name: str, settings: Settings, workers: int) -> Plan:
    """How to read a source, in batches for so many workers.

    Raises SourceError where it can't be read as a transactions CSV.
    """
    source = find_source(name, settings)
    size = source.version.size
    with open_source(name, source.version, settings) as file:
        windows = (file.read(offset, WINDOW_BYTES) for offset in window_offsets(size))
        layout = sniff(file.read(0, HEAD_BYTES), windows)
        length = settings.batch_bytes or batch_bytes(size, workers, LARGEST_BATCH_BYTES)
        return Plan(source.version, layout, list(cut(layout.data_start, size, length, file.read)))
