"""The sender of webhooks, a thread of the aggregator: it tells a receiver about each job that has ended."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime

import structlog
from pydantic import BaseModel

from aggregator.receiver import Receiver
from autoconnect.broker import jobs, outbox
from autoconnect.broker.connection import BlockingClient, Client, connect
from autoconnect.broker.outbox import Webhook
from autoconnect.errors import AutoConnectError
from autoconnect.models import Job
from autoconnect.service import Stop, repeat
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds that a running request may still take when the process ends.
_LAST_S = 1.0


class Content(BaseModel):
    """The body of a webhook; `data` is the job as it is when the webhook is sent."""

    type: str
    timestamp: datetime
    data: Job


class Sender:
    """Sends each webhook of the outbox at least once. Several can run at once: each claims what it sends."""

    def __init__(self, client: Client, blocking: BlockingClient, receiver: Receiver, block_ms: int) -> None:
        self._client = client
        self._blocking = blocking
        self._receiver = receiver
        self._block_ms = block_ms
        self._dropped: int | None = None

    def round(self) -> None:
        """Send the webhook that is due first, or wait until one is due."""
        claim = outbox.claim_webhook(self._client)
        self._warn(claim.dropped)
        if claim.webhook:
            self._send(claim.webhook)
        else:
            wait_ms = self._block_ms if claim.wait_ms is None else min(claim.wait_ms, self._block_ms)
            outbox.wait_for_webhook(self._blocking, wait_ms)

    def _send(self, webhook: Webhook) -> None:
        told = log.bind(job=webhook.job_id, type=_type(webhook))
        job = jobs.read_job(self._client, webhook.job_id)
        if job is None:
            outbox.remove_webhook(self._client, webhook, was_sent=False)
            told.error("webhook given up", error="the job no longer exists")
            return
        started = time.monotonic()
        content = Content(type=_type(webhook), timestamp=webhook.finished_at, data=job)
        error = self._receiver.post(webhook.id, content.model_dump_json().encode())
        if error:
            self._postpone(webhook, error)
            return
        outbox.remove_webhook(self._client, webhook, was_sent=True)
        told.info("webhook sent", ms=round(1_000 * (time.monotonic() - started)))

    def _postpone(self, webhook: Webhook, error: str) -> None:
        told = log.bind(job=webhook.job_id, type=_type(webhook), error=error)
        wait_ms = outbox.postpone_webhook(self._client, webhook)
        if wait_ms == 0:
            told.error("webhook given up")
        elif wait_ms:
            told.warning("webhook not sent", wait_s=wait_ms / 1_000)

    def _warn(self, dropped: int) -> None:
        """Warn about webhooks that were dropped since the last claim."""
        if self._dropped is not None and dropped > self._dropped:
            log.warning("webhooks dropped: too many wait", dropped=dropped - self._dropped)
        self._dropped = dropped


@contextmanager
def sending(url: str, settings: Settings, stop: Stop) -> Iterator[None]:
    """Send webhooks to a URL, in a thread, until `stop` is requested.

    An unexpected error in the thread requests `stop`; AutoConnectError is then raised here, so the process ends.
    """
    receiver = Receiver(url, settings.webhook_secrets)
    blocking = BlockingClient(settings.needed_redis_url(), settings.block_ms)
    sender = Sender(connect(settings.needed_redis_url()), blocking, receiver, settings.block_ms)
    wake_others = stop.wake

    def wake() -> None:
        wake_others()
        blocking.interrupt()

    failed = threading.Event()

    def send() -> None:
        try:
            repeat(sender.round, stop)
        except BaseException:  # logged like every uncaught one
            failed.set()
            stop.request()
            raise

    stop.wake = wake
    log.info("webhooks are sent", receiver=receiver.address, signed=bool(settings.webhook_secrets))
    # A daemon: a request under way must not keep the process from ending.
    thread = threading.Thread(target=copy_context().run, args=(send,), name="webhooks", daemon=True)
    thread.start()
    yield
    thread.join(_LAST_S)
    if failed.is_set():
        raise AutoConnectError("The thread that sends webhooks has failed; the log has its traceback.")


def _type(webhook: Webhook) -> str:
    return f"job.{webhook.status}"
