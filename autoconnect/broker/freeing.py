"""What may be removed to free memory of Redis. Each script checks once more that its key or job may be touched."""

from collections.abc import Iterator
from typing import NamedTuple

from autoconnect.broker import keys, server
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.partials import bytes_of, partial_names
from autoconnect.broker.results import published_job


class Freeable(NamedTuple):
    """A job with something that may be removed, and its bytes."""

    job_id: str
    bytes: int


def staged_keys(client: Client, least_age_ms: int = 0) -> list[str]:
    """Staged keys whose last piece is as old as that, the oldest first; those that have expired are among them."""
    latest = server.time_ms(client) - least_age_ms
    return [key.decode() for key in client.call("ZRANGE", keys.STAGING, "-inf", latest, "BYSCORE")]


def free_staging(client: Client, key: str, least_age_ms: int) -> bool:
    """Remove a staged key; False if it counts, or has a piece that is not as old."""
    script_keys = [*keys.job_keys(key).for_scripts(), key]
    return bool(client.run_script("free_staging", script_keys, [least_age_ms]))


def retained_jobs(client: Client) -> Iterator[Freeable]:
    """Failed jobs that keep partials for a retry; the one that ended first comes first."""
    for job_id in client.call("ZRANGE", keys.RETAINED, 0, -1):
        yield Freeable(job_id.decode(), bytes_of(partial_names(client, job_id.decode())))


def free_retained(client: Client, job_id: str) -> bool:
    """Remove the partials that a failed job keeps for a retry; False if it is open again."""
    return bool(client.run_script("free_retained", JobKeys(job_id).for_scripts(), []))


def results(client: Client) -> list[Freeable]:
    """Jobs that have a result or rejects, the oldest first; those that have expired have 0 bytes."""
    job_ids = [job_id.decode() for job_id in client.call("ZRANGE", keys.RESULTS, 0, -1)]
    sizes = client.call_many([["HGET", JobKeys(job_id).job, "result_bytes"] for job_id in job_ids])
    return [Freeable(job_id, int(size or 0)) for job_id, size in zip(job_ids, sizes, strict=True)]


def unpublished_results(client: Client) -> list[Freeable]:
    """The same without the published one."""
    published = published_job(client)
    return [result for result in results(client) if result.job_id != published]


def free_result(client: Client, job_id: str) -> bool:
    """Remove the result and the rejects of an ended job; False if the job is open, or its result is published."""
    return bool(client.run_script("free_result", JobKeys(job_id).for_scripts(), []))
