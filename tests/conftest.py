"""Settings and fixtures of all tests."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import structlog
from hypothesis import HealthCheck, settings

from autoconnect.local import embedded

# How long an example takes says more about the machine than about the code.
settings.register_profile("autoconnect", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("autoconnect")

pytest_plugins = ["tests.parallel", "tests.progress"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--redis-server", metavar="PATH", help="the server that tests start, in place of the embedded one")


def pytest_configure(config: pytest.Config) -> None:
    if server := config.getoption("redis_server"):
        embedded.find_server = lambda: server


@pytest.fixture(scope="session")
def images() -> Iterator[ExitStack]:
    """Removes the images of all stacks of containers, after all tests: until then they keep the layers in the cache."""
    with ExitStack() as images:
        yield images


@pytest.fixture(scope="session", autouse=True)
def _tracebacks_show_no_variables() -> None:
    """The product hides them too: structlog shows them by default, which is slow, and settings hold secrets."""
    *processors, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, renderer])
