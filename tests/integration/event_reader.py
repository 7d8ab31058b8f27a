"""A client of server-sent events, on a socket of its own."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any, NamedTuple

from tests.integration.api_server import ApiServer, get


class Event(NamedTuple):
    """An event: its name, its id (empty if it has none) and its data."""

    name: str
    id: str
    data: Any


class EventReader:
    """A stream of events that has begun."""

    def __init__(self, api: ApiServer, path: str, last_id: str = "", *headers: bytes) -> None:
        known = [b"Last-Event-ID: " + last_id.encode()] if last_id else []
        self.socket: socket.socket = api.connect(get(f"/api/v1{path}", *known, *headers))
        self.response = HTTPResponse(self.socket)
        self.response.begin()
        assert self.response.status < 300, self.response.read()

    def __enter__(self) -> "EventReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self.socket.close()

    def lines(self) -> Iterator[str]:
        """All lines until the stream ends; raises IncompleteRead if it is cut off."""
        while line := self.response.readline():
            yield line.decode().removesuffix("\n")

    def events(self) -> Iterator[Event]:
        """All events until the stream ends."""
        fields: dict[str, str] = {}
        for line in self.lines():
            if not line and "data" in fields:
                yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            if not line:
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value

    def until(self, name: str, **wanted: object) -> Event:
        """The next event of a name whose data has these values."""
        for event in self.events():
            if event.name == name and wanted.items() <= event.data.items():
                return event
        raise AssertionError(f"the stream ended before {name} {wanted}")
