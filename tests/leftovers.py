"""A search for leaked Redis keys: keys that are not meant to last, but have no life time."""

from autoconnect.broker import keys
from autoconnect.broker.connection import Client

#: Keys that are meant to last, besides those of the published result; `keys.py` has the table.
_LASTING = {*keys.SHARED}


def leaked_keys(client: Client) -> list[str]:
    """The names of leaked keys."""
    published = (client.call("HGET", keys.PUBLISHED, "keys") or b"").decode()
    temporary = sorted({name.decode() for name in client.call("KEYS", "*")} - _LASTING)
    lives_ms = client.call_many([["PTTL", name] for name in temporary])
    return [name for name, life_ms in zip(temporary, lives_ms, strict=True) if life_ms == -1 and name not in published]
