"""The end of a job: its notes, its rejects, and the sentence with which it fails."""

from dataclasses import replace

import pytest

from autoconnect.core.dialect import DialectOptions
from autoconnect.core.mapper import map_batch
from autoconnect.core.notes import CODES
from autoconnect.core.outcome import Limits, Outcome, reduce
from autoconnect.core.plan import Part
from autoconnect.core.sniffer import sniff_bytes
from tests.unit.batches import map_whole

HEADER = "id,date,ville,type,modele,prix,duree_mois\n"
GOOD = "1,2024-01-31,Lyon,vente,Clio,5,\n"


def outcome_of(*files: str, ratio: float = 0.5, **given: object) -> Outcome:
    """The outcome of a job whose source has these files, each of them one batch."""
    parts, partials = [], []
    for number, text in enumerate(files):
        layout = sniff_bytes(text.encode(), DialectOptions.read(given)).layout
        parts.append(Part(f"{number}.csv", "version", layout, first_batch=number))
        partials.append(map_batch(text.encode()[layout.data_start :], b"", layout, number))
    return reduce(partials, parts, Limits(max_cells=1_000, max_rejected_ratio=ratio))


def sale(**changes: str) -> str:
    """A good row with other fields."""
    names = HEADER.strip().split(",")
    return ",".join({**dict(zip(names, GOOD.strip().split(","), strict=True)), **changes}.values()) + "\n"


def codes_of(outcome: Outcome) -> list[tuple[str, int, int | None]]:
    return [(note.code, note.count, note.line) for note in outcome.notes]


# Notes


def test_a_source_with_nothing_unusual_has_no_notes() -> None:
    outcome = outcome_of(HEADER + GOOD)
    assert (outcome.notes, outcome.failure) == ([], None)


def test_unusual_records_are_counted_with_the_line_of_the_first() -> None:
    """Given two files / When each has records of several kinds / I expect one note per kind, with the first line"""
    header = HEADER.replace("\n", ",note\n")
    good = GOOD.replace("\n", ",x\n")
    broken = GOOD.replace("\n", ',"a\nb"\n')
    first = header + good + broken + header + header + good
    second = header + header + broken + good.replace(",x", ",\rx") + good.replace("2024-01-31", "01/31/2024")
    outcome = outcome_of(first, second, dates="dmy")
    assert codes_of(outcome) == [
        *(("unused_columns", 1, None), ("unused_columns", 1, None)),
        *(("repeated_headers", 3, 5), ("line_breaks_in_quotes", 2, 3), ("stray_line_ends", 1, 5)),
        ("other_date_order", 1, 6),
    ]
    assert "line 5 of 0.csv" in outcome.notes[2].message
    assert "line 5 of 1.csv" in outcome.notes[4].message


def test_notes_are_in_the_order_of_the_contract() -> None:
    codes = [note.code for note in outcome_of("x\n" + HEADER + "\ufffd".join(GOOD.split("o")) + HEADER).notes]
    assert codes == ["lines_before_header", "repeated_headers", "suspicious_text"]
    assert codes == sorted(codes, key=CODES.index)


SUSPICIOUS = ("Ly\ufffdn", "OrlÃ©ans", "Orl\u201aans", "Orl\u017dans", "A†", "ß®x", "B¤")
FINE = ("Orléans", "Šibenik", "Žilina", "ABCŽDEF", "abcŽ", "Ãx", "é", "ÂB", "Zoé 5€")


@pytest.mark.parametrize("name", SUSPICIOUS)
def test_names_whose_encoding_was_misread_are_told(name: str) -> None:
    rows = sale(ville=name) + 2 * sale(modele=name) + GOOD
    [note] = outcome_of(HEADER + rows).notes
    assert (note.code, note.count, note.line) == ("suspicious_text", 2, None)
    assert f"{name} (2), {name} (1)" in note.message


def test_other_names_are_not_suspicious() -> None:
    assert outcome_of(HEADER + "".join(sale(ville=name) for name in FINE)).notes == []


def test_suspicious_names_are_told_by_their_number_then_by_code_point() -> None:
    names = (
        [f"{letter}\ufffd" for letter in "ab"] + ["c\ufffd", "c\ufffd"] + [f"x{number}\ufffd" for number in range(200)]
    )
    [note] = outcome_of(HEADER + "".join(sale(ville=name) for name in names)).notes
    assert note.count == 203
    assert ": c\ufffd (2), a\ufffd (1), b\ufffd (1), x0\ufffd (1), x100\ufffd (1), x101\ufffd (1)" in note.message
    assert note.message.count("(1)") == 99


@pytest.mark.parametrize(("rows", "ratio"), [("", 0.0), (sale(date="x"), 1.0)])
def test_a_job_without_accepted_rows_says_so(rows: str, ratio: float) -> None:
    outcome = outcome_of(HEADER + rows, ratio=ratio)
    assert (codes_of(outcome), outcome.failure) == ([("no_rows", 0, None)], None)


# Rejects


def test_a_reject_names_its_file_line_column_and_what_was_expected() -> None:
    first = "title\n" + HEADER.replace("date", '" Date\u200b"') + GOOD + sale(date="45292")
    second = HEADER.replace("prix", "Prix (€)") + sale(prix="5\u00a0F") + "x\n"
    outcome = outcome_of(first, second, ratio=1.0)
    assert [list(row.values()) for row in outcome.rejects.rows] == [
        [
            *("0.csv", 4, "bad_date", "Date", "45292"),
            "a day like 2024-01-31 (a number of five digits is an Excel serial: write it as a date)",
            "1,45292,Lyon,vente,Clio,5,",
        ],
        [
            "1.csv",
            2,
            "bad_price",
            "Prix (€)",
            "5U+00A0F",
            "an amount like 1234 in EUR",
            "1,2024-01-31,Lyon,vente,Clio,5\u00a0F,",
        ],
        ["1.csv", 3, "field_count", None, "1 field", "7 fields", "x"],
    ]
    assert outcome.rejects.names == ["file", "line", "reason", "column", "value", "expected", "raw"]


# Failures


def test_too_many_rejects_fail_with_the_most_frequent_reasons() -> None:
    rows = GOOD + 2 * sale(date="x") + sale(prix="") + 3 * sale(duree_mois="87") + "x\n"
    failure = outcome_of(HEADER + rows).failure
    assert failure == (
        "7 of 8 rows were rejected, more than the allowed share of 50% (AUTOCONNECT_MAX_REJECTED_RATIO): "
        "bad_duration: 3 rows, first at line 6: 87 in duree_mois, expected 1 to 1,200 months on a rental, nothing or 0 "
        "on a sale; bad_date: 2 rows, first at line 3: x in date, expected a day like 2024-01-31; "
        "field_count: 1 row, first at line 9: 1 field, expected 7 fields."
    )
    assert len(failure.encode()) < 600


def test_the_share_of_rejects_may_be_as_large_as_allowed() -> None:
    assert outcome_of(HEADER + GOOD + sale(date="x"), ratio=0.5).failure is None
    assert outcome_of(HEADER + GOOD + sale(date="x"), ratio=0.49).failure
    assert outcome_of(HEADER, ratio=0.0).failure is None


def test_a_missing_value_is_told_as_nothing_and_a_file_by_its_name() -> None:
    failure = outcome_of(HEADER + GOOD, HEADER + 3 * sale(ville="")).failure
    assert failure
    assert "missing_city: 3 rows, first at line 2 of 1.csv: nothing in ville, expected the name of a city" in failure


def test_another_header_fails_the_job_and_names_the_first_line() -> None:
    other = "id,date,modele,type,ville,prix,duree_mois\n"
    failure = outcome_of(HEADER + GOOD + HEADER + GOOD + other + GOOD + other + GOOD).failure
    assert failure
    assert failure.startswith(
        "The header at line 5 has other columns than the first header, or another order of them: id,date,modele"
    )


@pytest.mark.parametrize(("good", "fails"), [(998, True), (999, False)])
def test_dates_in_the_other_order_fail_a_job_if_they_are_more_than_1_in_1000(good: int, fails: bool) -> None:
    rows = sale(date="31/01/2024") + (good - 1) * GOOD + sale(date="01/31/2024")
    data = (HEADER + rows).encode()
    layout = sniff_bytes((HEADER + sale(date="31/01/2024")).encode()).layout
    part = Part("a.csv", "version", layout)
    outcome = reduce([map_whole(data, layout)], [part], Limits(max_cells=1_000, max_rejected_ratio=0.5))
    assert bool(outcome.failure) == fails
    if outcome.failure:
        assert "1 of 999 rows have a date like 01/31/2024, first at line 1,000: 01/31/2024" in outcome.failure
        assert "dates=dmy" in outcome.failure
    given = replace(layout, dialect=replace(layout.dialect, given=("dates",)))
    limits = Limits(max_cells=1_000, max_rejected_ratio=0.5)
    assert reduce([map_whole(data, given)], [replace(part, layout=given)], limits).failure is None
