"""Keys with names and roles: what each may do, and what the log says of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from structlog.testing import capture_logs

from api.access import KeyCheck
from api.problems import Problem
from autoconnect.api_keys import parse_api_keys
from tests.e2e.processes import autoconnect
from tests.integration.stack import Serve, Stack
from tests.integration.test_security import CHANGES, api_process, is_problem

READER, WRITER = "key-of-a-reader-7", "key-of-a-writer-8"
KEYS = f"reports:read:{READER}, ops:write:{WRITER}"


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_to_read_changes_nothing_and_is_told_what_is_needed(serve: Serve, header: str) -> None:
    api = serve(api_key=KEYS, api_key_for_reading=True)
    credential = {header: READER if header == "X-API-Key" else f"Bearer {READER}"}
    for method, path in CHANGES:
        response = api.request(method, f"/api/v1{path}", headers=credential)
        assert is_problem(response, 403), response.text
        assert response.json()["detail"] == (
            "The key reports has the role read, which allows only GET, HEAD, OPTIONS; this call needs a key with the "
            "role write."
        )
    for path in ("/api/v1/jobs", "/api/v1/metrics", "/metrics"):
        assert api.get(path, headers=credential).status_code == 200
    assert api.head("/api/v1/jobs", headers=credential).status_code != 403
    assert api.get("/api/v1/jobs").status_code == 401


def test_a_key_to_write_reads_and_changes_but_not_beside_a_key_to_read(serve: Serve) -> None:
    api = serve(api_key=KEYS, api_key_for_reading=True)
    assert api.get("/api/v1/jobs", headers={"X-API-Key": WRITER}).status_code == 200
    assert api.delete("/api/v1/jobs/x", headers={"X-API-Key": WRITER}).status_code == 404
    both = {"X-API-Key": WRITER, "Authorization": f"Bearer {READER}"}
    assert api.delete("/api/v1/jobs/x", headers=both).status_code == 403


def test_the_name_or_the_whole_entry_is_not_the_key(serve: Serve) -> None:
    api = serve(api_key=KEYS)
    for wrong in ("ops", f"ops:write:{WRITER}", KEYS):
        assert api.delete("/api/v1/jobs/x", headers={"X-API-Key": wrong}).status_code == 401


def test_a_change_is_logged_with_the_name_of_its_key_and_a_read_is_not(serve: Serve) -> None:
    api = serve(api_key=f"{KEYS}, {WRITER}-without-a-name")
    with capture_logs() as lines:
        api.get("/api/v1/jobs", headers={"X-API-Key": WRITER})
        api.delete("/api/v1/jobs/x", headers={"X-API-Key": WRITER})
        api.delete("/api/v1/jobs/y", headers={"X-API-Key": f"{WRITER}-without-a-name"})
    change = {"event": "change", "log_level": "info", "address": "testclient", "operation": "delete_job", "status": 404}
    assert [{name: value for name, value in line.items() if name != "ms"} for line in lines] == [
        {**change, "who": "ops", "job": "x"},
        {**change, "who": "key-3", "job": "y"},
    ]


def call(check: KeyCheck, address: str, key: str, path: str = "/api/v1/jobs") -> int:
    """Try a change; returns the status of the refusal."""
    headers = [(b"x-api-key", key.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "client": (address, 1), "headers": headers}
    with pytest.raises(Problem) as caught:
        check(Request(scope))
    return caught.value.status


def test_a_refused_key_is_logged_with_its_address_but_never_the_key() -> None:
    check = KeyCheck(parse_api_keys(KEYS), for_reading=False)
    with capture_logs() as lines:
        assert call(check, "192.0.2.1", "wrong-wrong-wrong", path="/" + "x" * 5_000) == 401
        assert call(check, "192.0.2.2", READER) == 403
    refused = {"event": "key refused", "log_level": "warning", "method": "POST", "unlogged": 0}
    assert lines == [
        {**refused, "address": "192.0.2.1", "path": "/" + "x" * 199, "reason": "unknown key"},
        {**refused, "address": "192.0.2.2", "path": "/api/v1/jobs", "reason": "the key reports has the role read"},
    ]
    assert [secret for secret in ("wrong-", READER, WRITER) if secret in repr(lines)] == []


def test_a_flood_of_refused_keys_fills_no_log() -> None:
    check = KeyCheck(parse_api_keys(KEYS), for_reading=False)
    with capture_logs() as lines:
        for number in range(1_000):
            call(check, "192.0.2.1", f"wrong {number}")
        for number in range(1_000):
            call(check, f"198.51.100.{number}", "wrong")
    assert len(lines) == 10
    assert len({line["address"] for line in lines}) == 10
    assert (lines[0]["unlogged"], lines[1]["unlogged"]) == (0, 999)


def test_the_log_of_a_running_api_has_names_and_addresses_and_no_key(stack: Stack, tmp_path: Path) -> None:
    with api_process(stack, API_KEY=KEYS, LOG_FORMAT="json") as (process, port):
        for key in (WRITER, READER, "wrong-wrong-wrong"):
            extra = {"AUTOCONNECT_URL": f"http://127.0.0.1:{port}", "AUTOCONNECT_API_KEY": key}
            autoconnect("jobs", "submit", cwd=tmp_path, extra=extra)
        process.terminate()
        assert process.stdout is not None
        output = process.stdout.read()
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    said = [(line["event"], line.get("who"), line["address"]) for line in lines if "address" in line]
    assert said == [("change", "ops", "127.0.0.1"), ("key refused", None, "127.0.0.1")]
    assert [secret for secret in ("wrong-", READER, WRITER) if secret in output] == []


def test_the_command_line_sends_only_the_key_of_the_first_entry(stack: Stack, tmp_path: Path) -> None:
    with api_process(stack, API_KEY=KEYS, API_KEY_FOR_READING="true") as (_, port):
        extra = {"AUTOCONNECT_URL": f"http://127.0.0.1:{port}", "AUTOCONNECT_API_KEY": KEYS}
        listed = autoconnect("jobs", "list", cwd=tmp_path, extra=extra)
        refused = autoconnect("jobs", "submit", cwd=tmp_path, extra=extra)
    assert listed.returncode == 0, listed.stderr
    assert (refused.returncode, "role read" in refused.stderr) == (1, True)
