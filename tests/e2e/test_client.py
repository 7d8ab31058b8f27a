"""The Python client, used as its documentation says."""

import re
import sys
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from autoconnect import client
from autoconnect.client import AutoConnect, connected
from autoconnect.client.errors import ApiUnavailable, Conflict, Invalid, JobFailed, JobUnfinished, NotFound
from autoconnect.errors import AutoConnectError, SettingsError, SourceUnusable
from autoconnect.generate import generate
from autoconnect.models import JobStatus
from tests.e2e.processes import Up

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_of_the_documentation_prints_rows(
    up: Up, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTOCONNECT_URL", up.url)
    (example,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text(), re.DOTALL | re.MULTILINE)
    assert client.__doc__
    assert textwrap.indent(example, "    ") in client.__doc__
    exec(compile(example, "example", "exec"), {})
    assert capsys.readouterr().out.startswith("Paris ")


def test_the_client_needs_no_environment_if_url_and_key_are_passed(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCONNECT_URL", "nonsense")
    monkeypatch.setenv("AUTOCONNECT_PORT", "nonsense")
    with connected(up.url, key="any") as api:
        assert api.watch(up.first_job).status is JobStatus.COMPLETED
        assert up.first_job in [job.id for job in api.jobs(limit=1_000)]
        assert api.metric("summary").answer["complete"] is True
        with pytest.raises(AutoConnectError, match="There is no job none"):
            api.job("none")
    with pytest.raises(SettingsError, match="The URL is 'nonsense'"), connected("nonsense", key="any"):
        pass


@pytest.fixture
def api(up: Up) -> Iterator[AutoConnect]:
    with AutoConnect(up.url) as api:
        yield api


def test_a_file_is_uploaded_checked_run_and_removed(api: AutoConnect, tmp_path: Path) -> None:
    file = tmp_path / "june.csv"
    file.write_text("".join(generate(500)) + "TX,nothing\n")
    uploaded = api.upload(file, "client june.csv")
    assert (uploaded.name, uploaded.bytes, uploaded.uploaded) == ("client june.csv", file.stat().st_size, True)
    assert uploaded in api.sources()
    assert api.check(uploaded.name).source == uploaded.name
    submitted = api.submit(uploaded.name, publish=False, idempotency_key=str(tmp_path))
    assert api.submit(uploaded.name, idempotency_key=str(tmp_path)).id == submitted.id
    job = submitted.wait(60)
    assert (job.status, job.published, job.rows.accepted) == (JobStatus.COMPLETED, False, 500)
    assert [row["raw"] for row in api.rejects(job.id)] == ["TX,nothing"]
    assert api.publish(job.id).published
    assert api.metric("summary")[0]["transactions"] == 500
    api.delete_source(uploaded.name)
    assert uploaded.name not in [source.name for source in api.sources()]


def test_rows_are_exact_and_complete(api: AutoConnect, up: Up) -> None:
    months = api.metric("monthly-revenue", city=["paris", "lyon"], from_="2024-01", job=up.first_job)
    asked = {"city": ["paris", "lyon"], "from": "2024-01", "job": up.first_job}
    assert [row["month"] for row in months] == [
        row["month"] for row in up.get("/metrics/monthly-revenue", params=asked)["rows"]
    ]
    assert min(str(row["month"]) for row in months) >= "2024-01"
    by_city = api.query(["city"], ["revenue"], order="-revenue", job=up.first_job)
    total = api.query(measures="revenue", job=up.first_job)[0]["revenue"]
    assert isinstance(total, Decimal)
    assert sum(Decimal(str(row["revenue"])) for row in by_city) == total
    assert by_city.columns == ["city", "revenue"]


def test_rows_become_a_data_frame_with_the_same_decimals(api: AutoConnect) -> None:
    rows = api.query("city", "revenue")
    frame = rows.to_pandas()
    assert list(frame.columns) == rows.columns
    assert frame.to_dict("records") == list(rows)


def test_without_pandas_a_data_frame_is_an_error_that_says_so(
    api: AutoConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AutoConnectError, match="needs pandas, which is not installed; run: pip install pandas"):
        api.metric("summary").to_pandas()


def test_an_answer_is_saved_as_a_whole_or_not_at_all(api: AutoConnect, tmp_path: Path) -> None:
    saved = api.save(tmp_path / "t.csv", "csv", "metrics", "top-models", n=1)
    assert len(saved.read_text().splitlines()) == 1 + len(api.metric("top-models", n=1))
    with pytest.raises(NotFound, match="There is no metric nothing"):
        api.save(tmp_path / "n.csv", "csv", "metrics", "nothing")
    with pytest.raises(AutoConnectError, match="cannot be written: No such file or directory"):
        api.save(tmp_path / "none" / "n.csv", "csv", "metrics", "trend")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_events_are_the_states_of_a_job_until_it_has_ended(api: AutoConnect) -> None:
    submitted = api.submit("transactions_autoconnect.csv")
    states = list(api.events(submitted.id))
    assert {state.id for state in states} == {submitted.id}
    assert [state.status.ended for state in states] == [False] * (len(states) - 1) + [True]
    everything = api.events()
    assert submitted.id in {next(everything).id for _ in range(len(api.jobs(limit=100)))}


def test_each_error_has_its_class_and_the_sentence_of_the_api(api: AutoConnect, up: Up, tmp_path: Path) -> None:
    for call, kind, sentence in (
        (lambda: next(api.events("none")), NotFound, "There is no job none"),
        (lambda: api.retry(up.first_job), Conflict, "Only a failed job can be retried"),
        (lambda: api.cancel(up.first_job), Conflict, "has already ended: it is completed"),
        (lambda: api.metric("summary", colour="red"), Invalid, "colour"),
        (lambda: api.delete_source("none.csv"), NotFound, "none.csv"),
        (lambda: api.upload(tmp_path / "none.csv"), SourceUnusable, "cannot be read: No such file"),
        (lambda: api.submit("none.csv").wait(), JobFailed, "There is no source 'none.csv'"),
        (lambda: api.submit("transactions_autoconnect.csv").wait(0), JobUnfinished, "has not ended within 0 s"),
        (lambda: AutoConnect("http://127.0.0.1:1").jobs(), ApiUnavailable, "does not answer"),
    ):
        with pytest.raises(kind, match=sentence):
            call()
