"""Webhooks of real aggregators: killed, ended, without Redis, without a receiver, and what they print."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autoconnect.broker import jobs, keys, outbox
from autoconnect.broker.connection import Client
from autoconnect.models import JobStatus
from tests.e2e.processes import autoconnect, environment
from tests.e2e.waiting import free_port, wait_until
from tests.integration.receiving import receiving
from tests.integration.stack import HEADER

PASSWORD, SECRET = "pass-7d1e", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Aggregator:
    """An aggregator as a process; all that it prints goes to a file."""

    def __init__(self, folder: Path, redis_url: str, **settings: str) -> None:
        self.output = folder / f"{time.monotonic_ns()}.txt"
        self.health = self.output.with_suffix(".round")
        settings = {"REDIS_URL": redis_url, "HEALTH_FILE": str(self.health), "LOG_FORMAT": "json", **settings}
        variables = {f"AUTOCONNECT_{name}": value for name, value in settings.items()}
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aggregator.main"], env=environment(variables), stdout=file, stderr=file
            )

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.output.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    def wait_for(self, event: str) -> dict[str, Any]:
        wait_until(f"{event!r} in {self.output}", lambda: self.lines(event), poll_s=0.02)
        return self.lines(event)[-1]

    def end(self) -> int:
        """End it as an operator does; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def aggregator(folder: Path, redis_url: str, client: Client, **settings: str) -> Iterator[Aggregator]:
    """An aggregator that is up and, if it has a receiver, sends webhooks."""
    running = Aggregator(folder, redis_url, **settings)
    try:
        wait_until("a round", running.health.exists, poll_s=0.02)
        if settings.get("WEBHOOK_URL"):
            wait_until("a sender", lambda: client.call("EXISTS", keys.WEBHOOKS), poll_s=0.02)
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def end_a_job(client: Client) -> str:
    job_id = jobs.create_job(client, "source.csv", ttl_s=600)
    assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
    return job_id


def test_an_aggregator_without_a_receiver_leaves_nothing_in_redis(
    tmp_path: Path, redis_url: str, client: Client, admin: Client
) -> None:
    with aggregator(tmp_path, redis_url, client) as running:
        end_a_job(client)
        assert running.end() == 0
    assert admin.call("EXISTS", keys.WEBHOOKS, keys.OUTBOX, keys.SENDER) == 0


def test_a_webhook_comes_at_once(tmp_path: Path, redis_url: str, client: Client) -> None:
    with receiving() as hook, aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url) as running:
        started = running.wait_for("webhooks are sent")
        assert (started["receiver"], started["signed"]) == (f"http://127.0.0.1:{hook.port}", False)
        ids = [end_a_job(client) for _ in range(20)]
        hook.wait_for(20)
        assert sorted(each.partition(":")[0] for each in hook.ids) == sorted(ids)
        wait_until("the last line", lambda: len(running.lines("webhook sent")) == 20)
        assert running.end() == 0
    assert outbox.waiting_webhooks(client) == 0


def test_two_aggregators_send_each_webhook_once(tmp_path: Path, redis_url: str, client: Client) -> None:
    with (
        receiving() as hook,
        aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url) as one,
        aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url) as other,
    ):
        ids = [end_a_job(client) for _ in range(50)]
        wait_until("all webhooks", lambda: outbox.waiting_webhooks(client) == 0)
        assert one.end() == other.end() == 0
    assert sorted(each.partition(":")[0] for each in hook.ids) == sorted(ids)


def test_a_killed_aggregator_does_not_lose_the_webhook_that_it_was_sending(
    tmp_path: Path, redis_url: str, client: Client
) -> None:
    with receiving() as hook:
        hook.answers.clear()
        with aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url) as killed:
            end_a_job(client)
            hook.wait_for(1)
            killed.process.kill()
            killed.process.wait()
        hook.answers.set()
        ((webhook, due_at),) = [client.call("ZRANGE", keys.OUTBOX, 0, -1, "WITHSCORES")]
        assert float(due_at) > time.time() * 1_000
        client.call("ZADD", keys.OUTBOX, 0, webhook)  # as if its lease had ended
        with aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url):
            first, second = hook.wait_for(2)
            wait_until("an empty outbox", lambda: outbox.waiting_webhooks(client) == 0)
    assert (first.id, first.body) == (second.id, second.body) == (webhook.decode(), first.body)


def test_an_aggregator_ends_soon_while_a_request_is_under_way(tmp_path: Path, redis_url: str, client: Client) -> None:
    with receiving() as hook, aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url) as running:
        hook.answers.clear()
        end_a_job(client)
        hook.wait_for(1)
        assert running.end() == 0
        assert running.lines("webhook not sent") == [], "it would come after 10 s"
        assert "Traceback" not in running.output.read_text()
    assert outbox.waiting_webhooks(client) == 1


def test_a_receiver_that_comes_back_gets_what_it_missed(tmp_path: Path, redis_url: str, client: Client) -> None:
    port = free_port()
    with aggregator(tmp_path, redis_url, client, WEBHOOK_URL=f"http://127.0.0.1:{port}/hook") as running:
        ids = {end_a_job(client) for _ in range(3)}
        wait_until("three tries", lambda: len(running.lines("webhook not sent")) >= 3)
        with receiving(port) as hook:
            hook.wait_for(3)
            wait_until("an empty outbox", lambda: outbox.waiting_webhooks(client) == 0)
            assert {each.partition(":")[0] for each in hook.ids} == ids


def test_webhooks_continue_after_redis_cut_all_connections_and_lost_its_data(
    tmp_path: Path, redis_url: str, client: Client, admin: Client
) -> None:
    with receiving() as hook, aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url) as running:
        admin.call("FLUSHALL")
        admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_until("a sender", lambda: client.call("EXISTS", keys.WEBHOOKS), poll_s=0.02)
        end_a_job(client)
        hook.wait_for(1)
        assert running.end() == 0


def test_an_unexpected_error_while_sending_ends_the_process(tmp_path: Path, redis_url: str, client: Client) -> None:
    """Given an outbox with an item that is not a webhook / I expect exit code 1, so a supervisor starts it again"""
    with receiving() as hook, aggregator(tmp_path, redis_url, client, WEBHOOK_URL=hook.url) as running:
        client.call("ZADD", keys.OUTBOX, 0, "nonsense")
        client.call("PEXPIRE", keys.OUTBOX, 60_000)
        assert running.process.wait(60) == 1
        assert "ValueError" in running.lines("uncaught exception")[0]["exception"]
        assert running.lines("The thread that sends webhooks has failed; the log has its traceback.")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_secret_is_in_the_log(log_format: str, tmp_path: Path, redis_url: str, client: Client) -> None:
    port = free_port()
    settings = {
        "WEBHOOK_URL": f"http://user:{PASSWORD}@127.0.0.1:{port}/{PASSWORD}?{PASSWORD}",
        "WEBHOOK_SECRET": SECRET,
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": log_format,
    }
    with aggregator(tmp_path, redis_url, client, **settings) as running:
        end_a_job(client)
        wait_until("a failure", lambda: "webhook not sent" in running.output.read_text())
        with receiving(port) as hook:
            (received, *_) = hook.wait_for(1)
            wait_until("a success", lambda: "webhook sent" in running.output.read_text())
        assert running.end() == 0
    assert PASSWORD in received.path
    shown = running.output.read_text()
    assert [each for each in (PASSWORD, SECRET, SECRET.removeprefix("whsec_")) if each in shown] == []


@pytest.mark.parametrize("setting", ["WEBHOOK_URL", "WEBHOOK_SECRET"])
def test_an_unusable_setting_ends_the_aggregator_with_one_sentence(setting: str, tmp_path: Path) -> None:
    (file := tmp_path / "setting").write_text(f"{PASSWORD}\n")
    running = Aggregator(tmp_path, "redis://127.0.0.1:1", LOG_FORMAT="console", **{f"{setting}_FILE": str(file)})
    assert running.process.wait(60) == 1
    (line,) = running.output.read_text().splitlines()
    assert line.startswith(f"aggregator: AUTOCONNECT_{setting}: ")
    assert PASSWORD not in line


def test_a_run_on_this_machine_sends_nothing(tmp_path: Path, redis_url: str, client: Client) -> None:
    (tmp_path / "source.csv").write_text(f"{HEADER}T1,2024-05-01,Paris,vente,Clio,1,\n")
    with receiving() as hook:
        extra = {"AUTOCONNECT_REDIS_URL": redis_url, "AUTOCONNECT_WEBHOOK_URL": hook.url}
        ended = autoconnect("run", "source.csv", "--json", cwd=tmp_path, extra=extra)
        assert (ended.returncode, hook.received) == (0, [])
    assert client.call("EXISTS", keys.WEBHOOKS) == 0
