"""RQ with the worker that doesn't fork, which is by far the faster one, and without results."""

TITLES = {"RQ": ()}
#: Tasks that wait, are on their way to a worker, or have begun.
REMAINING = (["LLEN", "rq:queue:default"], ["LLEN", "rq:queue:default:intermediate"], ["ZCARD", "rq:wip:default"])
FAILED = (["ZCARD", "rq:failed:default"],)

_ENQUEUED_AT_ONCE = 1_000


def task() -> None:
    """Do nothing."""


def work(url: str) -> None:
    import redis
    from rq import Queue, SimpleWorker

    client = redis.Redis.from_url(url)
    SimpleWorker([Queue(connection=client)], connection=client).work(logging_level="WARNING")


def enqueue(url: str, count: int) -> None:
    import redis
    from rq import Queue

    queue = Queue(connection=redis.Redis.from_url(url))
    for start in range(0, count, _ENQUEUED_AT_ONCE):
        size = min(_ENQUEUED_AT_ONCE, count - start)
        queue.enqueue_many([Queue.prepare_data(f"{__name__}.task", result_ttl=0) for _ in range(size)])
