"""Each public case comes to its right outcome, in one batch and in many."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from autoconnect.core.dialect import DialectOptions
from autoconnect.core.outcome import Outcome
from autoconnect.errors import SourceError
from autoconnect.mapping import MapperName
from autoconnect.planning import BatchSize
from tests.public_cases import Case, cases_folder, given_by, read_cases
from tests.unit.jobs import run_job

CASES = read_cases("expected.json")
BIG_CASES = read_cases("expected_big.json")
MAPPERS: Sequence[MapperName] = ("kernel", "plain")
#: Bytes of a batch: all of the file, or few rows.
SIZES = (None, 150)


def found_in(outcome: Outcome) -> dict[str, Any]:
    """What a case may say of an outcome, by the names of the cases."""
    tables = {name: table.rows for name, table in outcome.metrics.items()}
    [summary] = tables["summary"]
    return {
        "rows": [summary["rows_read"], summary["transactions"], summary["rows_rejected"]],
        "revenue": f"{summary['revenue']:.2f}",
        "cities": {row["city"]: [row["transactions"], f"{row['revenue']:.2f}"] for row in tables["city-comparison"]},
        "months": {row["month"]: f"{row['revenue']:.2f}" for row in tables["seasonality"]},
        "models": _sum_by_model(tables["top-models"]),
        "rental_duration": [
            [row["city"], row["model"], row["rentals"], f"{row['mean_months']:.2f}"]
            for row in tables["rental-duration"]
        ],
        "margins": list(tables["margins"]),
        "first_date": summary["first_date"],
        "last_date": summary["last_date"],
        "reasons": dict(Counter(row["reason"] for row in outcome.rejects.rows)),
        "rejects": [[row["line"], row["reason"]] for row in outcome.rejects.rows],
    }


def _sum_by_model(rows: Any) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["model"]] += row["transactions"]
    return dict(counts)


def assert_right(path: Path, case: Case, size: int | None, mapper: MapperName) -> None:
    """The job has what the case says, or planning fails with the sentence that it expects."""
    outcome: Outcome | SourceError
    try:
        outcome = run_job(path, mapper, BatchSize(1, size), DialectOptions.read(given_by(case.args)))
        failure = outcome.failure
    except SourceError as error:
        outcome, failure = error, str(error)
    assert ("failed" if failure else "completed") == case.status, failure
    assert [word for word in case.error_has if word not in (failure or "")] == [], failure
    if isinstance(outcome, Outcome):
        found = found_in(outcome)
        said = {what: getattr(case, what) for what in found if getattr(case, what) is not None}
        assert {what: found[what] for what in said} == said
        assert set(case.notes) == {note.code for note in outcome.notes} or failure


@pytest.mark.parametrize("mapper", MAPPERS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES or [""])
def test_each_public_case_comes_to_its_right_outcome(name: str, size: int | None, mapper: MapperName) -> None:
    assert_right(cases_folder() / name, CASES[name], size, mapper)


@pytest.mark.parametrize("mapper", MAPPERS)
@pytest.mark.parametrize("name", BIG_CASES or [""])
def test_each_larger_public_case_comes_to_its_right_outcome(name: str, mapper: MapperName, big_folder: Path) -> None:
    assert_right(big_folder / name, BIG_CASES[name], 64 << 10, mapper)
