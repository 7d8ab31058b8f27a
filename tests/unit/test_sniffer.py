"""How a source is judged as a whole: its layout, what decided each part, and the bytes that are looked at."""

from pathlib import Path

import pytest

from autoconnect.core.dialect import Dialect, DialectOptions
from autoconnect.core.layout import Layout
from autoconnect.core.plan import Part
from autoconnect.core.sniffer import Sample, read_sample, sniff, sniff_bytes
from autoconnect.core.sniffer.sample import HEAD_BYTES, WHOLE_BYTES, WINDOW_BYTES, window_offsets
from autoconnect.errors import SourceChanged, SourceError
from autoconnect.planning import BatchSize, plan, sniff_file
from autoconnect.sources.local import Folders, find_source, open_source
from tests.public_cases import Case, cases_folder, given_by, read_cases
from tests.unit.sniffing import HEADER, POSITIONS, failure, sniffed, source

#: Failures of cases that show only when their rows are mapped.
LATER_FAILURES = {
    "decimal_comma_shifts_columns.csv",
    "missing_words_as_cities.csv",
    "second_header_other_order.csv",
    "second_header_unknown_name.csv",
}
PLANNING_NOTES = {"lines_before_header", "unused_columns", "second_id", "cost_not_used"}


def test_a_plain_file() -> None:
    data = source({"prix": "10000.50"})
    assert sniffed(data).layout == Layout(
        dialect=Dialect("utf-8", "lf", ",", header=1, surplus=0, decimal=".", currency=None, dates="ymd"),
        fields=6,
        positions=POSITIONS,
        data_start=len(HEADER) + 1,
        header_lines=1,
        names=tuple(HEADER.split(",")),
        meanings=tuple(POSITIONS),
    )


def test_each_part_has_a_sentence_on_what_decided_it() -> None:
    data = source({"date": "01/02/2024"}, {"date": "25/01/2024", "prix": "12,50 €"}, delimiter=";")
    assert sniffed(data).evidence == {
        "encoding": "all sampled bytes are valid UTF-8",
        "line_end": "the head has line feeds",
        "delimiter": "line 1 is a header with it",
        "header": "line 1 names all needed columns",
        "surplus": "most sampled rows have no empty field beyond the header",
        "decimal": "line 3 has 12,50 €",
        "currency": "line 3 has 12,50 €",
        "dates": "line 3 has 25/01/2024",
    }


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("encoding", "cp1252"),
        ("line_end", "lf"),
        ("delimiter", ","),
        ("header", 1),
        ("surplus", 3),
        ("decimal", ","),
        ("currency", "CHF"),
        ("dates", "mdyy"),
    ],
)
def test_what_is_given_is_not_judged(part: str, value: object) -> None:
    result = sniffed(source({"prix": "10.50 €"}), **{part: value})
    assert getattr(result.layout.dialect, part) == value
    assert result.layout.dialect.given == (part,)
    assert result.evidence[part] == "given"


def test_a_layout_shows_its_dialect_as_a_job_does() -> None:
    data = source({}, header=f"{HEADER},Montant TTC")
    layout = sniffed(data, columns={"price": "montant ttc", "city": "=Lyon"}, types={" Réservé ": "vente"}).layout
    assert layout.dialect_fields() == {
        "encoding": "utf-8",
        "line_end": "lf",
        "delimiter": ",",
        "header": 1,
        "surplus": 0,
        "decimal": None,
        "currency": None,
        "dates": "ymd",
        "columns": {
            "id": "id",
            "date": "date",
            "type": "type",
            "model": "modele",
            "price": "Montant TTC",
            "city": "=Lyon",
        },
        "types": {"reserve": "vente"},
    }


def test_a_layout_survives_its_json() -> None:
    data = b"Title\n" + source({"note": "x"}, header=f"{HEADER},note", delimiter=";")
    layout = sniffed(data, columns={"city": "=Lyon"}, types={"V": "vente"}, dates="dmy").layout
    assert layout.notes
    part = Part("source.csv", "version", layout)
    assert Part.from_json(part.to_json()) == part


@pytest.mark.parametrize(("name", "case"), read_cases("expected.json").items() or [("", Case("failed"))])
def test_cases_are_planned_or_refused_as_they_must_be(name: str, case: Case) -> None:
    data = (cases_folder() / name).read_bytes()
    options = DialectOptions.read(given_by(case.args))
    if case.status == "failed" and name not in LATER_FAILURES:
        with pytest.raises(SourceError) as caught:
            sniff_bytes(data, options)
        assert [word for word in case.error_has if word not in str(caught.value)] == []
    else:
        notes = sniff_bytes(data, options).layout.notes
        assert {note.code for note in notes} == PLANNING_NOTES & {*case.notes}


def test_a_source_of_up_to_5_mib_is_read_as_a_whole() -> None:
    data = bytes(WHOLE_BYTES)
    assert read_sample(len(data), lambda offset, length: data[offset : offset + length]) == Sample(data, [], len(data))
    assert set(window_offsets(0)) == set(window_offsets(WINDOW_BYTES)) == {0}


@pytest.mark.parametrize("size", [WHOLE_BYTES + 1, 10 * HEAD_BYTES + 12_345, 100 * 10**9])
def test_of_a_larger_source_the_head_and_64_windows_up_to_the_end_are_read(size: int) -> None:
    reads: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return b""

    read_sample(size, read)
    assert reads[0] == (0, HEAD_BYTES)
    offsets = [offset for offset, _ in reads[1:]]
    assert {length for _, length in reads[1:]} == {WINDOW_BYTES}
    assert len(offsets) == 64
    assert offsets[-1] + WINDOW_BYTES == size
    steps = {second - first for first, second in zip([0, *offsets], offsets, strict=False)}
    assert max(steps) - min(steps) <= 1


def test_rows_of_windows_are_evidence() -> None:
    head = source({"date": "01/02/2024"})
    window = b"Lyon,vente,Clio,1\nT2,25/01/2024,Lyon,vente,Clio,1\nT3,01/25/2024,Lyo"
    result = sniff(Sample(head, [window], size=1 << 40))
    assert (result.layout.dialect.dates, result.evidence["dates"]) == ("dmy", "a line further on has 25/01/2024")


def test_in_a_window_only_whole_lines_with_the_right_number_of_fields_are_rows() -> None:
    head = source({"date": "01/02/2024"})
    window = b'25/01/2024,2\nx,25/01/2024\nx,"25/01/2024,Lyon,vente,Clio,1\n\nT3,25/01/2024,Lyon,vente,Clio,1'
    with pytest.raises(SourceError, match="line 2 has 01/02/2024"):
        sniff(Sample(head, [window], size=1 << 40))


def test_a_row_that_is_cut_at_the_end_of_the_head_is_not_evidence() -> None:
    head = source({"prix": "10.50"}) + b"T2,2024-01-15,Lyon,vente,Clio,10,5"
    assert sniff(Sample(head, [], size=1 << 40)).layout.dialect.decimal == "."


def test_rows_far_into_a_whole_file_are_evidence_with_their_lines() -> None:
    rows = [{"date": "01/02/2024"}] * 20_000
    rows[15_000:15_600] = [{"date": "25/01/2024"}] * 600
    evidence = sniffed(source(*rows)).evidence["dates"]
    line = int(evidence.removeprefix("line ").removesuffix(" has 25/01/2024").replace(",", ""))
    assert 15_002 <= line < 15_602


@pytest.mark.parametrize("size", [60_000, 70_000, 100_000, 600_000])
def test_a_file_that_is_sorted_by_date_is_judged_beyond_its_first_rows(size: int) -> None:
    rows = [{"date": "01/02/2024"}] * (size // 38)
    rows[-500:-100] = [{"date": "25/01/2024"}] * 400
    assert sniffed(source(*rows)).layout.dialect.dates == "dmy"


@pytest.mark.parametrize("odd", [500, 1_200, 1_400])
def test_no_row_counts_twice_though_windows_overlap(odd: int) -> None:
    rows = [{"date": "25/01/2024", "modele": "Clio" * 10}] * 1_600
    rows[odd] = {"date": "01/25/2024"}
    data = source(*rows)
    assert WINDOW_BYTES < len(data) < 2 * WINDOW_BYTES
    assert sniffed(data).layout.dialect.dates == "dmy"


def test_a_file_can_be_judged_without_planning_it(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "uploads", tmp_path)
    (tmp_path / "a.csv").write_bytes(source({"date": "03/04/2024"}))
    with open_source("a.csv", find_source("a.csv", folders).version, folders) as file:
        assert sniff_file(file, DialectOptions(dates="mdy")).layout.dialect.dates == "mdy"
        with pytest.raises(SourceError, match="dates=dmy"):
            sniff_file(file)


def test_a_plan_takes_what_the_user_gives(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "uploads", tmp_path)
    (tmp_path / "a.csv").write_bytes(source({"date": "03/04/2024"}))
    given = DialectOptions(dates="mdy", columns={"city": "=Lyon"})
    [part] = plan(["a.csv"], folders, BatchSize(1), options=given).parts
    assert (part.layout.dialect.dates, part.layout.constants) == ("mdy", {"city": "Lyon"})
    with pytest.raises(SourceError, match="dates=dmy"):
        plan(["a.csv"], folders, BatchSize(1))
    with pytest.raises(SourceChanged):
        plan(["a.csv"], folders, BatchSize(1), versions={"a.csv": "1:1"}, options=given)


@pytest.mark.parametrize("data", [b"", b"\n\r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf\r\n", b" \n\x1a"])
def test_a_file_without_a_line_is_empty(data: bytes) -> None:
    assert failure(data) == "The file is empty; a header line was expected."


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (source({"date": "01/02/2024"}), "dates"),
        (source({"date": "01/02/24"}), "dates"),
        (source({"prix": "12.500"}), "decimal"),
        (source({"prix": "10 EUR"}, {"prix": "10 USD"}), "currency"),
        (b"T0,2024-01-10,Lyon,vente,Clio,1\n" + source({}), "header"),
        (source({}, header=HEADER.replace("ville", "Agence")), "columns"),
        (source({}, header=f"{HEADER},montant"), "columns"),
        (b"\n\n", ""),
    ],
)
def test_a_refusal_names_the_part_that_settles_it(data: bytes, part: str) -> None:
    with pytest.raises(SourceError) as caught:
        sniff_bytes(data)
    assert caught.value.part == part
    assert bool(caught.value.columns) == (part == "columns")


def test_a_refusal_for_columns_has_their_names_with_what_they_mean() -> None:
    with pytest.raises(SourceError) as caught:
        sniff_bytes(source({}, header="id,date,Agence,type,modele,prix,montant"))
    assert list(caught.value.columns) == [
        *(("id", "id"), ("date", "date"), ("Agence", None), ("type", "type"), ("modele", "model")),
        *(("prix", "price"), ("montant", "price")),
    ]
