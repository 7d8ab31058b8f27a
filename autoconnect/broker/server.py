"""Facts about the Redis server itself: its memory, its run, its clock."""

from dataclasses import dataclass
from enum import Enum

from autoconnect.broker.connection import Client
from autoconnect.errors import BrokerFull

#: Bytes of a script's arguments at most.
MAX_SCRIPT_BYTES = 1 << 20


class Share(Enum):
    """The share of its memory up to which Redis may be filled, by what is done."""

    #: Workers claim no batches above it.
    CLAIM = 0.75
    #: Workers commit nothing above it: the rest is reserved for one staged sum or result.
    COMMIT = 0.85
    #: What is staged may fill it; the rest is for scripts that end jobs and free memory.
    STAGE = 0.98


@dataclass(frozen=True)
class Memory:
    """Bytes that Redis uses, and those that it may use at most (maxmemory); 0 is no limit.

    `buffers` are those of `used` that hold commands and replies, most of them for a moment only.
    """

    used: int
    maximum: int
    buffers: int = 0

    @property
    def reserved(self) -> int:
        """Bytes that are kept free for one staged sum or result; 0 without a maximum."""
        return int(self.maximum * Share.STAGE.value) - int(self.maximum * Share.COMMIT.value)

    @property
    def may_claim(self) -> bool:
        """Whether workers may claim batches."""
        return self.missing(0, Share.CLAIM) == 0

    def may_commit(self, size: int) -> bool:
        """Whether a worker may commit a partial of `size` bytes."""
        return self.missing(size, Share.COMMIT) == 0

    def may_stage(self, size: int) -> bool:
        """Whether a sum or result of `size` bytes may be staged."""
        return self.missing(size, Share.STAGE) == 0

    def missing(self, size: int, share: Share) -> int:
        """Bytes to free until `size` bytes more fit into a share."""
        return max(self.used - self.fits_below(size, share), 0) if self.maximum else 0

    def fits_below(self, size: int, share: Share) -> int:
        """The use of memory up to which `size` bytes more fit into a share; negative if they never do.

        While a script writes them, they are in Redis again: as its arguments, and in the log, whose buffer may be twice
        as large. That must fit below the maximum, which makes a share smaller if the maximum is less than 150 MiB.
        """
        passing = 3 * min(size, MAX_SCRIPT_BYTES)
        return min(int(self.maximum * share.value), self.maximum - passing) - size


def read_memory(client: Client) -> Memory:
    """The memory of Redis now."""
    memory = client.call("INFO", "memory")
    return Memory(int(memory["used_memory"]), int(memory["maxmemory"]), int(memory["mem_clients_normal"]))


def ensure_room(client: Client, size: int, share: Share) -> Memory:
    """The memory of Redis now; raise BrokerFull unless `size` bytes more fit into a share of it."""
    memory = read_memory(client)
    if memory.missing(size, share):
        raise BrokerFull(
            f"Redis has no room for {size:,} bytes: {memory.used:,} of {memory.maximum:,} bytes are in use.",
            fits_below=memory.fits_below(size, share),
        )
    return memory


def run_id(client: Client) -> str:
    """The id of the server's run, which is new at each start."""
    return str(client.call("INFO", "server")["run_id"])


def time_ms(client: Client) -> int:
    """The time by the server's clock, in ms since 1970."""
    seconds, microseconds = client.call("TIME")
    return int(seconds) * 1_000 + int(microseconds) // 1_000
