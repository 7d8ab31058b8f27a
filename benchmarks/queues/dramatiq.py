"""Dramatiq: its worker with one thread, as ours has, and with as many as it has by itself.

A thread that it has more lets it fetch two messages more at once; each is acknowledged on its own.
"""

import time
from typing import Any

TITLES = {"Dramatiq, 8 tasks at a time": ("8",), "Dramatiq": ("1",)}
#: A message goes when it is acknowledged.
LEFT = (["HLEN", "dramatiq:default.msgs"],)
FAILED = (["ZCARD", "dramatiq:default.XQ"], ["HLEN", "dramatiq:default.DQ.msgs"])


def task() -> None:
    """Nothing."""


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
