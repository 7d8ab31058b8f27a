"""What each kind of fault does, by name; `schedule.KINDS` says how often each one strikes."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tests.chaos.fleet import Fleet
from tests.chaos.jobs import Jobs
from tests.chaos.proxy import Proxy
from tests.chaos.redis_server import RedisServer
from tests.chaos.schedule import Fault


@dataclass(frozen=True)
class Target:
    """The things that faults strike."""

    fleet: Fleet
    redis: RedisServer
    proxy: Proxy
    jobs: Jobs


#: Ends a fault.
Heal = Callable[[], object]
#: Strikes; returns what ends the fault, or None if it ends at once; raises Missed if the victim is not there.
Strike = Callable[[Target, Fault], Heal | None]


class Missed(Exception):
    """Raised when the victim is not there."""


def _end(number: signal.Signals, target: Target, fault: Fault) -> None:
    if not target.fleet.strike(fault.victim, number):
        raise Missed


def _stop(target: Target, fault: Fault) -> Heal:
    pid = target.fleet.send(fault.victim, signal.SIGSTOP)
    if pid is None:
        raise Missed
    return partial(target.fleet.wake, fault.victim, pid)


def _kill_child(target: Target, fault: Fault) -> None:
    if not target.fleet.strike_child(fault.victim):
        raise Missed


def _stop_child(target: Target, fault: Fault) -> Heal:
    pid = target.fleet.send_to_child(fault.victim, signal.SIGSTOP)
    if pid is None:
        raise Missed
    return partial(target.fleet.wake_child, fault.victim, pid)


def _visit(target: Target, fault: Fault) -> None:
    slot = target.fleet.slots[fault.victim]
    slot.filled = not slot.filled
    if not slot.filled:
        target.fleet.strike(fault.victim, signal.SIGTERM)


def _lose_reply(target: Target, fault: Fault) -> None:
    target.proxy.lose_reply(fault.victim, fault.number)


def _cut(target: Target, fault: Fault) -> None:
    target.proxy.cut(fault.victim)


def _refuse(target: Target, fault: Fault) -> Heal:
    target.proxy.refuse(fault.victim, True)
    return lambda: target.proxy.refuse(fault.victim, False)


def _hold(target: Target, fault: Fault) -> Heal:
    target.proxy.hold(fault.victim, True)
    return lambda: target.proxy.hold(fault.victim, False)


def _swallow(target: Target, fault: Fault) -> Heal:
    target.proxy.make_black_hole(fault.victim, True)
    return lambda: target.proxy.make_black_hole(fault.victim, False)


def _slow(target: Target, fault: Fault) -> Heal:
    target.proxy.slow(fault.victim, fault.number)
    return lambda: target.proxy.slow(fault.victim, 0)


def _restart_redis(number: signal.Signals, target: Target, _: Fault) -> None:
    target.redis.restart(number)
    target.fleet.struck[f"redis {number.name}"] += 1


def _cut_power(target: Target, fault: Fault) -> None:
    target.redis.cut_power(1 << fault.number)
    target.fleet.struck["redis SIGKILL"] += 1


def _freeze_redis(target: Target, _: Fault) -> Heal:
    target.redis.freeze()
    return target.redis.wake


def _fill_memory(target: Target, fault: Fault) -> Heal:
    target.redis.fill_memory(fault.number / 100)
    return target.redis.free_memory


def _fill_disk(target: Target, _: Fault) -> Heal:
    target.redis.fill_disk()
    return target.redis.free_disk


def _set_clock(target: Target, fault: Fault) -> Heal:
    if not target.redis.has_clock:
        raise Missed
    target.redis.set_clock(fault.number)
    return lambda: target.redis.set_clock(0)


def _strike_job(target: Target, fault: Fault) -> None:
    target.jobs.faults.put((fault.kind, fault.number))


STRIKES: Mapping[str, Strike] = {
    "kill": partial(_end, signal.SIGKILL),
    "terminate": partial(_end, signal.SIGTERM),
    "freeze": _stop,
    "child-kill": _kill_child,
    "child-freeze": _stop_child,
    "stutter": _stop,
    "lose-reply": _lose_reply,
    "cut": _cut,
    "refuse": _refuse,
    "hold": _hold,
    "black-hole": _swallow,
    "slow": _slow,
    "redis-kill": partial(_restart_redis, signal.SIGKILL),
    "redis-terminate": partial(_restart_redis, signal.SIGTERM),
    "power-cut": _cut_power,
    "redis-freeze": _freeze_redis,
    "full-memory": _fill_memory,
    "no-memory": _fill_memory,
    "full-disk": _fill_disk,
    "clock": _set_clock,
    "visit": _visit,
    "cancel": _strike_job,
    "fail": _strike_job,
    "remove": _strike_job,
    "publish": _strike_job,
    "burst": _strike_job,
}
