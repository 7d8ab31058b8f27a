"""The sockets that the API listens on, and how it accepts connections when file descriptors run out."""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from autoconnect.errors import SettingsError
from autoconnect.service import Throttle
from autoconnect.settings import PREFIX

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Clients that may wait to be accepted.
_BACKLOG = 2_048
#: Connections that are accepted in a row, before those that exist get their turn.
_ACCEPTED_AT_ONCE = 32
#: File descriptors that connections leave to the work itself, such as files and connections to Redis ...
_RESERVED = 64
#: ... but at most this share of all.
_RESERVED_SHARE = 0.25
#: Errors of `accept` that pass: no free file descriptor in this process or on this machine, or no memory for a socket.
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
#: Seconds until `accept` is tried again after such an error.
_PAUSE_S = 0.05


class Listener:
    """Accepts connections while enough file descriptors are free; until then, clients wait.

    The servers of asyncio do not fit: they log a lack of file descriptors thousands of times, and wait a second.
    """

    def __init__(self, sockets: Sequence[socket.socket], make_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._sockets = sockets
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[Any]] = set()
        self._warning = Throttle(1.0)

    def start(self) -> None:
        """Let clients connect from now on."""
        for sock in self._sockets:
            sock.setblocking(False)
            sock.listen(_BACKLOG)
            self._listen(sock)

    def stop(self) -> None:
        """Refuse new connections from now on; those that exist go on."""
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()

    def _listen(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:  # else closed during a pause
            self._loop.add_reader(sock, self._accept_some, sock)

    def _accept_some(self, sock: socket.socket) -> None:
        try:
            for _ in range(_ACCEPTED_AT_ONCE):
                _check_descriptors(sock)
                self._begin(sock.accept()[0])
        except (BlockingIOError, ConnectionAbortedError):
            return  # no other client waits, or the client has gone
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._pause(sock, error)

    def _begin(self, connection: socket.socket) -> None:
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connection))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    def _pause(self, sock: socket.socket, error: OSError) -> None:
        if self._warning.is_due():
            log.warning("new connections wait: few file descriptors are free", error=str(error))
        self._loop.remove_reader(sock)
        self._loop.call_later(_PAUSE_S, self._listen, sock)


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets for all addresses of a host.

    Raises SettingsError if an address cannot be used.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return [_bound(*entry) for entry in dict.fromkeys((family, proto, at) for family, _, proto, _, at in found)]
    except OSError as error:
        raise SettingsError(
            f"{PREFIX}HOST and {PREFIX}PORT are {host!r} and {port}, where the API cannot listen: {error.strerror}; "
            "expected an address of this machine and a free port."
        ) from None


def _check_descriptors(sock: socket.socket) -> None:
    """Raise OSError if few are free: a new descriptor has the lowest free number."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    usable = limit - min(_RESERVED, limit * _RESERVED_SHARE)
    lowest = os.dup(sock.fileno())
    os.close(lowest)
    if limit != resource.RLIM_INFINITY and lowest >= usable:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _bound(family: int, protocol: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, protocol)  # asyncio sends without delay only if it knows TCP
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)
    return sock
