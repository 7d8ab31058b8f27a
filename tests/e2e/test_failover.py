"""The primary Redis is lost in mid-job, and a replica that lacks its last writes takes its place.

The services know one address, as they do with a managed Redis; after the failover, the replica answers there.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from autoconnect.broker.connection import Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.generate import generate
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from tests import oracle
from tests.e2e.processes import DEFAULT_WORKERS, running
from tests.e2e.waiting import free_port, wait_until
from tests.files import slow_to_map

ROWS = 60_000


class Server:
    """A running Redis: a primary that replicas reach at a port, or a replica of one."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._server = EmbeddedServer(folder)
        self.socket = Path(self._server.url.removeprefix("unix://"))
        self.process: subprocess.Popen[bytes] = launch([*self._server.command, *options])
        self._server.wait_until_it_answers(self.process)
        self.client: Client = connect(self._server.url)

    def done(self, job_id: str) -> int:
        """The batches of a job that are done on this server, 0 before its plan; the API answers more slowly."""
        return int(self.client.call("HGET", JobKeys(job_id).job, "done") or 0)

    def link(self) -> str:
        """The state of a replica's link to its primary."""
        return str(self.client.call("INFO", "replication")["master_link_status"])

    def end(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        self._server.clean_up()


class Failover:
    """A primary, its replica, and the address that leads to the one that serves."""

    def __init__(self, primary: Server, replica: Server, address: Path) -> None:
        self.primary, self.replica = primary, replica
        self._address = address
        self.url = f"unix://{address}"
        self._lead_to(primary)

    def stop_replicating(self) -> None:
        """From now on, the replica lacks what the primary acknowledges."""
        self.replica.client.call("REPLICAOF", "NO", "ONE")

    def lose_the_primary(self) -> None:
        """Kill the primary; the replica answers in its place."""
        self.primary.process.kill()
        self.primary.process.wait()
        self._lead_to(self.replica)

    def _lead_to(self, server: Server) -> None:
        new = self._address.with_suffix(".new")
        new.symlink_to(server.socket)
        new.rename(self._address)


@pytest.fixture
def failover(tmp_path: Path) -> Iterator[Failover]:
    port = str(free_port())
    with ExitStack() as ending:
        primary = Server(tmp_path / "primary", "--port", port, "--bind", "127.0.0.1")
        ending.callback(primary.end)
        replica = Server(tmp_path / "replica", "--replicaof", "127.0.0.1", port)
        ending.callback(replica.end)
        wait_until("the replica to follow", lambda: replica.link() == "up")
        yield Failover(primary, replica, tmp_path / "redis.sock")


def test_a_job_goes_on_from_what_the_replica_has(failover: Failover, folder: Path) -> None:
    text = "".join(generate(ROWS, seed=6, bad_ratio=0.01))
    (folder / "data" / "big.csv").write_text(slow_to_map(text))
    settings = {**DEFAULT_WORKERS, "AUTOCONNECT_REDIS_URL": failover.url, "AUTOCONNECT_BATCH_BYTES": "100000"}
    with running(folder, settings) as up:
        job_id = up.submit("big.csv")
        wait_until("the first batches", lambda: failover.replica.done(job_id) >= 5, poll_s=0.005)
        failover.stop_replicating()
        known = failover.replica.done(job_id)
        late = up.client.post("/api/v1/jobs", json={"source": "big.csv"}, headers={"Idempotency-Key": "late"}).json()
        wait_until("batches that only the primary has", lambda: failover.primary.done(job_id) >= known + 3)
        failover.lose_the_primary()
        wait_until("the API", up.answers)
        job = up.ended(job_id)
        assert (job["status"], job["batches"]["done"]) == ("completed", job["batches"]["total"])
        rows, rejects = oracle.read_rows(slow_to_map(text).encode())
        expected = oracle.metric("monthly-revenue", rows, len(rows) + len(rejects), len(rejects))
        answer = up.client.get("/api/v1/metrics/monthly-revenue", params={"job": job_id})
        assert json.loads(answer.text, parse_float=Decimal)["rows"] == expected
        # A job that was accepted in the time that is lost is posted again.
        assert up.client.get(f"/api/v1/jobs/{late['id']}").status_code == 404
        again = up.client.post("/api/v1/jobs", json={"source": "big.csv"}, headers={"Idempotency-Key": "late"})
        assert again.status_code == 202
        assert up.ended(again.json()["id"])["status"] == "completed"
