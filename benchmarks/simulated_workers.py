"""A process of simulated workers, which sleep in place of reading and mapping.

Each runs the worker's own code, with an id, a heartbeat and connections to Redis of its own, and commits a real
partial: that of a file, mapped once. How long a batch takes depends on its number and the worker's slowness, so it is
the same in each run.
"""

import json
import math
import random
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import worker.loop
from autoconnect.broker import partials
from autoconnect.broker.connection import BlockingClient, connect
from autoconnect.core.partial import Partial, encode
from autoconnect.core.plan import MappableBatch
from autoconnect.mapping import map_batches
from autoconnect.planning import BatchSize, plan
from autoconnect.service import Stop, repeat, run_service
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders

#: Of the logarithm of a batch's seconds: half of the batches take 0.7 to 1.4 times as long as the median.
SIGMA = 0.5
SEED = 7
_DRAWS = 4_096
#: Seconds between looks at whether a batch is still needed; a real worker looks before each block.
_STEP_S = 0.25
#: Seconds for which a thread may keep the interpreter: with 5 ms, a thousand that wait for it do little but ask.
_SWITCH_S = 1.0
_TALLY = b"tally"


@dataclass(frozen=True)
class Simulation:
    """Workers that take `mean_s` seconds a batch, log-normal; the first `slow` of them, `slow_times` as long.

    They commit the partial of the file `rows`.
    """

    workers: int
    rows: str
    mean_s: float
    slow: int = 0
    slow_times: float = 1.0

    def parts(self, at_once: int) -> Iterator[Self]:
        """The simulations of several processes, each with at most `at_once` workers; all slow ones are in the first."""
        for first in range(0, self.workers, at_once):
            workers = min(at_once, self.workers - first)
            yield replace(self, workers=workers, slow=0 if first else self.slow)

    def command(self) -> list[str]:
        """The command that runs it; its environment has the settings of the workers."""
        return [sys.executable, "-m", "benchmarks.simulated_workers", json.dumps(asdict(self))]

    def durations_s(self) -> list[float]:
        """The seconds of batches by number; they repeat from the last on."""
        source, middle = random.Random(SEED), math.log(self.mean_s) - SIGMA**2 / 2
        return [source.lognormvariate(middle, SIGMA) for _ in range(_DRAWS)]


class _Mapper:
    """Maps each batch to the same partial."""

    def __init__(self, of_batch: Partial) -> None:
        self._of_batch = of_batch
        self._rows_of_batch = of_batch.rows_read
        self.cells = len(of_batch.cube)
        self.numbers: list[int] = []

    @property
    def rows(self) -> int:
        return len(self.numbers) * self._rows_of_batch

    def partial(self) -> Partial:
        return replace(self._of_batch, lines=dict.fromkeys(self.numbers, self._rows_of_batch))


class _Slowness(threading.local):
    times = 1.0


def partial_of(rows: Path) -> Partial:
    """The partial of a file."""
    folders = Folders(uploads=rows.parent / "none", data=rows.parent)
    source = plan([rows.name], folders, BatchSize(1))
    return map_batches(source, range(len(source.batches)), folders)


def main(simulation: Simulation) -> int:
    """Run the workers until they are killed; return the exit code."""
    of_batch, durations_s, slowness = partial_of(Path(simulation.rows)), simulation.durations_s(), _Slowness()

    def add_batch(mapper: _Mapper, batch: MappableBatch, _: Folders, before_block: Callable[[], None]) -> None:
        remaining_s = durations_s[batch.number % len(durations_s)] * slowness.times
        while remaining_s > 0:
            before_block()
            time.sleep(min(remaining_s, _STEP_S))
            remaining_s -= _STEP_S
        mapper.numbers.append(batch.number)

    def work(settings: Settings, stop: Stop, number: int) -> None:
        if number < simulation.slow:
            slowness.times = simulation.slow_times
        url = settings.needed_redis_url()
        repeat(worker.loop.Worker(connect(url), BlockingClient(url, settings.block_ms), settings, stop).round, stop)

    def serve(settings: Settings, stop: Stop) -> None:
        sys.setswitchinterval(_SWITCH_S)
        threads = [threading.Thread(target=work, args=(settings, stop, number)) for number in range(simulation.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    vars(worker.loop).update(make_mapper=lambda *_: _Mapper(of_batch), add_batch=add_batch, warm_up=lambda _: None)
    vars(partials).update(encode=_encoder(of_batch))
    return run_service("worker", serve)


def _encoder(of_batch: Partial) -> Callable[[Partial], Mapping[bytes, bytes]]:
    """Encodes partials that differ in their lines only: on one machine, a thousand workers must not encode cells."""
    fields = encode(of_batch)
    tally: dict[str, Any] = json.loads(zlib.decompress(fields[_TALLY]))

    def encode_again(partial: Partial) -> Mapping[bytes, bytes]:
        text = json.dumps({**tally, "lines": partial.lines}, sort_keys=True)
        return {**fields, _TALLY: zlib.compress(text.encode(), 1)}

    return encode_again


if __name__ == "__main__":
    sys.exit(main(Simulation(**json.loads(sys.argv[1]))))
