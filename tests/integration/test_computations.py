"""Large answers take turns, in bounded memory; small ones and health are answered meanwhile."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from api import computations, room
from api.cubes import Cubes, Result, Unread
from autoconnect.broker import jobs, partials
from autoconnect.broker.batches import claim_batch
from autoconnect.broker.connection import Client
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.partial import Partial
from autoconnect.core.rollup import MEASURES
from autoconnect.exports import FORMATS
from autoconnect.models import JobStatus
from tests.e2e.waiting import wait_until
from tests.integration.api_server import ApiServer, api_server
from tests.integration.large import complete_with
from tests.integration.stack import HEADER, Serve, Stack
from tests.integration.test_security import is_problem
from tests.large import cube_of_models

MIB = 1 << 20
#: Bytes that a container of the API has.
CONTAINER = 512 * MIB
MODELS, CITIES = 150_000, 2
#: Calls that need the most memory, or make the largest answers.
HEAVY = (
    "/metrics/rental-duration?format=parquet",
    "/metrics/rental-duration?format=csv",
    f"/query?group_by=city,model,day&measures={','.join(MEASURES)}&order=-average_ticket&limit=100000",
    "/models?format=csv",
    "/metrics/rental-duration?from=2023-12-10&format=csv",
    "/metrics/top-models?n=1000",
    "/metrics/city-comparison",
    "/metrics/rental-duration?limit=100000",
)


class Got(NamedTuple):
    """An answer whose body is only counted."""

    status: int
    retry_after: str | None
    bytes: int


@pytest.fixture
def server(stack: Stack, redis_url: str, tmp_path: Path) -> Iterator[ApiServer]:
    with limited_api(tmp_path, redis_url, CONTAINER) as server:
        yield server


def limited_api(
    folder: Path, redis_url: str, memory_bytes: int, patience_s: float = 30, least_bytes_per_s: int = 64 << 10
) -> AbstractContextManager[ApiServer]:
    arguments = f"{memory_bytes} {patience_s} {least_bytes_per_s}"
    return api_server(folder, redis_url, module=f"tests.integration.limited_api {arguments}")


@contextmanager
def opened(server: ApiServer, path: str) -> Iterator[HTTPResponse]:
    """An answer, read up to its body."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as response:
            yield response


def get(server: ApiServer, path: str) -> Got:
    with opened(server, f"/api/v1{path}") as response:
        size = 0
        while piece := response.read(MIB):
            size += len(piece)
        return Got(response.status, response.headers["retry-after"], size)


def peak_bytes(server: ApiServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def sockets(server: ApiServer) -> int:
    links = Path(f"/proc/{server.process.pid}/fd").iterdir()
    return sum(str(link.readlink()).startswith("socket:") for link in links)


def test_eight_large_answers_at_once_need_less_memory_than_a_container_has(stack: Stack, server: ApiServer) -> None:
    """Given a result of 150,000 models in an API with 512 MiB / When the heaviest calls come at once

    I expect each to be answered, or asked to come again later, and health to answer all the time.
    """
    complete_with(stack, cube_of_models(MODELS, CITIES))
    waits_s: list[float] = []
    with ThreadPoolExecutor(len(HEAVY)) as pool:
        answers = [pool.submit(get, server, path) for path in HEAVY]
        while not all(answer.done() for answer in answers):
            begun = time.monotonic()
            with opened(server, "/health/live") as response:
                assert response.status == 200
            waits_s.append(time.monotonic() - begun)
            time.sleep(0.02)
    got = [answer.result() for answer in answers]
    assert {(answer.status, answer.retry_after) for answer in got} <= {(200, None), (503, "5")}
    assert 200 in {answer.status for answer in got}
    assert peak_bytes(server) < CONTAINER
    assert sorted(waits_s)[int(0.95 * len(waits_s))] < 1


def test_the_first_requests_for_a_large_result_read_it_once(
    stack: Stack, admin: Client, redis_url: str, tmp_path: Path
) -> None:
    complete_with(stack, cube_of_models(MODELS, 1))
    reads = []
    for requests in (1, 6):
        before = scans(admin)
        with limited_api(tmp_path, redis_url, CONTAINER) as server, ThreadPoolExecutor(requests) as pool:
            got = list(pool.map(lambda _: get(server, "/metrics/summary").status, range(requests)))
        assert set(got) <= {200, 503}
        assert 200 in got
        reads.append(scans(admin) - before)
    assert reads[0] == reads[1] > 0


def scans(admin: Client) -> int:
    return int(admin.call("INFO", "commandstats").get("cmdstat_hscan", {"calls": 0})["calls"])


def test_clients_that_do_not_read_hold_up_large_answers_until_they_are_gone_and_never_small_ones(
    stack: Stack, server: ApiServer
) -> None:
    large = f"/api/v1/metrics/rental-duration?format=csv&job={complete_with(stack, cube_of_models(MODELS, CITIES))}"
    complete_with(stack, cube_of_models(10, 2))
    with ExitStack() as unread:
        statuses = []
        while 503 not in statuses:
            statuses.append(unread.enter_context(opened(server, large)).status)
            assert len(statuses) < 10
        assert set(statuses[:-1]) == {200}
        for path in ("/metrics/rental-duration", "/models", "/query?group_by=model,day"):
            assert get(server, path).status == 200
    with opened(server, large) as response:
        assert response.status == 200


def test_a_client_that_does_not_read_is_cut_off(stack: Stack, redis_url: str, tmp_path: Path) -> None:
    complete_with(stack, cube_of_models(MODELS, CITIES))
    # The system takes some MiB for the client: they must not gain it time.
    with limited_api(tmp_path, redis_url, CONTAINER, patience_s=0.5, least_bytes_per_s=1 << 40) as server:
        with opened(server, "/api/v1/metrics/rental-duration?format=csv"):
            # The client does not notice: what the system took for it comes before the end of the connection.
            connected = sockets(server)
            wait_until("the end of the connection", lambda: sockets(server) < connected)
        assert get(server, "/metrics/rental-duration?from=2023-12-31").status == 200
        messages = server.messages.read_text()
    assert "client cut off" in messages
    assert "Traceback" not in messages


def test_an_answer_that_never_fits_into_memory_says_so(stack: Stack, redis_url: str, tmp_path: Path) -> None:
    job_id = complete_with(stack, cube_of_models(MODELS, CITIES))
    complete_with(stack, cube_of_models(10, 2))
    with limited_api(tmp_path, redis_url, 200 * MIB) as server:
        assert get(server, "/metrics/summary").status == 200
        answer = server.get(f"/api/v1/metrics/summary?job={job_id}")
        assert (answer.status, answer.media_type) == (507, "application/problem+json")
        assert b"give the api service more memory" in answer.body


def test_large_and_small_answers_are_the_same(stack: Stack, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stack.finish(stack.planned(stack.generated(3_000)), stack.worker()).rows.accepted
    small, large = serve(), serve()
    tables = [f"/metrics/{name}?" for name in CATALOGUE]
    tables += ["/metrics/summary?compare=year&", "/query?group_by=city,model,day&"]
    filters = ("", "&city=paris", "&city=paris&type=sale&from=2023-06", "&model=none")
    paths = [f"{table}format={form}{chosen}" for table, form, chosen in product(tables, FORMATS, filters)]
    for path in (*paths, "/cities", "/models"):
        expected = small.get(f"/api/v1{path}")
        with monkeypatch.context() as patch:
            patch.setattr(computations, "SMALL_BYTES", -1)
            answer = large.get(f"/api/v1{path}")
        assert (expected.status_code, answer.status_code) == (200, 200), answer.text
        assert answer.content == expected.content
        assert answer.headers.get("content-length") == expected.headers.get("content-length")


def test_the_result_so_far_of_a_large_job_is_computed_from_its_partials(stack: Stack, serve: Serve) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.write(HEADER + "TX1,2024-01-31,Paris,vente,Audi A4,100.50,\n"))
    item = stack.handed_out(worker)
    assert claim_batch(stack.client, worker.id, item)
    assert partials.commit_batches(stack.client, worker.id, [item], Partial(cube_of_models(30_000, 1), {0: 1}))
    api, path = serve(), f"/api/v1/metrics/rental-duration?job={job_id}&partial=true&limit=100000"
    for _ in range(2):
        document = api.get(path).json()
        assert (document["complete"], len(document["rows"])) == (False, 30_000)
    jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)


def test_cubes_that_are_kept_in_memory_are_few_and_not_larger_together_than_allowed(
    stack: Stack, client: Client
) -> None:
    job_ids = [complete_with(stack, cube_of_models(2_000, 1)) for _ in range(6)]
    for size, kept in ((1 << 40, 4), (900 << 10, 2), (1, 1)):
        cubes = Cubes(client, size)
        for job_id in job_ids:
            unread = cubes.find(job_id)
            assert isinstance(unread, Unread)
            result = unread.read()
            assert result
            assert 2_000 * 16 * 8 < result.bytes < 450 << 10
        found = [isinstance(cubes.find(job_id), Result) for job_id in job_ids]
        assert found == [False] * (6 - kept) + [True] * kept


def test_many_rejects_are_answered_in_pieces(make_stack: Callable[..., Stack], serve: Serve) -> None:
    stack = make_stack(max_rejected_ratio=1, batch_bytes=100_000)
    bad = "".join(f"TX{number},2024-01-31,Paris,vente,Citroën;\u2028 {number},oops,\n" for number in range(2_500))
    job_id = stack.planned(stack.write(HEADER + bad + "TX,2024-01-31,Paris,vente,A,1,\n"))
    assert stack.finish(job_id, stack.worker()).rows.rejected == 2_500
    api, path = serve(), f"/api/v1/jobs/{job_id}/rejects"
    everything = api.get(f"{path}?limit=10000").json()
    assert (len(everything["items"]), everything["next_cursor"], everything["truncated"]) == (2_500, None, False)
    page = api.get(f"{path}?limit=2000").json()
    assert page["items"] == everything["items"][:2_000]
    assert api.get(f"{path}?limit=100&cursor={page['next_cursor']}").json()["items"] == everything["items"][2_000:2_100]
    rows = list(csv.DictReader(io.StringIO(api.get(f"{path}?format=csv").text, newline="")))
    assert [row["raw"] for row in rows] == [item["raw"] for item in everything["items"]]


def test_a_large_request_is_refused_while_others_fill_the_memory(
    stack: Stack, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAIT_S", 0.01)
    monkeypatch.setattr(room, "_PLACES", 0)
    complete_with(stack, cube_of_models(30_000, 1))
    api = serve()
    for path in ("/metrics/summary", "/query", "/cities", "/models"):
        response = api.get(f"/api/v1{path}")
        assert is_problem(response, 503)
        assert response.headers["retry-after"] == "5"
