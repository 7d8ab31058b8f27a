"""What can go wrong with a call of the API. The message is the API's own sentence if it sent one.

AutoConnectError
├── ApiError          the API answered with an error; `status` is that of HTTP
│   ├── KeyRefused    401 or 403: a key is missing, or it is not one of the API's
│   ├── NotFound      404: there is no such job, source or metric
│   ├── Conflict      409: the state of the job or source does not allow it
│   └── Invalid       400, 413, 415 or 422: a parameter or a file cannot be used
├── ApiUnavailable    no answer, or one that is not of this API, or 429, 502, 503 or 504: try again later
├── JobFailed         the job that is waited for failed or was cancelled; `job` is that job
└── JobUnfinished     the job that is waited for has not ended in time; `job` is its newest state
"""

from autoconnect.errors import AutoConnectError
from autoconnect.models import Job


class ApiError(AutoConnectError):
    """Raised when the API answers with an error."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class KeyRefused(ApiError):
    """Raised when a call needs a key, or another one."""


class NotFound(ApiError):
    """Raised for an unknown job, source or metric."""


class Conflict(ApiError):
    """Raised when the state of a job or source does not allow a call."""


class Invalid(ApiError):
    """Raised when a parameter or a file cannot be used."""


class ApiUnavailable(AutoConnectError):
    """Raised when the API does not answer, or cannot do so now."""


class JobFailed(AutoConnectError):
    """Raised when a job that is waited for has no result."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.error or f"Job {job.id} is {job.status}.")
        self.job = job


class JobUnfinished(AutoConnectError):
    """Raised when a job that is waited for has not ended in time."""

    def __init__(self, job: Job, timeout_s: float) -> None:
        super().__init__(f"Job {job.id} has not ended within {timeout_s:g} s: it is {job.status}; wait longer.")
        self.job = job


_BY_STATUS: dict[int, type[ApiError]] = {
    **dict.fromkeys((401, 403), KeyRefused),
    404: NotFound,
    409: Conflict,
    **dict.fromkeys((400, 413, 415, 422), Invalid),
}
_LATER = (429, 502, 503, 504)


def error_of(status: int, message: str) -> AutoConnectError:
    """The error for an answer with this status."""
    if status in _LATER:
        return ApiUnavailable(message)
    return _BY_STATUS.get(status, ApiError)(message, status)
