"""One run: rounds of faults while jobs run, each followed by a rest in which all jobs must end well."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from random import Random

import httpx2

from autoconnect.broker import counters, results
from autoconnect.broker.connection import connect
from autoconnect.settings import PREFIX
from tests.chaos import checks, posting, schedule
from tests.chaos.faults import Target
from tests.chaos.fleet import Fleet
from tests.chaos.jobs import Jobs
from tests.chaos.proxy import Proxy
from tests.chaos.reader import Reader
from tests.chaos.redis_server import RedisServer
from tests.chaos.report import Report, bad_lines, state
from tests.chaos.schedule import Fault
from tests.chaos.sources import make_sources
from tests.chaos.striker import Striker
from tests.e2e.waiting import free_port, wait_until

#: Faults between two rests.
_ROUND_FAULTS = 200
#: Seconds without a fault in which some job must make progress; seconds after the last job in which lists must empty.
_SETTLE_S, _CLEAR_S = 120.0, 60.0
_SETTINGS = {
    "HEARTBEAT_MS": "120",
    "LEASE_MS": "800",
    "STALL_MS": "3000",
    "MAX_DEATHS": "1000000",
    "MAX_ATTEMPTS": "1000000",
    "MAX_REJECTED_RATIO": "1",
    "MEMORY_WAIT_S": "4",
    "RESULT_TTL_S": "300",
}
_BATCH_BYTES = (4_000, 8_000, 10_000, 20_000, 50_000, 300_000)


class Run:
    """A whole stack of real processes, and the faults of a seed that strike it."""

    def __init__(self, seed: int, say: Callable[[str], object]) -> None:
        self._seed = seed
        self._say = say
        self._folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
        self._data, self._logs = self._folder / "data", self._folder / "logs"
        self._data.mkdir()
        self._logs.mkdir()
        self._ports = {name: free_port() for name in schedule.slot_names() if name.startswith("api-")}
        self.report = Report(seed, self._folder)
        self._at_last_rest: tuple[Mapping[str, int], Counter[str], int, int] = {}, Counter(), 0, 0
        self._remains = checks.Remains()

    def go(self, is_enough: Callable[[Report], bool]) -> Report:
        """Run rounds until `is_enough`, or until something is wrong."""
        with ExitStack() as stack:
            self._start(stack)
            started = time.monotonic()
            faults = schedule.schedule(self._seed)
            while not self.report.complaints and not is_enough(self.report):
                self._strike(islice(faults, _ROUND_FAULTS))
                if not self.report.complaints:
                    self._rest()
                self.report.seconds = time.monotonic() - started
                self._say(self.report.line())
        self.report.complaints += bad_lines(self._logs)
        return self.report

    def _start(self, stack: ExitStack) -> None:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a forked process has none of the threads
        context = get_context("forkserver")
        context.set_forkserver_preload(["tests.chaos.warm", "tests.chaos.proxy", "tests.chaos.sources"])
        sources = make_sources(self._seed, self._data, context)
        redis = self._redis = RedisServer(self._folder / "redis")
        stack.callback(redis.stop)
        if not redis.has_clock:
            self._say("NO FAULTS OF THE CLOCK, because libfaketime is missing: install the Debian package faketime")
        self._client = connect(redis.url)
        stack.callback(self._client.close)
        proxy = Proxy(context, redis.socket, schedule.slot_names())
        stack.callback(proxy.stop)
        self._urls = proxy.urls
        fleet = Fleet(context, self._settings, self._logs, self.report.complaints)
        stack.callback(fleet.stop)
        self._jobs = Jobs(self._client, redis, sources, self._seed, self.report.complaints)
        self._files = {source.name: source for source in sources}
        self._reader = Reader(self._api_urls, redis, self._jobs, self._files, self.report.complaints)
        self._posting = posting.Client(self._api_urls, self._data, self._seed)
        self._striker = Striker(Target(fleet, redis, proxy, self._jobs))
        self.report.faults, self.report.kills = self._striker.struck, fleet.struck
        self.report.jobs = self._jobs.counts
        self.report.reads = self._reader.counts
        threads = stack.enter_context(ThreadPoolExecutor(2))
        self._threads = [threads.submit(self._striker.run), threads.submit(self._reader.run)]
        stack.callback(self._striker.stop)
        stack.callback(self._reader.stop)

    @property
    def _api_urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self._ports.values()]

    def _settings(self, name: str, nth: int) -> dict[str, str]:
        """Settings of the nth process of a slot; each process draws its own batch size and transport."""
        random = Random(f"{self._seed} {name} {nth}")
        drawn = {
            "REDIS_URL": self._urls[name],
            "DATA_DIR": str(self._data),
            "UPLOAD_DIR": str(self._folder / "uploads"),
            "PORT": str(self._ports.get(name, "")),
            "BATCH_BYTES": str(random.choice(_BATCH_BYTES)),
            "BATCH_TRANSPORT": random.choice(("range", "range", "inline")),
        }
        return {PREFIX + key: value for key, value in {**_SETTINGS, **drawn}.items()}

    def _strike(self, faults: Iterator[Fault]) -> None:
        """Let faults strike while jobs run."""
        self._striker.begin(list(faults))
        while self._striker.is_striking:
            for thread in self._threads:
                if thread.done():
                    thread.result()
            self._jobs.step()
            time.sleep(0.02)

    def _rest(self) -> None:
        """Strike nothing; all jobs must end, and all checks must pass."""
        if not (self._jobs.settle(_SETTLE_S) and self._jobs.try_fairness(_SETTLE_S)):
            self._complain_of_hanging(self._jobs.open)
            return
        self._within("nothing to be left over", lambda: checks.leftovers(self._client))
        self._within("the APIs to answer", self._api_complaints)
        self.report.complaints += self._remains.complaints(self._client)
        self._check_counters()
        self._post_twice()
        self._note_counters()

    def _check_counters(self) -> None:
        """Compare the counters with the jobs seen to end since the last rest, unless a power cut has lost counts."""
        counted_before, ended_before, unseen_before, cuts_before = self._at_last_rest
        if self.report.faults["power-cut"] == cuts_before:
            counted = counters.read_counters(self._client)
            new = {name: value - counted_before.get(name, 0) for name, value in counted.items()}
            ended = Counter(self._jobs.counts) - ended_before
            self.report.complaints += checks.miscounts(new, ended, self._jobs.unseen - unseen_before)

    def _note_counters(self) -> None:
        counted, cuts = counters.read_counters(self._client), self.report.faults["power-cut"]
        self._at_last_rest = counted, Counter(self._jobs.counts), self._jobs.unseen, cuts
        self.report.counters = counted

    def _post_twice(self) -> None:
        """Post a job again, for another file, after a power cut has lost it; nobody else asks or submits meanwhile."""
        with self._reader.pause:
            source, complaints = self._posting.post_twice(self._redis)
        self._files[source.name] = source
        self.report.complaints += complaints
        self.report.kills["redis SIGKILL"] += 1

    def _complain_of_hanging(self, job_ids: list[str]) -> None:
        dump = self._folder / "hanging.txt"
        dump.write_text(state(self._client, job_ids, self._logs))
        self.report.complaints.append(f"{', '.join(job_ids)} made no progress for {_SETTLE_S:.0f} s; see {dump}")

    def _within(self, condition: str, check: Callable[[], list[str]]) -> None:
        """Wait until a check has no complaints; report those that stay."""
        try:
            wait_until(condition, lambda: not check(), _CLEAR_S)
        except TimeoutError:
            self.report.complaints += check()

    def _api_complaints(self) -> list[str]:
        """The differences of the APIs' job from the published one."""
        return [complaint for url in self._api_urls for complaint in self._api_complaint(url)]

    def _api_complaint(self, url: str) -> list[str]:
        published = results.published_job(self._client)
        try:
            answer = httpx2.get(f"{url}/api/v1/metrics/summary", timeout=_SETTLE_S)
        except httpx2.HTTPError as error:
            return [f"an API does not answer: {error}"]
        if answer.status_code == 404 and published is None:
            return []
        job_id = answer.json().get("job_id")
        if job_id == published:
            return []
        return [f"an API answers {answer.status_code} for {job_id}, expected {published}"]
