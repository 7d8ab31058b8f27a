"""A job on made-up transactions has the same result in every dialect that they can be written in."""

from pathlib import Path

import pytest

from autoconnect.core.outcome import Limits, Outcome, reduce
from autoconnect.generate import DIALECTS, generate
from autoconnect.mapping import MapperName, map_batches
from autoconnect.planning import BatchSize, plan
from autoconnect.sources.local import Folders

LIMITS = Limits(max_cells=100_000, max_rejected_ratio=0.5)


def outcome(folder: Path, dialect: str, rows: int, seed: int, mapper: MapperName) -> Outcome:
    """The outcome of a job of several batches on a generated file with some bad rows."""
    writer, folders = DIALECTS[dialect], Folders(uploads=folder / "none", data=folder)
    text = "".join(generate(rows, seed, 0.08 if rows > 10 else 0.0, writer))
    (folder / f"{dialect}.csv").write_bytes(text.encode(writer.encoding))
    planned = plan([f"{dialect}.csv"], folders, BatchSize(workers=2, fixed_bytes=8_000))
    partials = [map_batches(planned, [number], folders, mapper) for number in range(len(planned.batches))]
    return reduce(partials, planned.parts, LIMITS)


@pytest.mark.parametrize("mapper", ["kernel", "plain"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_the_same_metrics_and_reasons(tmp_path: Path, dialect: str, mapper: MapperName) -> None:
    plain, other = (outcome(tmp_path, name, 600, 3, mapper) for name in ("plain", dialect))
    assert (plain.failure, other.failure) == (None, None)
    assert {name: list(table.rows) for name, table in other.metrics.items()} == {
        name: list(table.rows) for name, table in plain.metrics.items()
    }
    assert [row["reason"] for row in other.rejects.rows] == [row["reason"] for row in plain.rejects.rows]
    assert len(plain.rejects.rows) > 20


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_few_rows_prove_how_they_are_written(tmp_path: Path, dialect: str, rows: int) -> None:
    for seed in range(10):
        plain, other = (outcome(tmp_path, name, rows, seed, "plain") for name in ("plain", dialect))
        assert other.failure is None
        assert list(other.metrics["monthly-revenue"].rows) == list(plain.metrics["monthly-revenue"].rows)
