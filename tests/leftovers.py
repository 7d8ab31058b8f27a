"""What may not be left in Redis: keys that are neither meant to last nor will ever go."""

from autoconnect.broker import keys
from autoconnect.broker.connection import Client

#: Those that are meant to last, besides the published result; `keys.py` has the table.
_LASTING = {*keys.SHARED, keys.JOBS, keys.SEQUENCE, keys.PUBLISHED}


def kept_for_good(client: Client) -> list[str]:
    """Names of all other keys without a life time."""
    published = (client.call("HGET", keys.PUBLISHED, "keys") or b"").decode()
    others = sorted({name.decode() for name in client.call("KEYS", "*")} - _LASTING)
    lives_ms = client.call_many([["PTTL", name] for name in others])
    return [name for name, life_ms in zip(others, lives_ms, strict=True) if life_ms == -1 and name not in published]
