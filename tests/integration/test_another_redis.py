"""A Redis outside the stack, over TLS: its user is made by the commands of docs/kubernetes.md, and a job runs on it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoconnect.broker.connection import Client, answers, connect
from autoconnect.errors import BrokerUnavailable
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from tests import acl
from tests.integration.stack import Stack, expected_metrics
from tests.required import require
from tests.tls import certificate, tls_before
from tests.unit.test_docs import ROOT, read, section
from worker.group import GroupPolicy

#: The password of the server's administrator.
ADMIN = "of-the-administrator"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands run: with `deploy/`, and the certificate of the authority."""
    folder = certificate(tmp_path / "here").parent
    (folder / "deploy").symlink_to(ROOT / "deploy")
    return folder


@pytest.fixture
def administrator(tmp_path: Path) -> Iterator[Client]:
    """A client of a server of its own, which may do everything; its password is ADMIN."""
    server = EmbeddedServer(tmp_path / "redis")
    server.prepare()
    process = launch(server.command)
    try:
        server.wait_until_it_answers(process)
        administrator = connect(server.url)
        administrator.call("ACL", "SETUSER", "default", f">{ADMIN}")
        yield administrator
        administrator.close()
    finally:
        process.terminate()
        process.wait()
        server.clean_up()


@pytest.fixture
def port(administrator: Client, folder: Path) -> Iterator[int]:
    """The port of the same server, with TLS."""
    with tls_before(administrator.call("CONFIG", "GET", "unixsocket")[1].decode(), folder / "ca.crt") as port:
        yield port


@pytest.fixture
def url(folder: Path, port: int) -> str:
    """The URL that the commands of the page write, for the file of this folder in place of that in a pod."""
    page = section(read("docs/kubernetes.md"), "Another Redis")
    (block,) = re.findall(r"^```\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    lines = [line for line in block.splitlines() if not line.startswith(("kubectl ", "rm "))]
    assert len(lines) == 4
    script = "\n".join(lines).replace("redis.example", "127.0.0.1").replace("6380", str(port))
    environment = {"PATH": _path_of("redis-cli", "openssl", "bash", "grep"), "REDISCLI_AUTH": ADMIN}
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "OK\n"), done.stderr
    return (folder / "url").read_text().strip().replace("/access/", f"{folder}/")


def test_a_job_runs_on_it_under_the_rights_of_the_services(
    url: str, administrator: Client, tmp_path: Path, policy: GroupPolicy
) -> None:
    client = connect(url)
    stack = Stack(client, url, tmp_path, policy)
    source = stack.generated()
    worker, job_id = stack.worker(), stack.planned(source)
    stack.finish(job_id, worker)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())
    assert acl.denied(administrator) == []
    for command in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["GET", "other"]):
        with pytest.raises(BrokerUnavailable, match="permission"):
            client.call(*command)
    stack.close()
    client.close()


def test_a_certificate_of_another_authority_is_refused(url: str, folder: Path, tmp_path: Path) -> None:
    other = certificate(tmp_path / "other")
    assert answers(url)
    with pytest.raises(BrokerUnavailable, match="certificate"):
        connect(url.replace(str(folder / "ca.crt"), str(other))).ping()


def _path_of(*programs: str) -> str:
    """The folders of these programs, as PATH."""
    found = [shutil.which(program) or require("redis-server", f"there is no {program}") for program in programs]
    return ":".join({str(Path(path).parent) for path in found})
