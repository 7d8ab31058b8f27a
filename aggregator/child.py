"""The process that reduces large jobs, so that small ones never wait for them: it reads ids of jobs, a line each.

It answers each with a line. The system kills it before any other process when memory is short, and its memory has a
limit of its own, at which a job fails instead of the process.
"""

import signal
import sys
import threading
import time
from contextvars import copy_context

import structlog

from aggregator.reduction import Reducer
from autoconnect.broker import reducers
from autoconnect.broker.connection import Client, connect
from autoconnect.errors import AutoConnectError, BrokerUnavailable
from autoconnect.logs import set_up_logs
from autoconnect.memory import limit_memory, memory_limit
from autoconnect.settings import Settings, load_settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Bytes of the memory limit that are left to the aggregator itself.
_AGGREGATOR_BYTES = 160 << 20
#: Seconds between attempts to give a job back while Redis is away.
_PAUSE_S = 0.2


def serve(settings: Settings) -> None:
    """Reduce the jobs whose ids come in, until there are no more."""
    client = connect(settings.needed_redis_url())
    reducer = Reducer(client, settings)
    _renew(client, reducer, settings)  # before it has a name: a child without a lease is taken for one that hangs
    sys.stdout.write(f"{reducer.name}\n")
    sys.stdout.flush()
    threading.Thread(target=copy_context().run, args=(_keep_lease, client, reducer, settings), daemon=True).start()
    for line in sys.stdin:
        job_id = line.strip()
        reducer.keep_only([job_id])  # the memory is for one large sum
        try:
            reducer.reduce(job_id)
        except BrokerUnavailable as error:
            reducer.forget()
            log.warning("redis unavailable", error=str(error))
            _give_back(client, job_id, reducer)
        sys.stdout.write(line)
        sys.stdout.flush()


def _give_back(client: Client, job_id: str, reducer: Reducer) -> None:
    """Let others reduce a job once Redis answers: this process keeps its lease, so nobody would take the job over."""
    while True:
        try:
            return reducers.end_reduction(client, job_id, reducer.name)
        except BrokerUnavailable:
            time.sleep(_PAUSE_S)


def _keep_lease(client: Client, reducer: Reducer, settings: Settings) -> None:
    """Renew the reducer's lease for as long as this process lives."""
    ended = threading.Event()
    while not ended.wait(settings.heartbeat_ms / 1_000):
        _renew(client, reducer, settings)


def _renew(client: Client, reducer: Reducer, settings: Settings) -> None:
    try:
        reducers.renew_lease(client, reducer.name, settings.lease_ms)
    except (BrokerUnavailable, MemoryError) as error:  # the main thread may use all memory for a moment
        log.warning("lease not renewed", error=str(error))


def main() -> int:
    """Run the process; return its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the aggregator ends it
    try:
        settings = load_settings()
        set_up_logs("aggregator", settings.log_level, settings.log_format)
        limit_memory(memory_limit().bytes - _AGGREGATOR_BYTES)
        serve(settings)
    except AutoConnectError as error:
        sys.stderr.write(f"aggregator: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
