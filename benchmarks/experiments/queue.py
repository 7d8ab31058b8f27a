"""What the queue costs: batches with nothing in them, beside tasks that do nothing in other queues."""

from decimal import Decimal

from benchmarks.bench import Bench
from benchmarks.contenders import OURS, OURS_GROUPED, PYTHON, WORKERS, contenders, peer_versions, tasks_a_second
from benchmarks.costs import Spread, rounded
from benchmarks.report import Table, say


def measure(bench: Bench) -> list[Table]:
    """Tasks a second of each; no table where the others are not installed."""
    if not PYTHON.exists():
        say("queue is SKIPPED: the others are not installed; `make bench` or `make .venv/.queues` does it")
        return []
    rates: dict[str, list[float]] = {title: [] for title in contenders()}
    for number in range(bench.sizes.rounds):
        for title, running in contenders().items():
            rates[title].append(tasks_a_second(running, bench.sizes.queue_tasks))
        found = ", ".join(f"{title} {runs[-1]:,.0f}" for title, runs in rates.items())
        say(f"queue, round {number + 1} of {bench.sizes.rounds}: {found} a second")
    return [_table(bench.sizes.queue_tasks, rates)]


def _table(tasks: int, rates: dict[str, list[float]]) -> Table:
    ours = rates[OURS]
    by_speed = sorted(rates.items(), key=lambda item: -Spread.of(item[1]).median)
    lines = [
        {
            "queue": title,
            **Spread.of(runs).columns("a second", 0),
            **Spread.of(mine / rate for mine, rate in zip(ours, runs, strict=True)).columns("ratio", 2),
        }
        for title, runs in by_speed
    ]
    others = {title: runs for title, runs in rates.items() if title not in (OURS, OURS_GROUPED)}
    single = _against(ours, [runs for title, runs in others.items() if "at a time" not in title])
    note = (
        f"{tasks:,} empty tasks, {WORKERS} worker processes each, of one task at a time unless it says otherwise; "
        f"{len(ours)} rounds in turn. Ratio = {OURS}, to it in the same round. To the fastest other of each round: "
        f"{single} of those with one task at a time, {_against(ours, list(others.values()))} of all (medians). "
        f"With {peer_versions()}."
    )
    return Table("The queue alone", lines, note)


def _against(ours: list[float], others: list[list[float]]) -> Decimal:
    """The median of our ratios to the fastest of others in each round."""
    fastest = [max(runs) for runs in zip(*others, strict=True)]
    return rounded(Spread.of(mine / rate for mine, rate in zip(ours, fastest, strict=True)).median, 2)
