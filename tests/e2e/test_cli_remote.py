"""The commands for a running API, each on a running stack."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import Up, autoconnect

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(up: Up, folder: Path) -> Run:
    return lambda *arguments: autoconnect(*arguments, cwd=folder, extra={"AUTOCONNECT_URL": up.url})


def test_sources_are_uploaded_listed_checked_and_deleted(run: Run, folder: Path) -> None:
    (folder / "may.csv").write_text(stack_source(50))
    uploaded = run("sources", "upload", "may.csv", "--name", "from client.csv", "--json")
    assert json.loads(uploaded.stdout)["source"]["uploaded"] is True, uploaded.stderr
    again = run("sources", "upload", "may.csv", "--name", "from client.csv")
    assert again.stdout == f"Source from client.csv has {(folder / 'may.csv').stat().st_size:,} bytes.\n"
    listed = run("sources", "list")
    assert ["uploads" in line for line in listed.stdout.splitlines() if "from client.csv" in line] == [True]
    assert ["uploads" in line for line in listed.stdout.splitlines() if SOURCE in line] == [False]
    assert "dialect of from client.csv" in run("sources", "check", "from client.csv").stdout
    assert run("sources", "delete", "from client.csv").stdout == "Source from client.csv is deleted.\n"
    names = [item["name"] for item in json.loads(run("sources", "list", "--json").stdout)["items"]]
    assert SOURCE in names
    assert "from client.csv" not in names
    missing = run("sources", "delete", "from client.csv", "--json")
    assert missing.returncode == 1
    assert json.loads(missing.stdout)["error"] == missing.stderr.removeprefix("autoconnect: ").strip()
    unread = run("sources", "upload", "none.csv")
    assert unread.stderr == "autoconnect: The file 'none.csv' cannot be read: No such file or directory.\n"
    refused = run("sources", "delete", SOURCE)
    assert (refused.returncode, "is in the data folder" in refused.stderr) == (1, True)


def test_query_and_rejects_print_what_the_api_answers(run: Run, up: Up) -> None:
    asked = ["--group-by", "city,type", "--measures", "transactions", "--order", "-transactions", "--job", up.first_job]
    answer = json.loads(run("query", *asked, "--json").stdout)
    parameters = {"group_by": "city,type", "measures": "transactions", "order": "-transactions", "job": up.first_job}
    assert answer["rows"] == up.get("/query", params=parameters)["rows"]
    first = answer["rows"][0]
    shown = [line.split() for line in run("query", *asked).stdout.splitlines()]
    assert f"{first['transactions']:,}" in [words[-1] for words in shown if words]
    rejected = json.loads(run("rejects", up.first_job, "--json").stdout)
    assert rejected["items"] == up.get(f"/jobs/{up.first_job}/rejects")["items"]
    assert "reason" in run("rejects", up.first_job, "--limit", "2").stdout
    wrong = run("query", "--group-by", "colour")
    assert (wrong.returncode, "colour" in wrong.stderr) == (1, True)


def test_rows_are_written_into_a_file_in_the_format_of_its_ending(run: Run, up: Up, folder: Path) -> None:
    whole = json.loads(run("metric", "top-models", "--job", up.first_job, "--json").stdout)
    written = run("metric", "top-models", "--job", up.first_job, "--out", "top.csv")
    assert (written.stdout, written.stderr) == ("", "Written: top.csv\n")
    with (folder / "top.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["model"] for row in csv.DictReader(file)] == [row["model"] for row in whole["rows"]]
    for arguments, name, magic in (
        (["query", "--group-by", "city"], "q.xlsx", b"PK"),
        (["rejects", up.first_job], "r.parquet", b"PAR1"),
        (["rejects", up.first_job, "--format", "xlsx"], "rejects.any", b"PK"),
    ):
        assert run(*arguments, "--out", name).returncode == 0
        assert (folder / name).read_bytes().startswith(magic)
    for arguments, sentence in (
        (["query", "--out", "q.doc"], "the format of 'q.doc' is unknown"),
        (["query", "--format", "csv"], "it is the format of --out; give the file, too"),
    ):
        wrong = run(*arguments)
        assert (wrong.returncode, sentence in wrong.stderr) == (2, True), wrong.stderr


def test_events_are_lines_until_the_job_has_ended(run: Run, up: Up) -> None:
    job_id = up.submit(SOURCE)
    events = run("jobs", "events", job_id, "--json")
    states = [json.loads(line)["job"] for line in events.stdout.splitlines()]
    assert [state["status"] for state in states][-1] == "completed", events.stderr
    assert {state["id"] for state in states} == {job_id}
    assert run("jobs", "events", job_id).stdout.split()[:2] == [job_id, "completed"]
    watched = run("jobs", "watch", job_id)
    assert f"Job {job_id} of {SOURCE} completed" in watched.stdout
    unknown = run("jobs", "events", "none")
    assert (unknown.returncode, unknown.stderr) == (1, "autoconnect: There is no job none.\n")


def test_a_job_is_submitted_without_publishing_its_result(run: Run, up: Up) -> None:
    submitted = run("jobs", "submit", SOURCE, "--no-publish", "--watch", "--json")
    job = json.loads(submitted.stdout)["job"]
    assert (job["status"], job["published"]) == ("completed", False)
    published = json.loads(run("jobs", "publish", job["id"], "--json").stdout)["job"]
    assert published["published"] is True
    assert up.get("/metrics/summary")["job_id"] == job["id"]
