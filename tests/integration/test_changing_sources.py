"""A source that changes while a job reads it fails the job at once, whatever the change and whenever it happens."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autoconnect.broker import batches
from autoconnect.models import Job, JobStatus
from tests.e2e.waiting import wait_until
from tests.integration.stack import Stack, expected_metrics

pytestmark = pytest.mark.usefixtures("file_modes_apply")

Change = Callable[[Path], None]

COULD_BE_READ = ", though it could be read when the job was planned; submit it again."
NOT_REGULAR = f"The source 'source.csv' is not a regular file{COULD_BE_READ}"
GONE = f"There is no source 'source.csv' in the data folder{COULD_BE_READ}"
TOUCHED = (
    "The source 'source.csv' changed while it was read: its size is as planned, but its modification time is not; "
    "submit it again."
)
SAME_TIME = (
    "The source 'source.csv' changed while it was read: its size and modification time are as planned, but its ctime "
    "is not; submit it again, or set AUTOCONNECT_SOURCE_CTIME=off if each machine sees another ctime."
)
RESIZED = (
    "The source 'source.csv' changed while it was read: {planned:,} bytes when planned, {now:,} now; submit it again."
)


def grow(path: Path) -> None:
    with path.open("a") as file:
        file.write("x\n" * 50_000)


def shrink(path: Path) -> None:
    os.truncate(path, 3_000)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    """Overwrite some bytes; the size stays, the time changes."""
    mtime_ns, size = path.stat().st_mtime_ns, path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"x" * 100)
    os.utime(path, ns=(mtime_ns + 1, mtime_ns + 1))


def touch(path: Path) -> None:
    os.utime(path, ns=(0, 0))


def rewrite(path: Path) -> None:
    """Overwrite some bytes, and set back the time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        file.write(b"x" * 100)
    set_back(path, before)


def set_back(path: Path, before: os.stat_result) -> None:
    """Give a file the modification time of another one; wait for the clock of the file system to go on."""

    def has_other_ctime() -> bool:
        os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
        return path.stat().st_ctime_ns > before.st_ctime_ns

    wait_until("another ctime", has_other_ctime, poll_s=0.001)


#: Changes of the bytes: a process that has the file open reads the new ones.
IN_PLACE: dict[Change, str] = {
    grow: RESIZED,
    shrink: RESIZED,
    empty: RESIZED,
    overwrite: TOUCHED,
    touch: TOUCHED,
    rewrite: SAME_TIME,
}


def replace(path: Path) -> None:
    other = path.with_name("other.csv")
    other.write_text("id,date\n")
    other.replace(path)


def swap(path: Path) -> None:
    """Replace the file by one of the same size and time."""
    before = path.stat()
    other = path.with_name("other.csv")
    other.write_bytes(b"x" * before.st_size)
    set_back(other, before)
    other.replace(path)


def delete(path: Path) -> None:
    path.unlink()


def delete_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def forbid(path: Path) -> None:
    path.chmod(0)


#: Changes of the name: a process that has the file open reads the old bytes.
BY_NAME: dict[Change, str] = {
    replace: RESIZED,
    swap: SAME_TIME,
    delete: GONE,
    delete_folder: GONE,
    become_pipe: NOT_REGULAR,
    become_folder: NOT_REGULAR,
    become_link: f"The source 'source.csv' is a link that leads out of the data folder{COULD_BE_READ}",
    forbid: f"The source 'source.csv' cannot be read: Permission denied{COULD_BE_READ}",
}
CHANGES = IN_PLACE | BY_NAME
#: The same, if the file is open: its rights do not matter any more, but their change shows in its ctime.
WHILE_OPEN = CHANGES | {forbid: SAME_TIME}
#: Bytes of the source after the change; `grow` adds 100,000.
SIZES: dict[Change, int] = {shrink: 3_000, empty: 0, replace: 8}

any_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
in_place = pytest.mark.parametrize("change", IN_PLACE, ids=lambda change: change.__name__)


@pytest.fixture(params=[("kernel", "range"), ("plain", "range"), ("plain", "inline")], ids="-".join)
def running(request: pytest.FixtureRequest, make_stack: Callable[..., Stack]) -> Stack:
    """A stack for each way to read a source."""
    mapper, transport = request.param
    return make_stack(mapper=mapper, batch_transport=transport)


@pytest.fixture
def around_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], None], str], None]]:
    """Arrange an act that happens once: just before the next read of a file, or just after it."""
    with monkeypatch.context() as patch:

        def arrange(act: Callable[[], None], when: str) -> None:
            real, pending = os.preadv, [act]

            def preadv(*arguments: Any) -> int:
                if pending and when == "before":
                    pending.pop()()
                count = real(*arguments)
                if pending:
                    pending.pop()()
                return count

            patch.setattr("os.preadv", preadv)

        yield arrange


def begun(stack: Stack) -> tuple[str, Path]:
    """A job of several batches, one of them done, and the path of its source."""
    job_id = stack.planned(stack.generated())
    stack.worker().round()
    job = stack.job(job_id)
    assert (job.status, job.batches.done) == (JobStatus.RUNNING, 1)
    return job_id, stack.settings.data_dir / "source.csv"


def assert_failed_at_once(job: Job, change: Change, planned: int, errors: dict[Change, str] = CHANGES) -> None:
    assert job.status is JobStatus.FAILED
    assert job.error == errors[change].format(planned=planned, now=SIZES.get(change, planned + 100_000))
    assert job.batches.retried == 0


@any_change
def test_a_source_that_changes_between_batches_fails_the_job_at_once(running: Stack, change: Change) -> None:
    job_id, path = begun(running)
    size = path.stat().st_size
    change(path)
    assert_failed_at_once(running.finish(job_id, running.worker()), change, size)


@pytest.mark.parametrize("when", ["before", "after"])
@any_change
def test_a_source_that_changes_while_a_batch_is_read_fails_the_job_at_once(
    running: Stack, around_read: Callable[[Callable[[], None], str], None], change: Change, when: str
) -> None:
    """Given a source that changes once it is open, just before or just after its bytes are read

    I expect that the batch does not count if its bytes may have changed. If only the name leads elsewhere, the batch
    has the planned bytes, and the next batch fails.
    """
    job_id, path = begun(running)
    size = path.stat().st_size
    around_read(lambda: change(path), when)
    assert_failed_at_once(running.finish(job_id, running.worker()), change, size, WHILE_OPEN)


@in_place
def test_a_source_that_changes_while_it_is_planned_fails_the_job(
    running: Stack, around_read: Callable[[Callable[[], None], str], None], change: Change
) -> None:
    job_id = running.submit(running.generated())
    path = running.settings.data_dir / "source.csv"
    size = path.stat().st_size
    around_read(lambda: change(path), "after")
    running.orchestrator.round()
    assert_failed_at_once(running.job(job_id), change, size)


@pytest.mark.parametrize("change", [replace, swap, delete, become_pipe], ids=lambda change: change.__name__)
def test_a_name_that_leads_elsewhere_once_the_last_batch_is_open_changes_nothing(
    running: Stack, around_read: Callable[[Callable[[], None], str], None], change: Change
) -> None:
    """The worker still has the planned bytes open: the result is that of the old file."""
    source = running.generated(rows=10)
    path = running.settings.data_dir / source
    data = path.read_bytes()
    job_id = running.planned(source)
    if running.settings.batch_transport == "inline":
        change(path)  # all its lines are in Redis by now
    around_read(lambda: change(path), "before")
    job = running.finish(job_id, running.worker())
    assert job.status is JobStatus.COMPLETED
    assert running.metrics(job_id) == expected_metrics(data)


@pytest.mark.parametrize("change", [swap, rewrite, forbid], ids=lambda change: change.__name__)
def test_without_source_ctime_only_size_and_modification_time_count(
    make_stack: Callable[..., Stack], around_read: Callable[[Callable[[], None], str], None], change: Change
) -> None:
    """Given a mount where each machine sees another ctime / When it changes, I expect no failure."""
    stack = make_stack(source_ctime="off", batch_bytes=1 << 20)
    job_id = stack.planned(stack.generated(rows=20))
    around_read(lambda: change(stack.settings.data_dir / "source.csv"), "after")
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_plan_without_a_ctime_is_read_whatever_the_setting(make_stack: Callable[..., Stack]) -> None:
    """An older version, or another setting, made the plan."""
    planning, stack = make_stack(source_ctime="off"), make_stack()
    job_id = planning.planned(stack.generated())
    (stack.settings.data_dir / "source.csv").chmod(0o600)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_disk_error_is_not_a_change_and_counts_as_an_attempt(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, worker = stack.planned(stack.generated()), stack.worker()

    def fail(*_: Any) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("os.preadv", fail)
        worker.round()
    mapped = batches.read_batches(stack.client, job_id, range(stack.job(job_id).batches.total))
    errors = [batch.error for batch in mapped if batch.attempts]
    assert errors == ["The source 'source.csv' cannot be read: Input/output error."]
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
