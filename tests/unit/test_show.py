"""Tables on a terminal: no number is ever cut, however narrow the terminal is."""

import io

from rich.console import Console

from autoconnect.cli.show import show_table
from autoconnect.core.table import Column, Kind, Row, Table


def shown(width: int, rows: list[Row], note: str = "") -> str:
    stream = io.StringIO()
    columns = tuple(Column(name, Kind.TEXT, "") for name in (rows[0] if rows else ["city"]))
    show_table(Console(file=stream, width=width), "title", Table(columns, rows, note))
    return stream.getvalue()


def test_a_table_wider_than_the_terminal_keeps_every_number_whole() -> None:
    row: Row = {f"a_very_long_name_{n}": 123_456_789 for n in range(8)}
    text = shown(40, [row])
    assert text.count("123,456,789") == 8
    assert "…" not in text


def test_null_is_a_dash_and_names_are_not_markup() -> None:
    text = shown(80, [{"city": "[bold]Paris", "pct": None}])
    assert "[bold]Paris" in text
    assert " -" in text


def test_names_cannot_control_the_terminal() -> None:
    text = shown(80, [{"city": "Saint-\u00c9tienne\x1b[31m\x9b2J"}, {"city": "208\u00a0GT\nx"}])
    assert "Saint-\u00c9tienne\\x1b[31m\\x9b2J" in text
    assert "208\u00a0GT\\nx" in text


def test_without_rows_the_note_is_shown() -> None:
    assert shown(80, [], "No costs.").split("\n")[1] == "No costs."
    assert shown(80, []).split("\n")[1] == "No rows."
