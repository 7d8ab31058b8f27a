"""arq with one task at a time, as in AutoConnect's worker, and with 100; a short poll delay, and no results."""

import asyncio
from typing import Any

TITLES = {"arq, 100 tasks at a time": ("100", "0.01"), "arq": ("1", "0.01")}
REMAINING = (["ZCARD", "arq:queue"],)
#: None: arq's worker reports failed tasks only in its log.
FAILED: tuple[list[str], ...] = ()

_ENQUEUED_AT_ONCE = 100


async def task(_: object) -> None:
    """Do nothing."""


def work(url: str, max_jobs: str, poll_delay_s: str) -> None:
    from arq.worker import Worker

    asyncio.set_event_loop(asyncio.new_event_loop())
    settings = {"max_jobs": int(max_jobs), "poll_delay": float(poll_delay_s), "keep_result": 0, "log_results": False}
    Worker([task], redis_settings=_redis(url), **settings).run()


def enqueue(url: str, count: int) -> None:
    asyncio.run(_enqueue(url, count))


async def _enqueue(url: str, count: int) -> None:
    from arq import create_pool

    pool = await create_pool(_redis(url))
    for start in range(0, count, _ENQUEUED_AT_ONCE):
        await asyncio.gather(*(pool.enqueue_job("task") for _ in range(min(_ENQUEUED_AT_ONCE, count - start))))
    await pool.aclose()


def _redis(url: str) -> Any:
    from arq.connections import RedisSettings

    return RedisSettings(unix_socket_path=url.removeprefix("unix://"))
