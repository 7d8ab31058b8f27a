"""Facts about the Redis server itself: its memory, its run, its clock."""

from autoconnect.broker.connection import Client

#: Workers stop claiming when Redis uses more than this share of its memory.
_MEMORY_SHARE = 0.75


def memory_is_short(client: Client) -> bool:
    """Whether Redis is so full that workers should stop claiming."""
    memory = client.call("INFO", "memory")
    return bool(0 < memory["maxmemory"] * _MEMORY_SHARE < memory["used_memory"])


def run_id(client: Client) -> str:
    """The id of the server's run, which is new at each start."""
    return str(client.call("INFO", "server")["run_id"])


def time_ms(client: Client) -> int:
    """The time by the server's clock, in ms since 1970."""
    seconds, microseconds = client.call("TIME")
    return int(seconds) * 1_000 + int(microseconds) // 1_000
