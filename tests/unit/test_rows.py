"""What a record is read as: the values of an accepted row, or the reason, the column and the value of a reject."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from autoconnect.core.dialect import NEEDED, OPTIONAL, Dialect
from autoconnect.core.fields import expected
from autoconnect.core.layout import Layout
from autoconnect.core.records import split_records
from autoconnect.core.rows import Row, Values, read_rows
from autoconnect.core.schema import ABSENT, REASONS, RENTAL, SALE

COLUMNS = (*NEEDED, *OPTIONAL)
FIELDS = {
    "id": "TX1",
    "date": "2024-02-29",
    "city": "Paris",
    "type": "location",
    "model": "BMW X3",
    "price": "1234.5",
    "duration": "12",
    "cost": "1000",
    "currency": "EUR",
}
DAY = (date(2024, 2, 29) - date(1970, 1, 1)).days
VALUES = Values(DAY, "Paris", RENTAL, "BMW X3", 1_234_50, 12, 1_000_00)
DIALECT = Dialect(delimiter=";", decimal=".", currency="EUR")

#: A faulty field for each reason that concerns a field, in the order of the contract.
FAULTS = {
    "missing_id": {"id": ""},
    "bad_date": {"date": "2024-02-30"},
    "missing_city": {"city": "_"},
    "unknown_type": {"type": "leasing"},
    "missing_model": {"model": "NA"},
    "negative_price": {"price": "-1"},
    "bad_price": {"price": "free"},
    "bad_duration": {"duration": "0"},
    "bad_cost": {"cost": "-1"},
}


def layout_of(dialect: Dialect = DIALECT, columns: tuple[str, ...] = COLUMNS) -> Layout:
    """The layout of a file with these columns; a column that means nothing is unused."""
    positions = {name: index for index, name in enumerate(columns) if name in COLUMNS}
    return Layout(dialect, len(columns), positions, data_start=0, header_lines=1, names=columns)


LAYOUT = layout_of()


def rows_of(data: bytes, layout: Layout = LAYOUT) -> list[Row]:
    return list(read_rows(split_records(data, b"", layout.form), layout))


def written(fields: Mapping[str, str]) -> bytes:
    return ";".join('"' + field.replace('"', '""') + '"' for field in fields.values()).encode() + b"\n"


def judged(fields: Mapping[str, str], layout: Layout = LAYOUT) -> str | Values | None:
    """The reason to reject a row, or its values."""
    [row] = rows_of(written(fields), layout)
    return row.refused.reason if row.refused else row.values


def with_(**changes: str) -> dict[str, str]:
    return {**FIELDS, **changes}


def test_a_good_row_is_read_as_it_is() -> None:
    assert judged(FIELDS) == VALUES


@pytest.mark.parametrize("first", FAULTS)
def test_several_faults_give_the_first_reason_in_the_order_of_the_contract(first: str) -> None:
    order = list(FAULTS)
    fields = dict(FIELDS)
    for reason in reversed(order[order.index(first) :]):
        fields |= FAULTS[reason]
    assert judged(fields) == first
    assert judged(with_(**FAULTS[first])) == first


def test_the_reasons_are_those_of_the_contract_in_its_order() -> None:
    assert list(REASONS) == ["bad_encoding", "record_too_long", "bad_quotes", "field_count", *FAULTS]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'\x81,"' + b"x" * (1 << 20), "bad_encoding"),
        (b'"' + b"x" * (1 << 20), "record_too_long"),
        (b"x;" * (1 << 20), "record_too_long"),
        (b'1;2;3;"', "bad_quotes"),
        (b'1;2;3;"4"x', "bad_quotes"),
        (b"x;;;;;;;;;", "field_count"),
        (b"x", "field_count"),
        (b";;;;;;x;;", "missing_id"),
    ],
)
def test_a_fault_of_the_record_comes_before_faults_of_its_fields(line: bytes, reason: str) -> None:
    [row] = rows_of(line + b"\n")
    assert row.refused
    assert (row.refused.reason, row.refused.column) == (reason, None if reason != "missing_id" else "id")


@pytest.mark.parametrize("line", ["", ";;;", '"";""', ' ; "\t" ;\u00a0', '"\n";"\n"'])
def test_a_record_of_delimiters_quotes_and_white_space_is_no_row(line: str) -> None:
    assert rows_of(f"{line}\n".encode()) == []


# Encoding


def test_a_nul_makes_its_row_a_reject_in_either_encoding() -> None:
    for encoding in ("utf-8", "cp1252"):
        layout = layout_of(Dialect(encoding=encoding, delimiter=";", decimal=".", currency="EUR"))
        rows = rows_of(written(with_(model="C\0lio")) + written(FIELDS), layout)
        assert [row.refused and (row.refused.reason, row.refused.value) for row in rows] == [
            ("bad_encoding", "U+0000"),
            None,
        ]


@pytest.mark.parametrize(
    ("encoding", "city", "value"),
    [
        ("utf-8", b"Orl\xe9ans", "byte E9"),
        ("utf-8", b"Orl\xc3", "byte C3"),
        ("cp1252", b"Orl\x81ans", "byte 81"),
        ("cp1252", "Orléans".encode(), "UTF-8"),
        ("cp1252", "Orlé\u0101ns".encode(), "byte 81"),
    ],
)
def test_bytes_of_another_encoding_are_refused(encoding: str, city: bytes, value: str) -> None:
    layout = layout_of(Dialect(encoding="utf-8" if encoding == "utf-8" else "cp1252", delimiter=";", decimal="."))
    [row] = rows_of(written(FIELDS).replace(b"Paris", city), layout)
    assert row.refused
    assert (row.refused.reason, row.refused.value) == ("bad_encoding", value)


@pytest.mark.parametrize(("city", "name"), [(b"Orl\xe9ans", "Orléans"), (b"\xc3\xa9 \xe9", "Ã© é"), (b"50\x80", "50€")])
def test_cp1252_is_read_where_not_all_of_its_characters_are_utf_8(city: bytes, name: str) -> None:
    layout = layout_of(Dialect(encoding="cp1252", delimiter=";", decimal=".", currency="EUR"))
    [row] = rows_of(written(FIELDS).replace(b"Paris", city), layout)
    assert row.values == VALUES._replace(city=name)


# The number of fields


def count_of(line: str, columns: str, surplus: int = 0, end: str = "\n") -> str | None:
    """The reason to reject a row with another number of fields, if any."""
    layout = layout_of(Dialect(delimiter=";", decimal=".", surplus=surplus), tuple(columns.split()))
    [row] = rows_of((line + end).encode(), layout)
    return row.refused.reason if row.refused else None


NEEDED_FIRST = "id date city type model price"
ROW = "1;2024-01-31;Lyon;vente;Clio;5"


@pytest.mark.parametrize(
    ("fields", "columns", "surplus", "is_right"),
    [
        (ROW, NEEDED_FIRST, 0, True),
        (f"{ROW};", NEEDED_FIRST, 0, False),
        (f"{ROW};", NEEDED_FIRST, 1, True),
        (f'{ROW};" ";\u200b', NEEDED_FIRST, 2, True),
        (f"{ROW};x", NEEDED_FIRST, 1, False),
        (f"{ROW};;", NEEDED_FIRST, 1, False),
        (ROW, NEEDED_FIRST, 1, False),
        (ROW, f"{NEEDED_FIRST} duration cost", 0, True),
        (f"{ROW};", f"{NEEDED_FIRST} duration cost", 0, True),
        (ROW, f"{NEEDED_FIRST} duration cost", 1, True),
        (ROW, f"{NEEDED_FIRST} note currency", 0, True),
        (f"x;{ROW}".removesuffix(";5"), f"note {NEEDED_FIRST}", 0, False),
        (ROW.removesuffix(";5"), f"{NEEDED_FIRST} note", 0, False),
    ],
)
def test_surplus_fields_are_empty_and_missing_ones_are_not_needed(
    fields: str, columns: str, surplus: int, is_right: bool
) -> None:
    assert count_of(fields, columns, surplus) == (None if is_right else "field_count")


def test_a_last_record_without_line_end_may_be_cut_so_no_field_may_be_missing() -> None:
    columns = f"{NEEDED_FIRST} duration"
    assert count_of(ROW, columns) is None
    assert count_of(ROW, columns, end="") == "field_count"
    assert count_of(f"{ROW};", columns, end="") is None


# Fields


def test_columns_may_be_in_any_order_among_unknown_ones() -> None:
    columns = ("note", *reversed(COLUMNS), "note")
    fields = {"first": "x;y", **dict(reversed(FIELDS.items())), "last": "-"}
    assert judged(fields, layout_of(columns=columns)) == VALUES


def test_without_optional_columns_their_values_are_absent() -> None:
    fields = {name: FIELDS[name] for name in NEEDED}
    assert judged(fields, layout_of(columns=NEEDED)) == VALUES._replace(duration=ABSENT, cost=ABSENT)


def test_a_constant_stands_in_every_row() -> None:
    columns = tuple(name for name in COLUMNS if name not in ("city", "type"))
    fields = {name: FIELDS[name] for name in columns}
    layout = replace(layout_of(columns=columns), constants={"city": " Le_Mans ", "type": "lld"})
    assert judged(fields, layout) == VALUES._replace(city="Le Mans")
    assert judged(fields, replace(layout, constants={"city": "?", "type": "lld"})) == "missing_city"


@pytest.mark.parametrize("word", ["", "NULL", "\u200b n/a \ufeff", "#REF!", "(vide)", "\u00a0"])
def test_a_word_for_no_value_is_a_missing_value(word: str) -> None:
    assert {column: judged({**FIELDS, column: word}) for column in FIELDS} == {
        "id": "missing_id",
        "date": "bad_date",
        "city": "missing_city",
        "type": "unknown_type",
        "model": "missing_model",
        "price": "bad_price",
        "duration": VALUES._replace(duration=ABSENT),
        "cost": VALUES._replace(cost=ABSENT),
        "currency": VALUES,
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BMW_X3", "BMW X3"),
        ("__BMW _\t_ X3 _", "BMW X3"),
        ("BMW\u00a0\u2003X3", "BMW X3"),
        ("bmw X3", "bmw X3"),
        ('"BMW" X3, ;', '"BMW" X3, ;'),
        ("e\u0301tat", "état"),
        ("\ufeffLy\u200bon\u00ad", "Lyon"),
        ("e\u200b\u0301", "é"),
        ("nan x", "nan x"),
        ("🚗", "🚗"),
    ],
)
def test_names_are_composed_and_lose_invisible_characters_and_runs_of_space(text: str, name: str) -> None:
    assert judged(with_(city=text)) == VALUES._replace(city=name)
    assert judged(with_(model=text)) == VALUES._replace(model=name)


def test_a_name_of_very_many_accents_is_read_in_little_time() -> None:
    name = "a" + "\u0301\u0323" * 200_000
    assert judged(with_(city=name)) == VALUES._replace(city=name)


@pytest.mark.parametrize("word", ["_", " _ _", "__\u00a0", "\u200b_\ufeff", "\u00ad"])
def test_a_name_of_spaces_underscores_and_invisible_characters_is_missing(word: str) -> None:
    assert judged(with_(city=word)) == "missing_city"
    assert judged(with_(model=word)) == "missing_model"


SALES, RENTALS = "vente VENTES sale Sales véntè", "location LOCATIONS rental Rentals lease lld LOA"


def test_types_are_read_without_case_and_accents() -> None:
    for word in SALES.split():
        assert judged(with_(type=f" {word}\u200b", duration="")) == VALUES._replace(type=SALE, duration=ABSENT)
    for word in RENTALS.split():
        assert judged(with_(type=f"\u00a0{word}")) == VALUES


@pytest.mark.parametrize("text", ["vent", "vente location", "_vente", "0", "ven te", "v"])
def test_any_other_type_is_refused(text: str) -> None:
    assert judged(with_(type=text)) == "unknown_type"


def test_further_words_for_types_are_those_that_are_given() -> None:
    layout = replace(LAYOUT, types={"v": "vente", "cede": "vente", "sale": "location"})
    for word in ("V", "cédé"):
        assert judged(with_(type=word, duration=""), layout) == VALUES._replace(type=SALE, duration=ABSENT)
    assert judged(with_(type="SALE"), layout) == VALUES


@pytest.mark.parametrize(("text", "months"), [("1", 1), ("1200", 1200), ("12.0", 12), ("12,0", 12), (" 3 ", 3)])
def test_a_rental_lasts_from_1_to_1200_months(text: str, months: int) -> None:
    assert judged(with_(duration=text)) == VALUES._replace(duration=months)


NO_MONTHS = "0|00|012|1201|12001|1200.5|12.00|12.|.0|12.5|-1|+1|12 mois|1e1|1 200|٣|²"


@pytest.mark.parametrize("text", [*NO_MONTHS.split("|"), "9" * 5_000])
def test_any_other_duration_is_refused(text: str) -> None:
    assert judged(with_(duration=text)) == "bad_duration"


@pytest.mark.parametrize("text", ["12", "1", "00", "0.0", "0,0", "87", "x"])
def test_on_a_sale_a_duration_is_refused_unless_it_is_missing_or_0(text: str) -> None:
    assert judged(with_(type="vente", duration=text)) == "bad_duration"
    for missing in ("", "0", " 0 ", "nan"):
        assert judged(with_(type="vente", duration=missing)) == VALUES._replace(type=SALE, duration=ABSENT)


@pytest.mark.parametrize("text", ["-1", "(1)", "1.234", "x", "5 $"])
def test_a_cost_that_is_no_amount_has_one_reason(text: str) -> None:
    assert judged(with_(cost=text)) == "bad_cost"


@pytest.mark.parametrize("text", ["EUR", "eur", "€", "Euros", "", "n/a", "\u200b"])
def test_the_column_of_currencies_has_that_of_the_source_or_none(text: str) -> None:
    assert judged(with_(currency=text)) == VALUES


@pytest.mark.parametrize("text", ["USD", "$", "XPF", "0"])
def test_a_row_with_another_currency_is_refused_for_its_price(text: str) -> None:
    [row] = rows_of(written(with_(currency=text)))
    assert row.refused
    assert (row.refused.reason, row.refused.column, row.refused.value) == ("bad_price", "currency", text)
    assert judged(with_(currency=text, price="-1")) == "negative_price"


# What a reject tells


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x", "x"),
        ("  x ", "x"),
        ("", ""),
        ("1\u202f2\u200b\t3", "1U+202F2U+200BU+00093"),
        ("é🚗", "é🚗"),
        ("x" * 81, "x" * 80),
    ],
)
def test_a_reject_tells_the_column_and_the_value(text: str, value: str) -> None:
    [row] = rows_of(written(with_(date=text)))
    assert row.refused
    assert (row.refused.reason, row.refused.column, row.refused.value) == ("bad_date", "date", value)


def test_a_row_with_another_number_of_fields_tells_it() -> None:
    rows = rows_of(b"x;y\nx\n")
    assert [row.refused and row.refused.value for row in rows] == ["2 fields", "1 field"]


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_says_what_was_expected(reason: str) -> None:
    assert expected(reason, LAYOUT)


@pytest.mark.parametrize(
    ("reason", "dialect", "value", "said"),
    [
        ("bad_date", Dialect(dates="dmy"), "x", "a day like 31/01/2024"),
        (
            "bad_date",
            Dialect(),
            "45292",
            "a day like 2024-01-31 (a number of five digits is an Excel serial: write it as a date)",
        ),
        ("bad_price", Dialect(), "x", "an amount like 1234"),
        ("bad_cost", Dialect(decimal=",", currency="CHF"), "x", "an amount like 1234,50 in CHF"),
        ("field_count", Dialect(surplus=1), "x", "10 fields"),
        ("bad_encoding", Dialect(encoding="cp1252"), "x", "text in cp1252"),
    ],
)
def test_what_was_expected_follows_from_the_dialect(reason: str, dialect: Dialect, value: str, said: str) -> None:
    assert expected(reason, layout_of(dialect), value) == said


def test_ids_are_not_checked_for_uniqueness() -> None:
    assert [row.values for row in rows_of(2 * written(FIELDS))] == [VALUES, VALUES]
