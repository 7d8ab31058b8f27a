"""The memory of services: each says how much it has, for a limited time, and MAX_CELLS=auto is the number that fits."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Memory
from autoconnect.core.capacity import NEEDS, Holder, most_cells
from autoconnect.memory import memory_limit

#: Milliseconds for which an announcement holds. It outlasts a Redis that is away, or full, for a while.
LIFE_MS = 60_000
#: Seconds after which to renew it.
RENEW_S = LIFE_MS / 3_000


class Announcement:
    """How much memory this process of a service has; workers say so in their heartbeats."""

    def __init__(self, client: Client, service: str) -> None:
        limit = memory_limit()
        self._client = client
        self._name = keys.new_name()
        self._text = json.dumps({"service": service, "bytes": limit.bytes, "pool": limit.pool})

    def renew(self) -> None:
        """Say it again: it holds for LIFE_MS."""
        self._client.run_script("announce_limit", [*keys.SHARED, keys.LIMITS], [self._name, self._text, LIFE_MS])

    def withdraw(self) -> None:
        """Say no more: the process ends."""
        self._client.call("HDEL", keys.LIMITS, self._name)


def max_cells(client: Client, setting: int | Literal["auto"]) -> int:
    """The most cells of a job that is planned now: MAX_CELLS, or as many as fit into all memory that is announced."""
    if setting != "auto":
        return setting
    maximum, workers, announced = client.run_script("read_limits", [*keys.SHARED, keys.LIMITS], [])
    return most_cells(_holders(workers, announced), Memory(used=0, maximum=int(maximum)).reserved)


def lower_max_cells(client: Client, job_id: str, cells: int) -> bool:
    """Lower the limit of a job's cells, if it is higher; False if it is not."""
    return bool(client.run_script("lower_max_cells", JobKeys(job_id).for_scripts(), [cells]))


def _holders(workers: Iterable[Sequence[bytes | None]], announced: Iterable[bytes]) -> Iterator[Holder]:
    for size, pool in workers:
        if size and pool:  # otherwise it is dead, or of an older version
            yield Holder("worker", int(size), pool.decode())
    for text in announced:
        holder = json.loads(text)
        if holder["service"] in NEEDS:
            yield Holder(**holder)
