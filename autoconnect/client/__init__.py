"""A client of a running API, for programs and the command line.

    from autoconnect.client import connected

    with connected() as api:
        job = api.submit("transactions_autoconnect.csv").wait()
        for row in api.metric("top-models", city=["Paris", "Lyon"], n=3):
            print(row["city"], row["model"], row["revenue"])

`connected` reads the address and the key from the environment unless they are passed; `AutoConnect(url, api_key)` reads
nothing. Every failure is an AutoConnectError, whose message is one sentence for a user; `autoconnect.client.errors`
has those of the API. It needs the packages of the extra `cli`.
"""

from autoconnect.client.api import AutoConnect, connected
from autoconnect.client.connection import DEFAULT_URL, URL_VARIABLE
from autoconnect.client.handles import Source, SubmittedJob, Watcher
from autoconnect.client.rows import Filter, Rows

__all__ = [
    "DEFAULT_URL",
    "URL_VARIABLE",
    "AutoConnect",
    "Filter",
    "Rows",
    "Source",
    "SubmittedJob",
    "Watcher",
    "connected",
]
