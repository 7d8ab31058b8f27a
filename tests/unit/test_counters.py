"""The table of counters and the scripts that count say the same."""

import re
from collections.abc import Iterator
from pathlib import Path

from autoconnect import broker
from autoconnect.broker.counters import COUNTERS
from autoconnect.models import JobStatus

SCRIPTS = sorted(Path(broker.__file__).parent.glob("lua/*.lua"))

_CALL = re.compile(r"(?<!function )\bcount\(([^,]*),")
_NAME = re.compile(r"'(\w+)'( \.\. status)?")


def counted(script: Path) -> Iterator[str]:
    """The names that a script passes to `count`; one that ends with the status of an ended job stands for several."""
    for argument in _CALL.findall(script.read_text()):
        match = _NAME.fullmatch(argument)
        assert match, f"{script.name} calls count({argument}, ...), which this test cannot read."
        name, ends_with_status = match.groups()
        yield from (f"{name}{status}" for status in JobStatus if status.ended) if ends_with_status else [name]


def test_the_scripts_count_every_counter_of_the_table_and_no_other() -> None:
    assert {name for script in SCRIPTS for name in counted(script)} == set(COUNTERS)
