"""Server-sent events of jobs, resumed where a connection ended."""

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from autoconnect.client.connection import Connection
from autoconnect.client.errors import ApiUnavailable, NotFound
from autoconnect.models import Job

#: Seconds between an end of a stream and the next connection, as the API asks for by `retry:`.
_PAUSE_S = 1.0
#: Seconds for which an API that has answered before may be away.
_PATIENCE_S = 30.0


class Event(NamedTuple):
    """An event: its name, its id (empty if it has none) and its data, as JSON."""

    name: str
    id: str
    data: str


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the lines of a stream; one that is cut off is none."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line == "":
            if "data" in fields:
                yield Event(fields.get("event", "message"), fields.get("id", ""), fields["data"])
            fields = {}
        elif name:
            fields[name] = value.removeprefix(" ")


def follow(connection: Connection, job_id: str | None) -> Iterator[Job]:
    """The state of a job now, and after each change until it has ended; without an id, those of all jobs, endlessly.

    Raises NotFound for an unknown job and for one that is removed, and ApiUnavailable if the API does not answer, or is
    away for half a minute after it has answered.
    """
    path = ["events"] if job_id is None else ["jobs", job_id, "events"]
    last_id, reached_at = "", None
    while True:
        try:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
            with connection.open("GET", *path, headers=headers) as response:
                reached_at = time.monotonic()
                if response.status_code == 204:  # it had ended at the last event
                    return
                for event in read_events(response.iter_lines()):
                    reached_at = time.monotonic()
                    last_id = event.id or last_id
                    if event.name == "removed" and job_id is not None:
                        raise NotFound(f"Job {job_id} was removed.", 404)
                    if event.name == "job":
                        job = connection.read(Job, connection.parsed(event.data))
                        yield job
                        if job_id is not None and job.status.ended:
                            return
        except ApiUnavailable:
            if reached_at is None or time.monotonic() - reached_at > _PATIENCE_S:
                raise
        time.sleep(_PAUSE_S)
