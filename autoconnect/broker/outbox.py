"""The outbox: webhooks that are to be sent, each about the end of a job.

The script that ends a job puts a webhook into the outbox in the same step, as long as there is a sender.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.models import JobStatus

#: Milliseconds for which a sender has a webhook for itself: longer than any try takes.
LEASE_MS = 60_000
#: Bounds of the wait between two tries, in milliseconds.
_SHORTEST_WAIT_MS, _LONGEST_WAIT_MS = 1_000, 3_600_000


@dataclass(frozen=True)
class Webhook:
    """The end of a job, which a receiver must be told. `id` is the same at each try."""

    id: str
    job_id: str
    finished_at: datetime
    status: JobStatus

    @classmethod
    def parse(cls, text: str) -> Self:
        job_id, finished_at, status = text.split(":")
        return cls(text, job_id, datetime.fromtimestamp(int(finished_at) / 1_000, UTC), JobStatus(status))


@dataclass(frozen=True)
class Claim:
    """A webhook that is due, or None and the milliseconds until the first one is due (None: there is none).

    `dropped` is the number of webhooks that were ever dropped because the outbox was full.
    """

    webhook: Webhook | None
    wait_ms: int | None
    dropped: int


def claim_webhook(client: Client) -> Claim:
    """Claim the webhook that is due first, for LEASE_MS; from now on, ends of jobs go into the outbox for a day.

    If the reply is lost, the webhook waits until its lease has ended.
    """
    webhook, wait_ms, dropped = client.run_script("claim_webhook", keys.SHARED, [LEASE_MS])
    return Claim(Webhook.parse(webhook.decode()) if webhook else None, int(wait_ms) if wait_ms else None, int(dropped))


def wait_for_webhook(client: Client, block_ms: int) -> None:
    """Wait until the outbox has a new webhook, but for `block_ms` at most."""
    client.call("BLPOP", keys.SENDER, max(block_ms, 1) / 1_000)


def remove_webhook(client: Client, webhook: Webhook, *, was_sent: bool) -> None:
    """Remove a webhook that was sent, or cannot be sent."""
    client.run_script("remove_webhook", keys.SHARED, [webhook.id, int(was_sent)])


def postpone_webhook(client: Client, webhook: Webhook) -> int | None:
    """Let a webhook that could not be sent wait.

    Returns the milliseconds, 0 if it was dropped for its age; None if another sender has removed it.
    """
    wait_ms = client.run_script("postpone_webhook", keys.SHARED, [webhook.id, _SHORTEST_WAIT_MS, _LONGEST_WAIT_MS])
    return None if wait_ms is None else int(wait_ms)


def waiting_webhooks(client: Client) -> int:
    """The number of webhooks that are not sent yet."""
    return int(client.call("ZCARD", keys.OUTBOX))
