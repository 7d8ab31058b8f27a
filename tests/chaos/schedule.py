"""Which fault strikes when: a function of the seed alone, so that a failed run can be repeated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

#: Slots of each service, one process each; those of `VISITORS` come and go, all others always have a process.
SLOTS: Mapping[str, int] = {"orchestrator": 2, "worker": 4, "aggregator": 2, "api": 2}
VISITORS = ("orchestrator-1", "aggregator-1")
REDIS, JOBS, AGGREGATOR = "redis", "jobs", "aggregator"

#: Relative frequency of each service as the victim.
_VICTIMS: Mapping[str, int] = {"worker": 70, "orchestrator": 14, "aggregator": 14, "api": 3}
#: Mean seconds between two faults.
_GAP_S = 0.15
#: Seconds of rest after a fault of Redis: without them, dead workers would never be reaped.
_REDIS_REST_S = 1.5


@dataclass(frozen=True)
class Kind:
    """A kind of fault: relative frequency, shortest and longest duration, smallest and largest `number`."""

    weight: float
    lasts_s: tuple[float, float] = (0, 0)
    number: tuple[int, int] = (0, 0)
    victim: str = ""


#: Kinds of faults by name; without a `victim`, it is a process of any service.
KINDS: Mapping[str, Kind] = {
    "kill": Kind(42),
    "terminate": Kind(14),
    "freeze": Kind(6, lasts_s=(1.0, 3.0)),
    "child-kill": Kind(8, victim=AGGREGATOR),
    "child-freeze": Kind(2, lasts_s=(0.3, 3.0), victim=AGGREGATOR),
    "stutter": Kind(6, lasts_s=(0.05, 0.4)),
    "lose-reply": Kind(14, number=(1, 12)),
    "cut": Kind(5),
    "refuse": Kind(3, lasts_s=(0.2, 1.5)),
    "hold": Kind(4, lasts_s=(0.3, 2.0)),
    "black-hole": Kind(2, lasts_s=(0.2, 1.5)),
    "slow": Kind(3, lasts_s=(0.5, 3.0), number=(5, 60)),
    "redis-kill": Kind(4, victim=REDIS),
    "redis-terminate": Kind(2, victim=REDIS),
    "power-cut": Kind(2, number=(10, 21), victim=REDIS),
    "redis-freeze": Kind(2, lasts_s=(0.2, 1.5), victim=REDIS),
    "full-memory": Kind(3, lasts_s=(0.2, 1.5), number=(72, 102), victim=REDIS),
    "no-memory": Kind(0.3, lasts_s=(8.0, 14.0), number=(92, 102), victim=REDIS),
    "full-disk": Kind(2, lasts_s=(0.2, 1.2), victim=REDIS),
    "clock": Kind(2, lasts_s=(0.5, 3.0), number=(-60, 60), victim=REDIS),
    "visit": Kind(4),
    "cancel": Kind(2, victim=JOBS),
    "fail": Kind(2, victim=JOBS),
    "remove": Kind(3, victim=JOBS),
    "publish": Kind(2, victim=JOBS),
    "burst": Kind(1, number=(2, 4), victim=JOBS),
}


@dataclass(frozen=True)
class Fault:
    """A fault that strikes `at_s` after the start and ends `lasts_s` later; its kind says what `number` means."""

    at_s: float
    kind: str
    victim: str
    lasts_s: float
    number: int


def slot_names() -> list[str]:
    """Names of all slots, such as `worker-0`."""
    return [f"{service}-{number}" for service, count in SLOTS.items() for number in range(count)]


def schedule(seed: int) -> Iterator[Fault]:
    """An endless sequence of faults in order of time; two faults of Redis never overlap."""
    random = Random(seed)
    at_s, redis_free_s = 0.0, 0.0
    while True:
        at_s += random.expovariate(1 / _GAP_S)
        name = random.choices(list(KINDS), [kind.weight for kind in KINDS.values()])[0]
        kind = KINDS[name]
        fault = Fault(at_s, name, _victim(random, name), random.uniform(*kind.lasts_s), random.randint(*kind.number))
        if fault.victim == REDIS:
            if at_s < redis_free_s:
                continue
            redis_free_s = at_s + fault.lasts_s + _REDIS_REST_S
        yield fault


def _victim(random: Random, name: str) -> str:
    if name == "visit":
        return random.choice(VISITORS)
    service = KINDS[name].victim or random.choices(list(_VICTIMS), list(_VICTIMS.values()))[0]
    return f"{service}-{random.randrange(SLOTS[service])}" if service in SLOTS else service
