"""The output of a run of the tests: progress by parts, skipped tests by reason, and the reports of single tests.

pytest's own summary stays the last line.
"""

import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.required import VARIABLE

#: The property (`record_property`) with a text to show at the end of the run, even if the test passes.
REPORT = "report"

#: Category, letter and word of a test's outcome.
_Status = tuple[str, str, object]


@dataclass
class _Part:
    """The progress of one part of the tests."""

    total: int = 0
    started_at: float = 0.0
    finished: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


class Progress:
    """Prints a line when a part starts or ends, and one for each failure, in place of a letter for each test."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal
        self._parts: dict[str, _Part] = {}
        self._runs = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Count the tests; each process has collected the same ones."""
        self._parts = {name: _Part(total) for name, total in Counter(map(_part_of, ids)).items()}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        name = _part_of(nodeid)
        part = self._parts[name]
        if not part.started_at:
            part.started_at = time.monotonic()
            self._terminal.write_line(f"{name + ':':<13} {_tests(part.total)} started")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._parts[_part_of(report.nodeid)].outcomes[report.outcome] += 1
        if report.failed:
            reason = next(iter(report.longreprtext.splitlines()[-1:]), "")
            self._terminal.write_line(f"FAILED {report.nodeid} ({report.when}): {reason}", red=True)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        name = _part_of(nodeid)
        part = self._parts[name]
        part.finished += 1
        if part.finished == part.total:
            counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(part.outcomes.items()))
            self._terminal.write_line(f"{name + ':':<13} {counts} in {time.monotonic() - part.started_at:.0f} s")

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, _Status, _Status]:
        category, letter, word = yield
        return (category, "", "") if self._runs else (category, letter, word)

    def pytest_sessionfinish(self) -> None:
        self._runs = False  # the summary that follows needs the words


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal and config.getoption("numprocesses", None) and config.get_verbosity() <= 0:
        config.pluginmanager.register(Progress(terminal))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for name, text in report.user_properties:
            if name == REPORT:
                terminalreporter.section(report.nodeid)
                terminalreporter.write_line(str(text).strip())
    skipped = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.getreports("skipped"))
    if skipped:
        terminalreporter.section("skipped tests")
        for reason, count in skipped.most_common():
            terminalreporter.write_line(f"skipped {_tests(count)}: {reason}")
        terminalreporter.write_line(f"To fail instead, set {VARIABLE}; tests/required.py has the names.")


def _part_of(nodeid: str) -> str:
    """The part of a test: its folder, or `containers`."""
    path = nodeid.split("::")[0]
    return "containers" if path.endswith("test_containers.py") else path.split("/")[1]


def _tests(count: int) -> str:
    return f"{count:,} test{'s' * (count != 1)}"
