"""The report of a run: what it did, and its complaints."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys

_TAIL_LINES = 60
#: The reasons for which a job may fail while Redis is short of memory.
MEMORY_REASON = r"Redis has no memory|memory in Redis"
#: Lines that no service may log, whatever strikes.
_BAD_LINE = re.compile(rf"Traceback|batch failed|job failed(?!.*({MEMORY_REASON}))|Lua|WRONGTYPE")


@dataclass
class Report:
    """The figures and complaints of a run; without complaints it is good."""

    seed: int
    folder: Path
    complaints: list[str] = field(default_factory=list)
    faults: Mapping[str, int] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    jobs: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def line(self) -> str:
        """The figures so far, in one line."""
        done = f"{self.jobs['completed']} jobs completed, {self.jobs['cancelled']} cancelled"
        return f"{self.seconds:5.0f} s: {self.kills.total()} kills, {sum(self.faults.values())} faults, {done}"

    def table(self) -> str:
        """All figures."""
        parts = {"kills": self.kills, "faults": self.faults, "jobs": self.jobs, "reads": self.reads}
        lines = [f"{title}: {_listed(figures)}" for title, figures in (parts | {"counters": self.counters}).items()]
        verdict = self.complaints or ["nothing lost, nothing counted twice, nothing left over"]
        return "\n".join([self.line(), *lines, *verdict[:40]])


def bad_lines(logs: Path) -> list[str]:
    """Lines that the services must never log, each with the two that follow."""
    bad = []
    for path in sorted(logs.iterdir()):
        lines = path.read_text(errors="replace").splitlines()
        indices = [index for index, line in enumerate(lines) if _BAD_LINE.search(line)]
        bad += [f"{path}:{index + 1}: " + "\n    ".join(lines[index : index + 3]) for index in indices[:3]]
    return bad


def state(client: Client, job_ids: Iterable[str], logs: Path) -> str:
    """The state of Redis and the ends of all logs, to see why jobs hang."""
    return "\n".join([*_redis_state(client, job_ids), *_tails(logs)])


def _redis_state(client: Client, job_ids: Iterable[str]) -> Iterator[str]:
    for name in (keys.READY, keys.ORCHESTRATOR, keys.AGGREGATOR):
        yield f"{name}: {client.call('LRANGE', name, 0, -1)}"
    yield f"{keys.TURNS}: {client.call('ZRANGE', keys.TURNS, 0, -1, 'WITHSCORES')}"
    yield f"{keys.LIVE}: {client.call('GET', keys.LIVE)}"
    for name in sorted(client.call("KEYS", keys.heartbeat("*"))):
        is_list = name.endswith(b":claimed")
        yield f"{name.decode()}: {client.call('LRANGE', name, 0, -1) if is_list else client.call('HGETALL', name)}"
    for name in sorted(client.call("KEYS", keys.reducer("*"))):
        yield f"{name.decode()}: {client.call('PTTL', name)} ms"
    for job_id in job_ids:
        names = JobKeys(job_id)
        yield f"{names.job}: {client.call('HGETALL', names.job)}"
        yield f"{names.waiting}: {client.call('LRANGE', names.waiting, 0, -1)}"
        yield f"{names.partials}: {client.call('SMEMBERS', names.partials)}"
        batches = client.call("HGETALL", names.batches)
        yield from (
            f"  {number.decode()}: {json.decode()}" for number, json in batches.items() if b'"done"' not in json
        )


def _tails(logs: Path) -> Iterator[str]:
    for path in sorted(logs.iterdir()):
        yield f"--- {path}"
        yield from path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]


def _listed(figures: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {figures[name]}" for name in sorted(figures))
