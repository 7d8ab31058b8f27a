"""Starts and ends faults on time, and restarts the processes that have died."""

import time
from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from threading import Event

from tests.chaos.faults import STRIKES, Heal, Missed, Target
from tests.chaos.schedule import Fault

_TICK_S = 0.005


class Striker:
    """Strikes rounds of faults. `run` needs a thread of its own, and no other thread may touch the processes."""

    def __init__(self, target: Target) -> None:
        self.struck: Counter[str] = Counter()
        self._target = target
        self._round: Sequence[Fault] = ()
        self._begin, self._ended, self._stop = Event(), Event(), Event()

    def begin(self, faults: Sequence[Fault]) -> None:
        """Let the first of these faults strike now, and the others at their intervals after it."""
        self._ended.clear()
        self._round = faults
        self._begin.set()

    @property
    def is_striking(self) -> bool:
        return not self._ended.is_set()

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Strike each round that `begin` starts, and tend the processes all the time."""
        while not self._stop.is_set():
            self._target.fleet.tend()
            if self._begin.wait(_TICK_S):
                self._begin.clear()
                self._strike(self._round)
                self._ended.set()

    def _strike(self, faults: Sequence[Fault]) -> None:
        """Strike these faults, and return when the last one is over."""
        start_s, order = time.monotonic() - faults[0].at_s, count()
        due: list[tuple[float, int, Fault | Heal]] = [(fault.at_s, next(order), fault) for fault in faults]
        while due:
            self._target.fleet.tend()
            if time.monotonic() - start_s < due[0][0]:
                time.sleep(_TICK_S)
                continue
            at_s, _, event = heappop(due)
            if not isinstance(event, Fault):
                event()
            elif heal := self._strike_one(event):
                heappush(due, (at_s + event.lasts_s, next(order), heal))

    def _strike_one(self, fault: Fault) -> Heal | None:
        try:
            heal = STRIKES[fault.kind](self._target, fault)
        except Missed:
            self.struck["missed"] += 1
            return None
        self.struck[fault.kind] += 1
        return heal
