"""A stack whose services run in this process, with jobs in every state, and APIs with the settings that calls need."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.app import create_app
from autoconnect.broker import keys
from autoconnect.broker.connection import connect
from autoconnect.generate import generate
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from autoconnect.models import API_PREFIX
from autoconnect.settings import Settings
from tests.examples.calls import LINES, Call
from tests.integration.stack import HEADER, Stack
from worker.group import GroupPolicy

_SAMPLE = Path(__file__).parents[2] / "data" / "transactions_autoconnect.csv"
_READER = "a key that may only read"
#: A limit that the calls reach.
_FEW = 2
#: Characters of an example that is text.
_MAX_TEXT = 1_500
#: The settings of each API; that of `empty` has a database without jobs.
_APIS: dict[str, dict[str, Any]] = {
    "main": {},
    "empty": {},
    "key": {"api_key": f"reports:read:{_READER}"},
    "no_redis": {"redis_url": "redis://127.0.0.1:1/0"},
    "few_calls": {"rate_limit": _FEW},
    "few_jobs": {"max_open_jobs": _FEW},
    "small_uploads": {"max_upload_bytes": 1_000},
}

Example = dict[str, Any]


class Recorder:
    """Makes calls and records their answers."""

    def __init__(self, apis: dict[str, TestClient], ids: dict[str, str]) -> None:
        self._apis = apis
        self._ids = ids

    def record(self, call: Call) -> Example:
        """The answer to a call."""
        response = self._answer(call)
        media_type = response.headers["content-type"]
        is_json = media_type.endswith("json")
        return {
            "name": call.name,
            "summary": call.summary,
            "status": response.status_code,
            "media_type": media_type if is_json or "version" in media_type else media_type.partition(";")[0],
            "value": response.json() if is_json else _beginning(response.text),
        }

    def _answer(self, call: Call) -> Any:
        path = f"{API_PREFIX}{call.path}".replace(f"{API_PREFIX}/../..", "")
        for name, job_id in self._ids.items():
            path = path.replace(f"{{{name}}}", job_id)
        headers = {name: value.format(reader=_READER) for name, value in call.headers.items()}
        api = self._apis[call.api]
        if call.api == "few_calls":
            for _ in range(_FEW):
                api.get(path)
        return api.request(call.method, path, headers=headers, content=call.body)


@contextmanager
def recorder(folder: Path) -> Iterator[Recorder]:
    """A recorder of a running stack."""
    (folder / "redis").mkdir()
    server = EmbeddedServer(folder / "redis")
    with ExitStack() as ending:
        process = launch(server.command)
        ending.callback(server.clean_up)
        ending.callback(process.wait)
        ending.callback(process.terminate)
        server.wait_until_it_answers(process)
        client = connect(server.url)
        ending.callback(client.close)
        stack = Stack(client, server.url, folder, GroupPolicy(seconds=0), batch_bytes=1 << 18, lease_ms=600_000)
        ending.callback(stack.close)
        _APIS["empty"]["redis_url"] = f"{server.url}?db=1"
        yield Recorder({name: _api(stack, ending, settings) for name, settings in _APIS.items()}, _jobs(stack))


def _api(stack: Stack, ending: ExitStack, settings: dict[str, Any]) -> TestClient:
    app = create_app(Settings(**{**stack.settings.model_dump(), **settings}))
    return ending.enter_context(TestClient(app, client=("192.0.2.7", 50_000)))


def _jobs(stack: Stack) -> dict[str, str]:
    """The ids of a job of the sample, one with rejected rows, one that failed, and an open one."""
    stack.write("".join(generate(1_000, 7, 0.02)), "june.csv")
    stack.write(LINES + b"TX2,2024-05-03,Lyon,location,Renault Clio,450.00,12\n", "small.csv")
    stack.write(f"{HEADER}TX1,01/02/2024,Lyon,vente,Audi A4,31000.00,\n", "ambiguous.csv")
    shutil.copy(_SAMPLE, stack.settings.data_dir)
    worker = stack.worker()
    ids = {"june": stack.planned("june.csv")}
    stack.finish(ids["june"], worker)
    ids["old"] = stack.planned("small.csv")
    stack.finish(ids["old"], worker)
    stack.client.call("DEL", keys.JobKeys(ids["old"]).cube)
    ids["failed"] = stack.planned("ambiguous.csv")
    ids["sample"] = stack.planned(_SAMPLE.name)
    stack.finish(ids["sample"], worker)
    ids["open"] = stack.planned("june.csv")
    return ids


def _beginning(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} ..."
