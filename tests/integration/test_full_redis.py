"""Which scripts a full Redis lets pass: those that write little and begin with a write that it never refuses."""

from collections.abc import Sequence
from typing import Any

import pytest

from autoconnect.broker import batches, jobs, partials
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import JobKeys
from autoconnect.errors import BrokerFull
from autoconnect.models import JobStatus
from tests.integration.stack import Stack, expected_metrics

#: They may write more than 1 KiB, or make more work, so they begin with a write that a full Redis refuses.
REFUSED = {
    "claim_batch",
    "commit_batches",
    "create_job",
    "finish_job",
    "retry_job",
    "release_plan",
    "stage_batches",
    "stage_pieces",
    "start_plan",
}
#: They write less than 1 KiB, and most of them free memory.
PASSING = {
    "begin_reduction",
    "check_leases",
    "compact_partials",
    "end_job",
    "end_reduction",
    "fail_batch",
    "give_back_batch",
    "register_worker",
    "remove_job",
    "trim_jobs",
    "unstage",
}


class FullRedis:
    """Fills Redis for the first call of each script; a call that is refused is made again when there is room."""

    def __init__(self, client: Client, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: set[str] = set()
        self.passed: set[str] = set()
        self._admin = admin
        self._run_script = client.run_script
        monkeypatch.setattr(client, "run_script", self.run_script)

    def run_script(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        if name in self.refused | self.passed:
            return self._run_script(name, keys, arguments)
        self._admin.call("CONFIG", "SET", "maxmemory", 1)
        try:
            reply = self._run_script(name, keys, arguments)
        except BrokerFull:
            self.refused.add(name)
        else:
            self.passed.add(name)
            return reply
        finally:
            self._admin.call("CONFIG", "SET", "maxmemory", 0)
        return self._run_script(name, keys, arguments)


def test_a_full_redis_refuses_each_script_that_writes_much_and_lets_the_others_pass(
    stack: Stack, client: Client, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a Redis that is full at the first call of each script / I expect exact results all the same"""
    full = FullRedis(client, admin, monkeypatch)
    source, worker = stack.generated(), stack.worker()
    job_id = stack.planned(source)
    batches.give_back_batch(client, worker.id, stack.claimed(worker).id)
    batches.fail_batch(client, worker.id, stack.claimed(worker).id, "a test")
    assert jobs.retry_job(client, job_id)
    stack.orchestrator.round()
    while len(names := partials.partial_names(client, job_id)) < 2:
        worker.round()
    assert partials.compact_partials(client, job_id, names, partials.read_sum(client, job_id))
    stack.finish(job_id, worker)
    stack.orchestrator.round()
    cancelled = stack.planned(source)
    assert jobs.end_job(client, cancelled, JobStatus.CANCELLED)
    assert jobs.remove_job(client, cancelled)
    client.run_script("unstage", JobKeys(job_id).for_scripts(), ["autoconnect:job:none:staged:1:cube"])
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())
    assert (full.refused & PASSING, full.passed & REFUSED) == (set(), set())
    assert (REFUSED - full.refused, PASSING - full.passed) == (set(), set())
