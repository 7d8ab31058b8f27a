"""What a user gives of a dialect reaches each plan of the job, and the job shows how its source is read."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from autoconnect.broker import jobs
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.core.dialect import DialectOptions
from autoconnect.exports import FORMATS
from autoconnect.models import Job, JobStatus
from tests.integration.stack import HEADER, Serve, Stack

#: The days cannot be told from the months.
UNDECIDED = HEADER + "TX1,01/02/2024,Paris,vente,BMW X3,10.50,\nTX2,03/04/2024,Lyon,vente,BMW X3,20.50,\n"
MDY = DialectOptions(dates="mdy")
#: A record with a line break, of several batches: the job is planned twice.
LONG = '"' + "x\n" * 400 + 'BMW"'


@pytest.fixture
def api(serve: Serve) -> TestClient:
    return serve()


def post(api: TestClient, dialect: object, source: str = "source.csv") -> Any:
    return api.post("/api/v1/jobs", json={"source": source, "dialect": dialect})


def finish(stack: Stack, text: str, dialect: DialectOptions) -> Job:
    job_id = jobs.create_job(stack.client, stack.write(text), 600, dialect=dialect)
    return stack.finish(job_id, stack.worker())


def days(stack: Stack, job_id: str) -> tuple[Any, Any]:
    (summary,) = stack.metrics(job_id)["summary"]
    return summary["first_date"], summary["last_date"]


def test_a_dialect_that_is_given_over_rest_decides_how_the_source_is_read(stack: Stack, api: TestClient) -> None:
    stack.write(UNDECIDED)
    undecided = post(api, None).json()["id"]
    assert stack.finish(undecided, stack.worker()).status is JobStatus.FAILED
    given = post(api, {"dates": "MDY"}).json()
    assert (given["status"], given["dialect"], given["notes"]) == ("queued", None, [])
    stack.finish(given["id"], stack.worker())
    job = api.get(f"/api/v1/jobs/{given['id']}").json()
    assert (job["status"], job["dialect"]["dates"]) == ("completed", "mdy")
    assert days(stack, given["id"]) == ("2024-01-02", "2024-03-04")


def test_a_job_shows_all_parts_of_its_dialect_once_it_is_planned(stack: Stack) -> None:
    dialect = DialectOptions.read({"columns": {"city": "=Lyon", "duration": None}, "types": {"V": "vente"}})
    header = "numero;date;type;modele;Montant TTC;duree_mois\n"
    source = stack.write(header + "1;2024-01-31;V;BMW;1 000,50 €;12\n")
    job_id = jobs.create_job(stack.client, source, 600, dialect=dialect)
    assert stack.job(job_id).dialect is None
    stack.orchestrator.round()
    planned = stack.job(job_id)
    assert planned.status is JobStatus.RUNNING
    assert planned.dialect
    assert planned.dialect.model_dump(exclude={"types"}) == {
        "encoding": "utf-8",
        "line_end": "lf",
        "delimiter": ";",
        "header": 1,
        "surplus": 0,
        "decimal": ",",
        "currency": "EUR",
        "dates": "ymd",
        "columns": {
            "id": "numero",
            "date": "date",
            "type": "type",
            "model": "modele",
            "price": "Montant TTC",
            "city": "=Lyon",
        },
    }
    assert list(planned.dialect.types.values()) == ["vente"]
    job = stack.finish(job_id, stack.worker())
    assert (job.rows.accepted, job.dialect) == (1, planned.dialect)


def test_a_retry_plans_with_the_dialect_that_was_given(stack: Stack) -> None:
    job_id = jobs.create_job(stack.client, "later.csv", 600, dialect=MDY)
    stack.orchestrator.round()
    assert stack.job(job_id).status is JobStatus.FAILED
    stack.write(UNDECIDED, "later.csv")
    assert jobs.retry_job(stack.client, job_id)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    assert days(stack, job_id) == ("2024-01-02", "2024-03-04")


def test_a_plan_between_records_keeps_the_dialect_that_was_given(stack: Stack) -> None:
    rows = "".join(f"TX{number},01/02/2024,Paris,vente,BMW X3,10.50,,{LONG}\n" for number in range(10))
    job = finish(stack, HEADER.replace("\n", ",comment\n") + rows, MDY)
    assert stack.client.call("HEXISTS", JobKeys(job.id).job, "replanned") == 1
    assert (job.status, job.rows.accepted) == (JobStatus.COMPLETED, 10)
    assert days(stack, job.id) == ("2024-01-02", "2024-01-02")


def test_the_setting_holds_for_all_jobs_and_a_job_may_give_other_parts(
    make_stack: Any, client: Client, tmp_path: Any
) -> None:
    stack = make_stack(dialect='{"dates": "dmy", "columns": {"city": "=Lyon"}}')
    text = UNDECIDED.replace("ville", "site")
    by_setting = finish(stack, text, DialectOptions())
    assert days(stack, by_setting.id) == ("2024-02-01", "2024-04-03")
    assert by_setting.dialect
    assert by_setting.dialect.columns["city"] == "=Lyon"
    by_job = finish(stack, text, DialectOptions.read({"dates": "mdy", "columns": {"city": "site"}}))
    assert days(stack, by_job.id) == ("2024-01-02", "2024-03-04")
    assert by_job.dialect
    assert by_job.dialect.columns["city"] == "site"


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ({"dates": "ydm"}, "dates is 'ydm'; expected ymd, dmy, mdy, dmyy, mdyy or yymd"),
        ({"date": "mdy"}, "The dialect has no part 'date'; expected encoding, "),
        ({"columns": {"price": None}}, "The column price is given as None; expected its name in the header, "),
        ({"types": {"V": "sold"}}, "types has 'V' as 'sold'; expected a word of at most 200 characters as vente or "),
        ({"types": {f"word {number}": "vente" for number in range(65)}}, "types has 65 entries; expected at most 64"),
        ({"types": {"x" * 201: "vente"}}, "expected a word of at most 200 characters"),
        ({"columns": {"price": "x" * 201}}, "of at most 200 characters"),
        ({"header": 0}, "header is 0; expected a whole number from 1 to 1,000,000"),
        ("mdy", "it is 'mdy'; expected an object such as"),
        (["mdy"], "it is ['mdy']; expected an object such as"),
    ],
)
def test_a_part_that_cannot_be_read_is_422_and_no_job(api: TestClient, dialect: object, expected: str) -> None:
    refused = post(api, dialect)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    (error,) = refused.json()["errors"]
    assert error["name"] == "dialect"
    assert expected in error["message"]
    assert api.get("/api/v1/jobs").json()["items"] == []


def test_the_largest_dialect_is_kept_whole(stack: Stack, api: TestClient) -> None:
    types = {f"{number:02}{'é' * 198}": "vente" for number in range(64)}
    job_id = post(api, {"types": types}).json()["id"]
    assert dict(jobs.read_options(stack.client, job_id).types) == types
    jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)


def test_a_key_leads_to_its_job_whatever_the_dialect(stack: Stack, api: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    bodies = [{"source": "a.csv", "dialect": {"dates": order}} for order in ("mdy", "dmy")]
    first, again = (api.post("/api/v1/jobs", json=body, headers=headers).json()["id"] for body in bodies)
    assert first == again
    assert jobs.read_options(stack.client, first) == MDY
    jobs.end_job(stack.client, first, JobStatus.CANCELLED)


def test_notes_of_planning_are_there_at_once_and_those_of_the_rows_at_the_end(stack: Stack, api: TestClient) -> None:
    header = HEADER.replace("\n", ",remark\n")
    row = "TX1,2024-01-31,Paris,vente,BMW X3,10.50,,\n"
    job_id = stack.planned(stack.write(header + row + header + row))
    assert [note.code for note in stack.job(job_id).notes] == ["unused_columns"]
    stack.finish(job_id, stack.worker())
    notes = api.get(f"/api/v1/jobs/{job_id}").json()["notes"]
    assert [(note["code"], note["count"], note["line"]) for note in notes] == [
        ("unused_columns", 1, None),
        ("repeated_headers", 1, 3),
    ]
    assert "remark" in notes[0]["message"]


def test_a_job_without_an_accepted_row_says_so_and_does_not_replace_the_published_result(stack: Stack) -> None:
    first = stack.finish(stack.planned(stack.write(HEADER + "TX1,2024-01-31,Paris,vente,BMW,1.50,\n")), stack.worker())
    assert first.published
    empty = stack.finish(stack.planned(stack.write(HEADER, "empty.csv")), stack.worker())
    assert (empty.status, empty.published) == (JobStatus.COMPLETED, False)
    assert [note.code for note in empty.notes] == ["no_rows"]
    assert stack.job(first.id).published


def test_a_failed_job_keeps_its_notes_and_a_retry_begins_without_those_of_its_rows(stack: Stack) -> None:
    header = HEADER.replace("\n", ",remark\n")
    job_id = stack.planned(stack.write(header + "TX1,2024-01-31,Paris,vente,BMW X3,oops,,\n" + header))
    failed = stack.finish(job_id, stack.worker())
    assert failed.status is JobStatus.FAILED
    assert [note.code for note in failed.notes] == ["unused_columns", "repeated_headers"]
    assert jobs.retry_job(stack.client, job_id)
    assert stack.job(job_id).notes == []
    stack.orchestrator.round()
    assert [note.code for note in stack.job(job_id).notes] == ["unused_columns"]
    stack.finish(job_id, stack.worker())


def test_long_notes_are_bounded_and_lists_of_jobs_show_their_start(stack: Stack, api: TestClient) -> None:
    """Given 100 spellings of 500 letters each / I expect 32 KiB of them in the job, and 200 letters in the list"""
    name = "xÉ" * 250
    spellings = [name[:number] + name[number:].lower() for number in range(0, 200, 2)]
    rows = [f"TX{number},2024-01-31,{city},vente,BMW,1.50,\n" for number, city in enumerate(spellings)]
    job_id = stack.planned(stack.write(HEADER + "".join(rows)))
    stack.finish(job_id, stack.worker())
    (note,) = api.get(f"/api/v1/jobs/{job_id}").json()["notes"]
    assert note["code"] == "names_merged"
    assert 1_000 < len(note["message"].encode()) <= (32 << 10) + 4
    (listed,) = api.get("/api/v1/jobs").json()["items"]
    assert listed["notes"][0]["message"] == f"{note['message'][:200]} ..."
    assert listed["dialect"] == api.get(f"/api/v1/jobs/{job_id}").json()["dialect"]


def test_rejects_say_what_is_wrong_and_what_was_expected(stack: Stack, api: TestClient) -> None:
    good = "TX1,2024-01-31,Paris,vente,BMW X3,10.50,\n" * 20
    job_id = stack.planned(stack.write(HEADER + good + "TX2,2024-01-31,Paris,vente,BMW X3,ten\u200bs,\n"))
    stack.finish(job_id, stack.worker())
    answer = api.get(f"/api/v1/jobs/{job_id}/rejects")
    (reject,) = answer.json()["items"]
    assert reject == {
        "file": "source.csv",
        "line": 22,
        "reason": "bad_price",
        "column": "prix",
        "value": "tenU+200Bs",
        "expected": reject["expected"],
        "raw": "TX2,2024-01-31,Paris,vente,BMW X3,ten\u200bs,",
    }
    assert "1234.50" in reject["expected"]
    assert (answer.json()["truncated"], "x-truncated" in answer.headers) == (False, False)
    as_csv = api.get(f"/api/v1/jobs/{job_id}/rejects?format=csv")
    assert as_csv.text.startswith(
        "file,line,reason,column,value,expected,raw\r\nsource.csv,22,bad_price,prix,tenU+200Bs,"
    )
    assert "x-truncated" not in as_csv.headers


def test_more_rejects_than_are_kept_are_truncated_in_each_format(stack: Stack, api: TestClient) -> None:
    job_id = stack.planned(stack.write(HEADER + "TX1,2024-01-31,Paris,vente,BMW X3,oops,\n"))
    stack.finish(job_id, stack.worker())
    stack.client.call("HSET", JobKeys(job_id).job, "rows_rejected", 10_001)
    path = f"/api/v1/jobs/{job_id}/rejects"
    assert api.get(path).json()["truncated"] is True
    for form in FORMATS:
        assert api.get(path, params={"format": form}).headers["x-truncated"] == "true"


def test_rejects_of_an_older_version_lack_what_was_expected(stack: Stack, api: TestClient) -> None:
    job_id = stack.planned(stack.write(HEADER + "TX1,2024-01-31,Paris,vente,BMW X3,oops,\n"))
    stack.finish(job_id, stack.worker())
    old = {"file": "source.csv", "line": 2, "reason": "bad_price", "raw": "TX1"}
    stack.client.call("LPUSH", JobKeys(job_id).rejects, json.dumps(old))
    path = f"/api/v1/jobs/{job_id}/rejects"
    assert api.get(path).json()["items"][0] == {**old, "column": None, "value": None, "expected": None}
    assert api.get(f"{path}?format=csv").text.splitlines()[1] == "source.csv,2,bad_price,,,,TX1"
