"""The cost of the API: a filtered metric, next to a bare FastAPI endpoint that answers with the same bytes."""

import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from autoconnect.errors import AutoConnectError
from autoconnect.models import API_PREFIX
from benchmarks import child
from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.ours import free_port
from benchmarks.report import Table, say

_PATH = f"{API_PREFIX}/metrics/monthly-revenue?city=Paris&from=2023-01&to=2023-12"
_AUTOCONNECT, _BARE = "AutoConnect", "bare FastAPI"
_CONNECTIONS = 8
_UP_TIMEOUT_S = 30.0


class _Load(NamedTuple):
    """The result of one run: requests per second, and the milliseconds that a request took."""

    per_second: float
    median_ms: float
    p99_ms: float


def measure(bench: Bench) -> list[Table]:
    """Requests per second and times of both endpoints, on one connection and on several."""
    bench.stack.cold_job(bench.small_file)  # publishes the result that is requested
    body = httpx2.get(f"http://127.0.0.1:{bench.stack.port}{_PATH}").raise_for_status().content
    runs: dict[tuple[str, int], list[_Load]] = {}
    with _bare(body) as bare_port:
        for number in range(bench.sizes.rounds):
            for connections in (1, _CONNECTIONS):
                for name, port, path in ((_AUTOCONNECT, bench.stack.port, _PATH), (_BARE, bare_port, "/")):
                    run = _run(port, path, connections, bench.sizes.api_s)
                    runs.setdefault((name, connections), []).append(run)
            rates = ", ".join(f"{name} ({count}) {run[-1].per_second:,.0f}" for (name, count), run in runs.items())
            say(f"api, round {number + 1} of {bench.sizes.rounds}: {rates} requests per second")
    return [Table("A filtered metric over HTTP", list(_lines(runs)), _note(len(body), bench))]


def _run(port: int, path: str, connections: int, seconds: float) -> _Load:
    times_s: list[float] = child.result(child.start("load", str(port), path, str(connections), str(seconds)))
    times_ms = sorted(time_s * 1_000 for time_s in times_s)
    return _Load(len(times_ms) / seconds, statistics.median(times_ms), times_ms[math.ceil(0.99 * len(times_ms)) - 1])


@contextmanager
def _bare(body: bytes) -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        file, port = Path(folder) / "body.json", free_port()
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


def _lines(runs: Mapping[tuple[str, int], Sequence[_Load]]) -> Iterator[dict[str, Any]]:
    for (name, connections), loads in runs.items():
        bare = runs[_BARE, connections]
        shares = [100 * load.per_second / base.per_second for load, base in zip(loads, bare, strict=True)]
        yield {
            "endpoint": name,
            "connections": connections,
            **Spread.of(load.per_second for load in loads).columns("requests per second", 0),
            "median ms": rounded(Spread.of(load.median_ms for load in loads).median, 2),
            "p99 ms": rounded(Spread.of(load.p99_ms for load in loads).median, 2),
            "% of bare": rounded(Spread.of(shares).median, 1),
        }


def _note(size: int, bench: Bench) -> str:
    return (
        f"GET {_PATH}: {size:,} bytes. {bench.sizes.rounds} rounds in turn, {bench.sizes.api_s:g} s each. One process "
        "serves; another sends the next request on each connection as soon as the last one is answered. Milliseconds "
        "and % of bare: medians of the rounds."
    )
