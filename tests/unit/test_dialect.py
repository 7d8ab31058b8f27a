"""What a user gives of a dialect."""

from collections.abc import Mapping

import pytest

from autoconnect.core.dialect import NEEDED, NOTHING_GIVEN, OPTIONAL, DialectOptions
from autoconnect.core.schema import COLUMNS
from autoconnect.errors import SelectionError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, NOTHING_GIVEN),
        ({"dates": None, "header": None, "columns": None, "types": None}, NOTHING_GIVEN),
        ({"encoding": "CP1252", "line_end": "Cr"}, DialectOptions(encoding="cp1252", line_end="cr")),
        ({"delimiter": "tab"}, DialectOptions(delimiter="\t")),
        ({"delimiter": "\\t"}, DialectOptions(delimiter="\t")),
        ({"delimiter": "\t"}, DialectOptions(delimiter="\t")),
        ({"delimiter": "|", "decimal": ","}, DialectOptions(delimiter="|", decimal=",")),
        ({"header": "3", "surplus": 0}, DialectOptions(header=3, surplus=0)),
        ({"currency": "eur"}, DialectOptions(currency="EUR")),
        ({"currency": "none"}, DialectOptions(currency="none")),
        ({"dates": "yymd"}, DialectOptions(dates="yymd")),
        ({"columns": {"city": "=Lyon"}}, DialectOptions(columns={"city": "=Lyon"})),
        ({"columns": {"price": "Montant TTC"}}, DialectOptions(columns={"price": "Montant TTC"})),
        ({"columns": {"duration": None}}, DialectOptions(columns={"duration": None})),
        ({"types": {"V": "Vente", "LLD": "location"}}, DialectOptions(types={"V": "vente", "LLD": "location"})),
    ],
)
def test_options_are_read_as_a_user_writes_them(given: Mapping[str, object], expected: DialectOptions) -> None:
    assert DialectOptions.read(given) == expected


@pytest.mark.parametrize(
    ("given", "part", "message"),
    [
        ({"date": "dmy"}, "date", "has no part 'date'; expected encoding, line_end, "),
        ({"dates": "ddmm"}, "dates", "dates is 'ddmm'; expected ymd, dmy, mdy, dmyy, mdyy or yymd"),
        ({"dates": 1}, "dates", "dates is 1; expected"),
        ({"delimiter": ":"}, "delimiter", "delimiter is ':'; expected .* tab or "),
        ({"decimal": ""}, "decimal", "decimal is ''"),
        ({"currency": "yen"}, "currency", "currency is 'yen'; expected EUR, USD, GBP, CHF or none"),
        ({"header": 0}, "header", "header is 0; expected a whole number from 1 to 1,000,000"),
        ({"header": True}, "header", "header is True"),
        ({"header": "1.0"}, "header", "header is '1.0'"),
        ({"header": "9" * 5_000}, "header", "expected a whole number"),
        ({"surplus": "-1"}, "surplus", "surplus is '-1'; expected a whole number from 0 "),
        ({"columns": ["price"]}, "columns", "expected names and their values"),
        ({"columns": {1: "prix"}}, "columns", "expected names and their values"),
        ({"columns": {"prix": "x"}}, "columns", "columns has 'prix'; expected id, date, city, type, model, price, "),
        ({"columns": {"price": None}}, "columns", "price is given as None; expected its name in the header"),
        ({"columns": {"cost": 5}}, "columns", "cost is given as 5; .* or null if it is not used"),
        ({"columns": {"city": "= "}}, "columns", "city is given as '= '"),
        ({"columns": {"city": "=Ly\udce9n"}}, "columns", "city is given as"),
        ({"types": {"V": "achat"}}, "types", "types has 'V' as 'achat'; expected a word .* as vente or location"),
        ({"types": {" ": "vente"}}, "types", "types has ' '"),
    ],
)
def test_what_cannot_be_given_is_named_with_what_was_expected(
    given: Mapping[str, object], part: str, message: str
) -> None:
    with pytest.raises(SelectionError, match=message) as caught:
        DialectOptions.read(given)
    assert caught.value.name == part


def test_options_stand_above_those_that_they_are_merged_with() -> None:
    defaults = DialectOptions.read(
        {"dates": "dmy", "decimal": ",", "columns": {"city": "=Lyon", "cost": None}, "types": {"V": "vente"}}
    )
    options = DialectOptions.read({"dates": "mdy", "columns": {"city": "Site"}, "types": {"LLD": "location"}})
    assert options.merged(defaults) == DialectOptions(
        dates="mdy",
        decimal=",",
        columns={"city": "Site", "cost": None},
        types={"V": "vente", "LLD": "location"},
    )


def test_options_survive_their_json() -> None:
    options = DialectOptions.read({"surplus": 0, "delimiter": "tab", "columns": {"duration": None, "city": "=Lyon"}})
    assert DialectOptions.from_json(options.to_json()) == options
    assert DialectOptions.from_json(NOTHING_GIVEN.to_json()) == NOTHING_GIVEN


def test_given_parts_are_those_with_a_value() -> None:
    assert NOTHING_GIVEN.given == ()
    assert DialectOptions.read({"surplus": 0, "columns": {"cost": None}}).given == ("surplus", "columns")


def test_the_meanings_are_those_of_the_columns() -> None:
    assert [meaning for meaning, column in COLUMNS.items() if column.needed] == list(NEEDED)
    assert [meaning for meaning, column in COLUMNS.items() if not column.needed] == list(OPTIONAL)


def test_a_number_may_be_written_as_json_writes_it() -> None:
    assert DialectOptions.read({"header": 2.0, "surplus": 0.0}) == DialectOptions(header=2, surplus=0)
    with pytest.raises(SelectionError, match="whole number"):
        DialectOptions.read({"header": 2.5})
