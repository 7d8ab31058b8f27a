"""A job from its source to its result, step by step: the result, and the error for each fault of a source."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autoconnect.broker import batches, jobs, keys, results
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.generate import generate
from autoconnect.models import BatchState, JobStatus
from tests.integration.stack import HEADER, Stack, expected_metrics

GOOD = "TX1,2024-01-31,Paris,vente,Audi A4,100.50,\n"


def test_a_job_gives_the_metrics_of_the_oracle(stack: Stack) -> None:
    source = stack.write("".join(generate(400, seed=3, bad_ratio=0.05)))
    job_id = stack.planned(source)
    job = stack.finish(job_id, stack.worker(), stack.worker())
    assert job.status is JobStatus.COMPLETED
    assert job.batches.total > 10
    assert job.rows.read == job.rows.accepted + job.rows.rejected == 400
    assert sum(job.rejected_by_reason.values()) == job.rows.rejected > 0
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_the_cube_is_the_same_bit_for_bit_whatever_the_batches_the_workers_and_the_transport(
    make_stack: Callable[..., Stack],
) -> None:
    cubes: list[dict[bytes, bytes]] = []
    sizes: list[dict[str, Any]] = [{"batch_bytes": size} for size in (500, 7_777, 1 << 20)]
    for settings in (*sizes, {"batch_transport": "inline"}):
        stack = make_stack(**settings)
        job_id = stack.planned(stack.generated())
        assert stack.finish(job_id, *(stack.worker() for _ in range(len(cubes) + 1))).status is JobStatus.COMPLETED
        cubes.append(stack.client.call("HGETALL", JobKeys(job_id).cube))
    assert cubes.count(cubes[0]) == len(cubes)


def test_a_header_alone_gives_a_result_without_rows(stack: Stack) -> None:
    job_id = stack.planned(stack.write(HEADER))
    job = stack.finish(job_id)
    assert (job.status, job.batches.total, job.rows.read, job.progress) == (JobStatus.COMPLETED, 0, 0, 1.0)
    assert stack.metrics(job_id) == expected_metrics(HEADER.encode())


def test_rejected_rows_are_kept_with_file_line_reason_and_text(stack: Stack) -> None:
    bad = "TX2,2024-02-30,Paris,vente,Audi A4,100.50,\n"
    source = stack.write(HEADER + (GOOD * 99 + "\n" + bad) * 3)
    job_id = stack.planned(source)
    stack.finish(job_id, stack.worker())
    rejects = results.read_rejects(stack.client, job_id, 0, 10).rows
    assert rejects == [
        {
            "file": source,
            "line": line,
            "reason": "bad_date",
            "column": "date",
            "value": "2024-02-30",
            "expected": "a day like 2024-01-31",
            "raw": bad.strip(),
        }
        for line in (102, 203, 304)
    ]


def test_too_many_rejected_rows_fail_the_job_and_the_last_good_result_stays(stack: Stack) -> None:
    worker = stack.worker()
    good = stack.planned(stack.write(HEADER + GOOD))
    stack.finish(good, worker)
    bad = stack.planned(stack.write(HEADER + GOOD * 8 + "TX,,,,,,\n"))
    job = stack.finish(bad, worker)
    assert job.status is JobStatus.FAILED
    assert job.error == (
        "1 of 9 rows were rejected, more than the allowed share of 10% (AUTOCONNECT_MAX_REJECTED_RATIO): bad_date: "
        "1 row, first at line 10: nothing in date, expected a day like 2024-01-31."
    )
    assert len(results.read_rejects(stack.client, bad, 0, 10).rows) == 1
    assert results.published_job(stack.client) == good


def test_a_job_with_exactly_the_allowed_share_of_rejected_rows_completes(stack: Stack) -> None:
    job_id = stack.planned(stack.write(HEADER + GOOD * 9 + "TX,,,,,,\n"))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("missing.csv", None, "There is no source 'missing.csv' in the data folder."),
        ("../x.csv", None, "The source '../x.csv' is outside the data folder; give a path relative to it."),
        ("/etc/passwd", None, "The source '/etc/passwd' is outside the data folder; give a path relative to it."),
        ("", None, "The source '' is outside the data folder; give a path relative to it."),
        ("empty.csv", b"", "The file is empty; a header line was expected."),
        (
            "header.csv",
            b"id,date,ville,type,modele\n",
            "The header lacks prix; name it, or give its column or its text (--column price=NAME or price==TEXT); "
            "read as utf-8, line 1 is: id,date,ville,type,modele.",
        ),
    ],
)
def test_a_source_that_cannot_be_read_fails_the_job_with_one_sentence(
    stack: Stack, name: str, content: bytes | None, error: str
) -> None:
    if content is not None:
        stack.write(content, name)
    job = stack.job(stack.planned(name))
    assert (job.status, job.error) == (JobStatus.FAILED, error)


def test_a_folder_a_pipe_a_link_outside_and_an_unusable_name_are_not_sources(stack: Stack, tmp_path: Path) -> None:
    (stack.settings.data_dir / "folder").mkdir()
    os.mkfifo(stack.settings.data_dir / "pipe")
    (stack.settings.data_dir / "link.csv").symlink_to(tmp_path / "outside.csv")
    (tmp_path / "outside.csv").write_text(HEADER)
    for name in ("folder", "pipe", "link.csv", "x" * 3_000, "nul\0"):
        job = stack.job(stack.planned(name))
        assert job.status is JobStatus.FAILED, name
        assert job.error
        assert job.error.startswith("The source")


def test_a_source_that_changes_while_it_is_read_fails_the_job(stack: Stack) -> None:
    job_id = stack.planned(stack.generated(seed=1))
    stack.generated(seed=2, rows=301)
    job = stack.finish(job_id, stack.worker())
    assert job.status is JobStatus.FAILED
    assert job.error
    assert "changed while it was read" in job.error


def test_a_stray_quote_at_the_end_of_a_batch_rejects_its_line_alone(
    make_stack: Callable[..., Stack],
) -> None:
    text = HEADER + GOOD * 30 + 'TX1,2024-01-31,"Paris,vente,Audi A4,100.50,\n' + GOOD * 30
    for settings in ({"batch_bytes": 100}, {"batch_bytes": 100, "batch_transport": "inline"}):
        stack = make_stack(**settings)
        job = stack.finish(stack.planned(stack.write(text)), stack.worker())
        assert (job.status, job.rows.accepted) == (JobStatus.COMPLETED, 60)
        assert job.rejected_by_reason == {"bad_quotes": 1}


def test_too_many_cells_fail_the_job_and_the_error_names_the_column(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(max_cells=50)
    lines = (f"TX{n},2024-01-31,Paris,vente,Model {n},100.50,\n" for n in range(60))
    job = stack.finish(stack.planned(stack.write(HEADER + "".join(lines))), stack.worker())
    assert job.status is JobStatus.FAILED
    assert job.error == (
        "The source has more than 50 combinations of city, day, type and model (AUTOCONNECT_MAX_CELLS); "
        "the column with the most values is model, with 60."
    )


def test_inline_lines_never_pile_up_in_redis(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(batch_transport="inline", batch_bytes=200)
    worker = stack.worker()
    job_id = stack.planned(stack.generated())
    most_batches = 0
    while stack.job(job_id).status is JobStatus.RUNNING:
        stack.orchestrator.round()
        most_batches = max(most_batches, stack.client.call("HLEN", JobKeys(job_id).lines))
        worker.round()
    assert stack.finish(job_id).status is JobStatus.COMPLETED
    assert 1 < most_batches <= 4


def test_the_source_in_the_settings_is_submitted_once_per_version(make_stack: Callable[..., Stack]) -> None:
    first = make_stack(source="source.csv")
    first.generated(rows=10)
    first.orchestrator.round()
    make_stack(source="source.csv").orchestrator.round()
    assert len(list(jobs.list_jobs(first.client))) == 1
    (_, job), *_ = jobs.list_jobs(first.client)
    first.finish(job.id, first.worker())
    make_stack(source="source.csv").orchestrator.round()
    assert len(list(jobs.list_jobs(first.client))) == 1
    first.generated(rows=11)
    make_stack(source="source.csv").orchestrator.round()
    assert len(list(jobs.list_jobs(first.client))) == 2


def test_a_source_that_is_the_same_but_for_its_ctime_is_not_submitted_again(make_stack: Callable[..., Stack]) -> None:
    """A checkout, a copy or another container may change the ctime of a file that is the same."""
    first = make_stack(source="source.csv")
    path = first.settings.data_dir / first.generated(rows=10)
    first.orchestrator.round()
    ((_, job),) = jobs.list_jobs(first.client)
    first.finish(job.id, first.worker())
    before = path.stat()
    copy = path.with_name("copy.csv")
    shutil.copy2(path, copy)
    copy.replace(path)
    assert path.stat().st_ctime_ns != before.st_ctime_ns
    for ctime in ("on", "off"):
        make_stack(source="source.csv", source_ctime=ctime).orchestrator.round()
    assert len(list(jobs.list_jobs(first.client))) == 1


@pytest.mark.parametrize("source", ["../x.csv", "/etc/passwd", "x" * 255])
def test_an_unusable_source_in_the_settings_is_a_failed_job(make_stack: Callable[..., Stack], source: str) -> None:
    stack = make_stack(source=source)
    stack.orchestrator.round()
    stack.orchestrator.round()
    ((_, job),) = jobs.list_jobs(stack.client)
    assert (job.source, job.status) == (source, JobStatus.FAILED)


def test_the_allowed_share_is_compared_without_floating_point_errors(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(max_rejected_ratio=0.29)
    job_id = stack.planned(stack.write(HEADER + GOOD * 71 + "TX,,,,,,\n" * 29))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_line_that_never_ends_fails_the_plan(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoconnect.core.splits._MAX_LINE_BYTES", 10_000)
    stack = make_stack(batch_bytes=100)
    job = stack.job(stack.planned(stack.write(HEADER + GOOD + "x" * 20_000)))
    assert job.error == "A line is longer than 10,000 bytes; lines must end with a line feed."


def test_cancelling_drops_waiting_batches_at_once_and_refuses_later_commits(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated())
    worker.round()
    assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
    assert not jobs.end_job(client, job_id, JobStatus.CANCELLED)
    job = stack.job(job_id)
    states = [batch.state for batch in batches.read_batches(client, job_id, range(job.batches.total))]
    assert states.count(BatchState.DONE) == 1
    assert states.count(BatchState.DROPPED) == len(states) - 1 > 0
    for _ in range(3):  # items that linger in the ready list are dropped when they are claimed
        worker.round()
    assert stack.job(job_id).batches.done == 1
    assert client.call("LLEN", keys.READY) == 0


def test_a_newer_result_is_published_and_an_older_one_that_ends_later_is_not(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    source = stack.generated(rows=20)
    oldest, older, newer = stack.planned(source), stack.planned(source), stack.planned(source)
    stack.finish(newer, worker)
    stack.finish(older, worker)
    stack.finish(oldest, worker)
    assert [stack.job(job_id).status for job_id in (oldest, older, newer)] == [JobStatus.COMPLETED] * 3
    assert results.published_job(client) == newer
    assert client.call("PTTL", JobKeys(newer).cube) == -1
    assert 0 < client.call("PTTL", JobKeys(older).cube) <= 600_000
    last = stack.planned(source)
    stack.finish(last, worker)
    assert results.published_job(client) == last
    assert 0 < client.call("PTTL", JobKeys(newer).cube) <= 600_000
