"""The report of a job over HTTP: the numbers of the API, safe from what the file says, and refused as metrics are."""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.core.charts import CHARTS
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.table import Kind
from autoconnect.generate import generate
from tests.integration.api_server import Answer, ApiServer, api_server
from tests.integration.large import complete_with
from tests.integration.stack import HEADER, Stack
from tests.large import cube_of_models
from tests.reports import ReportPage, number_of

NUMBERS = (Kind.COUNT, Kind.RANK, Kind.MONEY, Kind.PERCENT, Kind.RATIO, Kind.DURATION)
HOSTILE = (
    "<script>alert(1)</script>",
    "</td></table></svg><style>*{display:none}</style>",
    '" onload="alert(2)',
    "{{ 7*7 }}<!--chart-->",
    "https://127.0.0.1:1/x.png url(#a)",
    "&lt;b&gt; ]]>",
)


@pytest.fixture
def job_id(stack: Stack) -> str:
    """A completed job of 2,000 rows, some of them bad, with costs in euros."""
    header, *rows = generate(2_000, 1, 0.05)
    text = f"{header.strip()},cout,devise\n" + "".join(f"{row.strip()},90,EUR\n" for row in rows)
    job_id = stack.planned(stack.write(text, "mars 2024.csv"))
    stack.finish(job_id, stack.worker())
    return job_id


@pytest.fixture
def server(stack: Stack, redis_url: str, tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path, redis_url) as server:
        yield server


def report(server: ApiServer, job_id: str, query: str = "") -> Answer:
    return server.get(f"/api/v1/jobs/{job_id}/report{query}")


def page_of(server: ApiServer, job_id: str, query: str = "") -> ReportPage:
    answer = report(server, job_id, query)
    assert (answer.status, answer.media_type) == (200, "text/html; charset=utf-8"), answer.body
    return ReportPage(answer.body)


def metric(server: ApiServer, name: str, job_id: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = json.loads(server.get(f"/api/v1/metrics/{name}?job={job_id}").body)["rows"]
    return rows


def test_a_report_has_the_numbers_of_the_api(server: ApiServer, job_id: str) -> None:
    page = page_of(server, job_id)
    for name in list(CATALOGUE)[1:]:
        columns = CATALOGUE[name].columns
        places = [place for place, column in enumerate(columns) if column.kind in NUMBERS]
        shown = [[number_of(row[place]) for place in places] for row in page.rows(name)]
        rows = [[row[columns[place].name] for place in places] for row in metric(server, name, job_id)]
        assert len(shown) == min(len(rows), len(shown)) > 0
        expected = [[None if value is None else number_of(str(value)) for value in row] for row in rows]
        assert all(row in expected for row in shown), name
        if len(rows) <= 25:
            assert shown == expected, name


def test_a_report_has_a_picture_of_each_metric_but_the_key_figures(server: ApiServer, job_id: str) -> None:
    page = page_of(server, job_id)
    assert page.pictures == list(CHARTS)[1:]
    assert len(set(page.ids)) == len(page.ids)


def test_a_report_tells_of_the_job(server: ApiServer, stack: Stack, job_id: str) -> None:
    page, job = page_of(server, job_id), stack.job(job_id)
    assert job.rows.rejected
    for text in ("mars 2024.csv", f"{job.rows.read:,} read", f"{job.rows.rejected:,} rejected", "published", job_id):
        assert text in page.text
    reasons = {row[0].split()[-1]: row for row in page.rows("rejects") if len(row) == 5}
    assert {reason: int(row[1]) for reason, row in reasons.items()} == job.rejected_by_reason
    first = json.loads(server.get(f"/api/v1/jobs/{job_id}/rejects?limit=1").body)["items"][0]
    assert [f"{first['line']:,}", first["column"] or "whole row"] == reasons[first["reason"]][2:4]
    assert job.dialect
    assert all(header in page.text for header in job.dialect.columns.values())


def test_a_french_report_writes_numbers_as_french_does(server: ApiServer, job_id: str) -> None:
    page = page_of(server, job_id, "?lang=fr")
    summary = metric(server, "city-comparison", job_id)[0]
    whole, cents = f"{summary['revenue']:,.2f}".split(".")
    assert page.rows("city-comparison")[0][3] == f"{whole.replace(',', chr(0x202F))},{cents}\u202f€"
    assert "Chiffres clés" in page.text
    assert "Key figures" not in page.text


def test_what_a_file_says_is_text_in_its_report(stack: Stack, server: ApiServer) -> None:
    quoted = ['"{}"'.format(name.replace('"', '""')) for name in HOSTILE]
    rows = "".join(f"TX{day},2024-01-0{day},{name},vente,{name},100,\n" for day, name in enumerate(quoted, 1))
    rejects = "".join(f"TX9,{name},Paris,vente,x,1,\n" for name in quoted)
    accepted = "TX10,2024-01-01,Paris,vente,x,1,\n" * 100
    source = stack.write(HEADER + rows + rejects + accepted, "<b>'\"&{{7*7}}.csv")
    job_id = stack.planned(source)
    assert stack.finish(job_id, stack.worker()).error is None
    for query in ("", "?lang=fr"):
        page = page_of(server, job_id, query)
        for name in (*HOSTILE, source):
            assert name in page.texts, name
        assert not page.elements & {"script", "img", "image", "a", "link", "b", "use", "foreignobject", "iframe"}
        assert not {name for name in page.attributes if name.startswith("on") or name.endswith(("href", "src"))}
        assert len(page.pictures) == len(CHARTS) - 4  # neither key figures, nor rentals, costs or an earlier year


def test_a_report_may_run_and_load_nothing(server: ApiServer, job_id: str) -> None:
    with urlopen(f"{server.url}/api/v1/jobs/{job_id}/report") as answer:
        page, headers = answer.read(), answer.headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert not re.search(rb"https?:|@import|url\((?!#)", page)


def test_a_report_is_refused_as_metrics_are(server: ApiServer, stack: Stack, client: Client, job_id: str) -> None:
    def refused(job: str, query: str = "") -> tuple[int, str]:
        answer = report(server, job, query)
        assert answer.media_type == "application/problem+json"
        return answer.status, json.loads(answer.body)["detail"]

    queued = stack.submit("mars 2024.csv")
    assert refused("none") == (404, "There is no job none.")
    assert refused(queued) == (409, f"Job {queued} has no result: it is queued.")
    assert refused(job_id, "?lang=de")[0] == 422
    assert refused(job_id, "?city=Paris")[0] == 422
    client.call("HSET", JobKeys(job_id).job, "removed_at", 1)
    client.call("DEL", JobKeys(job_id).cube)
    assert refused(job_id)[0] == 410


def test_a_report_of_a_file_without_accepted_rows_says_so(server: ApiServer, stack: Stack) -> None:
    job_id = stack.planned(stack.write(HEADER))
    stack.finish(job_id, stack.worker())
    page = page_of(server, job_id)
    assert "The file has no accepted row" in page.text
    assert page.pictures == []


def test_reports_of_a_large_result_hold_up_no_small_answer(server: ApiServer, stack: Stack) -> None:
    job_id = complete_with(stack, cube_of_models(2_000, 100))
    with ThreadPoolExecutor(3) as clients:
        reports = [clients.submit(report, server, job_id) for _ in range(2)]
        answers = 0
        while not all(answer.done() for answer in reports):
            assert server.get("/health/live").status == 200
            answers += 1
    assert [answer.result().status for answer in reports] == [200, 200]
    assert answers > 10
    page = ReportPage(reports[0].result().body)
    assert len(reports[0].result().body) < 1 << 20
    assert all(len(page.rows(name)) <= 25 for name in page.pictures)
