"""Results in Redis: finishing jobs, and reading their cubes, metrics and rejects."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from autoconnect.broker import keys, server, staging
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.failures import log_failure
from autoconnect.broker.jobs import result_state
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.notes import notes_json
from autoconnect.broker.partials import read_partial
from autoconnect.broker.server import Share
from autoconnect.broker.staging import Fields
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE, compute
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.names import fold
from autoconnect.core.outcome import REJECT_COLUMNS, Outcome
from autoconnect.core.partial import Partial, encode
from autoconnect.core.schema import Folding
from autoconnect.core.table import LazyRows, Row, Table
from autoconnect.exports import json as json_format
from autoconnect.models import JobStatus, ResultState

#: Bytes of a metric's stored table; a larger one is computed from the cube when asked for.
_MAX_TABLE_BYTES = staging.MAX_ARGUMENT_BYTES


@dataclass(frozen=True)
class _Result:
    """The form of an outcome in Redis; a failed job keeps only its rejects."""

    cube: Fields
    metrics: Fields
    rejects: Sequence[bytes]

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        rejects = [json.dumps(row, ensure_ascii=False).encode() for row in outcome.rejects.rows]
        if outcome.failure:
            return cls({}, {}, rejects)
        tables = {name.encode(): json_format.table_json(table) for name, table in outcome.metrics.items()}
        metrics = {name: table for name, table in tables.items() if len(table) <= _MAX_TABLE_BYTES}
        return cls(staging.cut(encode(Partial(outcome.cube))), metrics, rejects)

    def staged_keys(self, job_keys: JobKeys, version: str) -> list[str]:
        """The keys that the parts are staged under."""
        sizes = {
            "cube": staging.size_of(self.cube),
            "metrics": staging.size_of(self.metrics),
            "rejects": staging.size_of(self.rejects),
        }
        return [job_keys.staged(version, f"{kind}.{size}") for kind, size in sizes.items()]

    @property
    def size(self) -> int:
        return staging.size_of(self.cube) + staging.size_of(self.metrics) + staging.size_of(self.rejects)

    def lists(self) -> list[Sequence[Argument]]:
        pairs = [[item for pair in fields.items() for item in pair] for fields in (self.cube, self.metrics)]
        return [*pairs, self.rejects]


def finish_job(client: Client, job_id: str, names: Sequence[str], outcome: Outcome) -> bool:
    """Turn all partials of a job into its result; False if `names` are no longer the names of all its partials.

    Raises BrokerFull if Redis has no room for the result.
    """
    version = secrets.token_hex(16)
    result = _Result.of(outcome)
    notes = notes_json(outcome.notes)
    is_small = result.size + staging.size_of([*names, notes]) <= staging.MAX_ARGUMENT_BYTES
    staged = result.staged_keys(JobKeys(job_id), version)
    if not is_small:
        _stage_result(client, result, staged)
    elif result.size > staging.UNASKED_BYTES:
        server.ensure_room(client, result.size, Share.STAGE)
    status = JobStatus.FAILED if outcome.failure else JobStatus.COMPLETED
    arguments: list[Argument] = [job_id, version, status, outcome.failure or "", result.size]
    arguments += [len(result.cube), len(result.metrics), len(result.rejects), staging.LIFE_MS, notes]
    for items in (names, *(result.lists() if is_small else ([], [], []))):
        arguments += [len(items), *items]
    finished = bool(client.run_script("finish_job", [*JobKeys(job_id).for_scripts(), *staged], arguments) == 1)
    if finished and outcome.failure:
        log_failure(job_id, outcome.failure)
    if not (finished or is_small):
        staging.unstage(client, job_id, staged)
    return finished


def _stage_result(client: Client, result: _Result, staged: Sequence[str]) -> None:
    cube, metrics, rejects = staged
    with staging.all_or_nothing(client, staged, result.size, Share.STAGE):
        staging.stage_hash(client, cube, result.cube, Share.STAGE)
        staging.stage_hash(client, metrics, result.metrics, Share.STAGE)
        staging.stage_list(client, rejects, result.rejects, Share.STAGE)


@dataclass(frozen=True)
class ResultInfo:
    """What is known of a job's result at one instant; `state` is None if the job has none, `bytes` is 0 if unknown.

    `version` is never used twice, for this job or another one: two results of the same version are the same.
    """

    job_id: str
    status: JobStatus
    state: ResultState | None
    version: str
    generation: int
    finished_at: datetime | None
    rows_read: int
    rows_rejected: int
    bytes: int

    def facts(self, cube: Cube) -> JobFacts:
        """The facts that metrics state about the whole job, given its cube."""
        return JobFacts(self.rows_read, self.rows_rejected, cube.total("costed") > 0)


def read_result(client: Client, job_id: str | None = None) -> ResultInfo | None:
    """What is known of a job's result, or of the published one; None if there is no such job, or none is published."""
    if job_id is not None and (not job_id or ":" in job_id):  # it would name another key
        return None
    reply = client.run_script("read_result", *read_arguments(job_id or ""))
    return parse_result(*reply) if reply else None


def read_arguments(job_id: str) -> tuple[Sequence[str], Sequence[Argument]]:
    """KEYS and ARGV of the script `read_result`; an empty id stands for the published job."""
    job_keys = JobKeys(job_id)
    return (keys.PUBLISHED, job_keys.job, job_keys.cube), (job_id,)


def published_job(client: Client) -> str | None:
    """The id of the job whose result is published, None if there is none."""
    job_id = client.call("HGET", keys.PUBLISHED, "job")
    return job_id.decode() if job_id else None


def read_cube(client: Client, result: ResultInfo) -> Partial | None:
    """The cube of a result, None if that version of it is gone."""
    total = read_partial(client, JobKeys(result.job_id).cube)
    return total if read_result(client, result.job_id) == result else None  # it may be that of another version


def read_metric(client: Client, job_id: str, name: str, folding: Folding = "on") -> Table | None:
    """A metric's unfiltered table, None if the job has no result; one that is too large to be kept is computed."""
    table = client.call("HGET", JobKeys(job_id).metrics, name)
    if table:
        return json_format.read_table(table, CATALOGUE[name].columns)
    result = read_result(client, job_id)
    total = read_cube(client, result) if result and result.state is ResultState.AVAILABLE else None
    if result is None or total is None:
        return None
    return compute(CATALOGUE[name], fold(total.cube, folding).cube, result.facts(total.cube))


def read_rejects(client: Client, job_id: str, start: int, count: int) -> Table:
    """Up to `count` rejected rows of a job, in the order of their lines, from index `start`."""
    rows = client.call("LRANGE", JobKeys(job_id).rejects, start, start + count - 1)
    return Table(REJECT_COLUMNS, LazyRows(rows, _read_reject))


def _read_reject(row: bytes) -> Row:
    """A rejected row; one of an older version lacks some columns."""
    kept = json.loads(row)
    return {column.name: kept.get(column.name) for column in REJECT_COLUMNS}


def parse_result(
    job_id: bytes,
    has_cube: int,
    status: bytes,
    version: bytes | None,
    removed_at: bytes | None,
    finished_at: bytes | None,
    *counts: bytes | None,
) -> ResultInfo:
    """What the script `read_result` returns."""
    job_status = JobStatus(status.decode())
    state = result_state(job_status, has_cube=bool(has_cube), is_removed=removed_at is not None)
    generation, rows_read, rows_rejected, size = (int(count or 0) for count in counts)
    return ResultInfo(
        job_id=job_id.decode(),
        status=job_status,
        state=state,
        # Older versions of this program wrote no version; only the time of its end tells such a result from others.
        version=(version or b"finished " + (finished_at or b"")).decode(),
        generation=generation,
        finished_at=datetime.fromtimestamp(int(finished_at) / 1_000, UTC) if finished_at else None,
        rows_read=rows_read,
        rows_rejected=rows_rejected,
        bytes=size,
    )
