"""How the rows of a source are judged: surplus, decimal mark, currency, dates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core.headers import Headers
from autoconnect.core.meanings import Meanings
from autoconnect.core.records import Form
from autoconnect.core.sniffer.rows import RowReader
from tests.unit.sniffing import HEADER, failure, sniffed, source


def _prices(*prices: str) -> bytes:
    return source(*({"prix": price} for price in prices), delimiter=";")


def _dates(*dates: str, price: str = "10.50") -> bytes:
    return source(*({"date": date, "prix": price} for date in dates), delimiter=";")


@pytest.mark.parametrize(
    ("ends", "surplus"),
    [
        (["", "", ""], 0),
        ([";", ";", ";"], 1),
        ([";;", ";;", ""], 2),
        ([";", ""], 0),
        ([";", ";;", ""], 0),
        ([";x", ";x", ";x"], 0),
        (["; ", ';""', ";\u00a0"], 1),
    ],
)
def test_surplus_fields_are_those_that_most_rows_end_with(ends: list[str], surplus: int) -> None:
    header = HEADER.replace(",", ";")
    rows = "".join(f"T1;2024-01-15;Lyon;vente;Clio;10{end}\n" for end in ends)
    assert sniffed(f"{header}\n{rows}".encode()).layout.dialect.surplus == surplus


@pytest.mark.parametrize(
    ("prices", "decimal"),
    [
        (["10"], None),
        (["", "n/a", "12.03.2024", "1.2.3", "x12.5", "12.", ".5"], None),
        (["10.5"], "."),
        (["10,50"], ","),
        (["10.5000"], "."),
        (["1234.500"], "."),
        (["1 234,500"], ","),
        (["1.234,500"], ","),
        (["1,234,567.891"], "."),
        (["1'234.5"], "."),
        (["12.500", "10,5"], ","),
        (["12.500", "10.5"], "."),
        (["1.234.567", "12.500"], ","),
        (["1,234,567", "12,500"], "."),
        (["-10,5"], ","),
        (["(10,5)"], ","),
        (["10,5-"], ","),
        (["\u221210,5"], ","),
        (["10,50 €"], ","),
        (["€10,50"], ","),
        (["CHF 10.50"], "."),
        (["\u200e 10\u202f000,50\u00a0€"], ","),
    ],
)
def test_amounts_prove_the_decimal_mark(prices: list[str], decimal: str | None) -> None:
    assert sniffed(_prices(*prices)).layout.dialect.decimal == decimal


@pytest.mark.parametrize(("prices", "likely"), [(["1.5", "2,5", "3.5"], "."), (["1.5", "2,5", "3,5"], ",")])
def test_of_two_marks_the_more_frequent_one_is_the_example(prices: list[str], likely: str) -> None:
    assert failure(_prices(*prices)).endswith(f"; give decimal=. or decimal=, (--dialect decimal={likely}).")


@pytest.mark.parametrize("price", ["12.500", "1,500", "123.456 €", "-1.500"])
def test_amounts_of_one_group_or_three_decimals_do_not_tell(price: str) -> None:
    sentence = failure(_prices("10", price))
    assert f"line 3 has {price}; give decimal=. or decimal=, (--dialect decimal=.)" in sentence
    assert sniffed(_prices(price), decimal=",").layout.dialect.decimal == ","


@pytest.mark.parametrize(
    ("first", "second"), [("10.5", "10,5"), ("1.234,5", "1,234.5"), ("1,234,567", "1.234.567"), ("10.25", "1234,500")]
)
def test_two_decimal_marks_fail(first: str, second: str) -> None:
    sentence = failure(_prices(first, second))
    assert f"line 2 has {first}" in sentence
    assert f"line 3 has {second}" in sentence
    assert "decimal=" in sentence


def test_costs_prove_the_decimal_mark_too() -> None:
    data = source({"prix": "12.500", "cout": "8,5"}, header=f"{HEADER},cout", delimiter=";")
    assert sniffed(data).layout.dialect.decimal == ","


def test_rows_with_another_number_of_fields_prove_nothing() -> None:
    data = _prices("10.50") + b"T2;x;2024-01-15;Lyon;vente;10,5;10,5\nT3;10,5\n"
    assert sniffed(data).layout.dialect.decimal == "."


def test_rows_may_lack_optional_fields_at_their_end() -> None:
    data = source({"prix": "10,5"}, header=f"{HEADER},duree_mois", delimiter=";").replace(b"10,5;", b"10,5")
    assert sniffed(data).layout.dialect.decimal == ","


@pytest.mark.parametrize(
    ("prices", "currency"),
    [
        (["10"], None),
        (["10 €"], "EUR"),
        (["10EUR", "10 euros", "1 Euro"], "EUR"),
        (["$10.50"], "USD"),
        (["10 usd"], "USD"),
        (["£ 10"], "GBP"),
        (["10 gbp"], "GBP"),
        (["Chf 10"], "CHF"),
        (["10 yen", "euro"], None),
    ],
)
def test_amounts_name_their_currency(prices: list[str], currency: str | None) -> None:
    assert sniffed(_prices(*prices)).layout.dialect.currency == currency


def test_the_bracket_of_the_price_names_the_currency() -> None:
    result = sniffed(source({}, header=HEADER.replace("prix", "Prix (€ TTC)")).replace(b",\n", b",10\n"))
    assert (result.layout.dialect.currency, result.evidence["currency"]) == ("EUR", "line 1 has Prix (€ TTC)")


@pytest.mark.parametrize(("word", "currency"), [("EUR", "EUR"), ("£", "GBP"), ("dollar", None), ("", None)])
def test_a_column_names_the_currency(word: str, currency: str | None) -> None:
    data = source({"devise": word}, header=f"{HEADER},devise")
    assert sniffed(data).layout.dialect.currency == currency


def test_a_text_for_the_column_names_the_currency() -> None:
    assert sniffed(source({}), columns={"currency": "=chf"}).layout.dialect.currency == "CHF"


@pytest.mark.parametrize(
    "data",
    [
        _prices("10 €", "10 $"),
        source({"prix": "10 $", "devise": "EUR"}, header=f"{HEADER},devise"),
        source({"Prix (€)": "10 $"}, header=HEADER.replace("prix", "Prix (€)")),
        source({"devise": "EUR"}, {"devise": "USD"}, header=f"{HEADER},devise"),
    ],
)
def test_two_currencies_fail(data: bytes) -> None:
    sentence = failure(data)
    assert sentence.startswith("The source has two currencies, ")
    assert "EUR (line " in sentence
    assert "USD (line " in sentence
    assert "--dialect currency=" in sentence
    assert sniffed(data, currency="EUR").layout.dialect.currency == "EUR"
    assert sniffed(data, currency="none").layout.dialect.currency is None


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["2024-01-15"], "ymd"),
        (["20240115", "2024/1/5", "2024.01.15T10:00"], "ymd"),
        (["", "x", "45123", "2024-13"], "ymd"),
        (["32/01/2024", "13/13/2024", "1/2-2024"], "ymd"),
        (["13/01/2024"], "dmy"),
        (["1.2.2024", "31.1.2024 10:00"], "dmy"),
        (["01-13-2024"], "mdy"),
        (["1/2/2024", "1/31/2024T10:00:00Z"], "mdy"),
        (["2024-01-15", "2024-01-15", "25/01/2024"], "dmy"),
    ],
)
def test_numbers_over_12_prove_the_order_of_dates(dates: list[str], order: str) -> None:
    assert sniffed(_dates(*dates)).layout.dialect.dates == order


def test_dates_without_a_number_over_12_do_not_tell() -> None:
    data = _dates("2024-05-01", "01/05/2024")
    sentence = failure(data)
    assert "line 3 has 01/05/2024; give dates=dmy or dates=mdy (--dialect dates=dmy)" in sentence
    assert sniffed(data, dates="mdy").layout.dialect.dates == "mdy"


def test_a_proved_decimal_comma_tells_that_the_day_comes_first() -> None:
    result = sniffed(_dates("01/05/2024", price="10,50"))
    assert result.layout.dialect.dates == "dmy"
    assert result.evidence["dates"] == "line 2 has 01/05/2024, and the decimal mark is a comma"


@pytest.mark.parametrize("price", ["10", "1.234.567"])
def test_a_decimal_comma_that_is_not_proved_tells_nothing(price: str) -> None:
    data = _dates("01/05/2024", price=price)
    assert "dates=dmy" in failure(data)
    assert "dates=dmy" in failure(data, decimal=",")


def test_a_given_decimal_comma_does_not_hide_that_it_is_proved() -> None:
    assert sniffed(_dates("01/05/2024", price="10,50"), decimal=",").layout.dialect.dates == "dmy"


def test_a_given_decimal_point_leaves_no_proof_of_a_comma() -> None:
    assert "dates=dmy" in failure(_dates("01/05/2024", price="10,50"), decimal=".")


@pytest.mark.parametrize(("first", "second"), [("25/01/2024", "01/25/2024"), ("31.12.2024", "1-13-2024")])
def test_two_orders_of_dates_fail(first: str, second: str) -> None:
    sentence = failure(_dates("2024-01-15", second, first))
    assert f"line 4 has {first}, and line 3 has {second}" in sentence
    assert "give dates=dmy or dates=mdy" in sentence


def test_one_date_in_a_thousand_may_be_in_the_other_order() -> None:
    dates = ["25/01/2024"] * 999
    assert sniffed(_dates("01/25/2024", *dates)).layout.dialect.dates == "dmy"
    assert "two orders" in failure(_dates("01/25/2024", *dates[1:]))
    assert "two orders" in failure(_dates("01/25/2024", "25/01/2024", *["2024-01-15"] * 998))


@pytest.mark.parametrize("date", ["23-11-01", "1/2/24", "24-1-5", "25.01.24 10:00"])
def test_years_of_two_digits_ask(date: str) -> None:
    data = _dates("2024-01-15", date)
    sentence = failure(data)
    assert f"line 3 has {date}; give dates=dmyy, dates=mdyy or dates=yymd (--dialect dates=dmyy)" in sentence
    assert sniffed(data, dates="yymd").layout.dialect.dates == "yymd"


def test_a_text_for_the_date_is_judged_as_a_date() -> None:
    assert sniffed(source({}), columns={"date": "=25/01/2024"}).layout.dialect.dates == "dmy"


def _cut(*fields: tuple[str, str]) -> bytes:
    return source(*({"prix": units, "duree_mois": cents} for units, cents in fields), header=f"{HEADER},duree_mois")


def test_prices_that_were_cut_at_their_decimal_comma_fail() -> None:
    data = _cut(("10", "87"), ("10", "05"), ("10", ""))
    sentence = failure(data)
    assert "decimal comma" in sentence
    assert "line 3 has 10,05" in sentence
    assert sniffed(data, decimal=".").layout.dialect.decimal == "."


@pytest.mark.parametrize(
    "data",
    [
        _cut(("10", "87"), ("10", "12")),
        _cut(("10", "05"), ("10", "")),
        _cut(("10", "05"), ("10.5", "05")),
        _cut(("10", "005"), ("10", "0")),
        _cut(("10", "05"), ("10", "05")).replace(b",", b";"),
    ],
)
def test_other_prices_were_not_cut(data: bytes) -> None:
    assert sniffed(data).layout.fields == 7


def test_cut_prices_fail_whatever_the_number_of_their_fields() -> None:
    rows = "".join(f"T1,2024-01-15,Lyon,vente,Clio,10,{cents},{months}\n" for cents, months in [("05", ""), ("50", 12)])
    assert "line 2 has 10,05" in failure(f"{HEADER},duree_mois\n{rows}".encode())


# Rows that prove nothing


def test_a_repeated_header_and_a_line_that_names_the_delimiter_are_no_rows() -> None:
    header = HEADER.replace(",", ";")
    data = f"sep=;\n{header}\nT1;2024-01-15;Lyon;vente;Clio;10;\nsep=;\n{header}\n"
    assert sniffed(data.encode()).layout.dialect.surplus == 1


@pytest.mark.parametrize(
    ("row", "surplus"),
    [
        ('T2;31/01/2024;"Ly\non";vente;Clio;10,5 €;', 1),
        ('T2;31/01/2024;Lyon;vente;Clio;"10,5 €;\nx";', 1),
        ('T2;31/01/2024;"Lyon;vente;Clio;10,5 €;', 1),
        ("T2;31/01/2024;Lyon;vente;Clio;10,5 €;x", 1),
        ("T2;31/01/2024;Lyon;vente;Clio;10,5 €", 1),
    ],
)
def test_a_row_that_is_rejected_for_its_quotes_or_its_width_proves_nothing(row: str, surplus: int) -> None:
    good = "T1;2024-01-15;Lyon;vente;Clio;10.5;\n"
    dialect = sniffed(f"{HEADER.replace(',', ';')}\n{good * 3}{row}\n{good}".encode()).layout.dialect
    assert (dialect.surplus, dialect.decimal, dialect.currency, dialect.dates) == (surplus, ".", None, "ymd")


def test_a_last_row_that_may_be_cut_proves_nothing() -> None:
    data = f"{HEADER},note\nT1,2024-01-15,Lyon,vente,Clio,10.5,\nT2,31/01/2024,Lyon,vente,Clio,5".encode()
    assert sniffed(data).layout.dialect.dates == "ymd"
    assert sniffed(data + b"\n").layout.dialect.dates == "dmy"


def test_a_placeholder_of_dates_proves_their_order_too() -> None:
    assert sniffed(_dates("01/02/2024", "31/12/2099")).layout.dialect.dates == "dmy"


_DATED = ("2024-01-15;Lyon;10", "15/01/2024 ;\u00c9t\u00e9;1\u00a0000,5", "20240115")
_OTHERS = ("x;y", "", ";;", "date;ville;prix", '2024-01-15;"a";1', "\x1a", "2024-01-15;a\rb")
_HEADERS = Headers(["date", "ville", "prix"], Meanings({}), ";", has_sep_line=False)
_READERS = [
    RowReader(Form(b";", line_end, encoding), _HEADERS, {"date": 0})
    for line_end in (b"\n", b"\r")
    for encoding in ("utf-8", "cp1252")
]


@settings(max_examples=500)
@given(
    st.sampled_from([_DATED, _DATED + _OTHERS]).flatmap(lambda lines: st.lists(st.sampled_from(lines), min_size=1)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", *_DATED]),
    st.sampled_from(_READERS),
    st.booleans(),
)
def test_lines_with_dates_are_read_as_any_others(
    lines: list[str], line_end: str, last: str, reader: RowReader, is_whole: bool
) -> None:
    data = ("".join(line + line_end for line in lines) + last).encode()
    assert list(reader.rows(data, 3, is_whole=is_whole)) == list(reader._any_rows(data, 3, is_whole=is_whole))
