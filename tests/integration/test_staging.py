"""What is too large for one script travels in pieces: it counts once and as a whole, or not at all.

Most tests make all pieces tiny, so that everything of a small job is staged: partials, sums, and its result.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aggregator.reduction import Reducer
from autoconnect.broker import batches, keys, partials, results, staging
from autoconnect.broker.connection import Argument, Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Share
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.partial import Partial, encode, merge_partials
from autoconnect.core.table import Table
from autoconnect.errors import BrokerUnavailable
from autoconnect.exports import json as json_format
from autoconnect.generate import generate
from autoconnect.models import JobStatus
from tests import oracle
from tests.chaos.redis_server import Mark, RedisServer
from tests.integration.stack import HEADER, Stack, expected_metrics, map_claim
from worker.group import GroupPolicy
from worker.loop import Worker

#: A script: its name, its keys and its arguments.
Script = tuple[str, list[str], list[Argument]]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is cut into tiny pieces, read in small steps, and compacted as soon as possible."""
    for name, value in {
        "MAX_ARGUMENT_BYTES": 1_000,
        "UNASKED_BYTES": 0,
        "_PIECE_BYTES": 100,
        "_SCAN_FIELDS": 2,
    }.items():
        monkeypatch.setattr(staging, name, value)
    monkeypatch.setattr(staging, "_NAME_BYTES", 10)
    monkeypatch.setattr(partials, "COMPACT_PARTIALS", 2)


class Scripts:
    """The scripts that clients run, and what a test does before or after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run: list[Script] = []
        self.before: Callable[[str, list[str], list[Argument]], object] = lambda *_: None
        self.after: Callable[[str, list[str], list[Argument]], object] = lambda *_: None
        run_script = Client.run_script

        def watch(client: Client, name: str, names: list[str], arguments: list[Argument]) -> Any:
            self.run.append((name, names, arguments))
            self.before(name, names, arguments)
            answer = run_script(client, name, names, arguments)
            self.after(name, names, arguments)
            return answer

        monkeypatch.setattr(Client, "run_script", watch)

    def pieces_of(self) -> Counter[str]:
        """The number of calls that staged each key."""
        return Counter(script_keys[-1] for name, script_keys, _ in self.run if name == "stage_pieces")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Scripts:
    return Scripts(monkeypatch)


def rejecting(stack: Stack) -> str:
    """Write a source with some rejects; returns its name."""
    return stack.write("".join(generate(300, seed=5, bad_ratio=0.05)))


def kind_of(key: str) -> str:
    """What a staged key is: a partial, a sum, or a part of a result."""
    if ":partial:" in key:
        return "sum" if ":partial:sum." in key else "partial"
    return key.rpartition(":")[2].partition(".")[0]


def is_exact(stack: Stack, job_id: str, worker: Worker) -> bool:
    """Whether a job completes with the metrics and the rejects of the oracle."""
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
    data = (stack.settings.data_dir / stack.job(job_id).source).read_bytes()
    rejects = [(row["line"], row["reason"]) for row in results.read_rejects(stack.client, job_id, 0, 10_000).rows]
    assert rejects == oracle.read_rows(data)[1]
    return stack.metrics(job_id) == expected_metrics(data)


def left_over(client: Client, admin: Client) -> list[str]:
    """What is still staged, or said to be."""
    staged = {key.decode() for key in client.call("ZRANGE", keys.STAGING, 0, -1)}
    return sorted(staged | {key.decode() for key in admin.call("KEYS", "*:staged:*")})


def cube_of(client: Client, job_id: str) -> dict[bytes, bytes]:
    """The bytes of a job's cube, whatever its pieces were."""
    result = results.read_result(client, job_id)
    assert result
    cube = results.read_cube(client, result)
    assert cube
    return encode(cube)


def partial_keys(admin: Client, job_id: str) -> set[str]:
    """The keys of partials that exist, whether they count or not."""
    return {key.decode() for key in admin.call("KEYS", f"{JobKeys(job_id).job}:partial:*")}


# In pieces


def test_a_job_of_which_everything_travels_in_pieces_is_exact(
    make_stack: Callable[..., Stack], client: Client, admin: Client, request: pytest.FixtureRequest
) -> None:
    whole = make_stack()
    worker, job_id = whole.worker(), whole.planned(rejecting(whole))
    assert is_exact(whole, job_id, worker)
    expected = cube_of(client, job_id)

    request.getfixturevalue("tiny")
    scripts: Scripts = request.getfixturevalue("scripts")
    stack = make_stack()
    worker, job_id = stack.worker(), stack.planned(rejecting(stack))
    for _ in range(3):
        worker.round()
        stack.aggregator.round()
    assert is_exact(stack, job_id, worker)
    assert cube_of(client, job_id) == expected
    calls: dict[str, int] = {}
    for key, count in scripts.pieces_of().items():
        calls[kind_of(key)] = max(calls.get(kind_of(key), 0), count)
    assert calls.keys() == {"partial", "sum", "cube", "metrics", "rejects"}
    assert min(calls.values()) > 1
    assert left_over(client, admin) == []


@pytest.mark.usefixtures("tiny")
def test_a_failed_job_has_rejects_in_pieces_and_nothing_else(
    stack: Stack, client: Client, admin: Client, scripts: Scripts
) -> None:
    job_id = stack.planned(stack.write(HEADER + "not,a,row\n" * 50))
    job = stack.finish(job_id, stack.worker())
    assert job.status is JobStatus.FAILED
    assert "50 of 50 rows were rejected" in str(job.error)
    assert len(results.read_rejects(client, job_id, 0, 100).rows) == 50
    assert client.call("EXISTS", JobKeys(job_id).cube, JobKeys(job_id).metrics) == 0
    assert {kind_of(key) for key in scripts.pieces_of()} == {"rejects"}
    assert left_over(client, admin) == []


def test_partials_sums_and_results_of_more_than_1_mib_are_staged(
    make_stack: Callable[..., Stack], client: Client, admin: Client, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a source of 73,000 models in three batches / I expect the sum of its partials, to the bit"""
    monkeypatch.setattr(partials, "COMPACT_PARTIALS", 2)
    prices = [n * n * 7_919 % 9_999_999_999 for n in range(73_000)]
    lines = [f"{n},2024-01-0{1 + n % 7},Paris,vente,M {n * n},{price},\n" for n, price in enumerate(prices)]
    stack = make_stack(batch_bytes=sum(map(len, lines[:36_000])))
    worker, job_id = stack.worker(), stack.planned(stack.write(HEADER + "".join(lines)))
    found: dict[str, Partial] = {}
    for _ in range(3):
        worker.round()
        names = [name for name in partials.partial_names(client, job_id) if ":sum." not in name]
        found |= dict(partials.read_partials(client, names))
        stack.aggregator.round()
    assert len(found) == 3
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
    assert cube_of(client, job_id) == encode(Partial(merge_partials(found.values()).cube))
    (summary,) = stack.metrics(job_id)["summary"]
    assert summary["models"] == 73_000
    assert summary["revenue"] == sum(prices)
    assert {kind_of(key) for key, count in scripts.pieces_of().items() if count > 1} == {"partial", "sum", "cube"}
    assert max(map(staged_bytes, scripts.run)) > 900_000
    assert left_over(client, admin) == []


def staged_bytes(script: Script) -> int:
    return staging.size_of([str(item) if isinstance(item, int) else item for item in script[2]])


# Sizes of all scripts


@pytest.mark.parametrize("transport", ["range", "inline"])
def test_names_as_long_as_a_record_travel_in_pieces(
    make_stack: Callable[..., Stack], scripts: Scripts, transport: str
) -> None:
    """Given a city and a model of 1 MB each, which have 3 bytes a letter in UTF-8 / I expect no script over 1 MiB"""
    stack = make_stack(batch_bytes=1 << 22, batch_transport=transport)
    name = "€" * 1_000_000
    rows = f"1,2024-01-31,{name},vente,A,1,\n2,2024-01-31,Paris,vente,{name},1,\n"
    job_id = stack.planned(stack.write((HEADER + rows).encode("cp1252")))
    assert stack.finish(job_id, stack.worker()).rows.accepted == 2
    metrics = stack.metrics(job_id)
    assert [row["city"] for row in metrics["city-comparison"]] == ["Paris", name]
    assert {row["model"] for row in metrics["top-models"]} == {"A", name}
    assert {kind_of(key) for key in scripts.pieces_of()} >= {"partial", "cube"}


def test_rejects_are_measured_in_bytes(make_stack: Callable[..., Stack], scripts: Scripts) -> None:
    """Given rejects of less than 1 MiB of characters, and of more bytes / I expect no script over 1 MiB"""
    stack = make_stack(batch_bytes=1 << 22, max_rejected_ratio=1)
    rows = [f"1,2024-01-31,Paris,vente,A,{'😀' * 480}{number},\n" for number in range(1_500)]
    job_id = stack.planned(stack.write(HEADER + "".join(rows)))
    assert stack.finish(job_id, stack.worker()).rows.rejected == 1_500
    found = results.read_rejects(stack.client, job_id, 0, 10_000).rows
    assert [row["raw"] for row in found] == [row.strip()[:500] for row in rows]
    assert "rejects" in {kind_of(key) for key in scripts.pieces_of()}
    assert int(stack.client.call("HGET", JobKeys(job_id).job, "result_bytes")) > 4 * 480 * 1_500


def test_the_largest_table_that_is_kept_fits_into_one_script(
    stack: Stack, client: Client, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given tables that are just small enough to be kept, and one that is too large / I expect no script over 1 MiB"""
    sizes = iter([results._MAX_TABLE_BYTES, results._MAX_TABLE_BYTES + 1])
    table_json = json_format.table_json

    def pad(table: Table) -> bytes:
        text = table_json(table)
        return text + b" " * (next(sizes, len(text)) - len(text))

    monkeypatch.setattr("autoconnect.broker.results.json_format.table_json", pad)
    job_id = stack.planned(stack.generated(rows=20))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    kept = [name.encode() for number, name in enumerate(CATALOGUE) if number != 1]
    assert sorted(client.call("HKEYS", JobKeys(job_id).metrics)) == sorted(kept)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / "source.csv").read_bytes())


# Lost pieces


def reducing(stack: Stack, worker: Worker) -> str:
    """The id of a job with rejects whose partials are all there."""
    job_id = stack.planned(rejecting(stack))
    while stack.job(job_id).status is JobStatus.RUNNING:
        worker.round()
    return job_id


#: How a piece is lost, by the type of its key: the whole key, as when its life has ended, or one piece of it.
LOSSES: dict[str, Callable[[Client, str], object]] = {
    "key": lambda admin, key: admin.call("UNLINK", key),
    "piece": lambda admin, key: (
        admin.call("RPOP", key) if kind_of(key) == "rejects" else admin.call("HDEL", key, admin.call("HKEYS", key)[-1])
    ),
}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("commit_batches", "partial"),
        ("compact_partials", "sum"),
        ("finish_job", "cube"),
        ("finish_job", "metrics"),
        ("finish_job", "rejects"),
    ],
)
def test_what_has_lost_a_piece_does_not_count_and_is_staged_again(
    stack: Stack, client: Client, admin: Client, scripts: Scripts, script: str, kind: str, loss: str
) -> None:
    worker = stack.worker()
    job_id = stack.planned(rejecting(stack))
    lost: list[str] = []

    def lose(name: str, script_keys: list[str], _: list[Argument]) -> None:
        staged = [key for key in script_keys[len(JobKeys("").for_scripts()) :] if kind_of(key) == kind]
        if name == script and staged and not lost:
            lost.extend(staged)
            LOSSES[loss](admin, staged[0])

    scripts.before = lose
    for _ in range(3):
        worker.round()
        stack.aggregator.round()
    assert is_exact(stack, job_id, worker)
    assert len(lost) == 1
    assert client.call("EXISTS", lost[0]) == 0
    assert len({key for key in scripts.pieces_of() if kind_of(key) == kind}) > 1
    assert left_over(client, admin) == []


@pytest.mark.usefixtures("tiny")
def test_a_power_cut_between_the_last_piece_and_its_script_changes_nothing(
    tmp_path: Path, policy: GroupPolicy, scripts: Scripts
) -> None:
    """Given pieces that Redis has acknowledged / When it is killed, and comes back without the last one of them

    I expect neither a partial nor a result to count without it, and both to be staged again.
    """
    server = RedisServer(tmp_path / "redis")
    client = connect(server.url)
    stack = Stack(client, server.url, tmp_path, policy)
    cuts: list[str] = []
    mark: list[Mark] = []

    def cut_power(name: str, script_keys: list[str], _: list[Argument]) -> None:
        if name == "stage_pieces":
            mark[:] = [server.mark()]
        elif name in ("commit_batches", "finish_job") and name not in cuts:
            cuts.append(name)
            assert server.set_back(mark[0])

    try:
        worker, job_id = stack.worker(), stack.planned(rejecting(stack))
        scripts.before = cut_power
        while stack.job(job_id).status is JobStatus.RUNNING:
            claim = stack.claimed(worker)
            assert partials.commit_batches(client, worker.id, [claim.id], map_claim(claim, stack.settings))
        assert cuts == ["commit_batches"]
        reducer = Reducer(client, stack.settings)
        while not stack.job(job_id).status.ended:
            reducer.reduce(job_id)
        assert cuts == ["commit_batches", "finish_job"]
        assert is_exact(stack, job_id, worker)
    finally:
        stack.close()
        client.close()
        server.stop()


@pytest.mark.usefixtures("tiny")
def test_a_commit_that_always_loses_a_piece_is_given_up_and_its_batch_stays_claimed(
    stack: Stack, client: Client, admin: Client, scripts: Scripts
) -> None:
    worker, job_id = stack.worker(), stack.planned(rejecting(stack))
    claim = stack.claimed(worker)
    partial = map_claim(claim, stack.settings)

    def lose(name: str, script_keys: list[str], _: list[Argument]) -> None:
        if name == "commit_batches":
            client.call("HDEL", script_keys[-1], b"tally", b"0/tally")

    scripts.before = lose
    with pytest.raises(BrokerUnavailable, match="keeps losing"):
        partials.commit_batches(client, worker.id, [claim.id], partial)
    assert stack.job(job_id).batches.done == 0
    assert batches.claimed_items(client, worker.id) == [claim.id]
    assert partial_keys(admin, job_id) == set()
    assert left_over(client, admin) == []
    scripts.before = lambda *_: None
    assert partials.commit_batches(client, worker.id, [claim.id], partial)
    assert is_exact(stack, job_id, worker)


# Calls that are sent again


def parsed(value: Any) -> Any:
    """A value with its JSON parsed: Redis writes the fields of an object in any order."""
    if isinstance(value, list):
        return [parsed(each) for each in value]
    if isinstance(value, dict):
        return {name: parsed(each) for name, each in value.items()}
    return json.loads(value) if isinstance(value, bytes) and value.startswith(b'{"') else value


class Again:
    """Sends each script again, as after a lost reply, and notes those whose second call did or said something else."""

    def __init__(self, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self._admin = admin
        self.different: list[str] = []
        self.sent: set[str] = set()
        run_script = Client.run_script

        def run_twice(client: Client, name: str, script_keys: list[str], arguments: list[Argument]) -> Any:
            answer = run_script(client, name, script_keys, arguments)
            first = parsed(answer), self._state()
            second = parsed(run_script(client, name, script_keys, arguments)), self._state()
            self.sent.add(name)
            if first != second:
                self.different.append(name)
            return answer

        monkeypatch.setattr(Client, "run_script", run_twice)

    def _state(self) -> dict[bytes, Any]:
        """The values of all keys; of the index of what is staged only the names, since its times are those of calls."""
        values = {name: parsed(self._value(name)) for name in self._admin.call("KEYS", "*")}
        return values | {keys.STAGING.encode(): self._admin.call("ZRANGE", keys.STAGING, 0, -1)}

    def _value(self, name: bytes) -> Any:
        match self._admin.call("TYPE", name):
            case b"hash":
                return self._admin.call("HGETALL", name)
            case b"set":
                return self._admin.call("SMEMBERS", name)
            case b"list":
                return self._admin.call("LRANGE", name, 0, -1)
            case b"zset":
                return self._admin.call("ZRANGE", name, 0, -1, "WITHSCORES")
            case b"stream":
                return self._admin.call("XRANGE", name, "-", "+")
        return self._admin.call("GET", name)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("outcome", [JobStatus.COMPLETED, JobStatus.FAILED])
def test_every_step_that_is_sent_again_answers_as_before_and_changes_nothing(
    make_stack: Callable[..., Stack],
    client: Client,
    admin: Client,
    monkeypatch: pytest.MonkeyPatch,
    outcome: JobStatus,
) -> None:
    stack = make_stack(heartbeat_ms=60_000, lease_ms=300_000, max_rejected_ratio=0.0 if outcome == "failed" else 1)
    worker = stack.worker()
    job_id = stack.planned(rejecting(stack))
    worker.round()
    stack.aggregator.round()
    again = Again(admin, monkeypatch)
    counts, orphan = partials.partial_names(client, job_id)[0], JobKeys(job_id).staged("a name", "cube.1")
    staging.stage_hash(client, orphan, {b"name": b"x"}, Share.STAGE)
    staging.unstage(client, job_id, [counts, orphan])
    assert client.call("EXISTS", counts, orphan) == 1
    while stack.job(job_id).status is JobStatus.RUNNING:
        worker.round()
        stack.aggregator.round()
    assert stack.finish(job_id, worker).status is outcome
    assert again.different == []
    assert again.sent >= {
        *("stage_pieces", "commit_batches", "compact_partials", "finish_job", "unstage"),
        *("begin_reduction", "end_reduction"),
    }
    assert left_over(client, admin) == []
