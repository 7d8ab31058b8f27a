"""Plans in Redis: beginning, releasing and replacing them, and feeding the lines of inline batches."""

import json
from dataclasses import dataclass

from autoconnect.broker import keys, server, staging
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.broker.notes import notes_json
from autoconnect.broker.server import Share
from autoconnect.core.plan import Part, Plan, PlannedBatch
from autoconnect.core.splits import ByteRange
from autoconnect.models import BatchState, JobStatus

#: Seconds after which a staged plan that was never released expires.
_STAGED_TTL_S = 3_600
#: Batches staged by one call.
_CHUNK_BATCHES = 1_000

_CROSSED_AGAIN = (
    "A record lies across the edge of two batches, although the source was cut between records; submit it again, and "
    "report it if this happens again."
)


def start_plan(client: Client, job_id: str) -> int | None:
    """Move a job to planning; return the plan's generation, None if the job is not to be planned."""
    generation = int(client.run_script("start_plan", JobKeys(job_id).for_scripts(), []))
    return generation or None


def release_plan(client: Client, job_id: str, generation: int, plan: Plan, transport: str, max_cells: int) -> bool:
    """Stage a plan, then make its batches visible in one step; False if the plan does not count.

    `max_cells` is the limit of the job's cells.
    """
    job_keys = JobKeys(job_id)
    staged = job_keys.plan_batches(generation)
    for start in range(0, len(plan.batches), _CHUNK_BATCHES):
        numbers = range(start, min(start + _CHUNK_BATCHES, len(plan.batches)))
        fields: list[Argument] = [item for number in numbers for item in (number, _new_batch(plan.batches[number]))]
        client.run_script("stage_batches", [*keys.SHARED, staged], [_STAGED_TTL_S, *fields])
    arguments: list[Argument] = [job_id, generation, len(plan.batches), plan.total_bytes, transport, max_cells]
    layout = plan.parts[0].layout
    arguments += [json.dumps(layout.dialect_fields(), ensure_ascii=False), notes_json(layout.notes)]
    arguments += [part.to_json() for part in plan.parts]
    return bool(client.run_script("release_plan", [*job_keys.for_scripts(), staged], arguments))


def replan_job(client: Client, worker: str, batch: BatchId) -> bool:
    """Drop the job's plan and have the source cut between records, as a record lies across the edge of the batch.

    If the source was cut between records before, fail the job. False if the worker no longer has the batch.
    """
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, batch.job, _CROSSED_AGAIN]
    return bool(client.run_script("replan_job", script_keys, arguments))


def is_replanned(client: Client, job_id: str) -> bool:
    """Whether a job went back to planning, so that its source is now cut between records."""
    return bool(client.call("HEXISTS", JobKeys(job_id).job, "replanned"))


def read_parts(client: Client, job_id: str) -> list[Part]:
    """The parts of a job's source in its last released plan; none before the first, or if an older version made it."""
    fields = client.call("HGETALL", JobKeys(job_id).job)  # in one call: Redis may come back in an earlier state
    count = int(fields.get(b"parts", 0)) if b"dialect" in fields else 0
    return [Part.from_json(fields[keys.part_field(number).encode()]) for number in range(count)]


@dataclass(frozen=True)
class Feed:
    """The batch to feed next to an inline job, and the number of batches whose lines are in Redis."""

    id: BatchId
    part: Part
    range: ByteRange
    loaded: int


def next_feed(client: Client, job_id: str) -> Feed | None:
    """The batch to feed next to a job, None if the job needs none."""
    job_keys = JobKeys(job_id)
    status, transport, fed, done, total, generation = client.call(
        "HMGET", job_keys.job, "status", "transport", "fed", "done", "total", "generation"
    )
    if status != JobStatus.RUNNING.encode() or transport != b"inline" or fed == total:
        return None
    batch_json = client.call("HGET", job_keys.batches, fed)
    parts = read_parts(client, job_id)
    if not batch_json or not parts:  # the job has just gone back to planning
        return None
    batch = json.loads(batch_json)
    return Feed(
        id=BatchId(job_id, int(generation), int(fed)),
        part=parts[batch["part"]],
        range=ByteRange(batch["offset"], batch["length"]),
        loaded=int(fed) - int(done),
    )


def feed_batch(client: Client, batch: BatchId, lines: bytes) -> bool:
    """Feed an inline job the lines of its next batch, which workers may then claim; False if it is not the next.

    Raises BrokerFull if Redis has no room.
    """
    server.ensure_room(client, len(lines), Share.COMMIT)
    script_keys = JobKeys(batch.job).for_scripts()
    size = staging.MAX_ARGUMENT_BYTES
    *pieces, last = [lines[start : start + size] for start in range(0, len(lines), size)] or [b""]
    for number, piece in enumerate(pieces, start=1):
        if not client.run_script("feed_lines", script_keys, [batch.generation, batch.batch, number, piece]):
            return False
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, len(pieces) + 1, last]
    return bool(client.run_script("feed_batch", script_keys, arguments))


def _new_batch(batch: PlannedBatch) -> str:
    return json.dumps(
        {
            "state": BatchState.WAITING,
            "part": batch.part,
            "offset": batch.range.offset,
            "length": batch.range.length,
            "attempts": 0,
            "deaths": 0,
        }
    )
