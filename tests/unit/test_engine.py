"""A job without services: plan, map and reduce in one process, without Redis, as any other engine can call them."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.outcome import Limits, Outcome, reduce
from autoconnect.core.plan import Plan
from autoconnect.errors import CubeError, RecordCrossesBatch, SourceChanged
from autoconnect.generate import generate
from autoconnect.mapping import MapperName, map_batches
from autoconnect.planning import BatchSize, plan, plan_in_steps
from autoconnect.sources.local import Folders, find_source
from tests import oracle

SIZE = BatchSize(workers=2, fixed_bytes=2_000)
LIMITS = Limits(max_cells=100_000, max_rejected_ratio=0.5)
#: Another delimiter, decimal mark and order of columns, and blank lines before the header.
OTHER_ROWS = (
    "\n\nid;price;city;date;type;model;note\n",
    'A;10,50;Saint_Denis;2024-01-31;sale;Clio;"two\nlines"\n',
    "B;x;Lyon;2024-01-31;sale;Clio;\n",
)
OTHER_LAYOUT = "".join(OTHER_ROWS)

Metrics = dict[str, list[dict[str, Any]]]
Lines = list[tuple[int, str]]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(uploads=tmp_path / "none", data=tmp_path)


def write(folders: Folders, name: str, text: str) -> str:
    (folders.data / name).write_text(text, encoding="utf-8", newline="")
    return name


def run(names: list[str], folders: Folders, mapper_name: MapperName = "kernel") -> Outcome:
    """A whole job, batch by batch; if a record crosses an edge, it is planned again, between records."""
    try:
        return run_plan(plan(names, folders, SIZE), folders, mapper_name)
    except RecordCrossesBatch:
        return run_plan(plan(names, folders, SIZE, between="records"), folders, mapper_name)


def run_plan(whole_plan: Plan, folders: Folders, mapper_name: MapperName) -> Outcome:
    partials = [map_batches(whole_plan, [number], folders, mapper_name) for number in range(len(whole_plan.batches))]
    return reduce(partials, whole_plan.parts, LIMITS)


def expected(*texts: str) -> tuple[Metrics, Lines]:
    """The oracle's metrics of files that are read one after the other, and the lines and reasons of rejects."""
    files = [oracle.read_rows(text.encode(), delimiter=";" if text == OTHER_LAYOUT else ",") for text in texts]
    rows = [row for accepted, _ in files for row in accepted]
    rejects = [reject for _, rejected in files for reject in rejected]
    read = len(rows) + len(rejects)
    return {name: oracle.metric(name, rows, read, len(rejects)) for name in CATALOGUE}, rejects


def results(outcome: Outcome) -> tuple[Metrics, Lines]:
    metrics = {name: list(table.rows) for name, table in outcome.metrics.items()}
    return metrics, [(cast(int, row["line"]), cast(str, row["reason"])) for row in outcome.rejects.rows]


@pytest.mark.parametrize("mapper_name", ["kernel", "plain"])
def test_plan_map_and_reduce_make_the_oracles_metrics_and_rejects(folders: Folders, mapper_name: MapperName) -> None:
    text = "".join(generate(500, seed=3, bad_ratio=0.1))
    outcome = run([write(folders, "a.csv", text)], folders, mapper_name)
    assert outcome.failure is None
    assert results(outcome) == expected(text)


@pytest.mark.parametrize("mapper_name", ["kernel", "plain"])
def test_a_source_of_two_files_is_one_job_whatever_the_layout_of_each(
    folders: Folders, mapper_name: MapperName
) -> None:
    text = "".join(generate(300, seed=4, bad_ratio=0.1))
    names = [write(folders, "a.csv", text), write(folders, "b.csv", OTHER_LAYOUT)]
    outcome = run(names, folders, mapper_name)
    assert results(outcome) == expected(text, OTHER_LAYOUT)
    assert {row["file"] for row in outcome.rejects.rows} == set(names)
    swapped = run(names[::-1], folders, mapper_name)
    assert swapped.cube == outcome.cube


def test_one_call_maps_batches_of_several_parts(folders: Folders) -> None:
    names = [write(folders, "a.csv", "".join(generate(300))), write(folders, "b.csv", OTHER_LAYOUT)]
    whole_plan = plan(names, folders, SIZE, between="records")
    assert [part.first_batch for part in whole_plan.parts] == [0, len(whole_plan.batches) - 1]
    together = map_batches(whole_plan, range(len(whole_plan.batches)), folders)
    assert reduce([together], whole_plan.parts, LIMITS) == run(names, folders)


def test_a_quoted_line_break_across_an_edge_asks_for_a_plan_between_records(folders: Folders) -> None:
    header, *rows = "".join(generate(500)).splitlines()
    text = f"{header},note\n" + "".join(f'{row},"two\nlines"\n' for row in rows)
    name = write(folders, "a.csv", text)
    between_lines = plan([name], folders, SIZE)
    with pytest.raises(RecordCrossesBatch):
        map_batches(between_lines, range(len(between_lines.batches)), folders)
    assert results(run([name], folders)) == expected(text)


def test_planning_goes_step_by_step_and_ends_with_the_plan(folders: Folders) -> None:
    name = write(folders, "a.csv", "".join(generate(500)))
    *steps, last = plan_in_steps([name], folders, SIZE)
    assert last == plan([name], folders, SIZE)
    assert steps == [None] * len(last.batches)
    assert last.total_bytes == find_source(name, folders).size - last.parts[0].layout.data_start


def test_a_file_that_no_longer_has_its_version_is_refused(folders: Folders) -> None:
    name = write(folders, "a.csv", "".join(generate(10)))
    whole_plan = plan([name], folders, SIZE)
    write(folders, name, "".join(generate(11)))
    with pytest.raises(SourceChanged):
        map_batches(whole_plan, [0], folders)
    with pytest.raises(SourceChanged):
        plan([name], folders, SIZE, versions={name: whole_plan.parts[0].version})


def test_too_many_cells_or_rejects_end_in_one_sentence(folders: Folders) -> None:
    name = write(folders, "a.csv", "".join(generate(100, bad_ratio=1)))
    whole_plan = plan([name], folders, SIZE)
    partials = [map_batches(whole_plan, range(len(whole_plan.batches)), folders)]
    failure = reduce(partials, whole_plan.parts, LIMITS).failure
    assert failure
    assert failure.startswith("100 of 100 rows were rejected, more than the allowed share of 50%")
    rows = write(folders, "b.csv", "".join(generate(100)))
    whole_plan = plan([rows], folders, SIZE)
    partials = [map_batches(whole_plan, range(len(whole_plan.batches)), folders)]
    with pytest.raises(CubeError, match="more than 10 combinations"):
        reduce(partials, whole_plan.parts, Limits(max_cells=10, max_rejected_ratio=0.5))


def test_planning_and_the_orchestrator_import_no_numpy() -> None:
    code = "import sys, autoconnect.planning, orchestrator.main; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tables_of_more_groups_than_are_kept_are_left_out(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(folders, "source.csv", "".join(generate(300, seed=3)))
    assert set(run([source], folders).metrics) == set(CATALOGUE)
    monkeypatch.setattr("autoconnect.core.outcome._KEPT_GROUPS", 10)
    kept = run([source], folders).metrics
    assert {"summary", "city-comparison", "margins"} <= set(kept)
    assert not {"top-models", "rental-duration", "monthly-revenue"} & set(kept)
