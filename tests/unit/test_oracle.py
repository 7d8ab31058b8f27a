"""The oracle gives the right outcome of every public case of the input contract."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.files import File, any_files
from tests.oracle import Reading, Row, folded, metric, read_file, with_display_names
from tests.public_cases import Case, cases_folder, given_by, read_cases

CASES = read_cases("expected.json")
BIG_CASES = read_cases("expected_big.json")


def outcome(reading: Reading) -> dict[str, Any]:
    """What a case may say of a reading, by the names of the cases."""
    rows = with_display_names(reading.rows)
    [summary] = metric("summary", rows, reading.rows_read, len(reading.rejects))
    return {
        "status": "failed" if reading.failure else "completed",
        "rows": [reading.rows_read, len(rows), len(reading.rejects)],
        "revenue": f"{summary['revenue']:.2f}",
        "cities": {city: [count, sum_of(rows, city=city)] for city, count in Counter(r.city for r in rows).items()},
        "months": {month: sum_of(rows, month=month) for month in {row.day.isoformat()[:7] for row in rows}},
        "models": dict(Counter(row.model for row in rows)),
        "rental_duration": [
            [row["city"], row["model"], row["rentals"], f"{row['mean_months']:.2f}"]
            for row in metric("rental-duration", rows, 0, 0)
        ],
        "margins": metric("margins", rows, 0, 0),
        "first_date": summary["first_date"],
        "last_date": summary["last_date"],
        "reasons": dict(Counter(reject.reason for reject in reading.rejects)),
        "rejects": [[reject.line, reject.reason] for reject in reading.rejects],
    }


def sum_of(rows: list[Row], city: str | None = None, month: str = "") -> str:
    cents = sum(row.price for row in rows if city in (None, row.city) and row.day.isoformat().startswith(month))
    return f"{cents // 100}.{cents % 100:02}"


def assert_right(reading: Reading, case: Case) -> None:
    found = outcome(reading)
    said = {name: getattr(case, name) for name in found if getattr(case, name) is not None}
    assert {name: found[name] for name in said} == said, reading.failure
    assert set(case.notes) == {note.code for note in reading.notes} or case.status == "failed"
    assert [word for word in case.error_has if word not in (reading.failure or "")] == [], reading.failure
    assert reading.may_be_published == (case.status == "completed")


@pytest.mark.parametrize("name", CASES or [""])
def test_the_oracle_is_right_about_each_public_case(name: str) -> None:
    folder = cases_folder()
    case = CASES[name]
    assert_right(read_file((folder / name).read_bytes(), given_by(case.args)), case)


def test_there_is_an_outcome_for_each_public_case() -> None:
    assert sorted(path.name for path in cases_folder().glob("*.csv")) == sorted(CASES)


@pytest.mark.parametrize("name", BIG_CASES or [""])
def test_the_oracle_is_right_about_each_larger_case(name: str, big_folder: Path) -> None:
    assert_right(read_file((big_folder / name).read_bytes()), BIG_CASES[name])


HEADER = "id,date,ville,type,modele,prix,duree_mois,cout,note,other\n"
PROOF = 'P,2024-01-31,Paris,vente,Clio,"1{}5",,,,\n'


def read_row(line: str, decimal: str = ".", **given: Any) -> tuple[Row | None, str | None]:
    """The row of a line or its reason, in a file whose first row proves the decimal mark."""
    data = HEADER + PROOF.format(decimal) + line + "\n"
    reading = read_file(data.encode("utf-8", "surrogateescape"), given, max_rejected_ratio=1)
    assert not reading.failure, reading.failure
    [first, *rows] = reading.rows
    assert first.id == "P"
    return (rows[0] if rows else None), (reading.rejects[0].reason if reading.rejects else None)


@pytest.mark.parametrize(
    ("text", "decimal", "cents"),
    [
        ("12", ".", 12_00),
        ("12.5", ".", 12_50),
        ("1,234.5", ".", 1234_50),
        ("1 234 567.89", ".", 1234567_89),
        ("1\u202f234", ".", 1234_00),
        ("1'234\u2019567", ".", None),
        ("12,34.5", ".", None),
        ("12.500", ".", None),
        ("1234.560", ".", 1234_56),
        ("1 234.560", ".", 1234_56),
        ("1234.567", ".", None),
        ("1.0500", ".", 1_05),
        ("1.0501", ".", None),
        ("12,500", ".", 12500_00),
        ("12.500", ",", 12500_00),
        ("1.234.567,8", ",", 1234567_80),
        ("12,500", ",", None),
        ("9999999999.99", ".", 9999999999_99),
        ("10000000000", ".", None),
        (".5", ".", None),
        ("5.", ".", None),
        ("1e3", ".", None),
        ("\u066112", ".", None),
        ("\u200b 12.5 \ufeff", ".", 12_50),
    ],
)
def test_amounts_are_exact_cents_or_refused(text: str, decimal: str, cents: int | None) -> None:
    row, reason = read_row(f'1,2024-01-01,Lyon,vente,Golf,"{text}",,,,', decimal)
    assert (row.price if row else None, reason) == ((cents, None) if cents is not None else (None, "bad_price"))


@pytest.mark.parametrize("text", ["-5", "5-", "(5)", "\u22125", "-0.00", "-1,234.50", "- 5"])
def test_a_negative_price_has_a_reason_of_its_own(text: str) -> None:
    reason = "bad_price" if text == "- 5" else "negative_price"
    assert read_row(f'1,2024-01-01,Lyon,vente,Golf,"{text}",,,,') == (None, reason)


@pytest.mark.parametrize(
    ("text", "given", "day"),
    [
        ("2024-2-9", {}, date(2024, 2, 9)),
        ("20240209", {}, date(2024, 2, 9)),
        ("2024.02.09 10:30", {}, date(2024, 2, 9)),
        ("2024/02/09T", {}, date(2024, 2, 9)),
        ("2024-02/09", {}, None),
        ("2024-02-30", {}, None),
        ("1900-01-01", {}, None),
        ("1900-01-02", {}, date(1900, 1, 2)),
        ("2099-12-30", {}, date(2099, 12, 30)),
        ("2099-12-31", {}, None),
        ("45292", {}, None),
        ("9/2/2024", {"dates": "dmy"}, date(2024, 2, 9)),
        ("9/2/2024", {"dates": "mdy"}, date(2024, 9, 2)),
        ("25/2/2024", {"dates": "mdy"}, None),
        ("09.02.24", {"dates": "dmyy"}, date(2024, 2, 9)),
        ("02-09-69", {"dates": "mdyy"}, date(2069, 2, 9)),
        ("24-02-09", {"dates": "yymd"}, date(2024, 2, 9)),
        ("70-02-09", {"dates": "yymd"}, None),
    ],
)
def test_dates_are_read_in_the_order_of_the_file(text: str, given: dict[str, str], day: date | None) -> None:
    row, reason = read_row(f"1,{text},Lyon,vente,Golf,1,,,,", **given)
    assert (row.day if row else None, reason) == ((day, None) if day else (None, "bad_date"))


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("location", "12", 12),
        ("location", "12.0", 12),
        ("location", '"12,0"', 12),
        ("LLD", "1200", 1200),
        ("location", "n/a", None),
        ("location", "0", "bad_duration"),
        ("location", "012", "bad_duration"),
        ("location", "1201", "bad_duration"),
        ("location", "12.00", "bad_duration"),
        ("vente", "0", None),
        ("vente", "#REF!", None),
        ("vente", "12", "bad_duration"),
        ("vente", "0.0", "bad_duration"),
    ],
)
def test_durations_are_those_of_rentals(kind: str, text: str, expected: int | str | None) -> None:
    row, reason = read_row(f"1,2024-01-01,Lyon,{kind},Golf,1,{text},,,")
    assert (reason or (row and row.months)) == expected


@pytest.mark.parametrize(
    ("lines", "rejects", "notes"),
    [
        ("1,2024-01-01,Lyon,vente,Golf,1", [], []),
        ("1,2024-01-01,Lyon,vente,Golf", ["field_count"], []),
        ('1,2024-01-01, \ufeff"Lyon" ,vente,Golf,1', [], []),
        ('1,2024-01-01,"Lyon"x,vente,Golf,1', ["bad_quotes"], []),
        ('1,2024-01-01,Ly"on,vente,Golf,1', [], []),
        ('1,2024-01-01,"Lyon,vente,Golf,1', ["bad_quotes"], []),
        ('1,2024-01-01,"Ly\non",vente,Golf,1', ["bad_quotes", "bad_quotes"], []),
        ('1,2024-01-01,Lyon,vente,Golf,1,,,"a\n\nb",', [], ["line_breaks_in_quotes"]),
        ('1,2024-01-01,Lyon,vente,Golf,1,,,"a\n\nb,,,,,,,,",', ["bad_quotes", "bad_quotes"], []),
        ('1,2024-01-01,Lyon,vente,Golf,1,,,"a\nb,,,,,,,,,\nc",', ["bad_quotes"] * 3, []),
        ('1,2024-01-01,Orléans,vente,Golf,1,,,"a\n\udce9",', ["bad_encoding"], ["line_breaks_in_quotes"]),
        ("1,2024-01-01,Ly\ron,vente,Golf,1", [], ["stray_line_ends"]),
        (',,"",\n \t\n""\n', [], []),
        (HEADER, [], ["repeated_headers"]),
        ("1,2024-01-01,LYON,vente,Golf,1\n1,2024-01-01,lyon,vente,Golf,1", [], ["names_merged"]),
        ("1,2024-01-01,Orl\u201aans,vente,Golf,1", [], ["suspicious_text"]),
    ],
)
def test_records_are_split_by_strict_quotes(lines: str, rejects: list[str], notes: list[str]) -> None:
    reading = read_file((HEADER + PROOF.format(".") + lines + "\n").encode("utf-8", "surrogateescape"), {}, "on", 1)
    assert [reject.reason for reject in reading.rejects] == rejects
    assert [note.code for note in reading.notes] == ["unused_columns", *notes]


@pytest.mark.parametrize(
    ("name", "other", "fold"),
    [
        ("Saint-Étienne", "SAINT ETIENNE", "on"),
        ("L'Haÿ", "l\u2019hay", "on"),
        ("Saint-Étienne", "saint étienne", "case"),
        ("Lyon", "Lyon", "off"),
    ],
)
def test_names_are_one_by_the_rule_that_is_set(name: str, other: str, fold: str) -> None:
    assert folded(name, fold) == folded(other, fold)


@pytest.mark.parametrize(
    ("name", "other", "fold"),
    [("Étienne", "Etienne", "case"), ("Lyon", "lyon", "off"), ("и", "й", "on"), ("StEtienne", "St Etienne", "on")],
)
def test_names_differ_by_the_rule_that_is_set(name: str, other: str, fold: str) -> None:
    assert folded(name, fold) != folded(other, fold)


def test_each_line_of_a_suspect_record_is_a_row_unless_it_is_blank() -> None:
    lines = '1,2024-01-01,Lyon,vente,Golf,1,,,"a\n\nb,,,,,,,,",\n'
    reading = read_file((HEADER + PROOF.format(".") + lines).encode(), max_rejected_ratio=1)
    assert [(reject.line, reject.reason) for reject in reading.rejects] == [(3, "bad_quotes"), (5, "bad_quotes")]


@settings(max_examples=100)
@given(any_files() | any_files(breaks=True))
def test_every_file_has_an_outcome_and_no_line_is_two_rows(file: File) -> None:
    reading = file.reading
    lines = [reject.line for reject in reading.rejects]
    assert lines == sorted(set(lines))
    assert reading.rows_read <= file.data.count(b"\n") + file.data.count(b"\r") + 1
    assert reading.failure or reading.dialect
    assert not (reading.may_be_published and reading.failure)
