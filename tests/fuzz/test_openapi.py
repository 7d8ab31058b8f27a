"""The API does what its OpenAPI description says, whatever it is called with."""

from tests.e2e.processes import Up
from tests.fuzz.openapi import fuzz

#: `make fuzz-api` tries as many as wanted, with another seed each time.
_EXAMPLES = 600
_SEED = 2023
#: What they answer depends on how far a job is at that moment.
_BY_STATUS = {"DELETE /api/v1/jobs/{job_id}", "POST /api/v1/jobs/{job_id}/retry"}


def test_every_operation_answers_as_it_is_described_to_good_and_to_bad_calls(stack: Up) -> None:
    report = fuzz(stack, _EXAMPLES, _SEED, timeout_s=100)
    assert report.passed, report.text
    assert sum(report.answers.values()) >= _EXAMPLES, report.table()
    assert {operation for operation, _ in report.answers} >= set(report.operations), report.table()
    assert not [answer for answer in report.answers if answer[1] in ("5xx", "none")], report.table()
    refused = {name for name in report.operations if not report.answers[name, "2xx"]}
    assert refused <= _BY_STATUS, report.table()
    assert "Traceback" not in (stack.folder / "messages.txt").read_text()
