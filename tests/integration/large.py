"""Results too large to be made by a job within a test: their cubes are written as the aggregator writes one."""

from autoconnect.broker import partials, results
from autoconnect.broker.batches import claim_batch
from autoconnect.core.cube import Cube
from autoconnect.core.outcome import REJECT_COLUMNS, Outcome
from autoconnect.core.table import Table
from tests.integration.stack import HEADER, Stack, map_claim

_ONE_ROW = "TX1,2024-01-31,Paris,location,Audi A4,100.50,3\n"


def complete_with(stack: Stack, cube: Cube) -> str:
    """Complete a job, which reads one row, with another cube; returns its id."""
    worker = stack.worker()
    job_id = stack.planned(stack.write(HEADER + _ONE_ROW))
    item = stack.handed_out(worker)
    claim = claim_batch(stack.client, worker.id, item)
    assert claim
    assert partials.commit_batches(stack.client, worker.id, [item], map_claim(claim, stack.settings))
    names = partials.partial_names(stack.client, job_id)
    assert results.finish_job(stack.client, job_id, names, Outcome(cube, {}, Table(REJECT_COLUMNS, []), None))
    return job_id
