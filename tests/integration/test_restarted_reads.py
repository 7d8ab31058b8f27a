"""What is read in pieces is whole, or is read again, if Redis restarts between two pieces.

A cursor means nothing to a new run of the server, which hashes with a new seed: a scan that goes on misses fields.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autoconnect.broker import partials, staging
from autoconnect.broker.connection import Argument, Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Share
from autoconnect.core.partial import encode
from autoconnect.errors import CubeError
from autoconnect.models import JobStatus
from tests.chaos.redis_server import RedisServer
from tests.integration.stack import HEADER, Stack, expected_metrics
from worker.group import GroupPolicy

KEY = JobKeys("no job").staged("a name", "cube.1")
#: Fields of a hash; a scan of them takes some 19 calls.
FIELDS = {b"city:%d" % number: b"%d" % number * 100 for number in range(1_200)}

Scans = list[dict[bytes, bytes]]


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def reader(restartable: RedisServer) -> Iterator[Client]:
    """A client of the server that restarts."""
    reader = connect(restartable.url)
    yield reader
    reader.close()


@pytest.fixture
def restarted_stack(restartable: RedisServer, reader: Client, tmp_path: Path, policy: GroupPolicy) -> Iterator[Stack]:
    stack = Stack(reader, restartable.url, tmp_path, policy, batch_bytes=1 << 20)
    yield stack
    stack.close()


class BetweenPages:
    """Does something before a call of the first scan, of the second and so on, and notes what each scan found.

    `numbers` count the calls of each of these scans from 1.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *numbers: int) -> None:
        self.scans: Scans = []
        self._calls = 0  # of the current scan
        call = Client.call

        def act_and_call(client: Client, *command: Argument | float) -> Any:
            if command[0] != "HSCAN":
                return call(client, *command)
            if command[2] == 0:
                self.scans.append({})
                self._calls = 0
            self._calls += 1
            if (len(self.scans), self._calls) in enumerate(numbers, 1):
                act()
            cursor, some = call(client, *command)
            self.scans[-1].update(some)
            return cursor, some

        monkeypatch.setattr(Client, "call", act_and_call)


def stage(client: Client, fields: dict[bytes, bytes]) -> None:
    staging.stage_hash(client, KEY, staging.cut(fields), Share.STAGE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_a_scan_that_a_restart_interrupts_is_made_again(
    restartable: RedisServer, reader: Client, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Given a restart in the middle of each of two scans / I expect both to miss fields, and the third to be read"""
    stage(reader, FIELDS)
    pages = BetweenPages(monkeypatch, lambda: restartable.restart(number), 8, 8)
    assert staging.read_fields(reader, KEY) == FIELDS
    first, second, last = map(len, pages.scans)
    assert first < len(FIELDS)
    assert second < len(FIELDS)
    assert last == len(FIELDS)


def test_a_hash_that_is_gone_after_a_restart_is_read_as_nothing_not_as_a_part(
    restartable: RedisServer, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a restart in the middle of a scan, after which Redis no longer has the hash"""
    reader.call("SET", "autoconnect:first", "")  # so that there is a log
    mark = restartable.mark()
    stage(reader, FIELDS)
    pages = BetweenPages(monkeypatch, lambda: restartable.set_back(mark), 8)
    assert staging.read_fields(reader, KEY) == {}
    assert [bool(scan) for scan in pages.scans] == [True, False]


def test_a_hash_that_is_removed_in_the_middle_of_a_scan_is_read_as_nothing(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(reader, FIELDS)
    BetweenPages(monkeypatch, lambda: reader.call("UNLINK", KEY), 8)
    assert staging.read_fields(reader, KEY) == {}


def many_cities(stack: Stack, name: str = "source.csv") -> str:
    """The id of a job with a single batch, whose partial has a field for each of many cities."""
    rows = (f"{city},2024-01-02,V {city},vente,M,{city + 1},\n" for city in range(1_200))
    return stack.planned(stack.write(HEADER + "".join(rows), name))


def test_a_partial_is_whole_whenever_redis_restarts_while_it_is_read(
    restartable: RedisServer, reader: Client, restarted_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = many_cities(restarted_stack)
    restarted_stack.worker().round()
    (name,) = partials.partial_names(reader, job_id)
    whole = partials.read_partial(reader, name)
    assert whole
    pages = BetweenPages(monkeypatch, lambda: restartable.restart(signal.SIGKILL), 2, 8, 15)
    again = partials.read_partial(reader, name)
    assert again
    assert encode(again) == encode(whole)
    assert len(pages.scans) == 4


def test_a_job_is_exact_although_redis_restarts_while_its_partials_are_reduced(
    restartable: RedisServer, reader: Client, restarted_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = many_cities(restarted_stack)
    worker = restarted_stack.worker()
    worker.round()
    assert restarted_stack.job(job_id).status is JobStatus.REDUCING
    pages = BetweenPages(monkeypatch, lambda: restartable.restart(signal.SIGKILL), 10)
    assert restarted_stack.finish(job_id, worker).status is JobStatus.COMPLETED
    assert len(pages.scans) > 1
    data = (restarted_stack.settings.data_dir / "source.csv").read_bytes()
    assert restarted_stack.metrics(job_id) == expected_metrics(data)


def test_a_partial_that_stays_damaged_is_an_error_after_three_attempts(
    reader: Client, restarted_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a partial without one of its cities / I expect no part of it"""
    job_id = many_cities(restarted_stack)
    restarted_stack.worker().round()
    (name,) = partials.partial_names(reader, job_id)
    assert reader.call("HDEL", name, b"city:V 7") == 1
    pages = BetweenPages(monkeypatch, lambda: None)
    with pytest.raises(CubeError, match="damaged"):
        partials.read_partial(reader, name)
    assert len(pages.scans) == 3
