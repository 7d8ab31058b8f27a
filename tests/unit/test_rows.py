"""The rows that are accepted, the values read from them, and the reason to reject each other row."""

from datetime import date

import pytest

from autoconnect.core.layout import sniff
from autoconnect.core.schema import REASONS
from tests.oracle import MISSING, Row
from tests.unit.batches import cells_of_cube, cells_of_rows, map_whole

FIELDS = {
    "id": "TX1",
    "date": "2024-02-29",
    "city": "Paris",
    "type": "location",
    "model": "BMW X3",
    "price": "1234.5",
    "rental_months": "12",
    "cost": "1000",
}
ROW = Row("TX1", date(2024, 2, 29), "Paris", "location", "BMW X3", 1234_50, 12, 1000_00)

#: A faulty field for each reason that concerns a field, in the order of the contract.
FAULTS = {
    "missing_id": {"id": ""},
    "bad_date": {"date": "2024-02-30"},
    "missing_city": {"city": "_"},
    "unknown_type": {"type": "leasing"},
    "missing_model": {"model": "NA"},
    "negative_price": {"price": "-1"},
    "bad_price": {"price": "free"},
    "bad_duration": {"rental_months": "0"},
    "bad_cost": {"cost": "-1"},
}


def quoted(fields: list[str], delimiter: str) -> str:
    return delimiter.join('"' + field.replace('"', '""') + '"' for field in fields)


def judged(fields: dict[str, str], delimiter: str = ",") -> str | Row:
    """The reason to reject a row, or the accepted row with the values of its cell."""
    header, row = quoted(list(fields), delimiter), quoted(list(fields.values()), delimiter)
    data = f"{header}\n{row}\n".encode()
    partial = map_whole(data, sniff(data, []))
    if partial.rejects:
        assert partial.rejected == {partial.rejects[0].reason: 1}
        return partial.rejects[0].reason
    [((city, day, kind, model), cell)] = cells_of_cube(partial.cube).items()
    months, cost = cell["months"] if cell["durations"] else None, cell["cost"] if cell["costed"] else None
    accepted = Row("TX1", day, city, kind, model, cell["revenue"], months, cost)
    assert cells_of_cube(partial.cube) == cells_of_rows([accepted])
    return accepted


def with_(**changes: str) -> dict[str, str]:
    return {**FIELDS, **changes}


def test_a_good_row_is_read_as_it_is() -> None:
    assert judged(FIELDS) == ROW


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
        (b"x," * (1 << 20), "record_too_long"),
        (b'1,2,3,"', "bad_quotes"),
        (b",,,,,,", "field_count"),
        (b"x", "field_count"),
        (b" ", "field_count"),
        (b",,,,,", "missing_id"),
    ],
)
def test_a_fault_of_the_line_comes_before_faults_of_its_fields(line: bytes, reason: str) -> None:
    data = b"\xef\xbb\xbfid,date,city,type,model,price\r\n\r\n" + line + b"\n"
    [reject] = map_whole(data, sniff(data, [])).rejects
    assert (reject.reason, reject.line) == (reason, 1)
    assert len(reject.raw) <= 500


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0", 0),
        ("0.1", 10),
        ("0.05", 5),
        ("007.50", 7_50),
        ("9999999999.99", 999_999_999_999),
        ("0" * 5_000 + "1", 1_00),
        ("  12\u00a0", 12_00),
    ],
)
def test_amounts_are_read_to_the_cent(text: str, cents: int) -> None:
    assert judged(with_(price=text)) == ROW._replace(price=cents)
    assert judged(with_(cost=text)) == ROW._replace(cost=cents)
    assert judged(with_(price=text.replace(".", ","), cost=""), ";") == ROW._replace(price=cents, cost=None)


NO_AMOUNTS = (
    "1.234|1.|.5|1,5|1 000|1_000|+1|1e3|inf|nan|0x1|1€|٣|²|--1|- 1|-|-1.234|1.2.3|1\n2|10000000000|-10000000000"
)


@pytest.mark.parametrize("text", [*NO_AMOUNTS.split("|"), "9" * 5_000])
def test_any_other_amount_is_refused(text: str) -> None:
    assert judged(with_(price=text)) == "bad_price"
    assert judged(with_(cost=text)) == "bad_cost"


@pytest.mark.parametrize("text", ["-1", "-0", "-0.00", "-9999999999.99"])
def test_a_negative_price_has_a_reason_of_its_own(text: str) -> None:
    assert judged(with_(price=text)) == "negative_price"
    assert judged(with_(cost=text)) == "bad_cost"


@pytest.mark.parametrize("text", ["1.5", "1,234", "1.234,5", "1,2,3"])
def test_with_a_semicolon_as_delimiter_only_a_comma_is_a_decimal_mark(text: str) -> None:
    assert judged(with_(price=text, cost=""), ";") == "bad_price"


@pytest.mark.parametrize(
    "text", ["2024-02-29", " 2024-02-29 ", "2024-02-29T", "2024-02-29T25:61Z", "2024-02-29 at\nnoon"]
)
def test_anything_after_a_date_and_a_t_or_a_space_is_ignored(text: str) -> None:
    assert judged(with_(date=text)) == ROW


@pytest.mark.parametrize("text", ["0001-01-01", "1900-02-28", "1969-12-31", "2000-02-29", "9999-12-31"])
def test_every_day_of_the_calendar_is_read(text: str) -> None:
    assert judged(with_(date=text)) == ROW._replace(day=date.fromisoformat(text))


NO_DATES = (
    "2023-02-29|1900-02-29|2024-04-31|2024-13-01|2024-00-10|2024-01-00|0000-01-01|24-01-01|2024-1-1|20240101|2024/01/01|"
    "01/02/2024|2024-01-01t10|2024-01-01Z|2024-01-01\n10:00|2024-01-01\u00a0x|-2024-01-01|10000-01-01|2024-W01-1|"
    "٢٠٢٤-01-01"
)


@pytest.mark.parametrize("text", [*NO_DATES.split("|"), *sorted(MISSING)])
def test_any_other_date_is_refused(text: str) -> None:
    assert judged(with_(date=text)) == "bad_date"


@pytest.mark.parametrize(
    ("text", "months"),
    [("1", 1), ("1200", 1200), ("0012", 12), ("0" * 5_000 + "3", 3), *((word, None) for word in sorted(MISSING))],
)
def test_a_rental_lasts_from_1_to_1200_months_or_has_no_duration(text: str, months: int | None) -> None:
    assert judged(with_(rental_months=text)) == ROW._replace(months=months)


@pytest.mark.parametrize(
    "text", ["0", "000", "1201", "12001", "9" * 5_000, "-1", "+1", "1.0", "12 mois", "1e1", "٣", "²"]
)
def test_any_other_duration_is_refused_for_a_rental_and_ignored_for_a_sale(text: str) -> None:
    assert judged(with_(rental_months=text)) == "bad_duration"
    assert judged(with_(rental_months=text, type="sale")) == ROW._replace(type="vente", months=None)


@pytest.mark.parametrize(
    ("text", "kind"), [("vente", "vente"), ("SALE", "vente"), (" Location ", "location"), ("rentaL", "location")]
)
def test_types_are_french_or_english_in_any_case(text: str, kind: str) -> None:
    assert judged(with_(type=text)) == ROW._replace(type=kind, months=12 if kind == "location" else None)


@pytest.mark.parametrize("text", ["ventes", "vente location", "_vente", "0", *sorted(MISSING)])
def test_any_other_type_is_refused(text: str) -> None:
    assert judged(with_(type=text)) == "unknown_type"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BMW_X3", "BMW X3"),
        ("__BMW _\t_ X3 _", "BMW X3"),
        ("BMW\n\u00a0\u2003X3", "BMW X3"),
        ("bmw X3", "bmw X3"),
        ('"BMW" X3, ;', '"BMW" X3, ;'),
        ("e\u0301tat", "e\u0301tat"),
        ("NAN", "NAN"),
        ("none", "none"),
        ("🚗", "🚗"),
    ],
)
def test_in_names_only_runs_of_space_and_underscore_change(text: str, name: str) -> None:
    assert judged(with_(city=text)) == ROW._replace(city=name)
    assert judged(with_(model=text)) == ROW._replace(model=name)


@pytest.mark.parametrize("word", [*sorted(MISSING), " NULL ", "\u00a0"])
def test_a_word_for_no_value_is_a_missing_value(word: str) -> None:
    outcomes = {column: judged({**FIELDS, column: word}) for column in FIELDS}
    assert outcomes == {
        "id": "missing_id",
        "date": "bad_date",
        "city": "missing_city",
        "type": "unknown_type",
        "model": "missing_model",
        "price": "bad_price",
        "rental_months": ROW._replace(months=None),
        "cost": ROW._replace(cost=None),
    }


@pytest.mark.parametrize("word", ["_", " _ _", "__\u00a0"])
def test_a_name_of_spaces_and_underscores_is_missing(word: str) -> None:
    assert judged(with_(city=word)) == "missing_city"
    assert judged(with_(model=word)) == "missing_model"


def test_ids_are_not_checked_for_uniqueness() -> None:
    line = quoted(list(FIELDS.values()), ",")
    data = "\n".join([",".join(FIELDS), line, line]).encode()
    assert map_whole(data, sniff(data, [])).rows_accepted == 2
