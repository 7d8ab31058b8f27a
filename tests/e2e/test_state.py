"""The data of the embedded server on disk is damaged: `up` says so at once, and repairs it only if asked."""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoconnect.broker.connection import Client, connect
from autoconnect.errors import AutoConnectError, StateDamaged
from autoconnect.local import embedded
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.stack import local_stack, start_or_repair
from autoconnect.local.supervisor import QUICK_DEATHS, Supervisor, launch
from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import autoconnect, environment, running
from tests.e2e.waiting import free_port, wait_until
from tests.required import require

#: Keys in the snapshot, and keys written since then.
OLD, NEW = 500, 500

Start = Callable[[Supervisor, EmbeddedServer], None]


@contextmanager
def started(folder: Path, start: Start = Supervisor.start_server, *options: str) -> Iterator[tuple[Supervisor, Client]]:
    """A server on the data in a folder, and a client of it."""
    server, supervisor = EmbeddedServer(folder), Supervisor(os.environ)
    server.command += options
    try:
        start(supervisor, server)
        client = connect(server.url)
        yield supervisor, client
        client.close()
    finally:
        supervisor.stop()
        server.clean_up()


@pytest.fixture(scope="module", params=["embedded", "redis-server"])
def server_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Valkey from its wheel, and the Redis of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "embedded":
            path = shutil.which(request.param) or require("redis-server", "there is no redis-server on the PATH")
            patch.setattr(embedded, "find_server", lambda: path)
        yield request.param


@pytest.fixture(scope="module")
def healthy(server_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data with a snapshot and later commands, the last of them a transaction."""
    folder = tmp_path_factory.mktemp("healthy")
    with started(folder) as (_, client):
        client.call_many([("SET", f"old:{n}", os.urandom(100)) for n in range(OLD)])
        client.call("BGREWRITEAOF")
        wait_until("the snapshot", lambda: client.call("INFO", "persistence")["aof_rewrite_in_progress"] == 0)
        wait_until("its manifest", lambda: "2.base" in next(data(folder).glob("*.manifest")).read_text())
        client.call_many([("SET", f"new:{n}", "y" * 50) for n in range(NEW)])
        client.call("EVAL", "redis.call('SET', 'a', 1) redis.call('SET', 'b', 1)", 0)
    return folder


@pytest.fixture
def state(healthy: Path, tmp_path: Path) -> Path:
    """A copy of that data."""
    return shutil.copytree(healthy, tmp_path / "redis")


def data(folder: Path) -> Path:
    return folder / "appendonlydir"


def file_of(folder: Path, kind: str) -> Path:
    """The base, the increment or the manifest."""
    (file,) = data(folder).glob(f"*.{kind}*")
    return file


def content(folder: Path) -> dict[str, str]:
    """All files below a folder, by name, as digests."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def counts(client: Client) -> tuple[int, int]:
    """The number of keys from the snapshot and of those after it."""
    return len(client.call("KEYS", "old:*")), len(client.call("KEYS", "new:*"))


def overwrite(file: Path, new: bytes) -> None:
    """Put other bytes into the middle of a file."""
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + len(new)] = new
    file.write_bytes(whole)


def replace(file: Path, old: bytes, new: bytes) -> None:
    assert old in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(old, new, 1))


#: Options that let a server need some milliseconds for each key, and answer meanwhile.
SLOW = ("--key-load-delay", "8000", "--loading-process-events-interval-bytes", "1024")
GARBAGE = bytes(range(128, 256)) * 2
CUTS: dict[str, Callable[[Path], object]] = {
    "garbage in the middle": lambda folder: overwrite(file_of(folder, "incr"), GARBAGE),
    "zeros to the end": lambda folder: overwrite(file_of(folder, "incr"), bytes(100_000)),
}
EMPTIES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "an unknown command": ("incr", lambda folder: replace(file_of(folder, "incr"), b"$3\r\nSET", b"$3\r\nSXT")),
    "no increment": ("incr", lambda folder: file_of(folder, "incr").unlink()),
    "garbage in the snapshot": ("base", lambda folder: overwrite(file_of(folder, "base"), GARBAGE)),
    "another digit in the snapshot": ("base", lambda folder: replace(file_of(folder, "base"), b"old:123", b"old:923")),
    "half a snapshot": ("base", lambda folder: os.truncate(file_of(folder, "base"), 2_000)),
    "an empty snapshot": ("base", lambda folder: os.truncate(file_of(folder, "base"), 0)),
    "no snapshot": ("base", lambda folder: file_of(folder, "base").unlink()),
    "garbage as manifest": ("manifest", lambda folder: file_of(folder, "manifest").write_text("hello\n")),
    "an empty manifest": ("manifest", lambda folder: os.truncate(file_of(folder, "manifest"), 0)),
    "half a manifest": ("manifest", lambda folder: os.truncate(file_of(folder, "manifest"), 60)),
    "no manifest": ("manifest", lambda folder: file_of(folder, "manifest").unlink()),
}


def refusal(folder: Path) -> str:
    """The error of a start on damaged data, which changes nothing."""
    before = content(data(folder))
    with pytest.raises(StateDamaged) as caught, started(folder):
        pass
    assert content(data(folder)) == before
    return str(caught.value)


@pytest.mark.parametrize("name", CUTS)
def test_a_damaged_increment_is_named_and_cut_off_at_the_damage(
    name: str, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    CUTS[name](state)
    damaged, file = content(data(state)), file_of(state, "incr")
    size = file.stat().st_size
    message = refusal(state)
    assert message.startswith(f"Redis cannot load its data: {file} is damaged (Bad file format reading the append only")
    assert message.endswith(
        "). `autoconnect up --repair-state` keeps a copy of the data and cuts this file off at the damage: the jobs "
        "and results after it are lost, but can be computed again from the sources."
    )
    with started(state, start_or_repair) as (_, client):
        old, new = counts(client)
    assert (old, 0 < new < NEW) == (OLD, True)
    copy = state / "appendonlydir.damaged-1"
    assert content(copy) == damaged
    captured = capfd.readouterr()
    cut = rf"{re.escape(str(file))} was cut off at [\d,]+ of {size:,} bytes: what was stored after that is lost\. "
    assert re.fullmatch(cut + re.escape(f"The damaged data is kept in {copy}.\n"), captured.err)
    assert captured.out == ""
    assert_healthy(state, capfd)


@pytest.mark.parametrize("name", EMPTIES)
def test_other_damage_is_named_and_the_server_starts_empty_with_the_data_kept(
    name: str, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kind, damage = EMPTIES[name]
    file = file_of(state, kind)
    damage(state)
    damaged = content(data(state))
    message = refusal(state)
    assert message.startswith(f"Redis cannot load its data: {file} is ")
    assert message.endswith(
        ". `autoconnect up --repair-state` keeps a copy of the data and starts empty: all jobs and results are lost, "
        "but can be computed again from the sources."
    )
    assert message.isprintable()
    with started(state, start_or_repair) as (_, client):
        assert counts(client) == (0, 0)
        client.call("SET", "later", 1)
    copy = state / "appendonlydir.damaged-1"
    assert content(copy) == damaged
    said = f"Redis starts empty; all jobs and results before are lost. The damaged data is kept in {copy}.\n"
    assert capfd.readouterr() == ("", said)
    assert_healthy(state, capfd)


def assert_healthy(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A repair of healthy data changes nothing and says so."""
    before = content(folder)
    with started(folder, start_or_repair):
        pass
    after = content(folder)
    assert capfd.readouterr().err == f"Redis can load its data in {folder}; nothing was repaired.\n"
    assert before.pop("redis.log") != after.pop("redis.log")
    assert after == before


def test_healthy_data_is_not_changed_by_a_repair(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert_healthy(state, capfd)
    with started(state) as (_, client):
        assert counts(client) == (OLD, NEW)


def test_the_end_of_the_last_command_may_be_missing_after_a_power_cut(state: Path) -> None:
    increment = file_of(state, "incr")
    os.truncate(increment, increment.stat().st_size - 7)
    with started(state) as (_, client):
        assert counts(client) == (OLD, NEW)
        assert client.call("EXISTS", "a", "b") == 0, "a transaction counts as a whole"


def test_a_first_start_that_was_killed_before_the_manifest_counts_as_empty(state: Path) -> None:
    shutil.rmtree(data(state))
    with started(state):
        pass
    file_of(state, "manifest").unlink()
    with started(state) as (_, client):
        assert counts(client) == (0, 0)


def test_copies_are_never_overwritten_and_half_a_copy_is_made_anew(state: Path) -> None:
    """Given a repair that was killed while it copied / When the data is damaged and repaired twice"""
    (state / "appendonlydir.damaged-1.part").mkdir()
    (state / "appendonlydir.damaged-1.part" / "half").touch()
    kept: list[dict[str, str]] = []
    for _ in range(2):
        CUTS["garbage in the middle"](state)
        kept.append(content(data(state)))
        with started(state, start_or_repair):
            pass
    copies = sorted(path for path in state.iterdir() if "damaged" in path.name)
    assert [path.name for path in copies] == ["appendonlydir.damaged-1", "appendonlydir.damaged-2"]
    assert [content(path) for path in copies] == kept


def test_without_room_for_the_copy_nothing_is_touched(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Given a system that refuses large files"""
    CUTS["garbage in the middle"](state)
    before = content(state)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_of(state, "incr").stat().st_size // 2, hard))
    try:
        with pytest.raises(AutoConnectError) as caught, started(state, start_or_repair):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value) == (
        f"The data of Redis is unchanged and not repaired, because no copy of it could be made in {state}: "
        "File too large."
    )
    assert capfd.readouterr().err == ""
    after = content(state)
    assert before.pop("redis.log") != after.pop("redis.log")
    assert after == before


@pytest.mark.parametrize("head", [b"VALKEY999", b"REDIS9999"])
def test_a_snapshot_of_another_kind_or_version_of_server_is_not_called_damaged(
    head: bytes, server_kind: str, state: Path
) -> None:
    base = file_of(state, "base")
    base.write_bytes(head + base.read_bytes()[9:])
    fault = "was written by another kind or a newer version of the server"
    assert refusal(state).startswith(f"Redis cannot load its data: {base} {fault} (")


def test_a_server_that_loads_is_waited_for_however_long_it_takes(
    state: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Given a server that needs longer to load than it may be silent"""
    monkeypatch.setattr(embedded, "_SILENCE_S", 2.0)
    file_of(state, "incr").write_bytes(b"")
    began = time.monotonic()
    with started(state, Supervisor.start_server, *SLOW) as (_, client):
        assert counts(client) == (OLD, 0)
    assert time.monotonic() - began > OLD * 0.008
    assert capfd.readouterr().err == f"Redis is loading its data from {state}; AutoConnect starts when it has.\n"


def test_a_redis_of_the_settings_that_loads_is_waited_for_too(
    state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = EmbeddedServer(state)
    process = launch([*server.command, *SLOW, "--key-load-delay", "3000"])  # it answers before calls are given up
    wait_until("its socket", Path(server.url.removeprefix("unix://")).exists)
    with local_stack(tmp_path, {}, redis_url=server.url, workers=1, with_api=False) as (_, client):
        assert counts(client)[0] == OLD
    process.terminate()
    process.wait()
    server.clean_up()
    assert capfd.readouterr().err.startswith("Redis is still loading its data. AutoConnect starts when it has.\n")


def test_a_server_that_is_killed_while_it_starts_is_noticed(state: Path) -> None:
    server, supervisor = EmbeddedServer(state), Supervisor(os.environ)
    server.command += ("--key-load-delay", "100000")

    def kill() -> None:
        loads = wait_until(
            "the server", lambda: re.search(r"^(\d+):M .* RDB is base AOF", server.log.read_text(), re.M)
        )
        os.kill(int(loads[1]), signal.SIGKILL)

    server.log.write_text("")
    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(AutoConnectError, match=r"^Redis was ended by signal 9 at its start; "):
        supervisor.start_server(server)
    killer.join()
    supervisor.stop()
    server.clean_up()


def test_data_that_is_damaged_while_the_server_runs_is_named_when_it_no_longer_starts(state: Path) -> None:
    server, supervisor = EmbeddedServer(state), Supervisor(os.environ)
    supervisor.start_server(server)
    CUTS["garbage in the middle"](state)
    client = connect(server.url)
    os.kill(client.call("INFO", "server")["process_id"], signal.SIGKILL)
    client.close()
    for _ in range(QUICK_DEATHS - 1):
        supervisor.watch(timeout_s=60)
    with pytest.raises(StateDamaged, match="is damaged"):
        supervisor.watch(timeout_s=60)
    supervisor.stop()
    server.clean_up()


def test_up_ends_with_one_sentence_and_continues_after_a_repair(folder: Path) -> None:
    """Given a stack whose data ends in garbage"""
    (folder / "data" / SOURCE).write_text(stack_source(100))
    with running(folder) as up:
        first = wait_until("the first job", up.latest)
        assert up.ended(first["id"])["status"] == "completed"
    increment = file_of(folder / ".autoconnect" / "redis", "incr")
    with increment.open("ab") as file:
        file.write(GARBAGE)
    refused = autoconnect("up", "--port", str(free_port()), cwd=folder)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith(f"autoconnect: Redis cannot load its data: {increment} is damaged (")
    with running(folder, None, "--repair-state") as up:
        assert [job["id"] for job in up.get("/jobs")["items"]] == [first["id"]]
        assert up.get("/metrics/summary")["rows"][0]["transactions"] > 0
    assert f"{increment} was cut off at " in (folder / "messages.txt").read_text()
    with running(folder, None, "--repair-state"):
        pass
    healthy = f"Redis can load its data in {increment.parents[1]}; nothing was repaired."
    assert (folder / "messages.txt").read_text().splitlines()[0] == healthy


def up_as_an_owner(folder: Path) -> str:
    """What `up --repair-state` says and changes nothing, if it may do only what the modes of files allow."""
    command = [sys.executable, "-m", "autoconnect.cli.main", "up", "--repair-state", "--port", str(free_port())]
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv") or require(
            "capabilities", "there is no setpriv, with which root gives up rights"
        )
        command = [setpriv, "--bounding-set", "-dac_override,-dac_read_search", *command]
    before = content(folder)
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120)
    changed = {name for name, digest in content(folder).items() if before.get(name) != digest}
    assert (
        done.returncode,
        done.stdout,
        changed - {f".autoconnect/{name}" for name in ("lock", "redis/redis.log")},
    ) == (1, "", set())
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("name", ["base", "incr", "manifest"])
def test_a_file_that_may_not_be_read_is_named_and_not_repaired(name: str, folder: Path, healthy: Path) -> None:
    state = shutil.copytree(healthy, folder / ".autoconnect" / "redis")
    file = file_of(state, name)
    file.chmod(0)
    line = up_as_an_owner(folder)
    assert file.name in line
    assert "Permission denied" in line
    assert str(state) in line
    assert "read and write all in" in line


@pytest.mark.parametrize("name", [".autoconnect", ".autoconnect/redis", ".autoconnect/redis/redis.log"])
def test_a_state_that_may_not_be_written_is_named(name: str, folder: Path) -> None:
    (folder / ".autoconnect" / "redis").mkdir(parents=True)
    (folder / ".autoconnect" / "redis" / "redis.log").touch()
    (folder / name).chmod(0o400 if name.endswith("log") else 0o500)
    line = up_as_an_owner(folder)
    assert "Permission denied" in line
    assert str(folder / ".autoconnect") in line or " .autoconnect" in line
    assert "read and write all in" in line


def test_a_repair_is_for_the_embedded_server_only(folder: Path) -> None:
    done = autoconnect("up", "--repair-state", cwd=folder, extra={"AUTOCONNECT_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert done.returncode == 2
    assert "--repair-state is for the data of the embedded server, and AUTOCONNECT_REDIS_URL names" in done.stderr
