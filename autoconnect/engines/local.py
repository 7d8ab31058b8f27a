"""The engine `local`: a job in this process, one batch after another. It needs no Redis and no other process.

An unexpected error ends it with a traceback, and a debugger can stop in any of its steps.
"""

from pathlib import Path

from autoconnect.client import Watcher
from autoconnect.core.cube import check_size
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.partial import Partial
from autoconnect.core.plan import MappableBatch
from autoconnect.engines.base import Ended
from autoconnect.engines.mapped import ToMap, run_mapped
from autoconnect.mapping import add_batch, make_mapper
from autoconnect.settings import Settings


def run(file: Path, settings: Settings, dialect: DialectOptions, watch: Watcher) -> Ended:
    """Run a job in this process."""
    return run_mapped(file, settings, dialect, watch, _map)


def _map(to_map: ToMap) -> Partial:
    [part] = to_map.plan.parts
    mapper = make_mapper(to_map.mapper, part.layout)
    for number, batch in enumerate(to_map.plan.batches):
        add_batch(mapper, MappableBatch(number, part, batch.range), to_map.folders)
        if mapper.cells > to_map.max_cells:
            check_size(mapper.partial().cube, to_map.max_cells)
        to_map.has_mapped(batch.range)
    return mapper.partial()
