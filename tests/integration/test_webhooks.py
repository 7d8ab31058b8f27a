"""Webhooks: a receiver is told about each job that has ended, and can check who tells it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from aggregator import receiver
from aggregator.receiver import Receiver
from aggregator.webhooks import Sender
from autoconnect.broker import counters, jobs, keys, outbox, server
from autoconnect.broker.connection import Client
from autoconnect.core.webhook import parse_secrets
from autoconnect.models import JobStatus
from tests.integration.receiving import Hook, receiving
from tests.integration.stack import Serve, Stack

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
DAY_MS = 86_400_000


@pytest.fixture
def hook() -> Iterator[Hook]:
    with receiving() as hook:
        yield hook


@pytest.fixture
def sender_to(stack: Stack) -> Callable[..., Sender]:
    """Make senders that have opened the outbox."""

    def make(url: str, secret: str = SECRET) -> Sender:
        receiver = Receiver(url, parse_secrets(secret))
        sender = Sender(stack.client, stack.blocking(), receiver, stack.settings.block_ms)
        sender.round()
        return sender

    return make


@pytest.fixture
def sender(sender_to: Callable[..., Sender], hook: Hook) -> Sender:
    return sender_to(hook.url)


def cancelled(stack: Stack) -> str:
    """The id of a job that has been cancelled."""
    job_id = stack.submit("source.csv")
    assert jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)
    return job_id


def make_due(client: Client) -> None:
    """Make all webhooks in the outbox due now."""
    for webhook in client.call("ZRANGE", keys.OUTBOX, 0, -1):
        client.call("ZADD", keys.OUTBOX, 0, webhook)


def put(client: Client, webhook: str, due_at: int = 0) -> str:
    client.call("ZADD", keys.OUTBOX, due_at, webhook)
    client.call("PEXPIRE", keys.OUTBOX, DAY_MS)
    return webhook


def wait_left_ms(client: Client) -> int:
    """Milliseconds until the first webhook is due."""
    wait_ms = outbox.claim_webhook(client).wait_ms
    assert wait_ms is not None
    return wait_ms


def counted(client: Client) -> dict[str, int]:
    values = counters.read_counters(client)
    return {name.removeprefix("webhooks_"): values[name] for name in values if name.startswith("webhooks_")}


def completed_job(stack: Stack) -> str:
    return stack.finish(stack.planned(stack.generated()), stack.worker()).id


def failed_job(stack: Stack) -> str:
    return stack.finish(stack.planned("nowhere.csv")).id


@pytest.mark.parametrize(
    ("make", "status"), [(completed_job, "completed"), (failed_job, "failed"), (cancelled, "cancelled")]
)
def test_each_end_of_a_job_is_sent_with_the_job_as_the_api_shows_it(
    make: Callable[[Stack], str], status: str, stack: Stack, sender: Sender, hook: Hook, serve: Serve
) -> None:
    job_id = make(stack)
    sender.round()
    (received,) = hook.received
    shown: dict[str, Any] = serve().get(f"/api/v1/jobs/{job_id}").json()
    assert json.loads(received.body) == {"type": f"job.{status}", "timestamp": shown["finished_at"], "data": shown}
    assert shown["status"] == status
    assert received.path == "/hook"
    assert received.headers["content-type"] == "application/json"
    assert outbox.waiting_webhooks(stack.client) == 0
    assert counted(stack.client) == {"sent": 1, "given_up": 0, "dropped": 0}


def test_a_receiver_that_fails_twice_gets_the_same_webhook_again(
    stack: Stack, client: Client, sender: Sender, hook: Hook
) -> None:
    hook.statuses = [500, 302]
    job_id = cancelled(stack)
    with capture_logs() as lines:
        for _ in range(2):
            sender.round()
            assert 0 < wait_left_ms(client) <= 1_000
            make_due(client)
        sender.round()
    first, *others = hook.received
    assert len(others) == 2
    assert {(each.id, each.path, each.body) for each in others} == {(first.id, "/hook", first.body)}
    assert [line["event"] for line in lines] == ["webhook not sent", "webhook not sent", "webhook sent"]
    assert lines[0] == {
        **{"event": "webhook not sent", "log_level": "warning", "job": job_id, "type": "job.cancelled"},
        **{"error": "the answer has status 500", "wait_s": 1.0},
    }
    assert (outbox.waiting_webhooks(client), counted(client)["sent"]) == (0, 1)


def test_a_job_that_ends_again_has_another_webhook_and_an_old_one_shows_it_as_it_is_now(
    stack: Stack, client: Client, sender: Sender, hook: Hook
) -> None:
    job_id = failed_job(stack)
    assert jobs.retry_job(client, job_id)
    sender.round()
    stack.finish(job_id)
    sender.round()
    before, after = (json.loads(each.body) for each in hook.received)
    assert before["type"] == after["type"] == "job.failed"
    assert (before["data"]["status"], after["data"]["status"]) == ("queued", "failed")
    assert len(set(hook.ids)) == 2


@pytest.mark.parametrize(
    ("age_ms", "wait_ms"), [(0, 1_000), (10_000, 5_000), (600_000, 300_000), (80_000_000, 3_600_000)]
)
def test_a_pause_is_half_the_age_of_the_webhook(
    age_ms: int, wait_ms: int, stack: Stack, client: Client, sender: Sender, hook: Hook
) -> None:
    job_id = cancelled(stack)
    client.call("DEL", keys.OUTBOX)
    finished_at = server.time_ms(client) - age_ms
    webhook = outbox.Webhook.parse(put(client, f"{job_id}:{finished_at}:cancelled"))
    before = server.time_ms(client)
    told_ms = outbox.postpone_webhook(client, webhook)
    assert told_ms is not None
    assert wait_ms <= told_ms <= wait_ms + 30_000
    due_at = float(client.call("ZSCORE", keys.OUTBOX, webhook.id))
    assert before + told_ms <= due_at <= server.time_ms(client) + told_ms


def test_a_webhook_that_fails_after_a_day_is_given_up(stack: Stack, client: Client, sender: Sender, hook: Hook) -> None:
    job_id = cancelled(stack)
    client.call("DEL", keys.OUTBOX)
    put(client, f"{job_id}:{server.time_ms(client) - DAY_MS}:cancelled")
    hook.statuses = [503]
    with capture_logs() as lines:
        sender.round()
    assert lines == [
        {
            **{"event": "webhook given up", "log_level": "error", "job": job_id, "type": "job.cancelled"},
            "error": "the answer has status 503",
        }
    ]
    assert outbox.waiting_webhooks(client) == 0
    assert counted(client) == {"sent": 0, "given_up": 1, "dropped": 0}


def test_a_webhook_whose_job_was_removed_is_given_up(stack: Stack, client: Client, sender: Sender, hook: Hook) -> None:
    assert jobs.remove_job(client, cancelled(stack))
    with capture_logs() as lines:
        sender.round()
    assert [(line["event"], line["error"]) for line in lines] == [("webhook given up", "the job no longer exists")]
    assert (hook.received, outbox.waiting_webhooks(client)) == ([], 0)


def test_a_receiver_that_answers_without_an_end_is_given_up_in_time(
    stack: Stack, client: Client, sender: Sender, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "TIMEOUT_S", 0.5)
    hook.answers.clear()
    cancelled(stack)
    with capture_logs() as lines:
        sender.round()
    assert [(line["event"], line["error"]) for line in lines] == [("webhook not sent", "no answer within 0.5 s")]
    assert len(hook.received) == 1


def test_two_senders_send_each_webhook_once(
    stack: Stack, client: Client, sender: Sender, sender_to: Callable[..., Sender], hook: Hook
) -> None:
    other = sender_to(hook.url)
    cancelled(stack)
    claimed = outbox.claim_webhook(client).webhook
    assert claimed
    other.round()  # it waits: the webhook is claimed
    assert hook.received == []
    assert 30_000 < wait_left_ms(client) <= outbox.LEASE_MS
    outbox.remove_webhook(client, claimed, was_sent=True)
    outbox.remove_webhook(client, claimed, was_sent=True)
    assert outbox.postpone_webhook(client, claimed) is None
    assert counted(client) == {"sent": 1, "given_up": 0, "dropped": 0}


def test_the_outbox_drops_the_oldest_of_more_than_a_thousand(
    stack: Stack, client: Client, sender: Sender, hook: Hook
) -> None:
    """Given the oldest end among those that are due last / I expect that it goes, and a warning"""
    later = server.time_ms(client) + 3_600_000
    for number in range(1_000):
        put(client, f"job-{number}:{1_764_410_400_000 + (number - 500) ** 2}:failed", due_at=later + number)
    job_id = cancelled(stack)
    assert outbox.waiting_webhooks(client) == 1_000
    assert client.call("ZSCORE", keys.OUTBOX, "job-500:1764410400000:failed") is None
    with capture_logs() as lines:
        sender.round()
    assert lines[0] == {"event": "webhooks dropped: too many wait", "log_level": "warning", "dropped": 1}
    assert [each.id.partition(":")[0] for each in hook.received] == [job_id]
    assert counted(client) == {"sent": 1, "given_up": 0, "dropped": 1}


def test_without_a_sender_no_end_of_a_job_is_kept(stack: Stack, admin: Client) -> None:
    completed_job(stack), failed_job(stack), cancelled(stack)
    assert admin.call("EXISTS", keys.WEBHOOKS, keys.OUTBOX, keys.SENDER) == 0
    assert counted(stack.client) == {"sent": 0, "given_up": 0, "dropped": 0}


def test_everything_that_waits_expires_after_a_day(stack: Stack, client: Client, sender: Sender) -> None:
    cancelled(stack)
    for name in (keys.WEBHOOKS, keys.OUTBOX, keys.SENDER):
        assert DAY_MS - 600_000 < client.call("PTTL", name) <= DAY_MS
    client.call("PEXPIRE", keys.WEBHOOKS, DAY_MS // 2 - 1)
    client.call("PEXPIRE", keys.OUTBOX, DAY_MS // 2 - 1)
    assert outbox.claim_webhook(client).webhook
    for name in (keys.WEBHOOKS, keys.OUTBOX):
        assert DAY_MS - 600_000 < client.call("PTTL", name) <= DAY_MS


def test_the_end_of_a_job_wakes_a_sender_that_waits(stack: Stack, sender: Sender) -> None:
    cancelled(stack)
    outbox.wait_for_webhook(stack.client, 60_000)  # the time limit of the client is 5 s


def test_a_full_redis_lets_webhooks_pass(stack: Stack, client: Client, admin: Client, sender: Sender) -> None:
    job_id = stack.submit("source.csv")
    admin.call("CONFIG", "SET", "maxmemory", 1)
    try:
        assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
        webhook = outbox.claim_webhook(client).webhook
        assert webhook
        assert outbox.postpone_webhook(client, webhook) == 1_000
        outbox.remove_webhook(client, webhook, was_sent=True)
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert counted(client)["sent"] == 1


def test_prometheus_sees_how_many_wait(stack: Stack, sender: Sender, serve: Serve) -> None:
    cancelled(stack)
    assert "\nautoconnect_webhooks_waiting 1.0\n" in serve().get("/metrics").text
