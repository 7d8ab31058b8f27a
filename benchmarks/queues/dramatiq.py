"""Dramatiq's worker with one thread, as in AutoConnect's worker, and with its default of eight.

Each further thread lets it fetch two more messages at once; each message is acknowledged on its own.
"""

import time
from typing import Any

TITLES = {"Dramatiq, 8 tasks at a time": ("8",), "Dramatiq": ("1",)}
#: A message is removed when it is acknowledged.
REMAINING = (["HLEN", "dramatiq:default.msgs"],)
FAILED = (["ZCARD", "dramatiq:default.XQ"], ["HLEN", "dramatiq:default.DQ.msgs"])


def task() -> None:
    """Do nothing."""


def work(url: str, threads: str) -> None:
    from dramatiq.worker import Worker

    Worker(_actor(url).broker, worker_threads=int(threads)).start()
    while True:
        time.sleep(60)


def enqueue(url: str, count: int) -> None:
    actor = _actor(url)
    for _ in range(count):
        actor.send()


def _actor(url: str) -> Any:
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    return dramatiq.actor(task, broker=RedisBroker(url=url))
