"""The services without processes: each runs one round when a test calls it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from aggregator.loop import Aggregator
from autoconnect.broker import jobs, keys, results
from autoconnect.broker.batches import Claim, claim_batch, claimed_items, wait_for_batch
from autoconnect.broker.connection import BlockingClient, Client
from autoconnect.broker.keys import BatchId
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.partial import Partial
from autoconnect.generate import generate
from autoconnect.mapping import add_batch, make_mapper
from autoconnect.models import Job
from autoconnect.service import Stop
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders
from orchestrator.loop import Orchestrator
from tests import oracle
from worker.group import GroupPolicy
from worker.loop import Worker

#: Makes a client of an API with the stack's settings, some of them replaced.
Serve = Callable[..., TestClient]

HEADER = "transaction_id,date,ville,type,modele,prix,duree_location_mois\n"


class Stack:
    """One orchestrator, one aggregator, and as many workers as a test makes."""

    def __init__(self, client: Client, url: str, folder: Path, policy: GroupPolicy, **settings: Any) -> None:
        quick = {"heartbeat_ms": 50, "lease_ms": 250, "batch_bytes": 2_000}
        folders = {"data_dir": folder / "data", "upload_dir": folder / "uploads"}
        self.settings = Settings(**{**quick, **folders, "redis_url": url, **settings})
        self.client = client
        self.policy = policy
        self._blocking: list[BlockingClient] = []
        self._workers: list[Worker] = []
        self.orchestrator = Orchestrator(client, self.blocking(), self.settings)
        self.aggregator = Aggregator(client, self.blocking(), self.settings)
        self.settings.data_dir.mkdir(exist_ok=True)

    def blocking(self) -> BlockingClient:
        self._blocking.append(BlockingClient(self.settings.needed_redis_url(), self.settings.block_ms))
        return self._blocking[-1]

    def worker(self) -> Worker:
        """A new worker, which has its heartbeat and no batch yet."""
        worker = Worker(self.client, self.blocking(), self.settings, Stop(), self.policy)
        worker.register()
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        self.aggregator.leave()
        for worker in self._workers:
            worker.leave()
        for blocking in self._blocking:
            blocking.close()

    def write(self, text: str | bytes, name: str = "source.csv") -> str:
        """Write a source; returns its name."""
        data = text.encode() if isinstance(text, str) else text
        (self.settings.data_dir / name).write_bytes(data)
        return name

    def generated(self, rows: int = 300, seed: int = 1, name: str = "source.csv") -> str:
        """Write a source of realistic rows; returns its name."""
        return self.write("".join(generate(rows, seed)), name)

    def submit(self, source: str) -> str:
        return jobs.create_job(self.client, source, ttl_s=600)

    def planned(self, source: str) -> str:
        """Submit a job and let the orchestrator plan it; returns its id."""
        job_id = self.submit(source)
        self.orchestrator.round()
        return job_id

    def handed_out(self, worker: Worker) -> BatchId:
        """An item that has just been handed out to the worker, which has not claimed it yet."""
        item = wait_for_batch(self.blocking(), worker.id, 100)
        assert item
        return item

    def claimed(self, worker: Worker) -> Claim:
        """A batch that the worker has just claimed and not mapped yet."""
        claim = claim_batch(self.client, worker.id, self.handed_out(worker))
        assert claim
        return claim

    def job(self, job_id: str) -> Job:
        job = jobs.read_job(self.client, job_id)
        assert job is not None
        return job

    def finish(self, job_id: str, *workers: Worker) -> Job:
        """Let the services work until the job has ended."""
        for _ in range(1_000):
            if self.job(job_id).status.ended:
                return self.job(job_id)
            if self._depth(keys.ORCHESTRATOR):
                self.orchestrator.round()
            elif busy := [
                worker for worker in workers if self._depth(keys.READY) or claimed_items(self.client, worker.id)
            ]:
                for worker in busy:
                    worker.round()
            else:
                self.aggregator.round()
        raise AssertionError(f"the job does not end: {self.job(job_id)}")

    def _depth(self, key: str) -> int:
        return int(self.client.call("LLEN", key))

    def metrics(self, job_id: str) -> dict[str, Any]:
        """The rows of all metrics of a completed job."""
        rows = {}
        for name in CATALOGUE:
            table = results.read_metric(self.client, job_id, name)
            assert table is not None
            rows[name] = table.rows
        return rows


def folders_of(settings: Settings) -> Folders:
    """The folders of a stack's sources."""
    return Folders(settings.upload_dir, settings.data_dir)


def map_claim(claim: Claim, settings: Settings) -> Partial:
    """The partial of one claimed batch."""
    mapper = make_mapper(settings.mapper, claim.batch.part.layout)
    add_batch(mapper, claim.batch, folders_of(settings))
    return mapper.partial()


def expected_metrics(data: bytes) -> dict[str, Any]:
    """The metrics that the oracle computes for a file."""
    rows, rejects = oracle.read_rows(data)
    return {name: oracle.metric(name, rows, len(rows) + len(rejects), len(rejects)) for name in CATALOGUE}
