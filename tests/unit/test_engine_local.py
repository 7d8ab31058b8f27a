"""The engine `local`: a job without Redis and without another process."""

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.metrics import CATALOGUE
from autoconnect.engines import engine_of
from autoconnect.engines.base import Ended
from autoconnect.generate import generate
from autoconnect.models import Job, JobStatus
from autoconnect.settings import load_settings
from tests import oracle

ROWS = 2_000


def ended(
    data: bytes,
    folder: Path,
    watched: list[Job] | None = None,
    options: DialectOptions = NOTHING_GIVEN,
    **settings: Any,
) -> Ended:
    """A job on a file with this content, in batches of 10,000 bytes."""
    (folder / "any.csv").write_bytes(data)
    configured = load_settings(redis_url=None, **{"batch_bytes": 10_000, **settings})
    watch = watched.append if watched is not None else lambda job: None
    return engine_of("local")(folder / "any.csv", configured, options, watch)


@pytest.fixture
def data() -> bytes:
    return "".join(generate(ROWS, seed=5, bad_ratio=0.03)).encode()


@pytest.mark.parametrize("mapper", ["kernel", "plain"])
def test_its_metrics_and_rejects_are_those_of_the_oracle(data: bytes, tmp_path: Path, mapper: str) -> None:
    job, metrics, rejects = ended(data, tmp_path, mapper=mapper)
    rows, wrong = oracle.read_rows(data)
    expected = {name: oracle.metric(name, rows, ROWS, len(wrong)) for name in CATALOGUE}
    assert {name: list(table.rows) for name, table in metrics.items()} == expected
    assert len(rejects.rows) == len(wrong) > 0
    assert (job.status, job.error, job.batches.done) == (JobStatus.COMPLETED, None, job.batches.total)
    assert (job.rows.read, job.rows.rejected) == (ROWS, len(wrong))
    assert job.batches.total > 5


def test_its_job_is_watched_batch_by_batch(data: bytes, tmp_path: Path) -> None:
    watched: list[Job] = []
    ended(data, tmp_path, watched)
    assert [status for status, _ in groupby(job.status for job in watched)] == ["running", "reducing", "completed"]
    running = [job for job in watched if job.status is JobStatus.RUNNING]
    assert [job.batches.done for job in running] == list(range(watched[0].batches.total + 1))
    assert running[-1].bytes.done == running[-1].bytes.total


def test_a_record_that_crosses_a_batch_is_planned_again(tmp_path: Path) -> None:
    """Given quoted line breaks, and batches so small that cuts between lines are within records"""
    lines = "".join(f'{number},2024-01-31,Lyon,vente,Clio,5,,"a\nb\nc"\n' for number in range(200))
    data = f"id,date,ville,type,modele,prix,duree_mois,remarque\n{lines}".encode()
    watched: list[Job] = []
    job, metrics, _ = ended(data, tmp_path, watched, batch_bytes=100)
    assert {job.progress for job in watched if job.batches.done == 0} == {0.0}
    assert (job.status, job.error) == (JobStatus.COMPLETED, None)
    assert metrics["summary"].rows[0]["transactions"] == 200


@pytest.mark.parametrize(
    ("content", "settings", "reason"),
    [
        ("no header\n1,2\n", {}, "The header lacks"),
        ("", {"max_cells": 3}, "more than 3 combinations"),
        ("", {"max_rejected_ratio": 0.001}, "rejected"),
    ],
)
def test_a_job_that_fails_says_why(
    data: bytes, tmp_path: Path, content: str, settings: dict[str, Any], reason: str
) -> None:
    job, metrics, _ = ended(content.encode() or data, tmp_path, **settings)
    assert (job.status, metrics, job.result) == (JobStatus.FAILED, {}, None)
    assert reason in str(job.error)


def test_the_given_parts_of_the_dialect_are_used(tmp_path: Path) -> None:
    data = b"id,date,ville,type,modele,prix,duree_mois\n1,03/04/2024,Lyon,vente,Clio,5,\n"
    assert ended(data, tmp_path).job.status is JobStatus.FAILED
    job, metrics, _ = ended(data, tmp_path, options=DialectOptions.read({"dates": "mdy"}))
    assert job.dialect is not None
    assert (job.dialect.dates, metrics["monthly-revenue"].rows[0]["month"]) == ("mdy", "2024-03")
