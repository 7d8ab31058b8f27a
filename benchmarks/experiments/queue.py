"""The cost of the queue: empty batches, next to empty tasks in other queues."""

from decimal import Decimal

from benchmarks.bench import Bench
from benchmarks.contenders import (
    AUTOCONNECT,
    AUTOCONNECT_GROUPED,
    PYTHON,
    WORKERS,
    contenders,
    peer_versions,
    tasks_per_second,
)
from benchmarks.costs import Spread, rounded
from benchmarks.report import Table, say


def measure(bench: Bench) -> list[Table]:
    """Tasks per second of each queue; no table if the other queues are not installed."""
    if not PYTHON.exists():
        say("queue is SKIPPED: the other queues are not installed; run `make bench` or `make .venv/.queues`")
        return []
    rates: dict[str, list[float]] = {title: [] for title in contenders()}
    for number in range(bench.sizes.rounds):
        for title, running_queue in contenders().items():
            rates[title].append(tasks_per_second(running_queue, bench.sizes.queue_tasks))
        latest = ", ".join(f"{title} {runs[-1]:,.0f}" for title, runs in rates.items())
        say(f"queue, round {number + 1} of {bench.sizes.rounds}: {latest} tasks per second")
    return [_table(bench.sizes.queue_tasks, rates)]


def _table(tasks: int, rates: dict[str, list[float]]) -> Table:
    base = rates[AUTOCONNECT]
    by_speed = sorted(rates.items(), key=lambda item: -Spread.of(item[1]).median)
    lines = [
        {
            "queue": title,
            **Spread.of(runs).columns("tasks per second", 0),
            **Spread.of(ours / rate for ours, rate in zip(base, runs, strict=True)).columns("ratio", 2),
        }
        for title, runs in by_speed
    ]
    others = {title: runs for title, runs in rates.items() if title not in (AUTOCONNECT, AUTOCONNECT_GROUPED)}
    single = _ratio_to_fastest(base, [runs for title, runs in others.items() if "at a time" not in title])
    note = (
        f"{tasks:,} empty tasks, {WORKERS} worker processes each, one task at a time unless the name says otherwise; "
        f"{len(base)} rounds in turn. Ratio: the rate of {AUTOCONNECT}, divided by the queue's in the same round. "
        f"Ratio to the fastest other queue of each round (medians): {single} among those with one task at a time, "
        f"{_ratio_to_fastest(base, list(others.values()))} among all. Versions: {peer_versions()}."
    )
    return Table("The queue alone", lines, note)


def _ratio_to_fastest(base: list[float], others: list[list[float]]) -> Decimal:
    """The median of the ratios of `base` to the fastest of `others` in each round."""
    fastest = [max(runs) for runs in zip(*others, strict=True)]
    return rounded(Spread.of(ours / rate for ours, rate in zip(base, fastest, strict=True)).median, 2)
