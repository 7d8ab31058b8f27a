"""Checking a source: how it would be read, over REST."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from autoconnect.broker.connection import Client
from tests.integration.stack import HEADER, Serve, Stack

GOOD = "TX{0},2024-01-{0:02},Paris,vente,BMW X3,10.50,\n"
#: The days cannot be told from the months.
UNDECIDED = HEADER + "TX1,01/02/2024,Paris,vente,BMW X3,10.50,\n"


@pytest.fixture
def api(serve: Serve) -> TestClient:
    return serve()


def check(api: TestClient, dialect: object = None, name: str = "source.csv") -> Any:
    parameters = {} if dialect is None else {"dialect": json.dumps(dialect)}
    return api.get(f"/api/v1/sources/{name}/check", params=parameters)


def test_a_check_shows_the_dialect_with_its_evidence_the_columns_rows_rejects_and_notes(
    stack: Stack, api: TestClient, client: Client
) -> None:
    header = "numero;Date;Ville;Type;Modele;Prix (€);Cout;Duree_mois;Remarque\n"
    rows = ["1;31/01/2024;Paris;vente;BMW;1 000,50;900,25;;x\n", "2;01/02/2024;Paris;location;BMW;10,50 €;;12;\n"]
    stack.write(header + "".join(rows) * 15 + "3;01/02/2024;Paris;vente;BMW;ten;;;\n" + header)
    answer = check(api)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["source"] == "source.csv"
    dialect = document["dialect"]
    assert (dialect["delimiter"], dialect["decimal"], dialect["currency"], dialect["dates"]) == (";", ",", "EUR", "dmy")
    assert document["evidence"].keys() == dialect.keys() - {"columns", "types"}
    assert "31/01/2024" in document["evidence"]["dates"]
    columns = [(column["name"], column["meaning"], column["used"]) for column in document["columns"]]
    assert columns[:2] == [("numero", "id", True), ("Date", "date", True)]
    assert columns[-1] == ("Remarque", None, False)
    assert len(document["rows"]) == 20
    assert document["rows"][:2] == [
        {
            "line": 2,
            "date": "2024-01-31",
            "city": "Paris",
            "type": "vente",
            "model": "BMW",
            "price": 1000.5,
            "duration": None,
            "cost": 900.25,
        },
        {
            "line": 3,
            "date": "2024-02-01",
            "city": "Paris",
            "type": "location",
            "model": "BMW",
            "price": 10.5,
            "duration": 12,
            "cost": None,
        },
    ]
    (reject,) = document["rejects"]
    assert (reject["line"], reject["reason"], reject["column"], reject["value"]) == (32, "bad_price", "Prix (€)", "ten")
    assert [(note["code"], note["line"]) for note in document["notes"]] == [
        ("unused_columns", None),
        ("repeated_headers", 33),
    ]
    assert client.call("EXISTS", "autoconnect:jobs", "autoconnect:sequence") == 0


def test_a_dialect_that_cannot_be_judged_is_422_with_the_sentence_until_it_is_given(
    stack: Stack, api: TestClient
) -> None:
    stack.write(UNDECIDED)
    refused = check(api)
    assert refused.status_code == 422
    problem = refused.json()
    assert "01/02/2024" in problem["detail"]
    assert "dates=" in problem["detail"]
    assert problem["errors"] == [{"name": "dates", "message": problem["detail"]}]
    assert "columns" not in problem
    assert [row["date"] for row in check(api, {"dates": "mdy"}).json()["rows"]] == ["2024-01-02"]
    assert [row["date"] for row in check(api, {"dates": "dmy"}).json()["rows"]] == ["2024-02-01"]


def test_a_check_that_misses_columns_names_those_to_choose_from(stack: Stack, api: TestClient) -> None:
    stack.write(HEADER.replace("ville", "Agence").replace("prix", "Net") + GOOD.format(1))
    problem = check(api).json()
    assert [error["name"] for error in problem["errors"]] == ["columns"]
    columns = {column["name"]: column["meaning"] for column in problem["columns"]}
    assert (columns["Agence"], columns["Net"], columns["modele"]) == (None, None, "model")
    assert len(columns) == 7
    assert check(api, {"columns": {"city": "Agence", "price": "Net"}}).json()["rows"][0]["city"] == "Paris"


def test_the_setting_holds_for_checks_and_the_parameter_overrides_it(stack: Stack, serve: Serve) -> None:
    stack.write(UNDECIDED)
    api = serve(dialect='{"dates": "dmy"}')
    assert [row["date"] for row in check(api).json()["rows"]] == ["2024-02-01"]
    assert [row["date"] for row in check(api, {"dates": "mdy"}).json()["rows"]] == ["2024-01-02"]


@pytest.mark.parametrize(
    ("dialect", "name"), [("{", "dialect"), ("[]", "dialect"), ('{"dates": "x"}', "dates"), ('{"x": 1}', "x")]
)
def test_a_dialect_that_cannot_be_read_is_422_that_names_it(api: TestClient, dialect: str, name: str) -> None:
    refused = api.get("/api/v1/sources/source.csv/check", params={"dialect": dialect})
    assert refused.status_code == 422
    assert [error["name"] for error in refused.json()["errors"]] == [name]


def test_an_unknown_source_is_404_and_an_empty_dialect_gives_nothing(stack: Stack, api: TestClient) -> None:
    assert check(api, name="none.csv").status_code == 404
    stack.write(HEADER + GOOD.format(1))
    assert api.get("/api/v1/sources/source.csv/check?dialect=").json()["rows"][0]["date"] == "2024-01-01"


def test_a_large_source_is_checked_from_its_start(stack: Stack, api: TestClient) -> None:
    """Given a source whose sample ends in a quoted record / I expect the rows before that"""
    long = 'TX1,2024-01-01,Paris,vente,"BMW ' + "x" * 900_000 + '",10.50,\n'
    stack.write(HEADER + GOOD.format(1) * 3 + long * 10)
    document = check(api).json()
    assert [row["line"] for row in document["rows"]][:3] == [2, 3, 4]
