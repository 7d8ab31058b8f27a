"""The tables of counters and of bounds say the same as the scripts that count."""

import re
from collections.abc import Iterator
from pathlib import Path

from autoconnect import broker
from autoconnect.broker.counters import BOUNDS_MS, COUNTERS
from autoconnect.models import JobStatus

SCRIPTS = sorted(Path(broker.__file__).parent.glob("lua/*.lua"))

_CALL = re.compile(r"(?<!function )\bcount\(([^,]*),")
_NAME = re.compile(r"'(\w+)'( \.\. status)?")
_BY_REASON = "'rejected:' .. ARGV[index]"
_BOUNDS = re.compile(r"bounds_ms = \{ ([\d, ]+) \}")


def counted(script: Path) -> Iterator[str]:
    """The names that a script passes to `count`; one that ends with the status of an ended job stands for several."""
    for argument in set(_CALL.findall(script.read_text())) - {_BY_REASON}:
        match = _NAME.fullmatch(argument)
        assert match, f"{script.name} calls count({argument}, ...), which this test cannot read."
        name, ends_with_status = match.groups()
        yield from (f"{name}{status}" for status in JobStatus if status.ended) if ends_with_status else [name]


def test_the_scripts_count_every_counter_of_the_table_and_no_other() -> None:
    assert {name for script in SCRIPTS for name in counted(script)} == set(COUNTERS)


def test_the_scripts_count_durations_by_the_bounds_that_are_shown() -> None:
    (bounds,) = (match for script in SCRIPTS for match in _BOUNDS.findall(script.read_text()))
    assert tuple(map(int, bounds.split(", "))) == BOUNDS_MS
