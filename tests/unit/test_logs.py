"""Log lines are safe for terminals and for programs: no value in them controls the one or deceives the other."""

import json
from collections.abc import Iterator

import pytest
import structlog

from autoconnect.logs import set_up_logs


@pytest.fixture(autouse=True)
def _configuration_is_restored() -> Iterator[None]:
    """Undo the log configuration of each test."""
    before = structlog.get_config()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)


def warn(log_format: str, capsys: pytest.CaptureFixture[str], **fields: str) -> str:
    """The line of a warning, without its line feed."""
    set_up_logs("api", "INFO", log_format)
    structlog.get_logger().warning("failed", **fields)
    return capsys.readouterr().err.removesuffix("\n")


def test_unprintable_characters_are_escaped_for_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = warn("console", capsys, path="/a\x1b[31m\u202eb\x9b1m\nforged", city="Évry")
    assert line.isprintable()
    assert "/a\\x1b[31m\\u202eb\\x9b1m\\nforged" in line
    assert "city=Évry" in line


def test_json_keeps_every_field_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    line = warn("json", capsys, path="/a\x1b[31m\nforged", city="Évry")
    assert line.isprintable()
    fields = json.loads(line)
    assert (fields["path"], fields["city"]) == ("/a\x1b[31m\nforged", "Évry")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_variable(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("worker", "INFO", log_format)
    variable = "".join(["pass", "word"])
    try:
        raise ArithmeticError("no luck")
    except ArithmeticError:
        structlog.get_logger().exception("batch failed")
    line = capsys.readouterr().err
    assert "ArithmeticError: no luck" in line
    assert variable not in line
