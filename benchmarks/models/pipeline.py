"""Pipeline: one process reads, one maps, one merges. Batches move from one to the next, so all three work at once."""

from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from autoconnect.core.partial import Partial, merge_partials
from autoconnect.mapping import make_mapper, reader_of
from autoconnect.sources.local import open_source
from benchmarks.models import SPAWN, Run, Work, queues, start

TITLE = "pipeline"

#: Batches that become one partial, so that partials are small next to the batches.
_GROUP = 16
#: What may wait between two stages, so that the first one does not read the whole file into memory.
_MAX_WAITING = 4
#: Seconds after which a stage gives up, since the other one must have failed.
_PATIENCE_S = 60.0


@contextmanager
def ready(workers: int) -> Iterator[Run]:  # more processes than stages would have nothing to do
    """Start a process for each stage."""
    read, mapped = SPAWN.Queue(_MAX_WAITING), SPAWN.Queue(_MAX_WAITING)  # batches and partials; None is the last one
    with ProcessPoolExecutor(3, SPAWN, start, (read, mapped)) as pool:

        def run(work: Work) -> Partial:
            merged = pool.submit(_merge)
            stages: list[Future[Any]] = [pool.submit(_read, work), pool.submit(_map, work), merged]
            for ended in wait(stages, return_when=FIRST_EXCEPTION).done:
                ended.result()  # raises what the stage has raised
            return merged.result()

        yield run


def _read(work: Work) -> None:
    [part] = work.plan.parts
    with open_source(part.name, part.version, work.folders) as file:
        for batch in work.plan.batches:
            queues[0].put(file.read_batch(batch.range), timeout=_PATIENCE_S)
    queues[0].put(None, timeout=_PATIENCE_S)


def _map(work: Work) -> None:
    [part] = work.plan.parts
    batches = enumerate(iter(lambda: queues[0].get(timeout=_PATIENCE_S), None))
    for _, group in groupby(batches, lambda batch: batch[0] // _GROUP):
        mapper = make_mapper("kernel", part.layout)
        for number, (lines, ahead) in group:
            mapper.add(number, len(lines), reader_of(lines + ahead))
        queues[1].put(mapper.partial(), timeout=_PATIENCE_S)
    queues[1].put(None, timeout=_PATIENCE_S)


def _merge() -> Partial:
    return merge_partials(iter(lambda: queues[1].get(timeout=_PATIENCE_S), None))
