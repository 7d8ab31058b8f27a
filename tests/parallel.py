"""Which tests run side by side (`pytest -n`), and which start first."""

import os
import re
from collections.abc import Mapping

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Groups of tests by a pattern of their ids, in the order in which they start; all other tests follow, one at a time.
#: The tests of a group run one after the other in one process: they share a stack, or would slow each other down.
_GROUPS: Mapping[str, str] = {
    # One stack of containers at a time: two slow each other down until time limits end their tests.
    "containers": r"tests/e2e/test_(containers|compose_dask)\.py|tests/chaos/test_containers\.py",
    "kills": r"tests/e2e/test_kill\.py",
    "chaos": r"tests/chaos/test_chaos\.py",
    "requests": r"tests/fuzz/test_(openapi|odd_requests)\.py",
    "up": r"tests/e2e/test_(cli|rest|pages|prometheus)\.py",
    "dashboard": r"tests/e2e/test_dashboard(_charts|_layout|_system)?\.py",
    "files": r"tests/e2e/test_dashboard_(check|french|jobs|partial)\.py",
    "state": r"tests/e2e/test_state\.py",
    "dask": r"tests/integration/dask/",
    "benchmarks": r"tests/e2e/test_benchmarks\.py",
    "kernel": r"tests/unit/test_(kernel|record_cuts)\.py",
}
#: Groups that only start early, because each of their tests takes long: they need not stay together.
_APART = {"kills", "kernel"}
#: Groups that all other tests give way to: containers, and processes under faults, need the CPU in time.
_FIRST = [name for name in _GROUPS if name != "kernel"]
_NICENESS = 10
#: Processes per core: many tests wait for containers and processes.
_PROCESSES_PER_CORE = 2
#: More processes are of no use: the slowest group decides how long a run takes.
_MAX_PROCESSES = 8


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # its base is Any: xdist has no types
    """Hands out groups as a whole, and all other tests one at a time."""

    def _split_scope(self, nodeid: str) -> str:
        group = group_of(nodeid)
        return nodeid if group is None or group in _APART else group


def group_of(nodeid: str) -> str | None:
    """The name of the test's group, or None."""
    return next((name for name, pattern in _GROUPS.items() if re.match(pattern, nodeid)), None)


def pytest_xdist_auto_num_workers() -> int:
    return min(_PROCESSES_PER_CORE * (os.cpu_count() or 1), _MAX_PROCESSES)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    config.option.loadscopereorder = False  # keep the order of `_GROUPS`, not that of the number of tests in a group
    return GroupScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the groups start in their order."""
    if hasattr(config, "workerinput"):
        order = [*_GROUPS, None]
        items.sort(key=lambda item: order.index(group_of(item.nodeid)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give way to the first groups. A process never goes back to them, so its niceness need not fall again."""
    if hasattr(item.config, "workerinput") and hasattr(os, "nice") and group_of(item.nodeid) not in _FIRST:
        os.nice(_NICENESS - os.nice(0))
