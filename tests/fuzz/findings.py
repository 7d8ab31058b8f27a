"""Tries inputs one by one and keeps those that fail a check."""

import signal
import traceback
from random import Random
from types import FrameType
from typing import NamedTuple

from tests.fuzz.checks import check
from tests.fuzz.mutations import make_input

#: Seconds after which an input counts as hanging: it has a few hundred bytes and takes milliseconds.
HANG_S = 20
#: Map one input out of this number: mapping it takes as long as the other checks of all of them.
MAPPED_EVERY = 10


class Finding(NamedTuple):
    """An input that failed a check: its name, the reason, and its bytes."""

    name: str
    reason: str
    data: bytes


def try_input(seed: int, number: int) -> Finding | None:
    """The finding of one input, or None if it passes."""
    name = f"{seed}:{number}"
    random = Random(name)
    spoiled = make_input(random)
    try:
        check(spoiled, random, with_mappers=number % MAPPED_EVERY == 0)
    except Exception:  # noqa: BLE001 - any error is a finding, which keeps the traceback
        return Finding(name, traceback.format_exc(), spoiled.file + b"\n---- rows ----\n" + spoiled.rows)
    return None


def try_inputs(seed: int, numbers: range) -> list[Finding]:
    """The findings of several inputs; each input may take HANG_S."""
    signal.signal(signal.SIGALRM, _hang)
    findings = []
    for number in numbers:
        signal.setitimer(signal.ITIMER_REAL, HANG_S)
        finding = try_input(seed, number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if finding:
            findings.append(finding)
    return findings


def _hang(_: int, __: FrameType | None) -> None:
    raise TimeoutError(f"The input takes longer than {HANG_S} s.")
