"""The process that reduces large jobs gives a job back that it could not reduce."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from autoconnect.broker import partials, reducers
from autoconnect.broker.connection import Client
from autoconnect.broker.reducers import Judgement
from autoconnect.settings import PREFIX
from tests.integration.stack import Stack


@pytest.fixture
def child(stack: Stack) -> Iterator[subprocess.Popen[str]]:
    """The process, which has said its name."""
    environment = {**os.environ, f"{PREFIX}REDIS_URL": stack.settings.needed_redis_url(), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "aggregator.child"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdout.readline().strip()
        yield child
        child.kill()


def test_a_job_whose_reduction_redis_refuses_is_given_back(
    stack: Stack, client: Client, child: subprocess.Popen[str]
) -> None:
    job_id, worker = stack.planned(stack.generated()), stack.worker()
    while not (names := partials.partial_names(client, job_id)):
        worker.round()
    client.call("DEL", names[0])
    client.call("SET", names[0], "no partial, so that reading it is an error", "PX", 60_000)
    assert child.stdin
    assert child.stdout

    child.stdin.write(f"{job_id}\n")
    child.stdin.flush()

    assert child.stdout.readline().strip() == job_id
    assert reducers.begin_reduction(client, job_id, "another", 1_000, Judgement(may_judge=False, max_deaths=1))
