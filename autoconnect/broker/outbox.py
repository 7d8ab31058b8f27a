"""The outbox: webhooks that are still to be sent, one for each end of a job.

The script that ends a job puts a webhook into the outbox in the same step, as long as there is a sender.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from autoconnect.broker import keys
from autoconnect.broker.connection import Client, wait_s
from autoconnect.models import JobStatus

#: Milliseconds for which a sender has a webhook to itself: longer than any try takes.
LEASE_MS = 60_000
#: Bounds of the wait between two tries, in milliseconds.
_SHORTEST_WAIT_MS, _LONGEST_WAIT_MS = 1_000, 3_600_000


@dataclass(frozen=True)
class Webhook:
    """Tells a receiver about the end of a job. `id` is the same for every try."""

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
    """A webhook that is due; or None, and the milliseconds until the first one is due (None if none waits).

    `dropped` is how many webhooks have ever been dropped because the outbox was full.
    """

    webhook: Webhook | None
    wait_ms: int | None
    dropped: int


def claim_webhook(client: Client) -> Claim:
    """Claim the webhook that is due first, for LEASE_MS, and keep the outbox open for at least 12 hours.

    While the outbox is open, each end of a job puts a webhook into it. If the reply is lost, the webhook waits until
    its lease has ended.
    """
    webhook, wait_ms, dropped = client.run_script("claim_webhook", keys.SHARED, [LEASE_MS])
    return Claim(Webhook.parse(webhook.decode()) if webhook else None, int(wait_ms) if wait_ms else None, int(dropped))


def wait_for_webhook(client: Client, block_ms: int) -> None:
    """Wait until the outbox has a new webhook, for at most `block_ms`."""
    client.call("BLPOP", keys.SENDER, wait_s(block_ms))


def remove_webhook(client: Client, webhook: Webhook, *, was_sent: bool) -> None:
    """Remove a webhook that was sent, or cannot be sent."""
    client.run_script("remove_webhook", keys.SHARED, [webhook.id, int(was_sent)])


def postpone_webhook(client: Client, webhook: Webhook) -> int | None:
    """Postpone a webhook that could not be sent.

    Returns the wait in milliseconds: 0 if the webhook was given up because of its age, None if another sender has
    removed it.
    """
    wait_ms = client.run_script("postpone_webhook", keys.SHARED, [webhook.id, _SHORTEST_WAIT_MS, _LONGEST_WAIT_MS])
    return None if wait_ms is None else int(wait_ms)


def waiting_webhooks(client: Client) -> int:
    """The number of webhooks that have not been sent yet."""
    return int(client.call("ZCARD", keys.OUTBOX))
