"""Steps that the tests of faults share."""

from typing import Any

import pytest

from autoconnect.broker import keys, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId, JobKeys
from tests.integration.stack import Stack
from worker.loop import Worker


class Crashed(BaseException):
    """Stands for the death of a process: nothing catches it."""


def crash_while_mapping(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker claim a batch and die over it, and its heartbeat with it."""

    def die(*_: Any) -> None:
        raise Crashed

    with monkeypatch.context() as patch:
        patch.setattr("worker.loop.add_batch", die)
        with pytest.raises(Crashed):
            worker.round()
    worker.heartbeat.stop()


def waiting_items(client: Client, job_id: str) -> list[BatchId]:
    """Items in the ready list and in the job's waiting list."""
    lists = (keys.READY, JobKeys(job_id).waiting)
    return [BatchId.parse(item.decode()) for name in lists for item in client.call("LRANGE", name, 0, -1)]


def reap(stack: Stack) -> list[tuple[str, BatchId]]:
    """Reclaim the batches of dead workers; returns each worker and item."""
    return workers.reap(stack.client, stack.settings.max_deaths)


def run_ticks(stack: Stack) -> None:
    """Let the orchestrator run several ticks."""
    for _ in range(10):
        stack.orchestrator.round()
