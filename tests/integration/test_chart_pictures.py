"""Charts over HTTP: pictures that open, drawn by a process that may die or hang without harm to other answers."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import httpx2
import pytest

from autoconnect.core.charts import CHARTS
from tests.e2e.processes import descendants
from tests.e2e.waiting import wait_until
from tests.integration.api_server import Answer, ApiServer, api_server
from tests.integration.large import complete_with
from tests.integration.stack import HEADER, Stack
from tests.large import cube_of_models

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ("<script>alert(1)</script>", "datum.revenue'+\"", "https://127.0.0.1:1/x.png", "&amp; ]]>", "=1+1")


@pytest.fixture
def server(stack: Stack, redis_url: str, tmp_path: Path) -> Iterator[ApiServer]:
    """An API with a published result of 2,000 rows."""
    job_id = stack.planned(stack.generated(2_000))
    stack.finish(job_id, stack.worker())
    with api_server(tmp_path, redis_url) as server:
        yield server


def chart(server: ApiServer, path: str) -> Answer:
    return server.get(f"/api/v1/charts/{path}")


def texts(svg: bytes) -> list[str]:
    """All texts of a picture."""
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def children(server: ApiServer) -> list[int]:
    """The ids of the processes that draw: one, or none yet."""
    lines = descendants(server.process.pid).items()
    return [pid for pid, line in lines if line.endswith("-m autoconnect.draughtsman")]


def child(server: ApiServer) -> int:
    """The id of the process that draws."""
    (pid,) = children(server)
    return pid


def drawn(spec: object) -> bytes:
    """The SVG of a specification."""
    request = json.dumps({"form": "svg", "spec": spec}) + "\n"
    command = [sys.executable, "-m", "autoconnect.draughtsman"]
    done = subprocess.run(command, input=request.encode(), capture_output=True, check=True)
    ready, head, body = done.stdout.split(b"\n", 2)
    assert (ready, head) == (b"ready", b"drawn %d" % len(body))
    return body


def size_of_png(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize(("theme", "lang"), [("light", "en"), ("dark", "fr")])
def test_each_chart_is_an_svg_a_png_and_a_specification(server: ApiServer, theme: str, lang: str) -> None:
    for name in CHARTS:
        query = f"theme={theme}&lang={lang}&width=640&height=480"
        svg, png, spec = (chart(server, f"{name}.{form}?{query}") for form in ("svg", "png", "json"))
        assert [svg.media_type, png.media_type, spec.media_type] == ["image/svg+xml", "image/png", "application/json"]
        title = " ".join(json.loads(spec.body)["title"]["text"])
        assert title in " ".join(texts(svg.body))
        assert ElementTree.fromstring(svg.body).get("width") == "640"
        assert size_of_png(png.body) == (640, 480)
        assert drawn(json.loads(spec.body)) == svg.body


def test_a_chart_shows_what_the_filters_select(server: ApiServer) -> None:
    assert {"Paris", "Lyon", "Marseille"} <= set(texts(chart(server, "city-comparison.svg").body))
    found = texts(chart(server, "city-comparison.svg?city=lyon").body)
    assert "Lyon" in found
    assert "Paris" not in found
    assert len(texts(chart(server, "top-models.svg?n=1").body)) < len(texts(chart(server, "top-models.svg").body))
    assert "No transactions" in " ".join(texts(chart(server, "trend.svg?city=nowhere").body))


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("nothing.svg", 404, "There is no chart nothing; expected one of summary"),
        ("summary.gif", 404, "There is no chart summary.gif; expected summary.svg, .png or .json."),
        ("summary.svg?width=100", 422, "width"),
        ("summary.svg?theme=blue", 422, "theme"),
        ("summary.svg?lang=de", 422, "lang"),
        ("summary.svg?colour=red", 422, "'colour' is not a parameter"),
        ("summary.svg?n=3", 422, "summary has no parameter n."),
        ("trend.svg?months=1", 422, "months"),
        ("summary.svg?from=2024-02&to=2024-01", 422, "from"),
        ("summary.svg?job=none", 404, "none"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(server: ApiServer, path: str, status: int, said: str) -> None:
    answer = chart(server, path)
    assert (answer.status, answer.media_type) == (status, "application/problem+json")
    assert said in json.loads(answer.body)["detail"]


def test_a_client_that_has_a_picture_is_told_so(server: ApiServer) -> None:
    url = f"{server.url}/api/v1/charts/summary"
    first = httpx2.get(f"{url}.png", timeout=60)
    assert size_of_png(first.content)[0] == 720
    again = httpx2.get(f"{url}.png", headers={"If-None-Match": first.headers["ETag"]}, timeout=60)
    assert (again.status_code, again.content) == (304, b"")
    svg = httpx2.get(f"{url}.svg", timeout=60)
    assert (svg.status_code, svg.headers["Content-Encoding"]) == (200, "gzip")
    assert svg.headers["ETag"] != first.headers["ETag"]
    assert httpx2.head(f"{url}.svg", timeout=60).status_code == 200


def test_names_from_a_file_are_texts_and_load_nothing(stack: Stack, server: ApiServer) -> None:
    quoted = ['"{}"'.format(name.replace('"', '""')) for name in HOSTILE]
    rows = "".join(f"TX{day},2024-01-0{day},{name},vente,{name},100,\n" for day, name in enumerate(quoted, 1))
    stack.finish(stack.planned(stack.write(HEADER + rows, "hostile.csv")), stack.worker())
    for name in CHARTS:
        svg = chart(server, f"{name}.svg")
        assert svg.status == 200, svg.body
        tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg.body).iter()}
        assert not tags & {"script", "image", "a", "foreignObject", "use"}
    assert HOSTILE[0] in texts(chart(server, "city-comparison.svg?width=1600").body)
    assert chart(server, f"city-comparison.svg?city={quote(HOSTILE[2])}").status == 200


def test_a_killed_process_costs_one_picture_at_most(server: ApiServer) -> None:
    assert chart(server, "summary.svg").status == 200
    killed = child(server)
    os.kill(killed, signal.SIGKILL)
    statuses = [chart(server, f"summary.svg?width={width}").status for width in (700, 701)]
    assert statuses[0] in (200, 503)
    assert statuses[1] == 200
    assert child(server) != killed


def test_a_process_that_hangs_is_ended_in_time_and_holds_nothing_up(
    stack: Stack, redis_url: str, tmp_path: Path
) -> None:
    stack.finish(stack.planned(stack.generated(2_000)), stack.worker())
    with api_server(tmp_path, redis_url, module="tests.integration.impatient_api 3") as server:
        wait_until("a picture", lambda: chart(server, "summary.svg").status == 200)
        stopped = child(server)
        os.kill(stopped, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            picture = pool.submit(chart, server, "trend.svg")
            while not picture.done():
                begun = time.monotonic()
                assert server.get("/health/live").status == 200
                assert server.get("/api/v1/metrics/summary").status == 200
                assert time.monotonic() - begun < 2
        answer = picture.result()
        assert answer.status == 503
        assert "took longer than 3 s" in json.loads(answer.body)["detail"]
        wait_until("a picture", lambda: chart(server, "trend.svg").status == 200)
        assert child(server) != stopped


def test_a_process_that_starts_slowly_is_not_ended(stack: Stack, redis_url: str, tmp_path: Path) -> None:
    stack.finish(stack.planned(stack.generated(2_000)), stack.worker())
    with api_server(tmp_path, redis_url, module="tests.integration.impatient_api 3") as server:
        with ThreadPoolExecutor(1) as pool:
            picture = pool.submit(chart, server, "summary.svg")
            wait_until("the process", lambda: children(server), poll_s=0.01)
            starting = child(server)
            os.kill(starting, signal.SIGSTOP)
            answer = picture.result()
        assert (answer.status, "waits for its process to start" in json.loads(answer.body)["detail"]) == (503, True)
        os.kill(starting, signal.SIGCONT)
        wait_until("a picture", lambda: chart(server, "summary.svg").status == 200)
        assert child(server) == starting


def test_the_process_ends_with_the_api(server: ApiServer) -> None:
    assert chart(server, "summary.svg").status == 200
    drawing = child(server)
    server.process.terminate()
    assert server.process.wait(30) == 0
    wait_until("its end", lambda: not Path(f"/proc/{drawing}").exists())


def test_a_chart_of_many_models_is_drawn(stack: Stack, server: ApiServer) -> None:
    complete_with(stack, cube_of_models(50_000, 4))
    for name in CHARTS:
        answer = chart(server, f"{name}.svg")
        assert answer.status == 200, answer.body
        assert len(answer.body) < 1 << 20
