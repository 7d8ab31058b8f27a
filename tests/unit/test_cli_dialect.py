"""`--dialect` and `--column` give what a dialect in a request gives."""

import pytest
import typer

from autoconnect.cli.dialect import given_options
from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions


@pytest.mark.parametrize(
    ("parts", "columns", "given"),
    [
        ([], [], {}),
        (["dates=mdy", "header=3", "delimiter=tab"], [], {"dates": "mdy", "header": 3, "delimiter": "\t"}),
        (["decimal=,", "delimiter=;"], [], {"decimal": ",", "delimiter": ";"}),
        ([], ["price=Montant TTC"], {"columns": {"price": "Montant TTC"}}),
        ([], ["city==Lyon", "model==a=b"], {"columns": {"city": "=Lyon", "model": "=a=b"}}),
        ([], ["duration="], {"columns": {"duration": None}}),
        (['types={"V": "vente"}'], [], {"types": {"V": "vente"}}),
        (
            ['columns={"city": "site", "cost": null}'],
            ["city==Lyon"],
            {"columns": {"city": "=Lyon", "cost": None}},
        ),
    ],
)
def test_options_give_what_a_dialect_gives(parts: list[str], columns: list[str], given: dict[str, object]) -> None:
    assert given_options(parts, columns) == DialectOptions.read(given)


def test_without_options_nothing_is_given() -> None:
    assert given_options(None, None) == NOTHING_GIVEN


@pytest.mark.parametrize(
    ("parts", "columns", "message"),
    [
        (["dates"], [], "--dialect is 'dates'; expected KEY=VALUE"),
        (["dates=x"], [], "dates is 'x'; expected ymd, dmy, "),
        (["date=mdy"], [], "no part 'date'; expected encoding, "),
        (["dates=mdy", "dates=dmy"], [], "--dialect has 'dates' twice; expected KEY=VALUE, each name once"),
        (["types=V"], [], "types is 'V'; expected names and their values"),
        (["types={"], [], "types is '{'; expected names and their values"),
        ([], ["price"], "--column is 'price'; expected MEANING=HEADER"),
        ([], ["price="], "The column price is given as None; expected its name in the header"),
        ([], ["city=="], "The column city is given as '='; expected "),
        ([], ["colour=x"], "columns has 'colour'; expected id, date, "),
    ],
)
def test_an_option_that_cannot_be_read_is_wrong_usage(parts: list[str], columns: list[str], message: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        given_options(parts, columns)
    assert message in caught.value.message
