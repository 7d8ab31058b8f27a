"""The input of every experiment: sizes, files and the running stack."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import make_file, make_form, make_uneven
from benchmarks.ours import Stack

#: Rows of the small job, which also warms up every engine.
SMALL_ROWS = 10_000


@dataclass(frozen=True)
class Sizes:
    """How much is measured: the rows of the files and the number of repetitions.

    `simulated` has numbers of simulated workers, with the mean seconds of a batch.
    """

    rows: int
    rounds: int
    scaling_rows: tuple[int, ...]
    scaling_rounds: int
    form_rows: int
    small_jobs: int
    slow_rows: int
    queue_tasks: int
    api_s: float
    naive_rows: int
    sparse_bytes: int
    simulated: tuple[tuple[int, float], ...]
    simulated_s: float
    simulated_bytes: int
    tail_bytes: int


FULL = Sizes(
    rows=20_000_000,
    rounds=5,
    scaling_rows=(1_000_000, 5_000_000, 20_000_000, 100_000_000),
    scaling_rounds=3,
    form_rows=2_000_000,
    small_jobs=100,
    slow_rows=10_000_000,
    queue_tasks=10_000,
    api_s=5.0,
    naive_rows=100_000,
    sparse_bytes=100_000_000_000,
    simulated=((1, 0.02), (10, 0.02), (100, 0.1), (100, 0.02), (1_000, 1.0)),
    simulated_s=5.0,
    simulated_bytes=1_000_000_000_000,
    tail_bytes=100_000_000_000,
)
QUICK = Sizes(
    rows=2_000_000,
    rounds=5,
    scaling_rows=(200_000, 1_000_000, 2_000_000),
    scaling_rounds=3,
    form_rows=1_000_000,
    small_jobs=100,
    slow_rows=3_000_000,
    queue_tasks=1_000,
    api_s=1.0,
    naive_rows=20_000,
    sparse_bytes=100_000_000_000,
    simulated=((1, 0.02), (100, 0.1)),
    simulated_s=2.0,
    simulated_bytes=100_000_000_000,
    tail_bytes=10_000_000_000,
)


@dataclass(frozen=True)
class Bench:
    """The setup of one run: `stack` has a worker for each core and reads the files of `folder`."""

    sizes: Sizes
    folder: Path
    stack: Stack

    def file(self, rows: int) -> Path:
        """The file with `rows` rows."""
        return _read_once(make_file(self.folder, rows))

    def form(self, rows: int, form: str) -> Path:
        """The file with `rows` rows in a form."""
        return _read_once(make_form(self.folder, rows, form))

    def uneven(self, rows: int) -> Path:
        """The file with `rows` rows, and with some that take much longer at its end."""
        return _read_once(make_uneven(self.folder, rows))

    @property
    def small_file(self) -> Path:
        """The file of the small job."""
        return make_file(self.folder, SMALL_ROWS)


def _read_once(path: Path) -> Path:
    """Read a file once, so that every engine reads it from memory."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
    return path
