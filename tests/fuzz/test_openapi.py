"""The API behaves as its OpenAPI description says, for valid and invalid calls."""

import pytest

from tests.e2e.processes import Up
from tests.fuzz.openapi import fuzz

#: `make fuzz-api` tries EXAMPLES calls, with another seed each time.
_EXAMPLES = 600
_SEED = 2023
#: Seconds; the calls take 40 if nothing else runs.
_TIMEOUT_S = 900
#: Operations whose answer depends on the job's status at that moment.
_BY_STATUS = {
    "DELETE /api/v1/jobs/{job_id}",
    "POST /api/v1/jobs/{job_id}/publish",
    "POST /api/v1/jobs/{job_id}/retry",
}


@pytest.mark.timeout(_TIMEOUT_S + 60)
def test_every_operation_answers_valid_and_invalid_calls_as_described(stack: Up) -> None:
    report = fuzz(stack, _EXAMPLES, _SEED, timeout_s=_TIMEOUT_S)
    assert report.passed, report.text
    assert sum(report.answers.values()) >= _EXAMPLES, report.table()
    assert {operation for operation, _ in report.answers} >= set(report.operations), report.table()
    assert not [answer for answer in report.answers if answer[1] in ("5xx", "none")], report.table()
    refused = {name for name in report.operations if not report.answers[name, "2xx"]}
    assert refused <= _BY_STATUS, report.table()
    assert "Traceback" not in (stack.folder / "messages.txt").read_text()
