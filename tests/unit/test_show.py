"""Tables on a terminal: no number is ever cut, however narrow the terminal is."""

import io
from decimal import Decimal

import pytest
from rich.cells import cell_len
from rich.console import Console

from autoconnect.cli.show import LESS_IMPORTANT, console, show_jobs, show_table
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.outcome import REJECT_COLUMNS
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.models import Job
from tests.fuzz.test_cli import JOB


def shown(width: int, rows: list[Row], note: str = "") -> str:
    stream = io.StringIO()
    first = rows[0] if rows else {"city": ""}
    columns = tuple(
        Column(name, Kind.COUNT if isinstance(value, int) else Kind.TEXT, "") for name, value in first.items()
    )
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


def test_titles_headers_and_notes_cannot_control_the_terminal_either() -> None:
    hostile = "\x1b[31m\u202e[bold]"
    stream = io.StringIO()
    out = Console(file=stream, width=80)
    columns = (Column(hostile, Kind.TEXT, ""),)
    show_table(out, hostile, Table(columns, [], hostile))
    show_table(out, hostile, Table(columns, [{hostile: "Paris"}]))
    assert stream.getvalue().count("\\x1b[31m\\u202e[bold]") == 4
    assert all(line.isprintable() for line in stream.getvalue().splitlines())


def test_without_rows_the_note_is_shown() -> None:
    assert shown(80, [], "No costs.").split("\n")[1] == "No costs."
    assert shown(80, []).split("\n")[1] == "No rows."


def on_terminal(width: int, table: Table) -> list[str]:
    """The lines of a table on a terminal."""
    stream = io.StringIO()
    show_table(Console(file=stream, width=width), "title", table)
    return stream.getvalue().splitlines()


def full_table(columns: tuple[Column, ...]) -> Table:
    """A table of usual values, with the width that those of the sample have."""
    values: dict[Kind, str | int | Decimal] = {
        Kind.TEXT: "bad_duration",
        Kind.NAME: "Mercedes Classe C",
        Kind.COUNT: 10_000,
        Kind.RANK: 1,
        Kind.MONEY: Decimal("93145122.32"),
        Kind.PERCENT: Decimal("-112.97"),
        Kind.RATIO: Decimal("0.2266"),
        Kind.DURATION: Decimal("24.46"),
        Kind.DAY: "2023-01-01",
        Kind.MONTH: "2023-01",
        Kind.YEAR: "2023",
    }
    row: Row = {column.name: values[column.kind] for column in columns}
    row |= {name: Decimal("52920.03") for name in row if name.startswith("average")}
    return Table(columns, [row] * 3)


TABLES = {
    **{name: metric.columns for name, metric in CATALOGUE.items()},
    "summary compared": CATALOGUE["summary"].columns + CATALOGUE["summary"].more_columns,
    "rejects": REJECT_COLUMNS,
}


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("name", TABLES)
def test_every_table_fits_a_terminal_and_says_what_is_left_out(name: str, width: int) -> None:
    table = full_table(TABLES[name])
    lines = on_terminal(width, table)
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    for column in table.columns:
        assert all(word in text for word in column.name.split("_"))
    assert width < 120 or "--wide" not in text or name == "summary compared"


def test_the_least_important_columns_are_left_out_first() -> None:
    lines = on_terminal(80, full_table(TABLES["sales-rental-split"]))
    assert "--wide also shows rentals pct, rental revenue, rental revenue pct." in lines
    assert "--wide also shows transactions, average sale, average rental, best month." in on_terminal(
        80, full_table(TABLES["city-comparison"])
    )


def test_columns_that_may_be_left_out_exist_and_no_table_loses_its_key() -> None:
    known = {column.name for columns in TABLES.values() for column in columns}
    of_jobs, of_checks = {"rows", "rejected", "seconds"}, {"cost"}
    assert set(LESS_IMPORTANT) - known == of_jobs | of_checks
    for columns in TABLES.values():
        assert columns[0].name not in {*LESS_IMPORTANT} - {"file", "transactions", "month"}
        assert {column.name for column in columns} - {*LESS_IMPORTANT}


def test_a_long_text_is_cut_before_a_column_is_left_out() -> None:
    model = "Mercedes Classe C 300 Break Avantgarde Line Hybride"
    columns = TABLES["top-models"]
    table = Table(columns, [{**row, "city": "Lyon", "model": model} for row in full_table(columns).rows])
    text = "\n".join(on_terminal(80, table))
    assert f" {model[:24]}" in text
    assert "…" in text
    assert text.count("10,000") == 3 * 2
    assert text.count("93,145,122.32") == 3
    assert "--wide also shows rentals, long texts in full." in text
    assert model in "\n".join(on_terminal(200, table))


def test_wide_characters_count_as_two() -> None:
    rows: list[Row] = [{"city": "東京" * 20, "model": "名" * 20}]
    columns = (Column("city", Kind.NAME, ""), Column("model", Kind.NAME, ""))
    assert all(cell_len(line) <= 60 for line in on_terminal(60, Table(columns, rows)))


def test_jobs_fit_a_terminal() -> None:
    job = Job.model_validate({**JOB, "id": "ec05b84be3f46e88", "source": "transactions_autoconnect.csv"})
    stream = io.StringIO()
    show_jobs(Console(file=stream, width=80), [job] * 2)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("transactions_autoconnect.csv" in line and "completed" in line for line in lines) == 2
    assert "--wide also shows rows, rejected, seconds." in lines


@pytest.mark.parametrize(
    ("is_terminal", "wide", "limited"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_only_a_terminal_limits_the_width(
    is_terminal: bool, wide: bool, limited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")  # rich then prints no styles, and the terminal has 80 columns
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr("sys.stdout", stream)
    show_table(console(wide=wide), "title", full_table(TABLES["city-comparison"]))
    lines = stream.getvalue().splitlines()
    assert any("--wide" in line for line in lines) == limited
    assert (max(map(len, lines)) <= 80) == limited
