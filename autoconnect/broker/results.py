"""Results in Redis: finishing jobs, and reading their cubes, metrics and rejects."""

import json
from collections.abc import Sequence

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import JobKeys
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.outcome import REJECT_COLUMNS, Outcome
from autoconnect.core.partial import Partial, decode, encode
from autoconnect.core.table import Table
from autoconnect.exports import json as json_format
from autoconnect.models import JobStatus


def finish_job(client: Client, job_id: str, names: Sequence[str], outcome: Outcome) -> bool:
    """Turn all partials of a job into its result; False if `names` are no longer the names of all its partials."""
    status = JobStatus.FAILED if outcome.failure else JobStatus.COMPLETED
    lists: list[Sequence[Argument]] = [
        names,
        [item for pair in encode(Partial(outcome.cube)).items() for item in pair],
        [item for name, table in outcome.metrics.items() for item in (name, json_format.table_json(table))],
        [json.dumps(row, ensure_ascii=False) for row in outcome.rejects.rows],
    ]
    arguments = [argument for items in lists for argument in (len(items), *items)]
    script_keys = [*JobKeys(job_id).for_scripts(), keys.PUBLISHED]
    return bool(client.run_script("finish_job", script_keys, [job_id, status, outcome.failure or "", *arguments]))


def published_job(client: Client) -> str | None:
    """The id of the job whose result is published, None if there is none."""
    job_id = client.call("HGET", keys.PUBLISHED, "job")
    return job_id.decode() if job_id else None


def read_cube(client: Client, job_id: str) -> Partial | None:
    """The cube of a job, None if it has none."""
    fields = client.call("HGETALL", JobKeys(job_id).cube)
    return decode(fields) if fields else None


def read_metric(client: Client, job_id: str, name: str) -> Table | None:
    """A metric's unfiltered table, None if the job has no result."""
    table = client.call("HGET", JobKeys(job_id).metrics, name)
    return json_format.read_table(table, CATALOGUE[name].columns) if table else None


def read_rejects(client: Client, job_id: str, start: int, count: int) -> Table:
    """Up to `count` rejected rows of a job, in the order of their lines, from index `start`."""
    rows = client.call("LRANGE", JobKeys(job_id).rejects, start, start + count - 1)
    return Table(REJECT_COLUMNS, [json.loads(row) for row in rows])
