"""Logs failed jobs: the process that fails a job says so, because no other one does, and it does so once."""

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def log_failure(job_id: str, sentence: str) -> None:
    """Log that this process has just failed a job; the sentence is the job's error."""
    log.warning("job failed", job=job_id, error=sentence)


def log_failure_in(reply: bytes | object, job_id: str) -> None:
    """Log the same if the reply of a script is the sentence with which it failed the job."""
    if isinstance(reply, bytes):
        log_failure(job_id, reply.decode())
