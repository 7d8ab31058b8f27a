"""Routes that tell what happens to jobs, as server-sent events."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from starlette.concurrency import run_in_threadpool

from api.dependencies import Redis, Watching
from api.event_streams import EventStream, Told, Watcher
from api.problems import Problem
from autoconnect.broker import events as broker

#: Characters of an event's id.
_MAX_ID = 200

router = APIRouter(tags=["events"])

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=_MAX_ID, description="The `id` of the last event received.")
]
_ENDED: dict[int | str, dict[str, Any]] = {204: {"description": "The job has ended, and the client knows its end."}}


@router.get("/events", summary="Watch all jobs", status_code=200, response_class=EventStream)
async def watch_jobs(client: Redis, events: Watching, last_event_id: LastEventId = None) -> Response:
    """Tells what happens to all jobs, as server-sent events; never ends.

    It begins with a snapshot, or with what has changed since `Last-Event-ID`.
    """
    return EventStream(Watcher(None, last_event_id), events.watch, events.leave)


@router.get(
    "/jobs/{job_id}/events", summary="Watch a job", status_code=200, response_class=EventStream, responses=_ENDED
)
async def watch_job(client: Redis, events: Watching, job_id: str, last_event_id: LastEventId = None) -> Response:
    """Tells the progress of a job, as server-sent events, until its end.

    It begins with the job as it is now, unless the event with `Last-Event-ID` told that.
    """
    event = await run_in_threadpool(broker.read_event, client, job_id)
    if event is None:
        raise Problem(404, f"There is no job {job_id}.")
    told = Told.of(event)
    if told.ends and told.id == last_event_id:
        return Response(status_code=204)
    watcher = Watcher(job_id, last_event_id)
    watcher.tell(told)
    return EventStream(watcher, events.watch, events.leave)
