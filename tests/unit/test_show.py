"""Tables on a terminal: no number is ever cut, however narrow the terminal is."""

import io

from rich.console import Console

from autoconnect.cli.show import show_table


def shown(width: int, rows: list[dict[str, object]], note: str = "") -> str:
    stream = io.StringIO()
    show_table(Console(file=stream, width=width), "title", list(rows[0]) if rows else ["city"], rows, note)
    return stream.getvalue()


def test_a_table_wider_than_the_terminal_keeps_every_number_whole() -> None:
    row: dict[str, object] = {f"a_very_long_name_{n}": 123_456_789 for n in range(8)}
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
