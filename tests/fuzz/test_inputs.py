"""Two thousand inputs of `make fuzz`, the same each time."""

import pytest

from tests.fuzz.findings import try_input


@pytest.mark.parametrize("part", range(4))
def test_no_input_breaks_a_rule(part: int) -> None:
    findings = [try_input(1, number) for number in range(part * 500, part * 500 + 500)]
    assert [f"{finding.name}: {finding.reason}" for finding in findings if finding] == []
