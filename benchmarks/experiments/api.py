"""The cost of the API: metrics, next to a bare FastAPI endpoint that answers with the same bytes."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from autoconnect.errors import AutoConnectError
from autoconnect.local.temporary import temporary_folder
from autoconnect.models import API_PREFIX
from benchmarks import child
from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.data import make_wide
from benchmarks.ours import free_port
from benchmarks.report import Table, say

#: Nothing has this name, so it changes nothing but the query: each number in it makes a filter that is new.
_NEW = "city=Paris&city=none{}"
_AUTOCONNECT, _BARE = "AutoConnect", "bare FastAPI"
_CONNECTIONS = (1, 8, 32)
_UP_TIMEOUT_S = 30.0


class _Case(NamedTuple):
    """A metric that is asked for: its path, where `{}` is another number in each request, and the file of its job."""

    name: str
    path: str
    make_file: Callable[[Bench], Path]


_SMALL: Callable[[Bench], Path] = attrgetter("small_file")
_CASES = (
    _Case("kept answer", f"{API_PREFIX}/metrics/monthly-revenue?city=Paris&from=2023-01&to=2023-12", _SMALL),
    _Case("new filter", f"{API_PREFIX}/metrics/monthly-revenue?{_NEW}&from=2023-01&to=2023-12", _SMALL),
    _Case(
        "new filter, 200,000 cells: monthly-revenue",
        f"{API_PREFIX}/metrics/monthly-revenue?{_NEW}&from=2023-01&to=2023-12",
        lambda bench: make_wide(bench.folder),
    ),
    _Case(
        "new filter, 200,000 cells: top-models",
        f"{API_PREFIX}/metrics/top-models?{_NEW}&from=2023-01&to=2023-12",
        lambda bench: make_wide(bench.folder),
    ),
)


class _Load(NamedTuple):
    """The result of one run: requests per second, and the milliseconds that a request took."""

    per_second: float
    median_ms: float
    p99_ms: float


#: The runs of an endpoint for a case, on a number of connections.
_Runs = dict[tuple[str, str, int], list[_Load]]


def measure(bench: Bench) -> list[Table]:
    """Requests per second and times of both endpoints, on one connection and on several."""
    runs: _Runs = {}
    sizes: dict[str, int] = {}
    for case in _CASES:
        bench.stack.cold_job(case.make_file(bench))  # publishes the result that is requested
        path = case.path.replace("{}", "0" * 9)
        body = httpx2.get(f"http://127.0.0.1:{bench.stack.port}{path}").raise_for_status().content
        sizes[case.name] = len(body)
        with _bare(body) as bare_port:
            _measure_case(case, bare_port, bench, runs)
    return [Table("Metrics over HTTP", list(_lines(runs)), _note(sizes, bench))]


def _measure_case(case: _Case, bare_port: int, bench: Bench, runs: _Runs) -> None:
    for number in range(bench.sizes.rounds):
        rates = []
        for connections in _CONNECTIONS:
            for name, port, path in ((_AUTOCONNECT, bench.stack.port, case.path), (_BARE, bare_port, "/")):
                run = _run(port, path, connections, bench.sizes.api_s)
                runs.setdefault((case.name, name, connections), []).append(run)
                rates.append(f"{name} ({connections}) {run.per_second:,.0f}")
        say(f"api, {case.name}, round {number + 1} of {bench.sizes.rounds}: {', '.join(rates)} requests per second")


def _run(port: int, path: str, connections: int, seconds: float) -> _Load:
    times_s: list[float] = child.result(child.start("load", str(port), path, str(connections), str(seconds)))
    times_ms = sorted(time_s * 1_000 for time_s in times_s)
    return _Load(len(times_ms) / seconds, statistics.median(times_ms), times_ms[math.ceil(0.99 * len(times_ms)) - 1])


@contextmanager
def _bare(body: bytes) -> Iterator[int]:
    with temporary_folder() as folder:
        file, port = folder / "body.json", free_port()
        file.write_bytes(body)
        process = child.start("bare", str(port), file)
        try:
            _wait_until_up(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def _wait_until_up(port: int) -> None:
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while True:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/").raise_for_status()
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise AutoConnectError("The bare endpoint does not answer; its messages are above.") from None
            time.sleep(0.05)
        else:
            return


def _lines(runs: Mapping[tuple[str, str, int], Sequence[_Load]]) -> Iterator[dict[str, Any]]:
    for (case, name, connections), loads in runs.items():
        bare = runs[case, _BARE, connections]
        shares = [100 * load.per_second / base.per_second for load, base in zip(loads, bare, strict=True)]
        yield {
            "answer": case,
            "endpoint": name,
            "connections": connections,
            **Spread.of(load.per_second for load in loads).columns("requests per second", 0),
            "median ms": rounded(Spread.of(load.median_ms for load in loads).median, 2),
            "p99 ms": rounded(Spread.of(load.p99_ms for load in loads).median, 2),
            "% of bare": rounded(Spread.of(shares).median, 1),
        }


def _note(sizes: Mapping[str, int], bench: Bench) -> str:
    calls = "; ".join(f"{case.name}: GET {case.path}, {sizes[case.name]:,} bytes" for case in _CASES)
    return (
        f"{calls}. `{{}}` is another number in each request. {bench.sizes.rounds} rounds in turn, "
        f"{bench.sizes.api_s:g} s each. One process serves; another sends the next request on each connection as soon "
        "as the last one is answered. Milliseconds and % of bare: medians of the rounds."
    )
