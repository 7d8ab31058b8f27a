"""The API on a real Redis, in states that a running stack would disturb: no result yet, a running job, no Redis."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

import autoconnect
from autoconnect.broker import jobs, server
from autoconnect.broker.connection import Client
from autoconnect.models import JobStatus
from tests.integration.stack import HEADER, Serve, Stack
from tests.required import require

KEY = "0123456789abcdef"
#: Times that a file can have and Python's dates cannot begin before, or at.
_YEAR_1_NS, _YEAR_10000_NS = -62_135_596_800 * 10**9, 253_402_300_800 * 10**9
GOOD = "TX1,2024-01-31,Paris,vente,Audi A4,100.50,\n"


def test_without_a_result_metrics_are_404_and_say_when_to_retry(serve: Serve) -> None:
    api = serve()
    for path in ("/metrics/summary", "/query", "/cities", "/models", "/jobs/latest"):
        response = api.get(f"/api/v1{path}")
        assert (response.status_code, response.headers["retry-after"]) == (404, "2")
        assert response.headers["content-type"] == "application/problem+json"


def test_a_running_job_has_no_result_but_a_partial_one(stack: Stack, serve: Serve) -> None:
    api, worker = serve(), stack.worker()
    job_id = stack.planned(stack.generated())
    worker.round()
    refused = api.get("/api/v1/metrics/summary", params={"job": job_id})
    assert (refused.status_code, refused.json()["job_status"]) == (409, "running")
    partial = api.get("/api/v1/metrics/summary", params={"job": job_id, "partial": "true"}).json()
    assert partial["complete"] is False
    assert partial["rows"][0]["transactions"] == stack.job(job_id).rows.accepted > 0
    stack.finish(job_id, worker)
    complete = api.get("/api/v1/metrics/summary", params={"job": job_id, "partial": "true"}).json()
    assert (complete["complete"], complete["rows"][0]["transactions"]) == (True, 300)


def test_the_published_result_is_served_until_another_is_published(stack: Stack, serve: Serve) -> None:
    api, worker = serve(), stack.worker()
    for rows in (1, 2):
        stack.finish(stack.planned(stack.write(HEADER + GOOD * rows)), worker)
        assert api.get("/api/v1/metrics/summary").json()["rows"][0]["transactions"] == rows


def test_if_a_key_is_set_every_change_needs_it(serve: Serve, client: Client) -> None:
    api = serve(api_key=KEY)
    calls = (("POST", "/jobs"), ("DELETE", "/jobs/x"), ("PUT", "/sources/x.csv"), ("DELETE", "/sources/x.csv"))
    wrong: list[dict[str, str]] = [{}, {"X-API-Key": "wrong"}, {"Authorization": f"Bearer {KEY}x"}]
    for method, path in calls:
        for headers in wrong:
            refused = api.request(method, f"/api/v1{path}", headers=headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert api.get("/api/v1/jobs").json()["items"] == []
    for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}):
        response = api.post("/api/v1/jobs", headers=headers)
        assert response.status_code == 202
        jobs.end_job(client, response.json()["id"], JobStatus.CANCELLED)


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(stack: Stack, serve: Serve) -> None:
    api = serve(max_upload_bytes=100)
    assert api.put("/api/v1/sources/x.csv", content=b"x" * 101).status_code == 413
    assert api.put("/api/v1/sources/x.csv", content=(b"x" * 10 for _ in range(11))).status_code == 413
    assert api.put("/api/v1/sources/x.csv", content=b"x" * 100).status_code == 201
    assert [path.name for path in stack.settings.upload_dir.iterdir()] == ["x.csv"]


def test_an_upload_hides_a_file_of_the_same_name_in_the_data_folder(stack: Stack, serve: Serve) -> None:
    api = serve()
    stack.write(HEADER + GOOD, "same.csv")
    api.put("/api/v1/sources/same.csv", content=(HEADER + GOOD * 2).encode())
    assert stack.finish(stack.planned("same.csv"), stack.worker()).rows.read == 2
    assert [source["uploaded"] for source in api.get("/api/v1/sources").json()["items"]] == [True]


def test_without_redis_the_api_is_live_but_not_ready(serve: Serve) -> None:
    api = serve(redis_url="redis://127.0.0.1:1/0")
    assert api.get("/health/live").status_code == 200
    for path in ("/health/ready", "/api/v1/jobs", "/api/v1/metrics/summary"):
        response = api.get(path)
        assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
        assert response.json()["detail"].startswith("Redis does not answer")


def test_names_in_any_alphabet_are_uploaded_and_unusable_names_are_refused(stack: Stack, serve: Serve) -> None:
    api = serve()
    for name in ("日.csv", "œuvre.csv", "a b%20c.csv"):
        uploaded = api.put(f"/api/v1/sources/{quote(name)}", content=b"x")
        assert uploaded.status_code == 201, uploaded.text
        assert api.delete(uploaded.headers["location"]).status_code == 204
    for name in (f"{'é' * 130}.csv", ".hidden.csv", "program.exe", "a\\b.csv", "a\0.csv", "a.csv\n", ".csv"):
        refused = api.put(f"/api/v1/sources/{quote(name)}", content=b"x")
        assert refused.status_code == 422
        assert "; expected " in refused.json()["detail"]
    assert api.delete(f"/api/v1/sources/{'é' * 130}.csv").status_code == 422
    (stack.settings.data_dir / os.fsdecode(b"donn\xe9es.csv")).write_text(HEADER)
    assert [item["name"] for item in api.get("/api/v1/sources").json()["items"]] == ["donn\\xe9es.csv"]


def test_spellings_are_listed_and_filters_find_all_of_them(stack: Stack, serve: Serve) -> None:
    rows = [f"{n},2024-01-31,{city},vente,Clio,10.50,\n" for n, city in enumerate(("Orléans", "ORLEANS", "Orléans"))]
    job = stack.finish(stack.planned(stack.write(HEADER + "".join(rows))), stack.worker())
    api = serve()
    assert api.get("/api/v1/cities").json()["items"] == [
        {"city": "Orléans", "transactions": 3, "spellings": {"Orléans": 2, "ORLEANS": 1}}
    ]
    summary = api.get("/api/v1/metrics/summary", params={"city": "orleans"}).json()["rows"][0]
    assert (summary["transactions"], summary["cities"], summary["revenue"]) == (3, 1, 31.5)
    assert [note["code"] for note in api.get(f"/api/v1/jobs/{job.id}").json()["notes"]] == ["names_merged"]


def test_a_source_is_deleted_whichever_unicode_form_its_name_has(stack: Stack, serve: Serve) -> None:
    api, stored = serve(), stack.settings.upload_dir / "e\u0301te\u0301.csv"
    stored.parent.mkdir(exist_ok=True)
    stored.write_text(HEADER)
    assert api.delete(f"/api/v1/sources/{quote('été.csv')}").status_code == 204
    assert not stored.exists()


def test_an_id_that_would_name_another_key_is_not_a_job(stack: Stack, serve: Serve) -> None:
    api = serve()
    job_id = stack.planned(stack.generated(rows=10))
    stack.finish(job_id, stack.worker())
    for part in ("batches", "cube", "events", "rejects"):
        assert api.get(f"/api/v1/jobs/{job_id}:{part}").status_code == 404
        assert api.delete(f"/api/v1/jobs/{job_id}:{part}").status_code == 404
        assert api.get("/api/v1/metrics/summary", params={"job": f"{job_id}:{part}"}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/metrics/summary?first=2024-01",
        "/metrics/summary?job=",
        "/metrics/top-models?n=99999999999999999999",
        "/jobs?cursor=99999999999999999999999",
        "/query?order=-",
        "/query?=a&=b",
        "/query?=a",
        "/query?limit=1&limit=2",
    ],
)
def test_odd_parameters_are_422_and_the_errors_name_them(serve: Serve, path: str) -> None:
    response = serve().get(f"/api/v1{path}")
    assert response.status_code == 422
    assert all(error["name"] and error["message"] for error in response.json()["errors"])


def test_the_csv_of_rejects_has_every_kept_reject(stack: Stack, serve: Serve) -> None:
    job_id = stack.planned(stack.write(HEADER + "TX,,,,,,\n" * 1_050))
    stack.finish(job_id, stack.worker())
    api = serve()
    text = api.get(f"/api/v1/jobs/{job_id}/rejects", headers={"Accept": "text/csv"}).text
    assert len(text.splitlines()) == 1_051
    assert len(api.get(f"/api/v1/jobs/{job_id}/rejects").json()["items"]) == 1_000


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/jobs/x", "GET, HEAD, OPTIONS, DELETE"),
        ("/api/v1/sources/x.csv", "GET, HEAD, OPTIONS, PUT, DELETE"),
    ],
)
def test_a_405_lists_the_methods_that_are_allowed(serve: Serve, path: str, methods: str) -> None:
    response = serve().patch(path)
    assert (response.status_code, response.headers["allow"]) == (405, methods)


def test_exports_escape_formulas_in_text_and_leave_numbers_unchanged(stack: Stack, serve: Serve) -> None:
    rows = "TX1,2024-01-31,=1+1,vente,@SUM(A1),100.50,\nTX2,2024-02-01,=1+1,vente,-X,50,\n" + GOOD * 30
    job_id = stack.planned(stack.write(HEADER + rows + "=cmd,bad\n"))
    stack.finish(job_id, stack.worker())
    api = serve()
    comparison = api.get("/api/v1/metrics/city-comparison", params={"city": "=1+1", "format": "csv"}).text
    assert comparison.splitlines()[1].startswith("'=1+1,1,2,150.50,")
    assert comparison.splitlines()[1].endswith(",2024-01,-50.25")
    models = api.get("/api/v1/query", params={"group_by": "model", "format": "csv"}).text
    assert {"'@SUM(A1),1,100.50", "'-X,1,50.00"} <= set(models.splitlines())
    rejects = api.get(f"/api/v1/jobs/{job_id}/rejects", params={"format": "csv"}).text
    assert rejects.splitlines()[1] == 'source.csv,34,field_count,,2 fields,7 fields,"\'=cmd,bad"'
    assert api.get(f"/api/v1/jobs/{job_id}/rejects").json()["items"][0]["raw"] == "=cmd,bad"


@pytest.fixture
def any_time(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files may have any time: ext4 knows only the years 1901 to 2446."""
    for parent in (tmp_path, Path("/dev/shm")):
        if parent.is_dir():
            with TemporaryDirectory(dir=parent) as folder:
                probe = Path(folder) / "probe"
                probe.touch()
                os.utime(probe, ns=(0, _YEAR_10000_NS))
                if probe.stat().st_mtime_ns == _YEAR_10000_NS:
                    probe.unlink()
                    yield Path(folder)
                    return
    require("any-time", "no folder here keeps a time after the year 9999")


def test_a_source_with_an_odd_time_is_listed_like_all_others(serve: Serve, any_time: Path) -> None:
    times = {
        "before-year-1": (_YEAR_1_NS - 1, None),
        "year-1": (_YEAR_1_NS, "0001-01-01T00:00:00Z"),
        "before-1970": (-1_000, "1969-12-31T23:59:59.999999Z"),
        "last-year": (_YEAR_10000_NS - 1_000, "9999-12-31T23:59:59.999999Z"),
        "year-10000": (_YEAR_10000_NS, None),
        "far-future": (2**62, "2116-02-20T23:53:38.427387Z"),
        "beyond": (10**9 * 2**55, None),
    }
    for name, (mtime_ns, _) in times.items():
        (any_time / f"{name}.csv").write_text(HEADER)
        os.utime(any_time / f"{name}.csv", ns=(0, mtime_ns))
    api = serve(data_dir=any_time)
    items = {item["name"]: item["modified_at"] for item in api.get("/api/v1/sources").json()["items"]}
    assert items == {f"{name}.csv": shown for name, (_, shown) in times.items()}


def test_a_source_with_an_odd_time_is_planned_like_all_others(make_stack: Callable[..., Stack], any_time: Path) -> None:
    stack = make_stack(data_dir=any_time)
    worker = stack.worker()
    for mtime_ns in (_YEAR_1_NS - 1, _YEAR_10000_NS):
        source = stack.write(HEADER + GOOD)
        os.utime(any_time / source, ns=(0, mtime_ns))
        assert stack.finish(stack.planned(source), worker).rows.accepted == 1


def test_an_entry_that_is_not_a_readable_file_is_left_out_and_the_others_are_listed(
    stack: Stack, serve: Serve, file_modes_apply: None
) -> None:
    data = stack.settings.data_dir
    stack.write(HEADER, "good.csv")
    stack.write(HEADER, "unreadable.csv")
    (data / "unreadable.csv").chmod(0)
    (data / "folder.csv").mkdir()
    os.mkfifo(data / "pipe.csv")
    for name, target in {"nowhere": "gone.csv", "loop": "loop.csv", "out": "/etc/passwd"}.items():
        (data / f"{name}.csv").symlink_to(target)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(data / "socket.csv"))
        items = serve().get("/api/v1/sources").json()["items"]
    assert [item["name"] for item in items] == ["good.csv"]


def test_files_that_come_and_go_do_not_disturb_the_list(stack: Stack, serve: Serve) -> None:
    api, stop = serve(), threading.Event()
    stack.write(HEADER, "stays.csv")

    def churn() -> None:
        while not stop.is_set():
            stack.write(HEADER, "comes.csv")
            (stack.settings.data_dir / "comes.csv").unlink()

    with ThreadPoolExecutor(1) as thread:
        churning = thread.submit(churn)
        for _ in range(100):
            response = api.get("/api/v1/sources")
            assert response.status_code == 200
            assert "stays.csv" in [item["name"] for item in response.json()["items"]]
        stop.set()
        churning.result()


def test_the_system_tells_its_memory_and_how_long_a_batch_has_waited(
    stack: Stack, serve: Serve, client: Client
) -> None:
    api = serve(lease_ms=60_000)
    idle = api.get("/api/v1/system").json()
    assert (idle["version"], idle["lease_ms"], idle["oldest_wait_s"]) == (autoconnect.__version__, 60_000, None)
    job_id = stack.planned(stack.generated())
    assert 0 <= api.get("/api/v1/system").json()["oldest_wait_s"] < 60
    stack.finish(job_id, stack.worker())
    assert api.get("/api/v1/system").json()["oldest_wait_s"] is None
    memory, maximum = api.get("/api/v1/system").json()["memory"], server.read_memory(client).maximum
    assert 0 < memory.pop("used_bytes") < maximum
    assert memory == {
        "maximum_bytes": maximum,
        "claim_bytes": int(0.75 * maximum),
        "commit_bytes": int(0.85 * maximum),
    }
