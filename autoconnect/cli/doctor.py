"""The command `doctor`: what this machine lacks for the stack, and how to mend it."""

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from rich.console import Console

from autoconnect.broker.connection import connect
from autoconnect.cli.checks import folder_fault
from autoconnect.errors import AutoConnectError
from autoconnect.local.embedded import find_server
from autoconnect.logs import printable
from autoconnect.memory import memory_limit
from autoconnect.settings import PREFIX, Settings, load_settings

_PYTHON = (3, 11)
#: Bytes of the path of a Unix socket, which ends with a zero byte on Linux (108) and macOS (104).
_SOCKET_BYTES = 103
#: What the embedded server adds to the folder for temporary files: 8 letters vary.
_SOCKET_NAME = "autoconnect-abcdefgh/redis.sock"
_DISK_BYTES = 1 << 30
_MEMORY_BYTES = 1 << 30
_DOCKER_S = 10
#: What is said of a thing that the settings name.
_UNKNOWN = "It cannot be looked at while the settings cannot be read."

State = Literal["ok", "missing", "optional"]


class Check(NamedTuple):
    """What was looked at, its state, and a sentence; `optional` is something missing that not everybody needs."""

    name: str
    state: State
    message: str


def examine() -> list[Check]:
    """Look at this machine and at the settings of the environment; change nothing."""
    try:
        settings = load_settings()
    except AutoConnectError as error:
        unknown = [Check(name, "optional", _UNKNOWN) for name in ("redis", "port", "data folder", "upload folder")]
        return [
            _python(),
            Check("settings", "missing", str(error)),
            *unknown,
            *_machine(Settings.model_construct()),
        ]
    checks: tuple[Callable[[Settings], Check], ...] = (_redis, _port, _data_folder, _upload_folder)
    found = [check(settings) for check in checks]
    return [_python(), Check("settings", "ok", "The settings can be read."), *found, *_machine(settings)]


def show(out: Console, checks: list[Check]) -> None:
    """Print a line for each check."""
    styles = {"ok": "green", "missing": "red", "optional": "yellow"}
    for check in checks:
        out.print(f"{check.state:<9}", style=styles[check.state], end="")
        out.print(f"{check.name:<14}{printable(check.message)}", soft_wrap=True)


def _machine(settings: Settings) -> Iterator[Check]:
    if not settings.redis_url:
        yield _socket()
    yield _disk()
    yield _memory()
    yield _charts()
    yield _docker()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _PYTHON:
        return Check("python", "ok", f"Python {version} runs.")
    return Check("python", "missing", f"Python {version} runs; expected 3.11 or newer: make .venv with that.")


def _redis(settings: Settings) -> Check:
    if settings.redis_url is None:
        try:
            return Check("redis", "ok", f"The embedded server is {find_server()}.")
        except AutoConnectError as error:
            return Check("redis", "missing", str(error))
    try:
        with closing(connect(settings.redis_url)) as client:
            client.ping()
    except AutoConnectError as error:
        return Check("redis", "missing", f"{error} Start it, or correct {PREFIX}REDIS_URL.")
    return Check("redis", "ok", f"The Redis of {PREFIX}REDIS_URL answers.")


def _port(settings: Settings) -> Check:
    host, port = settings.listen_host, settings.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        reason = f"Cannot listen on {host}:{port}: {error.strerror}"
        return Check("port", "missing", f"{reason}; end what uses it, or set {PREFIX}PORT or --port.")
    return Check("port", "ok", f"Port {port} of {host} is free.")


def _data_folder(settings: Settings) -> Check:
    folder = settings.data_dir.absolute()
    try:
        count = sum(1 for path in folder.iterdir() if path.is_file())
    except FileNotFoundError:
        advice = f"create it, or set {PREFIX}DATA_DIR; uploads need none."
        return Check("data folder", "optional", f"The data folder {str(folder)!r} does not exist; {advice}")
    except OSError as error:
        sentence = f"The data folder {str(folder)!r} cannot be read: {error.strerror}; let this user read it."
        return Check("data folder", "missing", sentence)
    return Check("data folder", "ok", f"The data folder {str(folder)!r} can be read; it has {count:,} files.")


def _upload_folder(settings: Settings) -> Check:
    folder = settings.upload_dir.absolute()
    if fault := folder_fault(folder):
        return Check("upload folder", "missing", f"{fault}; let this user write there, or set {PREFIX}UPLOAD_DIR.")
    return Check("upload folder", "ok", f"The upload folder {str(folder)!r} can be written into.")


def _socket() -> Check:
    folder = tempfile.gettempdir()
    size = len(f"{folder}/{_SOCKET_NAME}".encode(errors="surrogateescape"))
    if size <= _SOCKET_BYTES:
        return Check("socket", "ok", f"The folder for temporary files {folder!r} is short enough for a Unix socket.")
    longest = _SOCKET_BYTES - len(_SOCKET_NAME) - 1
    sentence = (
        f"The folder for temporary files {folder!r} is too long for a Unix socket; expected at most {longest} bytes: "
        "set TMPDIR to a shorter one, such as /tmp."
    )
    return Check("socket", "missing", sentence)


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    if free >= _DISK_BYTES:
        return Check("disk", "ok", f"{_gib(free)} are free on the disk of the current folder.")
    return Check("disk", "optional", f"{_gib(free)} are free on the disk of the current folder; free at least 1 GiB.")


def _memory() -> Check:
    limit = memory_limit().bytes
    if limit >= _MEMORY_BYTES:
        return Check("memory", "ok", f"{_gib(limit)} of memory may be used.")
    advice = "expected at least 1 GiB: raise the limit, or run fewer workers"
    return Check("memory", "optional", f"{_gib(limit)} of memory may be used; {advice}.")


def _charts() -> Check:
    if find_spec("vl_convert"):
        return Check("charts", "ok", "Charts are drawn without a browser.")
    return Check("charts", "optional", "The package vl-convert-python draws charts and is missing; run: make run")


def _docker() -> Check:
    hint = "only containers need it: install Docker with Compose, and let this user use it."
    try:
        done = subprocess.run(
            ["docker", "compose", "version", "--short"], capture_output=True, text=True, timeout=_DOCKER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return Check("docker", "optional", f"The command docker is missing or does not answer; {hint}")
    if done.returncode != 0:
        return Check("docker", "optional", f"`docker compose version` fails; {hint}")
    return Check("docker", "ok", f"Docker Compose {done.stdout.strip()} is installed.")


def _gib(count: int) -> str:
    return f"{count / (1 << 30):,.1f} GiB"
