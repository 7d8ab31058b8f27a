"""The machinery of the benchmark, on a file too small for its figures to mean anything."""

import os
import socket
from pathlib import Path

import pyarrow as pa
import pytest

from autoconnect.errors import AutoConnectError
from autoconnect.generate import generate
from autoconnect.settings import PREFIX
from benchmarks import answers, child, contenders
from benchmarks.experiments import limits, stages
from benchmarks.models import MODELS, load, planned
from benchmarks.ours import SERVICES, free_port, running_stack
from benchmarks.report import Table, write_between_markers, write_sections
from benchmarks.simulated_workers import Simulation
from benchmarks.sparse import BATCH_BYTES, sparse_file
from tests.e2e.waiting import wait_until
from tests.required import require

ROWS = 3_000
TASKS = 100


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    path = tmp_path / "source.csv"
    path.write_text("".join(generate(ROWS)))
    return path


def test_a_job_and_another_engine_are_measured_and_compute_the_same_cube(source: Path) -> None:
    with running_stack(source.parent, 1, source) as stack:
        job = stack.cold_job(source)
        expected = stack.answer(job)
    cost, answer = child.run_engine("pandas", source, source)
    assert answers.difference(expected, answer) is None
    assert job.rows == ROWS
    assert set(job.by_service) == set(SERVICES)
    assert all(service.cpu_s > 0 and service.largest_bytes > 0 for service in job.by_service.values())
    assert 0 <= job.mapping_s < job.cost.wall_s
    assert cost.wall_s > 0
    assert cost.cpu_s > 0
    assert cost.peak_bytes > 0


def test_a_job_is_measured_on_a_dask_cluster_too(source: Path) -> None:
    with running_stack(source.parent, 1, source, "dask") as stack:
        job = stack.cold_job(source)
        answer = stack.answer(job)
    _, expected = child.run_engine("pandas", source, source)
    assert answers.difference(expected, answer) is None
    assert set(job.by_service) == set(SERVICES)


def test_each_stage_of_a_worker_takes_time(source: Path) -> None:
    spent = stages.stages_of(source)
    assert len(spent) == 5
    assert spent["map: the compiled kernel, from bytes to cells"] > 0
    assert min(spent.values()) >= 0


@pytest.mark.parametrize("name", MODELS[1:])
def test_every_model_computes_the_cube_of_one_process(source: Path, name: str) -> None:
    source.write_text("".join(generate(200_000)))  # several batches
    work = planned(source)
    assert len(work.plan.batches) > 2
    with load("sequential").ready(1) as run:
        expected = answers.from_cube(run(work).cube)
    with load(name).ready(2) as run:
        for _ in range(2):  # its processes take one file after another
            assert answers.difference(expected, answers.from_cube(run(work).cube)) is None


def test_one_cent_is_a_difference() -> None:
    row: list[list[object]] = [["Lyon"], ["vente"], ["Audi A4"], ["2023-01-01"], [2], [20.01], [10.0], [10.01], [None]]
    expected, answer = (_table([*row[:5], [euros], *row[6:]]) for euros in (20.01, 20.02))
    assert answers.difference(expected, expected) is None
    assert "2001" in str(answers.difference(expected, answer))


def test_only_the_text_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- bench:start -->\nOld.\n<!-- bench:end -->\nAfter.\n")
    write_between_markers(page, Table("Title", [{"name": "a", "count": 1_000}]).markdown())
    assert page.read_text() == (
        "Before.\n<!-- bench:start -->\n\n### Title\n\n| name | count |\n| --- | ---: |\n| a | 1,000 |\n\n"
        "<!-- bench:end -->\nAfter.\n"
    )
    page.write_text("No markers.\n")
    with pytest.raises(AutoConnectError, match="markers"):
        write_between_markers(page, "text")


def test_a_part_measured_separately_replaces_its_section_and_no_other(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    sections = [Table(title, [{"count": 1}], "Old.").markdown() for title in ("One", "Two", "Three")]
    page.write_text("<!-- bench:start -->\n<!-- bench:end -->\n")
    write_between_markers(page, "- When\n\n" + "".join(sections))
    before = page.read_text()
    write_sections(page, sections[:2])
    assert page.read_text() == before
    for index, title in enumerate(("One", "Two", "Three", "Four")):
        new = Table(title, [{"count": 2}], "New.").markdown()
        sections[index:] = [new, *sections[index + 1 :]]
        write_sections(page, [new])
        assert page.read_text() == (
            f"<!-- bench:start -->\n\n- When\n\n{''.join(sections).strip()}\n\n<!-- bench:end -->\n"
        )


@pytest.mark.parametrize("title", [contenders.AUTOCONNECT, contenders.AUTOCONNECT_GROUPED])
def test_workers_commit_every_empty_batch(title: str) -> None:
    assert contenders.tasks_per_second(contenders.contenders()[title], TASKS) > 0


@pytest.mark.parametrize(
    "title", sorted(set(contenders.contenders()) - {contenders.AUTOCONNECT, contenders.AUTOCONNECT_GROUPED})
)
def test_another_queue_finishes_every_empty_task(title: str) -> None:
    if not contenders.PYTHON.exists():
        require("queues", "the other queues are not installed")
    assert contenders.tasks_per_second(contenders.contenders()[title], TASKS) > 0


def test_what_simulated_workers_commit_is_measured(tmp_path: Path) -> None:
    few, _ = limits.cubes(tmp_path, ROWS)
    with sparse_file(tmp_path, 2_000 * BATCH_BYTES) as source:
        assert source, "the file system has no sparse files"
        run = limits.run(few, limits.Load(2, 0.02), source, 4.0)  # a commit of each worker a second
    assert 0 < run.busy.commits <= run.busy.done
    assert run.busy.cpu_s["redis"] > 0
    assert run.busy.cpu_s["simulation"] > 0
    assert run.worker.bytes > 0
    assert run.most_bytes > run.plan_bytes > 0


def test_a_slow_worker_holds_up_its_job_unless_its_batch_is_backed_up(tmp_path: Path) -> None:
    few, _ = limits.cubes(tmp_path, ROWS)
    slow = Simulation(workers=3, rows=str(few.rows), mean_s=0.05, slow=1, slow_times=4_000.0)
    with sparse_file(tmp_path, 40 * BATCH_BYTES) as source:
        assert source, "the file system has no sparse files"
        assert limits.mapping_s(slow, source, backups=True) < min(slow.durations_s()[:40]) * slow.slow_times


def test_all_processes_of_a_simulation_together_have_its_workers() -> None:
    parts = list(Simulation(workers=600, rows="rows.csv", mean_s=1.0, slow=3, slow_times=50.0).parts(250))
    assert [(part.workers, part.slow) for part in parts] == [(250, 3), (250, 0), (100, 0)]
    durations_s = parts[0].durations_s()
    assert durations_s == parts[1].durations_s()
    assert sum(durations_s) / len(durations_s) == pytest.approx(1.0, rel=0.05)


def test_each_request_to_a_bare_endpoint_is_timed(tmp_path: Path) -> None:
    body, port = tmp_path / "body.json", str(free_port())
    body.write_text("[1]")
    server = child.start("bare", port, body)
    try:
        wait_until("the bare endpoint answers", lambda: _answers(int(port)))
        times_s = child.result(child.start("load", port, "/", "2", "0.3"))
        with pytest.raises(AutoConnectError):
            child.result(child.start("load", port, "/elsewhere", "2", "0.3"))
    finally:
        server.terminate()
        server.communicate()
    assert len(times_s) > 2
    assert all(0 < time_s < 0.3 for time_s in times_s)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _table(columns: list[list[object]]) -> object:
    return answers.from_engine(pa.table({str(index): column for index, column in enumerate(columns)}))
