"""What callers are told: of bodies, keys and letters."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.integration.api_server import api_server
from tests.integration.stack import HEADER, Serve, Stack
from tests.integration.test_security import FIRST, SECOND, is_problem

JSON = {"Content-Type": "application/json"}


def fault_of(api: TestClient, body: bytes | str) -> tuple[str, str]:
    """The name and message of the only error in a body."""
    response = api.post("/api/v1/jobs", content=body, headers=JSON)
    assert is_problem(response, 422), response.text
    (error,) = response.json()["errors"]
    assert response.json()["detail"] == error["message"]
    return error["name"], error["message"]


@pytest.mark.parametrize(
    ("body", "place", "expected"),
    [
        ("nope", "line 1, column 1 has 'n'", "a value"),
        ("{", "line 1, column 2 has the end", "a name in double quotes"),
        ('{\n "source": tru\n}', "line 2, column 12 has 't'", "a value"),
        ('{"source" "a.csv"}', "line 1, column 11 has '\"'", "a colon after the name"),
        ('{"é": 1\n "b": 2}', "line 2, column 2 has '\"'", "a comma, or the end of the object or list"),
        ('{"source": "a', "line 1, column 12 has '\"'", "a double quote at the end of the text that begins here"),
        ('{"source": "a\nb"}', "line 1, column 14 has '\\n'", r"an escape such as \n in place of a control character"),
        (r'{"source": "\x"}', "line 1, column 13 has '\\\\'", r"an escape such as \n or \u00e9"),
        (r'{"source": "\u12"}', None, r"an escape such as \u00e9"),
        ("{} {}", "line 1, column 4 has '{'", "nothing after the first value"),
    ],
)
def test_a_malformed_body_is_told_with_its_position_and_what_was_expected(
    serve: Serve, body: str, place: str | None, expected: str
) -> None:
    name, message = fault_of(serve(), body)
    assert name == "body"
    assert message.startswith(f"The body is not valid JSON: {place or 'line 1, column 1'}")
    assert message.endswith(f"; expected {expected}.")


def test_a_comma_too_much_is_told_by_every_python(serve: Serve) -> None:
    name, message = fault_of(serve(), '{"source": "a.csv",}')
    assert name == "body"
    assert message in (
        "The body is not valid JSON: line 1, column 20 has '}'; expected a name in double quotes.",
        "The body is not valid JSON: line 1, column 19 has ','; expected no comma before the end of the object.",
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"source": "\xe9"}', "The body is not text in UTF-8: byte 13 is 0xe9; expected JSON in UTF-8."),
        (b"9" * 5_000, "The body has a number with too many digits; expected at most 4,300."),
        (b"[" * 60_000, "The body has too many lists or objects in others; expected an object"),
    ],
)
def test_a_body_that_json_cannot_read_is_told_why(serve: Serve, body: bytes, detail: str) -> None:
    response = serve().post("/api/v1/jobs", content=body, headers=JSON)
    assert is_problem(response, 400), response.text
    assert response.json()["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("body", "name", "message"),
    [
        ({"source": 3}, "source", "source is 3; expected a text."),
        ({"source": ["é"]}, "source", "source is a list; expected a text."),
        ({"publish": "oui, été"}, "publish", "publish is 'oui, été'; expected true or false."),
        ({"dialect": "mdy"}, "dialect", 'dialect: it is \'mdy\'; expected an object such as {"dates": "mdy"}.'),
        ({"publier": True}, "publier", "'publier' is not a field of this call."),
        (["a.csv"], "body", "body is a list; expected an object."),
        (True, "body", "body is true; expected an object."),
    ],
)
def test_the_field_at_fault_is_named_in_our_words(serve: Serve, body: object, name: str, message: str) -> None:
    assert fault_of(serve(), json.dumps(body)) == (name, message)


@pytest.mark.parametrize(
    ("target", "name", "message"),
    [
        ("/jobs?limit=x", "limit", "limit is 'x'; expected a whole number."),
        ("/jobs?limit=0", "limit", "limit is '0'; expected 1 or more."),
        ("/metrics/trend?limit=100001", "limit", "limit is '100001'; expected 100,000 or less."),
        ("/metrics/trend?partial=é", "partial", "partial is 'é'; expected true or false."),
        ("/cities?job=", "job", "job is ''; expected at least 1 character."),
        ("/charts/trend.svg?theme=red", "theme", "theme is 'red'; expected 'light' or 'dark'."),
        ("/jobs?status=done", "status", "status is 'done'; expected 'queued', 'planning', 'running', 'reducing', "
         "'completed', 'failed' or 'cancelled'."),
    ],
)  # fmt: skip
def test_the_parameter_at_fault_is_named_in_our_words(serve: Serve, target: str, name: str, message: str) -> None:
    response = serve().get(f"/api/v1{target}")
    assert is_problem(response, 422)
    assert response.json()["errors"] == [{"name": name, "message": message}]


def test_a_missing_key_and_a_wrong_one_are_told_apart_and_all_wrong_ones_alike(serve: Serve) -> None:
    api = serve(api_key=f"reports:read:{FIRST}, {SECOND}")
    wrong: tuple[dict[str, str], ...] = (
        {"X-API-Key": "wrong"},
        {"X-API-Key": FIRST[:-1]},
        {"X-API-Key": "reports"},
        {"Authorization": f"Basic {SECOND}"},
        {"X-API-Key": SECOND, "Authorization": "Bearer wrong"},
    )
    missing = api.post("/api/v1/jobs")
    assert is_problem(missing, 401)
    assert missing.json()["detail"] == (
        "This call needs an API key, and none was sent; send it as Authorization: Bearer KEY or X-API-Key: KEY."
    )
    answers = [api.post("/api/v1/jobs", headers=headers) for headers in wrong]
    assert all(is_problem(answer, 401) for answer in answers)
    assert {answer.json()["detail"] for answer in answers} == {
        "The API key that was sent is wrong; send a right one as Authorization: Bearer KEY or X-API-Key: KEY."
    }


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/metrics/summary?city=%E9", "city"),
        ("/metrics/summary?city=Lyon&model=a%FFb", "model"),
        ("/cities?%E9=x", "�"),
        ("/query?group_by=%C3", "group_by"),
        ("/jobs?status=%80", "status"),
        ("/jobs/%FF", "path"),
        ("/sources/%E9.csv", "path"),
        ("/metrics/%E9", "path"),
    ],
)
def test_a_percent_sequence_that_is_not_utf8_is_a_422_that_names_it(serve: Serve, target: str, name: str) -> None:
    response = serve().get(f"/api/v1{target}")
    assert is_problem(response, 422), response.text
    (error,) = response.json()["errors"]
    assert error["name"] == name
    assert "not UTF-8" in error["message"]


@pytest.fixture
def letters(stack: Stack) -> str:
    """The id of a job whose names have letters beyond ASCII."""
    rows = "TX1,2024-05-02,Saint-Étienne,vente,Citroën C3,100.00,\nTX2,été,Saint-Étienne,vente,Citroën C3,1.00,\n"
    rows += "TX1,2024-05-02,Lyon,vente,Audi A4,100.00,\n" * 20
    job_id = stack.planned(stack.write(HEADER + rows, "été.csv"))
    assert stack.finish(job_id, stack.worker()).rows.accepted == 21
    return job_id


def test_every_json_has_letters_as_they_are(letters: str, serve: Serve) -> None:
    api = serve()
    for target in (
        "/metrics/monthly-revenue",
        "/metrics/top-models?city=saint-étienne",
        "/query?group_by=city,model",
        "/cities",
        "/charts/top-models.json",
        "/jobs",
        f"/jobs/{letters}",
        f"/jobs/{letters}/rejects",
        f"/jobs/{letters}/events",
        "/sources",
        "/sources/été.csv/check",
        "/metrics/summary?city=été&from=été",
        "/metrics/été",
    ):
        text = api.get(f"/api/v1{target}").content.decode()
        assert any(letter in text for letter in "Éëé"), target
        assert "\\u00" not in text, target
    assert "\\u00" not in api.get("/openapi.json").content.decode()


@pytest.mark.parametrize("city", ["saint-etienne", "SAINT%20ETIENNE", "saint+étienne", "saint_etienne"])
def test_a_city_is_compared_without_case_accents_spaces_and_signs(letters: str, serve: Serve, city: str) -> None:
    rows = serve().get(f"/api/v1/metrics/monthly-revenue?city={city}").json()["rows"]
    assert [row["city"] for row in rows] == ["Saint-Étienne"]


def test_raw_letters_in_the_request_line_are_read_or_a_problem(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with api_server(tmp_path, redis_url) as api:
        for target in ("/api/v1/metrics/summary?city=Orléans", "/api/v1/jobs/é", "/é"):
            answer = api.get(target)
            assert 400 <= answer.status < 500
            assert answer.media_type == "application/problem+json"
            problem = json.loads(answer.body)
            assert problem["status"] == answer.status
            assert "\\u00" not in answer.body.decode()


def test_a_form_is_told_that_put_is_meant_and_the_location_of_a_put_is_the_file(serve: Serve) -> None:
    api = serve()
    for method, path in (("POST", "/api/v1/sources"), ("PUT", "/api/v1/sources/a.csv")):
        refused = api.request(method, path, files={"file": ("a.csv", b"x")})
        assert is_problem(refused, 415)
        assert "expected the file itself as the body of PUT /api/v1/sources/NAME.csv" in refused.json()["detail"]
    stored = api.put("/api/v1/sources/été%20+.csv", content=HEADER)
    assert api.get(stored.headers["location"]).text == HEADER


def test_the_cities_of_another_job_are_those_of_that_job(letters: str, stack: Stack, serve: Serve) -> None:
    other = stack.planned(stack.write(f"{HEADER}TX1,2024-05-02,Lyon,vente,Audi A4,100.00,\n", "other.csv"))
    stack.finish(other, stack.worker())
    for job_id, cities in ((letters, ["Lyon", "Saint-Étienne"]), (other, ["Lyon"])):
        items = serve().get(f"/api/v1/cities?job={job_id}").json()["items"]
        assert [item["city"] for item in items] == cities
