"""Tries inputs one by one, and keeps those that fail a check."""

import signal
import traceback
from random import Random
from types import FrameType
from typing import NamedTuple

from tests.fuzz.checks import check
from tests.fuzz.mutations import make_input

#: An input is some hundred bytes, and takes milliseconds: what takes longer than this hangs.
HANG_S = 20
#: One input in so many is mapped, which takes as long as all else for so many.
MAPPED_EVERY = 10


class Finding(NamedTuple):
    """An input that failed a check: what it is called, why, and its bytes."""

    name: str
    why: str
    data: bytes


def try_input(seed: int, number: int) -> Finding | None:
    """What is wrong with one input, if something is."""
    name = f"{seed}:{number}"
    random = Random(name)
    given = make_input(random)
    try:
        check(given, random, with_mappers=number % MAPPED_EVERY == 0)
    except Exception:  # noqa: BLE001 - whatever is raised is the finding
        return Finding(name, traceback.format_exc(), given.file + b"\n---- rows ----\n" + given.rows)
    return None


def try_inputs(seed: int, numbers: range) -> list[Finding]:
    """What is wrong with some inputs, each of which has HANG_S."""
    signal.signal(signal.SIGALRM, _hang)
    found = []
    for number in numbers:
        signal.setitimer(signal.ITIMER_REAL, HANG_S)
        finding = try_input(seed, number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if finding:
            found.append(finding)
    return found


def _hang(_: int, __: FrameType | None) -> None:
    raise TimeoutError(f"This takes longer than {HANG_S} s.")
