"""What a run did and what it found, in words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys

_TAIL_LINES = 60
#: A service logs none of these, whatever strikes.
_BAD_LINE = re.compile(r"Traceback|batch failed|job failed|Lua|WRONGTYPE")


@dataclass
class Report:
    """A run without complaints is a good one."""

    seed: int
    folder: Path
    complaints: list[str] = field(default_factory=list)
    faults: Mapping[str, int] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    jobs: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def line(self) -> str:
        """Where the run stands."""
        done = f"{self.jobs['completed']} jobs completed, {self.jobs['cancelled']} cancelled"
        return f"{self.seconds:5.0f} s: {self.kills.total()} kills, {sum(self.faults.values())} faults, {done}"

    def table(self) -> str:
        """All figures."""
        parts = {"kills": self.kills, "faults": self.faults, "jobs": self.jobs, "counters": self.counters}
        lines = [f"{title}: {_listed(figures)}" for title, figures in parts.items()]
        found = self.complaints or ["nothing lost, nothing counted twice, nothing left over"]
        return "\n".join([self.line(), *lines, *found[:40]])


def bad_lines(logs: Path) -> list[str]:
    """What the services said that they never should, with the lines that follow."""
    found = []
    for path in sorted(logs.iterdir()):
        lines = path.read_text(errors="replace").splitlines()
        places = [place for place, line in enumerate(lines) if _BAD_LINE.search(line)]
        found += [f"{path}:{place + 1}: " + "\n    ".join(lines[place : place + 3]) for place in places[:3]]
    return found


def state(client: Client, job_ids: Iterable[str], logs: Path) -> str:
    """All that there is to know where jobs hang."""
    return "\n".join([*_redis_state(client, job_ids), *_tails(logs)])


def _redis_state(client: Client, job_ids: Iterable[str]) -> Iterator[str]:
    for name in (keys.READY, keys.ACTIVE, keys.ORCHESTRATOR, keys.AGGREGATOR):
        yield f"{name}: {client.call('LRANGE', name, 0, -1)}"
    yield f"{keys.LIVE}: {client.call('GET', keys.LIVE)}"
    for name in sorted(client.call("KEYS", "autoconnect:worker:*")):
        lists = name.endswith(b":claimed")
        yield f"{name.decode()}: {client.call('LRANGE', name, 0, -1) if lists else client.call('HGETALL', name)}"
    for job_id in job_ids:
        names = JobKeys(job_id)
        yield f"{names.job}: {client.call('HGETALL', names.job)}"
        yield f"{names.waiting}: {client.call('LRANGE', names.waiting, 0, -1)}"
        yield f"{names.partials}: {client.call('SMEMBERS', names.partials)}"
        found = client.call("HGETALL", names.batches)
        yield from (f"  {number.decode()}: {text.decode()}" for number, text in found.items() if b'"done"' not in text)


def _tails(logs: Path) -> Iterator[str]:
    for path in sorted(logs.iterdir()):
        yield f"--- {path}"
        yield from path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]


def _listed(figures: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {figures[name]}" for name in sorted(figures))
