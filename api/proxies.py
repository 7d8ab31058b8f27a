"""Finds the client of a request that came through reverse proxies, and the path below which the API is served.

The ProxyHeadersMiddleware of uvicorn does not fit: it takes an entry that is no address for the client.
"""

import ipaddress
from collections.abc import Iterator, Sequence

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoconnect.settings import Network

#: The name of the prefix of a request's path in its scope.
_PREFIX = "autoconnect.prefix"


class Proxies:
    """Finds the client of a request behind `trusted` proxies, and serves the API below the path `root_path`.

    All inner layers see paths without that prefix, whether the proxy strips it or not. Each Location is a path with the
    prefix, so that it needs neither the host nor the scheme, which only the proxy knows.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network], root_path: str) -> None:
        self._app = app
        self._trusted = trusted
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._trusted:
            scope["client"] = self._client(scope)
        if self._root_path and scope["path"] == self._root_path:  # pages have relative links, which need the slash
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"{self._root_path}/{'?' if query else ''}{query}")(scope, receive, send)
        else:
            await self._serve_below(scope, receive, send)

    async def _serve_below(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(f"{self._root_path}/"):
            path = path.removeprefix(self._root_path)

        async def send_with_prefix(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, self._located(name, value)) for name, value in message["headers"]]
                message = {**message, "headers": headers}
            await send(message)

        await self._app({**scope, "path": path, _PREFIX: self._root_path}, receive, send_with_prefix)

    def _located(self, name: bytes, value: bytes) -> bytes:
        if name.lower() != b"location":
            return value
        path = value if value.startswith(b"/") else b"/" + value.partition(b"://")[2].partition(b"/")[2]
        return self._root_path.encode() + path

    def _client(self, scope: Scope) -> tuple[str, int] | None:
        """The nearest address that is not a trusted proxy's, or the last one before an entry that is no address."""
        client: tuple[str, int] | None = scope.get("client")
        if client is None or not self._trusts(client[0]):
            return client
        for entry in _forwarded_for(scope):
            address = _address(entry)
            if address is None:
                return client
            client = (str(address), 0)
            if not self._trusts(client[0]):
                return client
        return client

    def _trusts(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._trusted)


def public_path(scope: Scope) -> str:
    """The path of a request as its client knows it."""
    return f"{scope.get(_PREFIX, '')}{scope['path']}"


def _forwarded_for(scope: Scope) -> Iterator[str]:
    """The entries of X-Forwarded-For, from the nearest on."""
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return reversed(b",".join(values).decode("latin-1").split(",")) if values else iter(())


def _address(entry: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, which may have a port: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    host = entry.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
