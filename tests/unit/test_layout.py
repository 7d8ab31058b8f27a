"""How a source is judged: its encoding, its delimiter, its columns, and the message if it cannot be read."""

import codecs

import pytest

from autoconnect.core.layout import HEAD_BYTES, WINDOW_BYTES, Layout, sniff, window_offsets
from autoconnect.errors import SourceError
from tests.unit.batches import map_whole

HEADER = b"id,date,ville,type,modele,prix"
POSITIONS = {"id": 0, "date": 1, "city": 2, "type": 3, "model": 4, "price": 5}


def test_a_plain_file() -> None:
    assert sniff(HEADER + b"\n1,2\n", []) == Layout("utf-8", ",", 6, POSITIONS, len(HEADER) + 1, 1)


@pytest.mark.parametrize(
    ("data", "windows", "encoding"),
    [
        (HEADER + b"\n1,x,Paris\n", [], "utf-8"),
        (HEADER + "\nNîmes".encode(), [], "utf-8"),
        (HEADER + "\nNîmes".encode("cp1252"), [], "cp1252"),
        (HEADER + "\nNîmes 12 €".encode("cp1252"), [], "cp1252"),
        (codecs.BOM_UTF8 + HEADER + b"\nN\xeemes", [], "utf-8"),
        (HEADER, ["Nîmes".encode(), "Nîmes".encode("cp1252")], "cp1252"),
        (HEADER, ["🚗".encode()[1:] + b" x " + "🚗".encode()[:3], "é".encode()[1:], "€".encode()[:2]], "utf-8"),
        (HEADER, ["🚗".encode()[1:] + b"\x80"], "cp1252"),
        (HEADER + b"\nN" + "î".encode()[:1], [], "utf-8"),
    ],
)
def test_a_source_that_is_not_utf_8_everywhere_is_windows_1252(
    data: bytes, windows: list[bytes], encoding: str
) -> None:
    assert sniff(data, windows).encoding == encoding


def test_a_byte_order_mark_is_not_part_of_the_first_column() -> None:
    layout = sniff(codecs.BOM_UTF8 + HEADER + b"\n", [])
    assert (layout.positions, layout.data_start) == (POSITIONS, 3 + len(HEADER) + 1)


@pytest.mark.parametrize(("delimiter", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
def test_the_delimiter_is_the_one_that_finds_the_columns(delimiter: str, decimal: str) -> None:
    header = HEADER.decode().split(",")
    text = delimiter.join([*header, '"a, b; c\td"', "x"]) + "\n"
    layout = sniff(text.encode(), [])
    assert (layout.delimiter, layout.decimal, layout.fields) == (delimiter, decimal, 8)


@pytest.mark.parametrize(
    ("header", "positions"),
    [
        ("prix,modèle,type,ville,date,transaction_id", [5, 4, 3, 2, 1, 0]),
        (" Price ,MODEL,Type,CITY,DATE,\tID", [5, 4, 3, 2, 1, 0]),
        ('"montant","MODÈLE","type","city","date","id"', [5, 4, 3, 2, 1, 0]),
        ("id,x,date,y,ville,,type,,modele,ville2,amount", [0, 2, 4, 6, 8, 10]),
        ("id,date,ville,type,mode\u0300le,prix", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_columns_are_found_by_name_in_any_order(header: str, positions: list[int]) -> None:
    layout = sniff(f"{header}\r\n".encode(), [])
    assert [layout.positions[meaning] for meaning in POSITIONS] == positions


@pytest.mark.parametrize("durations", ["duree_location_mois", "durée_location_mois", "RENTAL_MONTHS"])
@pytest.mark.parametrize("costs", ["cout", "coût", "Cost"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_optional_columns_are_found_too(durations: str, costs: str, encoding: str) -> None:
    layout = sniff(HEADER + f",{durations},{costs}\n".encode(encoding), [])
    assert layout.positions == {**POSITIONS, "duration": 6, "cost": 7}


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_header_alone_is_a_source_without_rows(end: bytes) -> None:
    data = HEADER + end
    layout = sniff(data, [])
    assert layout.data_start == len(data)
    assert map_whole(data, layout).rows_read == 0


def test_blank_lines_before_the_header_count_as_lines() -> None:
    layout = sniff(b"\r\n\n" + HEADER + b"\r\n\n1,2\n", [])
    assert (layout.header_lines, layout.data_start) == (3, 3 + len(HEADER) + 2)


def test_a_header_may_have_a_line_break_in_quotes() -> None:
    data = HEADER + b',"a\nb"\n1\n'
    layout = sniff(data, [])
    assert (layout.header_lines, layout.fields, data[layout.data_start :]) == (2, 7, b"1\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\n\r\n\n", "empty"),
        (codecs.BOM_UTF8, "empty"),
        (b"PK\x03\x04\0\0", "binary"),
        (HEADER + b"\n1\0,2", "binary"),
        ("id,date".encode("utf-16"), "UTF-16"),
        (codecs.BOM_UTF16_BE + "id,date".encode("utf-16-be"), "UTF-16"),
        (b"id,date,ville,type\n", "lacks modele, prix"),
        (b"1,2024-01-01,Paris,vente,Audi A4,1\n", "lacks transaction_id, date, ville, type, modele, prix"),
        (HEADER + b",Price\n", "two columns with the same meaning: prix, price"),
        (HEADER + b",id\n", "two columns with the same meaning: id, id"),
        (HEADER + b",cost,cout\n", "two columns with the same meaning: cost, cout"),
        (HEADER.replace(b",", b"|"), "lacks"),
        (b'"a\nb\x1b[31m",c\n', "lacks"),
        (HEADER + b"," * (1 << 16) + b"\n", "longer than 65,536 bytes"),
        (HEADER + b"," * HEAD_BYTES, "longer than 65,536 bytes"),
    ],
)
def test_an_unreadable_source_fails_with_a_printable_message(data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        sniff(data, [])
    assert str(caught.value).isprintable()


def test_a_nul_far_into_the_file_makes_it_binary() -> None:
    with pytest.raises(SourceError, match="binary"):
        sniff(HEADER, [b"x", b"\0"])


def test_a_source_no_longer_than_its_head_has_no_windows() -> None:
    assert window_offsets(0) == window_offsets(HEAD_BYTES) == []


@pytest.mark.parametrize("size", [HEAD_BYTES + 1, 10 * HEAD_BYTES + 12_345, 100 * 10**9])
def test_64_windows_are_spread_evenly_up_to_the_end(size: int) -> None:
    offsets = window_offsets(size)
    assert len(offsets) == 64
    assert offsets[-1] + WINDOW_BYTES == size
    steps = {second - first for first, second in zip([0, *offsets], offsets, strict=False)}
    assert max(steps) - min(steps) <= 1


def test_a_layout_survives_its_json() -> None:
    layout = sniff(HEADER.replace(b",", b";") + b"\n", [])
    assert Layout.from_json(layout.to_json()) == layout
