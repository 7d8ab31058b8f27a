"""Reads the cubes that metrics are computed from: of the published job, of a named job, or of an open job so far."""

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock

from api.problems import Problem
from autoconnect.broker import partials, results
from autoconnect.broker.connection import Client
from autoconnect.broker.results import ResultInfo
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import facts_of
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.names import Folded, fold
from autoconnect.core.schema import Folding
from autoconnect.models import ResultState

#: Characters of an unknown version that an error shows.
_MAX_SHOWN = 100
#: Cubes kept in memory; fewer, if they are large.
_MAX_CACHED = 4
#: Bytes that reading a cube needs at its peak for each byte of it in Redis: 8 to 10 (measured) ...
_READ_FACTOR = 12
#: ... and if it has to be summed from partials: up to 20 (measured).
_SUM_FACTOR = 24
#: Seconds after which a client should ask again if no result is published yet.
_RETRY_AFTER_S = 2


@dataclass(frozen=True)
class Result:
    """The cube of a job, whose names are folded, with what metrics and answers need to know about the job."""

    job_id: str
    version: str
    folded: Folded
    folding: Folding
    facts: JobFacts
    computed_at: datetime
    complete: bool

    @property
    def cube(self) -> Cube:
        return self.folded.cube

    @cached_property
    def names_bytes(self) -> int:
        """The bytes of memory that the names of cities and models need."""
        both = (self.cube.cities, self.cube.models)
        return sum(sys.getsizeof(names) + sum(map(sys.getsizeof, names)) for names in both)

    @property
    def bytes(self) -> int:
        """The bytes of memory that the cube needs."""
        return self.names_bytes + self.cube.nbytes


@dataclass(frozen=True)
class Unread:
    """A result that is not in memory. Reading it needs `bytes` at its peak; `read` returns None if it has changed."""

    job_id: str
    version: str
    bytes: int
    read: Callable[[], Result | None]


class Cubes:
    """Reads cubes from Redis, and caches those of results by their version, which Redis says at each request.

    `size` is the number of bytes that the cached ones may use together.
    """

    def __init__(self, client: Client, size: int, folding: Folding = "on") -> None:
        self._client = client
        self._size = size
        self._folding = folding
        self._cache: OrderedDict[str, Result] = OrderedDict()
        self._lock = Lock()

    def find(self, job_id: str | None = None, partial: bool = False) -> Result | Unread:
        """The published result, or that of a job; with `partial`, also that of a job that has not ended.

        Raises Problem: 404 if the job is unknown or nothing is published, 409 if the job has no result, 410 if its
        result is gone.
        """
        info = results.read_result(self._client, job_id)
        if info is None:
            raise self._unknown(job_id)
        if partial and not info.status.ended:
            size = partials.bytes_of(partials.partial_names(self._client, info.job_id))
            return Unread(info.job_id, "", size * _SUM_FACTOR, lambda: self._so_far(info))
        if info.state is not ResultState.AVAILABLE:
            self._forget(info.job_id)
            raise _no_result(info)
        unread = Unread(info.job_id, info.version, info.bytes * _READ_FACTOR, lambda: self._read(info))
        return self._cached(info) or unread

    def known(self, info: ResultInfo) -> Result | None:
        """The result that was just read to be there, if it is in memory."""
        return self._cached(info) if info.state is ResultState.AVAILABLE else None

    def _cached(self, info: ResultInfo) -> Result | None:
        with self._lock:
            result = self._cache.get(info.job_id)
            if result is None or result.version != info.version:
                return None
            self._cache.move_to_end(info.job_id)
            return result

    def _read(self, info: ResultInfo) -> Result | None:
        """Read a result and cache it in place of older versions of it; None if it is gone."""
        self._forget(info.job_id)
        total = results.read_cube(self._client, info)
        if total is None:
            return None
        computed_at = info.finished_at or datetime.now(UTC)
        facts, folded = info.facts(total.cube), fold(total.cube, self._folding)
        result = Result(info.job_id, info.version, folded, self._folding, facts, computed_at, complete=True)
        with self._lock:
            self._cache[info.job_id] = result
            while len(self._cache) > 1 and (len(self._cache) > _MAX_CACHED or self._cached_bytes() > self._size):
                self._cache.popitem(last=False)
        return result

    def _cached_bytes(self) -> int:
        return sum(result.bytes for result in self._cache.values())

    def _so_far(self, info: ResultInfo) -> Result | None:
        """The result so far of an open job; None if it ended or was planned again meanwhile: partials may be gone."""
        self._forget(info.job_id)
        total = partials.read_sum(self._client, info.job_id)
        current = results.read_result(self._client, info.job_id)
        if current is None or current.status.ended or current.generation != info.generation:
            return None
        folded = fold(total.cube, self._folding)
        return Result(info.job_id, "", folded, self._folding, facts_of(total), datetime.now(UTC), complete=False)

    def _forget(self, job_id: str) -> None:
        with self._lock:
            self._cache.pop(job_id, None)

    def _unknown(self, job_id: str | None) -> Problem:
        if job_id is None:
            detail = "No result is published yet: no job has completed with at least one accepted row."
            return Problem(404, detail, headers={"Retry-After": str(_RETRY_AFTER_S)})
        self._forget(job_id)
        return Problem(404, f"There is no job {job_id}.")


def _no_result(info: ResultInfo) -> Problem:
    if info.state is None:
        return Problem(409, f"Job {info.job_id} has no result: it is {info.status}.", job_status=info.status)
    return gone(info.job_id, info.state)


def check_version(found: Result | Unread, version: str | None) -> None:
    """Raises Problem 410 if a client asks for another version of a result."""
    if version is not None and version != found.version:
        current = f"the current one is {found.version}" if found.version else "a result so far has no version"
        raise Problem(410, f"The result of job {found.job_id} has no version {version[:_MAX_SHOWN]!r}: {current}.")


def gone(job_id: str, state: ResultState) -> Problem:
    """The problem of a result that is no longer there."""
    verb = "has been removed" if state is ResultState.REMOVED else "has expired"
    return Problem(410, f"The result of job {job_id} {verb}; submit its source again.")
