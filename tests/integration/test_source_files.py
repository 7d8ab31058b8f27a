"""Sources over REST: uploading, finding under every form of a name, and reading the file itself."""

import gzip
import os
import socket
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from autoconnect.models import JobStatus
from tests.e2e.waiting import wait_until
from tests.integration.api_server import ApiServer, api_server, get, read_answer
from tests.integration.stack import HEADER, Serve, Stack

ROW = "TX1,2024-01-31,Paris,vente,BMW X3,10.50,\n"
CSV = (HEADER + ROW).encode()
NFC, NFD = (unicodedata.normalize(form, "été à Orléans.csv") for form in ("NFC", "NFD"))
#: More than the buffers of a loopback connection hold.
LARGE_BYTES = 24 << 20


@pytest.fixture
def api(serve: Serve) -> TestClient:
    return serve()


def path_of(name: str) -> str:
    return f"/api/v1/sources/{quote(name, safe='')}"


def uploads(stack: Stack) -> list[str]:
    return sorted(os.listdir(stack.settings.upload_dir))


@pytest.mark.parametrize(("stored", "asked"), [(NFC, NFD), (NFD, NFC)])
def test_an_upload_replaces_the_file_of_the_same_name_in_the_other_unicode_form(
    stack: Stack, api: TestClient, stored: str, asked: str
) -> None:
    """Given an uploaded file / When its name comes in the other form / I expect one file, found under both forms"""
    stack.settings.upload_dir.mkdir()
    (stack.settings.upload_dir / stored).write_text("old")
    replaced = api.put(path_of(asked), content=CSV)
    assert (replaced.status_code, replaced.json()["name"], uploads(stack)) == (200, stored, [stored])
    for name in (stored, asked):
        assert api.get(path_of(name)).content == CSV
        assert len(api.get(f"{path_of(name)}/check").json()["rows"]) == 1
        job_id = api.post("/api/v1/jobs", json={"source": name}).json()["id"]
        assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    assert api.delete(path_of(asked)).status_code == 204
    assert uploads(stack) == []


def test_a_new_upload_is_stored_in_nfc(stack: Stack, api: TestClient) -> None:
    created = api.put(path_of(NFD), content=CSV)
    assert (created.status_code, created.json()["name"], uploads(stack)) == (201, NFC, [NFC])
    assert api.put(path_of(NFC), content=CSV).status_code == 200
    assert [item["name"] for item in api.get("/api/v1/sources").json()["items"]] == [NFC]


def test_of_two_files_whose_names_look_the_same_an_upload_replaces_the_one_that_it_names(
    stack: Stack, api: TestClient
) -> None:
    stack.settings.upload_dir.mkdir()
    for name in (NFC, NFD):
        (stack.settings.upload_dir / name).write_text("old")
    assert api.put(path_of(NFD), content=CSV).status_code == 200
    assert (api.get(path_of(NFC)).text, api.get(path_of(NFD)).content) == ("old", CSV)


def test_a_name_whose_nfc_is_too_long_to_store_is_refused(api: TestClient) -> None:
    name = "\u0958" * 80 + ".csv"  # two characters in NFC
    refused = api.put(path_of(name), content=CSV)
    assert refused.status_code == 422
    assert "the name has 484 bytes; expected at most 255" in refused.json()["detail"]


def test_a_name_that_is_not_utf8_is_used_as_it_is_listed(stack: Stack, api: TestClient) -> None:
    stack.settings.upload_dir.mkdir()
    (stack.settings.upload_dir / os.fsdecode(b"\xe9t\xe9.csv")).write_bytes(CSV)
    (listed,) = api.get("/api/v1/sources").json()["items"]
    name = listed["name"]
    assert name == "\\xe9t\\xe9.csv"
    read = api.get(path_of(name))
    assert read.content == CSV
    assert read.headers["content-disposition"] == (
        "attachment; filename=\"_xe9t_xe9.csv\"; filename*=UTF-8''%5Cxe9t%5Cxe9.csv"
    )
    assert api.get(f"{path_of(name)}/check").json()["source"] == name
    job = api.post("/api/v1/jobs", json={"source": name}).json()
    assert stack.finish(job["id"], stack.worker()).status is JobStatus.COMPLETED
    assert api.delete(path_of(name)).status_code == 204
    assert uploads(stack) == []
    assert api.get(path_of(name)).status_code == 404


def test_a_backslash_is_part_of_names_that_exist_and_of_no_new_one(stack: Stack, api: TestClient) -> None:
    path = path_of("caf\\xe9.csv")
    assert [api.get(path).status_code, api.get(f"{path}/check").status_code, api.delete(path).status_code] == [404] * 3
    (stack.settings.data_dir / os.fsdecode(b"caf\xe9.csv")).write_bytes(CSV)
    refused = api.put(path, content=CSV)
    assert refused.status_code == 422
    assert "has a backslash; expected a file name without one that ends in .csv" in refused.json()["detail"]
    assert api.delete(path).status_code == 409


OUTSIDE = (
    *("..%2fsecret.csv", "..%2Fsecret.csv", "%2e%2e%2fsecret.csv", "..%5csecret.csv", "..\\secret.csv"),
    *("x%5c..%5c..%5csecret.csv", "%5cx2e%5cx2e%5cx2fsecret.csv", "%5c%5c..%5csecret.csv", "../secret.csv"),
    *("secret.csv%00", "..%2fsecret.csv%00.csv", "data%00/../secret.csv", "out.csv", "%2fetc%2fpasswd.csv"),
    *("folder%2fsecret.csv", "..%252fsecret.csv", "%c0%ae%c0%ae%c0%afsecret.csv", ".", "..", "%2e%2e"),
)


def test_no_name_leads_out_of_the_folders(stack: Stack, redis_url: str, tmp_path: Path) -> None:
    """Given a file beside the folders, and links to it / I expect that no call reads, replaces or deletes it"""
    secret = tmp_path / "secret.csv"
    secret.write_text("hidden")
    (stack.settings.data_dir / "out.csv").symlink_to(secret)
    (stack.settings.data_dir / "folder").symlink_to(tmp_path)
    with api_server(tmp_path, redis_url) as server:
        for name in OUTSIDE:
            for method, path in (("GET", name), ("GET", f"{name}/check"), ("DELETE", name)):
                answer = server.ask(f"{method} /api/v1/sources/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert answer.status in (404, 405, 422), (method, path, answer)
                assert b"hidden" not in answer.body
        for name in OUTSIDE:
            put = f"PUT /api/v1/sources/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nnew"
            server.ask(put.encode())
    assert secret.read_text() == "hidden"
    assert sorted(os.listdir(tmp_path)) == ["data", "messages.txt", "secret.csv", "uploads"]


def test_a_source_is_read_as_it_is_stored(stack: Stack, api: TestClient) -> None:
    data = b"\xff" + CSV
    stack.write(data, "june.csv")
    os.utime(stack.settings.data_dir / "june.csv", ns=(0, 1_700_000_000_999_999_999))
    api.headers["X-Request-ID"] = "the-same"  # the answers have it
    answer = api.get("/api/v1/sources/june.csv")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, "text/csv")
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["content-disposition"] == 'attachment; filename="june.csv"'
    assert parsedate_to_datetime(answer.headers["last-modified"]).timestamp() == 1_700_000_000
    head = api.head("/api/v1/sources/june.csv")
    assert (head.status_code, head.content, head.headers) == (200, b"", answer.headers)


def test_the_location_of_an_upload_is_that_of_the_file_which_hides_one_of_the_data_folder(
    stack: Stack, api: TestClient
) -> None:
    stack.write("data", NFC)
    location = api.put(path_of(NFC), content=CSV).headers["location"]
    answer = api.get(location)
    assert (answer.status_code, answer.content) == (200, CSV)
    assert answer.headers["content-disposition"] == (
        f"attachment; filename=\"_t_ _ Orl_ans.csv\"; filename*=UTF-8''{quote(NFC)}"
    )


def test_a_client_that_has_the_version_of_a_source_gets_304_until_it_changes(stack: Stack, api: TestClient) -> None:
    stack.write(CSV)
    path = "/api/v1/sources/source.csv"
    etag = api.get(path).headers["etag"]
    assert etag.startswith('"')
    for sent in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        for method in ("GET", "HEAD"):
            known = api.request(method, path, headers={"If-None-Match": sent})
            assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert api.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    stack.write(CSV.replace(b"Paris", b"Lyon."))
    changed = api.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, b"Lyon." in changed.content) == (200, True)


def test_an_empty_source_is_read_and_an_unknown_one_is_404(stack: Stack, api: TestClient) -> None:
    stack.write(b"")
    empty = api.get("/api/v1/sources/source.csv")
    assert (empty.status_code, empty.content, empty.headers["content-length"]) == (200, b"", "0")
    for method in ("GET", "HEAD"):
        assert api.request(method, "/api/v1/sources/none.csv").status_code == 404


def archive(*names: str) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name in names:
            written.writestr(name, "x")
    return file.getvalue()


NO_TEXT = {
    "an Excel file (xlsx)": archive("[Content_Types].xml", "xl/workbook.xml"),
    "a zip file": archive("june.csv"),
    "a gzip file": gzip.compress(CSV),
    "a PDF file": b"%PDF-1.7\n",
    "a Parquet file": b"PAR1\x15\x04",
    "an Excel file (xls)": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    "a binary file": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x80" * 5_000,
}


@pytest.mark.parametrize("kind", NO_TEXT)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_an_upload_that_is_not_text_is_422_says_what_it_is_and_replaces_nothing(
    stack: Stack, api: TestClient, kind: str, in_pieces: bool
) -> None:
    api.put("/api/v1/sources/june.csv", content=CSV)
    body = NO_TEXT[kind]
    pieces: Iterator[bytes] = (body[start : start + 3] for start in range(0, len(body), 3))
    refused = api.put("/api/v1/sources/june.csv", content=pieces if in_pieces else body)
    problem = refused.json()
    assert (refused.status_code, [error["name"] for error in problem["errors"]]) == (422, ["body"])
    assert problem["detail"].startswith(f"The file is {kind} (its first bytes are ")
    assert "CSV" in problem["detail"].partition("; ")[2] or "unpack" in problem["detail"]
    assert (stack.settings.upload_dir / "june.csv").read_bytes() == CSV
    assert uploads(stack) == ["june.csv"]


@pytest.mark.parametrize("body", [bytes(5_000), CSV + bytes(len(CSV)), b"id\0date\n" + CSV])
def test_nul_bytes_are_not_text(stack: Stack, api: TestClient, body: bytes) -> None:
    refused = api.put("/api/v1/sources/x.csv", content=body)
    assert (refused.status_code, uploads(stack)) == (422, [])
    assert refused.json()["detail"].startswith("The file is a binary file ")


@pytest.mark.parametrize("content", [b"", iter([b"", b""])])
def test_an_empty_upload_is_422(stack: Stack, api: TestClient, content: bytes | Iterator[bytes]) -> None:
    refused = api.put("/api/v1/sources/x.csv", content=content)
    assert (refused.status_code, uploads(stack)) == (422, [])
    assert refused.json()["detail"] == (
        "The upload has 0 bytes; expected a CSV file as the body, such as curl -T FILE sends it."
    )


@pytest.mark.parametrize(
    "body",
    [
        CSV.decode().encode("utf-16"),
        CSV.decode().encode("utf-16-le"),
        CSV.decode().encode("utf-32"),
        CSV + (ROW * 5).encode() + b"TX\0,,,,,,\n",
        b"\xef\xbb\xbf" + CSV,
        b"<html>",
        b"x",
    ],
)
def test_any_text_is_accepted_and_its_faults_show_in_a_check(stack: Stack, api: TestClient, body: bytes) -> None:
    assert api.put("/api/v1/sources/x.csv", content=body).status_code == 201
    assert (stack.settings.upload_dir / "x.csv").read_bytes() == body
    assert api.get("/api/v1/sources/x.csv/check").status_code in (200, 422)


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("path", ["/api/v1/sources/x.csv", "/api/v1/sources"])
def test_a_form_is_415_and_says_how_to_upload(stack: Stack, api: TestClient, method: str, path: str) -> None:
    refused = api.request(method, path, files={"file": ("x.csv", CSV, "text/csv")})
    assert refused.status_code == 415
    assert refused.json()["detail"] == (
        "Content-Type is 'multipart/form-data'; expected the file itself as the body of PUT "
        "/api/v1/sources/NAME.csv: curl -T FILE, or curl -X PUT --data-binary @FILE."
    )
    assert not stack.settings.upload_dir.exists()


def test_the_first_bytes_of_an_upload_are_enough_to_refuse_it(tmp_path: Path, redis_url: str) -> None:
    head = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    with api_server(tmp_path, redis_url) as server, server.connect(head + b"PAR1" + b"x" * 5_000) as connection:
        assert read_answer(connection).status == 422


@pytest.fixture
def server(tmp_path: Path, redis_url: str) -> Iterator[ApiServer]:
    """An API with a large source, `large.csv`, in its data folder."""
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "large.csv").write_bytes(b"a" * LARGE_BYTES)
    with api_server(tmp_path, redis_url) as server:
        yield server


class Slow:
    """A client that has the first byte of a file, and takes little more until `rest` is called."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.settimeout(30)
        self._socket.connect(("127.0.0.1", server.port))
        self._socket.sendall(get(f"/api/v1/sources/{name}"))
        self._response = HTTPResponse(self._socket)
        self._response.begin()
        self.status = self._response.status
        self.first = self._response.read(1)

    def rest(self) -> bytes:
        with self._socket:
            return self._response.read()

    def leave(self) -> None:
        self._response.close()
        self._socket.close()


def open_files(server: ApiServer, name: str) -> int:
    """The descriptors that the API has of a file, whatever its name is now."""
    folder = Path(f"/proc/{server.process.pid}/fd")
    return sum(name in os.readlink(link) for link in folder.iterdir() if link.is_symlink())


def test_a_source_that_is_replaced_while_it_is_sent_stays_what_it_was(server: ApiServer, tmp_path: Path) -> None:
    slow = Slow(server, "large.csv")
    (tmp_path / "new.csv").write_bytes(b"b" * LARGE_BYTES)
    os.replace(tmp_path / "new.csv", tmp_path / "data" / "large.csv")
    assert slow.first + slow.rest() == b"a" * LARGE_BYTES
    assert server.get("/api/v1/sources/large.csv").body == b"b" * LARGE_BYTES
    wait_until("the end of both", lambda: open_files(server, "large.csv") == 0)


@pytest.mark.parametrize("size", [LARGE_BYTES, LARGE_BYTES // 2, LARGE_BYTES + 1])
def test_a_source_that_changes_in_place_while_it_is_sent_is_never_mixed(
    server: ApiServer, tmp_path: Path, size: int
) -> None:
    slow = Slow(server, "large.csv")
    with (tmp_path / "data" / "large.csv").open("r+b") as file:
        file.write(b"b" * min(size, LARGE_BYTES))
        file.truncate(size)
    with pytest.raises(IncompleteRead) as caught:
        slow.rest()
    assert set(caught.value.partial) == {ord("a")}
    wait_until("the end", lambda: open_files(server, "large.csv") == 0)
    messages = wait_until(
        "the message", lambda: text if "source not sent whole" in (text := server.messages.read_text()) else None
    )
    assert "The source 'large.csv' changed while it was read" in messages
    assert "Traceback" not in messages


def test_slow_clients_take_the_places_of_files_and_nothing_else(server: ApiServer, tmp_path: Path) -> None:
    """Given as many slow clients as there are places / I expect 503 for further files, and all else as ever"""
    (tmp_path / "data" / "small.csv").write_bytes(CSV)
    with ExitStack() as clients:
        slow = []
        for _ in range(32):
            slow.append(Slow(server, "large.csv"))
            clients.callback(slow[-1].leave)
        assert {client.status for client in slow} == {200}
        refused = server.get("/api/v1/sources/small.csv")
        assert refused.status == 503
        assert b"32 sources are being sent already; try again in 5 s." in refused.body
        for path in ("/api/v1/sources", "/api/v1/sources/small.csv/check", "/api/v1/jobs", "/health/ready"):
            assert server.get(path).status == 200
        connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("HEAD", "/api/v1/sources/small.csv")
        assert connection.getresponse().status == 200
        connection.close()
    wait_until("their end", lambda: server.get("/api/v1/sources/small.csv").status == 200)
    wait_until("all files closed", lambda: open_files(server, "large.csv") == 0)
