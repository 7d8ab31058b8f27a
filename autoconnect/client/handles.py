"""What calls return besides rows."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, PrivateAttr

from autoconnect.client.errors import JobFailed
from autoconnect.models import Job, JobStatus

#: A function that receives a job whenever its state has been read.
Watcher = Callable[[Job], None]


class Source(BaseModel):
    """A file that a job can read; `modified_at` is None if its file system has no usable time."""

    name: str
    bytes: int
    modified_at: datetime | None
    uploaded: bool


class SubmittedJob(Job):
    """A job as it was when it was submitted or retried, and a way to wait for it."""

    _wait: Callable[[str, float | None], Job] = PrivateAttr()

    @classmethod
    def of(cls, document: dict[str, Any], wait: Callable[[str, float | None], Job]) -> Self:
        """The job in an answer; `wait` takes its id and seconds, and returns the job when it has ended."""
        job = cls.model_validate(document)
        job._wait = wait
        return job

    def wait(self, timeout_s: float | None = None) -> Job:
        """Wait until the job has ended, and return it completed.

        Raises JobFailed if it failed or was cancelled, and JobUnfinished after `timeout_s` seconds.
        """
        job = self._wait(self.id, timeout_s)
        if job.status is not JobStatus.COMPLETED:
            raise JobFailed(job)
        return job
