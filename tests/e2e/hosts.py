"""Several hosts on one machine: network namespaces on a switch, each with its address, its processes and its link."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.compose import output, output_or_none
from tests.e2e.processes import environment
from tests.required import require

_END_S = 30


class Host:
    """A host with an address; its link leads to the switch."""

    def __init__(self, space: str, link: str, switch: str, address: str, ending: ExitStack) -> None:
        self.address = address
        self._space, self._link, self._switch = space, link, switch
        self._ending = ending

    def start(self, command: Sequence[str], messages: Path, settings: Mapping[str, str] | None = None) -> int:
        """Start a program, which ends with the hosts; returns the id of its process."""
        with messages.open("ab") as file:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self._space, *command],
                env=environment({f"AUTOCONNECT_{name}": value for name, value in (settings or {}).items()}),
                stdout=file,
                stderr=file,
            )
        self._ending.callback(_end, process)
        return process.pid

    def start_service(self, name: str, messages: Path, settings: Mapping[str, str]) -> int:
        return self.start([sys.executable, "-m", f"{name}.main"], messages, settings)

    def limit(self, rate: str) -> None:
        """Limit what the host sends, and what it receives, to a rate such as `10mbit`."""
        shape = ("root", "tbf", "rate", rate, "burst", "32kbit", "latency", "400ms")
        for end in (self._space, self._switch):
            output("tc", "-n", end, "qdisc", "add", "dev", self._link, *shape)

    def cut_off(self) -> None:
        """Lose every packet from and to the host: its connections do not end, nobody answers."""
        output("ip", "-n", self._switch, "link", "set", self._link, "down")

    def connect(self) -> None:
        output("ip", "-n", self._switch, "link", "set", self._link, "up")


@contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """Hosts that reach each other, and that this process reaches; they and their processes end after the block."""
    token, number = secrets.token_hex(3), secrets.randbelow(256)
    network = f"198.19.{number}"  # of a range that no network uses (RFC 2544)
    with ExitStack() as ending:
        if os.geteuid() != 0 or output_or_none("ip", "netns", "add", f"ac-{token}") is None:
            require("namespaces", "no network namespace can be made here")
        switch = f"ac-{token}"
        ending.callback(output, "ip", "netns", "delete", switch)
        output("ip", "-n", switch, "link", "add", "switch", "type", "bridge")
        output("ip", "-n", switch, "link", "set", "switch", "up")
        mine = f"{token}-me"
        output("ip", "link", "add", mine, "type", "veth", "peer", "name", mine, "netns", switch)
        ending.callback(output, "ip", "link", "delete", mine)
        _plug_in(switch, mine)
        output("ip", "address", "add", f"{network}.1/24", "dev", mine)
        output("ip", "link", "set", mine, "up")
        yield [
            _make(ending, switch, f"{switch}-{name}", f"{token}-{index}", f"{network}.{index}")
            for index, name in enumerate(names, 2)
        ]


def _make(ending: ExitStack, switch: str, space: str, link: str, address: str) -> Host:
    output("ip", "netns", "add", space)
    ending.callback(output, "ip", "netns", "delete", space)
    output("ip", "-n", space, "link", "add", link, "type", "veth", "peer", "name", link, "netns", switch)
    _plug_in(switch, link)
    output("ip", "-n", space, "address", "add", f"{address}/24", "dev", link)
    output("ip", "-n", space, "link", "set", link, "up")
    output("ip", "-n", space, "link", "set", "lo", "up")
    return Host(space, link, switch, address, ending)


def _plug_in(switch: str, link: str) -> None:
    output("ip", "-n", switch, "link", "set", link, "master", "switch", "up")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
