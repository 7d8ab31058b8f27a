"""How the bytes of a source are judged: other kinds of files, encoding, line ends, a line that names the delimiter."""

import codecs
import gzip
import io
import zipfile

import pytest

from autoconnect.core.sniffer import Sample, sniff
from tests.unit.batches import map_whole
from tests.unit.sniffing import HEADER, POSITIONS, failure, sniffed, source

HEAD = HEADER.encode()


def _zip(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name), "x")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(HEAD, mtime=0), ["gzip", "1F 8B", "unpack"]),
        (_zip("a.csv"), ["zip", "unpack"]),
        (_zip("[Content_Types].xml", "xl/workbook.xml"), ["Excel file (xlsx)", "save it as CSV"]),
        (_zip("xl/workbook.xml", "docProps/app.xml"), ["Excel file (xlsx)"]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", ["Excel file (xls)", "save it as CSV"]),
        (b"PAR1\x15\x04", ["Parquet", "write it as CSV"]),
        (b"%PDF-1.7\n", ["PDF", "export"]),
        (b"<!DOCTYPE html><html>", ["HTML", "export"]),
        (b"\xef\xbb\xbf\r\n <TABLE border=0>", ["HTML"]),
        (b"<?xml version='1.0'?>", ["XML"]),
        (b'[{"id": 1}]', ["JSON", "write it as CSV"]),
        (b'\n{"id": 1}\n{"id": 2}', ["JSON"]),
        (HEADER.encode("utf-16"), ["UTF-16", "save it as CSV UTF-8"]),
        (codecs.BOM_UTF16_BE + HEADER.encode("utf-16-be"), ["UTF-16"]),
        (HEADER.encode("utf-16-le"), ["UTF-16"]),
        (HEADER.encode("utf-16-be"), ["UTF-16"]),
        (HEADER.encode("utf-32"), ["UTF-32"]),
    ],
)
def test_another_kind_of_file_is_named_with_what_to_do(data: bytes, words: list[str]) -> None:
    sentence = failure(data)
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize("title", ["[Ventes 2024]", "{brouillon}", "<ventes>", "BZ 12", "PK"])
def test_a_title_is_not_taken_for_another_kind_of_file(title: str) -> None:
    assert sniffed(title.encode() + b"\n" + HEAD).layout.dialect.header == 2


def test_nul_bytes_are_a_fault_of_their_rows_only() -> None:
    data = source({}, {"ville": "Ly\0on"}, {})
    partial = map_whole(data, sniffed(data).layout)
    assert (partial.rows_accepted, dict(partial.rejected)) == (2, {"bad_encoding": 1})


@pytest.mark.parametrize(
    ("rest", "windows", "encoding"),
    [
        (b"", [], "utf-8"),
        ("Nîmes".encode(), [], "utf-8"),
        ("Nîmes".encode("cp1252"), [], "cp1252"),
        ("Nîmes 12 €".encode("cp1252"), [], "cp1252"),
        ("é".encode() + "é".encode("cp1252"), [], "utf-8"),
        ("é".encode() + "éé".encode("cp1252"), [], "cp1252"),
        ("€".encode() + "é".encode("cp1252") * 2, [], "cp1252"),
        ("Nî".encode()[:-1], [], "cp1252"),
        (b"\xc0\xaf", [], "cp1252"),
        (b"\xed\xa0\x80", [], "cp1252"),
        (b"", ["é".encode() * 3, "ééé ".encode("cp1252")], "utf-8"),
        (b"", ["é".encode() * 3, "éééé ".encode("cp1252")], "cp1252"),
        (b"", ["🚗".encode()[1:] + b" x " + "🚗".encode()[:3], "é".encode()[1:], "€".encode()[:2]], "utf-8"),
        (b"", ["🚗".encode()[1:] + b"\x80"], "cp1252"),
        ("Nî".encode()[:-1], [b"x"], "utf-8"),
    ],
)
def test_bytes_in_no_utf_8_sequence_are_counted_against_sequences(
    rest: bytes, windows: list[bytes], encoding: str
) -> None:
    head = HEAD + b"\n" + rest
    size = len(head) if not windows else 1 << 40
    assert sniff(Sample(head, windows, size)).layout.dialect.encoding == encoding


def test_the_encoding_is_said_with_counts() -> None:
    data = HEAD + b"\n" + "é".encode() + "éé".encode("cp1252")
    assert sniffed(data).evidence["encoding"] == "1 valid UTF-8 sequence, 2 bytes in none of them"


@pytest.mark.parametrize("marks", [1, 2, 3])
def test_byte_order_marks_are_dropped(marks: int) -> None:
    layout = sniffed(codecs.BOM_UTF8 * marks + source({})).layout
    assert (layout.positions, layout.data_start) == (POSITIONS, 3 * marks + len(HEAD) + 1)


def test_a_byte_order_mark_is_no_proof_of_utf_8() -> None:
    assert sniffed(codecs.BOM_UTF8 + HEAD + "\nNîmes".encode("cp1252")).layout.dialect.encoding == "cp1252"


@pytest.mark.parametrize(("line_end", "expected"), [(b"\n", "lf"), (b"\r\n", "lf"), (b"\r", "cr"), (b"", "cr")])
def test_lines_end_with_carriage_returns_if_there_is_no_line_feed(line_end: bytes, expected: str) -> None:
    layout = sniffed(HEAD + line_end).layout
    assert (layout.dialect.line_end, layout.data_start) == (expected, len(HEAD) + len(line_end))


def test_a_source_with_carriage_returns_has_rows() -> None:
    data = source({"date": "25/01/2024"}, {"date": "01/02/2024"}).replace(b"\n", b"\r")
    result = sniffed(data)
    assert (result.layout.header_lines, result.evidence["dates"]) == (1, "line 2 has 25/01/2024")


def test_a_carriage_return_in_a_line_does_not_end_it() -> None:
    assert sniffed(source({"ville": "Ly\ron"})).layout.dialect.line_end == "lf"


@pytest.mark.parametrize("line", ["sep=;", "SEP=;\r", '"sep=;"', "sep=;;;;;;", '"sep=;";;;', "Sep=; "])
def test_a_first_line_may_name_the_delimiter(line: str) -> None:
    # A header by the comma comes first.
    result = sniffed(f"{line}\n{HEADER}\n".encode() + source({}, delimiter=";"))
    assert (result.layout.delimiter, result.layout.dialect.header) == (";", 3)
    assert result.layout.has_sep_line
    assert result.evidence["delimiter"].startswith("line 1 is ")


@pytest.mark.parametrize(("text", "delimiter"), [("\t", "\t"), ("|", "|"), (",", ",")])
def test_a_first_line_may_name_any_delimiter(text: str, delimiter: str) -> None:
    layout = sniffed(f"sep={text}\n".encode() + source({}, delimiter=delimiter)).layout
    assert (layout.delimiter, layout.header_lines, layout.notes) == (delimiter, 2, ())


@pytest.mark.parametrize("text", [":", "", "tab", "é", '"'])
def test_a_line_that_names_another_delimiter_fails(text: str) -> None:
    data = f"sep={text}\n".encode() + source({}, delimiter=";")
    assert failure(data).startswith(f"Line 1 is sep={text}, but a delimiter must be one of , ; tab |;")
    assert sniffed(data, delimiter=";").layout.header_lines == 2


def test_only_a_first_line_names_the_delimiter() -> None:
    layout = sniffed(b"\nsep=;\n" + source({})).layout
    assert (layout.delimiter, layout.has_sep_line) == (",", False)
