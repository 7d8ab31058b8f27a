"""Records that are no rows, or several: headers between the rows, lines `sep=;`, and suspect line breaks in quotes."""

import pytest

from autoconnect.core.dialect import DialectOptions
from autoconnect.core.headers import named_delimiter
from autoconnect.core.records import split_records
from autoconnect.core.rows import Row, read_rows
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.tally import (
    LINE_BREAKS_IN_QUOTES,
    OTHER_DATE_ORDER,
    OTHER_HEADER,
    REPEATED_HEADERS,
    STRAY_LINE_ENDS,
)

HEADER = "id,date,ville,type,modele,prix,note"
GOOD = "1,2024-01-31,Lyon,vente,Clio,5,x"


def rows_of(lines: str | bytes, header: str = HEADER, **given: object) -> list[Row]:
    """The rows of a file with this header, and what a user gives."""
    body = lines if isinstance(lines, bytes) else lines.encode()
    data = header.encode() + b"\n" + body
    layout = sniff_bytes(data, DialectOptions.read(given)).layout
    return list(read_rows(split_records(data[layout.data_start :], b"", layout.form), layout))


def outcomes(lines: str | bytes, header: str = HEADER, **given: object) -> list[str]:
    """What each row is: accepted, a reason, or the kind of a header."""
    return [
        row.refused.reason if row.refused else "accepted" if row.values else row.sightings[0]
        for row in rows_of(lines, header, **given)
    ]


@pytest.mark.parametrize(
    "line",
    [
        HEADER,
        HEADER.upper(),
        "transaction_id,DATE,City,Type,Modèle,Prix (€),note",
        "id,date,ville,type,modele,prix,remarque",
        "id,date,ville,type,modele,prix",
        "id,date,ville,type,modele,prix,note,,",
        f'\ufeff"{HEADER}"'.replace(",", '","'),
        "id,date,ville,type,mode\u0300le,prix,note",
    ],
)
def test_a_header_with_the_same_meanings_in_the_same_places_is_skipped(line: str) -> None:
    assert outcomes(f"{GOOD}\n{line}\n{GOOD}\n") == ["accepted", REPEATED_HEADERS, "accepted"]


@pytest.mark.parametrize(
    "line",
    [
        "id,date,modele,type,ville,prix,note",
        "id,date,ville,type,modele,montant net,note",
        "id,date,ville,type,modele,note,prix",
        "id,date,ville,type,modele,prix,cout",
        "x,date,ville,x,x,prix,x",
        "ville,type,prix",
    ],
)
def test_a_header_with_other_meanings_or_places_is_another_header(line: str) -> None:
    assert outcomes(f"{GOOD}\n{line}\n") == ["accepted", OTHER_HEADER]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("id,date,x,x,x,x,x", "bad_date"),
        ("id,numero,x,date,x,x,x", "bad_date"),
        ("id,2024-01-31,ville,type,modele,prix,note", "unknown_type"),
        ("id,date,ville,type,modele,prix,31/01/2024", "bad_date"),
        ("id\x00,date,ville,x,x,x,x", "bad_encoding"),
    ],
)
def test_fewer_than_three_names_or_a_date_make_a_row(line: str, reason: str) -> None:
    assert outcomes(f"{GOOD}\n{line}\n", dates="ymd") == ["accepted", reason]


def test_a_header_is_judged_before_all_reasons_whatever_its_encoding() -> None:
    for encoding in ("utf-8", "cp1252"):
        for other in ("utf-8", "cp1252"):
            line = "id,date,ville,type,modèle,prix,note".encode(other)
            assert outcomes(GOOD.encode() + b"\n" + line + b"\n", encoding=encoding) == ["accepted", REPEATED_HEADERS]


def test_a_given_name_means_what_it_is_given_for_in_further_headers() -> None:
    header = "id,date,ville,type,modele,Total,prix"
    good = "1,2024-01-31,Lyon,vente,Clio,5,9"
    given = {"columns": {"price": "Total"}}
    assert outcomes(f"{good}\n{header}\n", header, **given) == ["accepted", REPEATED_HEADERS]
    swapped = "id,date,ville,type,modele,prix,Total"
    assert outcomes(f"{good}\n{swapped}\n", header, **given) == ["accepted", OTHER_HEADER]
    by_table = "id,date,ville,type,modele,prix,x"
    assert outcomes(f"{good}\n{by_table}\n", header, **given) == ["accepted", OTHER_HEADER]
    of_two = {"columns": {"price": "Montant TTC"}}
    first, second = ("id,date,ville,type,modele," + names for names in ("Montant TTC,prix", "prix,Montant TTC"))
    assert outcomes(f"{good}\n{first}\n{second}\n", first, **of_two) == ["accepted", REPEATED_HEADERS, OTHER_HEADER]


def test_a_record_between_stray_quotes_is_no_header() -> None:
    lines = f'{HEADER[:-4]}"note\n{GOOD}\n1,2024-01-31,Lyon",Clio,5,6,x\n'
    assert outcomes(lines) == ["bad_quotes"] * 3
    assert outcomes(f'{HEADER[:-4]}"no\nte"\n') == [REPEATED_HEADERS]


def test_a_line_that_names_the_delimiter_is_skipped_wherever_it_recurs() -> None:
    lines = f'{GOOD}\nsep=,\nSEP=,\n"sep=,",,,\n\ufeffsep=,\n{GOOD}\n'
    assert outcomes(lines, f"sep=,\n{HEADER}") == ["accepted", "accepted"]
    assert outcomes("sep=,\n") == ["field_count"]
    assert outcomes("sep=;\n", f"sep=,\n{HEADER}") == ["field_count"]


# Line breaks in quotes


def test_a_line_break_in_quotes_of_an_unused_column_is_counted() -> None:
    rows = rows_of(f'{GOOD[:-1]}"a\nb"\n{GOOD}\n')
    assert [(row.values is not None, list(row.sightings)) for row in rows] == [
        (True, [LINE_BREAKS_IN_QUOTES]),
        (True, []),
    ]
    assert outcomes('1,x,Lyon,vente,Clio,5,"a\nb"\n') == ["bad_date"]


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        ('1,2024-01-31,"Ly\non",vente,Clio,5,x\n', 2),
        ('1,2024-01-31,Lyon,vente,Clio,5,"x\n\n y"\n', 0),
        (f'1,2024-01-31,Lyon,vente,Clio,5,"x\n{GOOD}\n{GOOD}"\n', 3),
        (f'1,2024-01-31,Lyon,vente,Clio,5,"x\n\n ,,\n{GOOD}"\n', 2),
        ('1,2024-01-31,Lyon,vente,Clio,5,"x\n1,2024-01-31,Lyon,vente,Clio,5,"\n', 2),
    ],
)
def test_each_line_of_a_record_with_suspect_line_breaks_is_a_row_with_bad_quotes(lines: str, reasons: int) -> None:
    rows = rows_of(lines)
    assert [row.refused.reason for row in rows if row.refused] == ["bad_quotes"] * reasons
    assert [row.sightings for row in rows if row.refused] == [()] * reasons
    assert [row.record.line for row in rows] == sorted(row.record.line for row in rows)


def test_a_line_of_suspect_ones_that_cannot_be_decoded_has_the_first_reason() -> None:
    rows = rows_of(b'1,2024-01-31,"Ly\non\xe9",vente,Clio,5,x\n' + GOOD.encode() + b"\n", encoding="utf-8")
    assert [row.refused and row.refused.reason for row in rows] == ["bad_quotes", "bad_encoding", None]


# Other sightings


@pytest.mark.parametrize(
    ("line", "is_counted"),
    [
        (f"{GOOD}\r", False),
        (f"{GOOD}\r\r", True),
        (f"\r{GOOD}\r", True),
        ("1,2024-01-31,Lyon,vente,Clio\r,5,x", True),
        ('1,2024-01-31,Lyon,vente,Clio,5,"a\rb"', False),
        ('1,2024-01-31,Lyon,vente,Clio,5,"a\rb"\r\r', True),
    ],
)
def test_a_carriage_return_outside_quotes_that_ends_no_line_is_counted(line: str, is_counted: bool) -> None:
    [row] = rows_of(f"{line}\n")
    assert row.values
    assert list(row.sightings) == ([STRAY_LINE_ENDS] if is_counted else [])


def test_a_row_that_is_possible_only_in_the_other_date_order_is_counted() -> None:
    lines = "".join(f"1,{day},Lyon,vente,Clio,5,x\n" for day in ("31/01/2024", " 01/31/2024", "31/31/2024"))
    rows = rows_of(lines, dates="dmy")
    assert [(row.refused and row.refused.reason, list(row.sightings)) for row in rows] == [
        (None, []),
        ("bad_date", [OTHER_DATE_ORDER]),
        ("bad_date", []),
    ]


def test_a_long_line_that_names_a_delimiter_is_read_at_once() -> None:
    """Given delimiters that are white space, too: no pattern may try both readings of each"""
    assert named_delimiter("sep=\t" + "\t" * 100_000) == "\t"
    assert named_delimiter("sep=\t" + "\t" * 100_000 + "x") == ""
