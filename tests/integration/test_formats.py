"""Every table in every format: each file opens in a reader of its own, with the values of the JSON."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pyarrow import parquet
from python_calamine import CalamineWorkbook

from autoconnect.client import AutoConnect
from autoconnect.core.metrics import CATALOGUE
from autoconnect.exports import FORMATS, xlsx
from tests.integration.large import complete_with
from tests.integration.stack import HEADER, Serve, Stack
from tests.integration.test_security import is_problem
from tests.large import cube_of_models

ROWS = "".join(
    f"TX{number},2024-0{1 + number % 6}-1{number % 9},{city},{kind},{model},{1000 + number}.5{number % 10},{months}\n"
    for number, (city, kind, model, months) in enumerate(
        [
            ("Paris", "vente", "Audi A4", ""),
            ("=1+1", "location", "Peugeot 208", "12"),
            ('"Saint ""Étienne"" 🚗, Loire"', "location", "Citroën C3", "3"),
            ("paris", "vente", "AUDI a4", ""),
        ]
        * 30
    )
)
FILES = [name for name in FORMATS if name != "json"]
TABLES = [
    *(f"/metrics/{name}?" for name in CATALOGUE),
    "/query?group_by=city,day,type&measures=transactions,revenue,average_ticket,mean_months&",
    "/cities?",
    "/models?",
]


@pytest.fixture
def job_id(stack: Stack) -> str:
    job_id = stack.planned(stack.write(HEADER + ROWS + "TX,bad\n", "ventes été.csv"))
    assert stack.finish(job_id, stack.worker()).rows.accepted == 120
    return job_id


@pytest.fixture
def api(stack: Stack, job_id: str, serve: Serve) -> TestClient:
    return serve()


def read_csv(body: bytes) -> list[dict[str, Any]]:
    frame = pandas.read_csv(io.BytesIO(body), keep_default_na=False, dtype=str)
    return [dict(zip(map(str, frame.columns), row, strict=True)) for row in frame.itertuples(index=False)]


def read_xlsx(body: bytes) -> list[dict[str, Any]]:
    header, *rows = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0).to_python()
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def read_parquet(body: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(body)).to_pylist()
    return rows


READERS: dict[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "csv": read_csv,
    "xlsx": read_xlsx,
    "parquet": read_parquet,
}


def plain(value: Any, like: Any) -> Any:
    """A value of a file in the form that JSON has: `like` is the value there."""
    if value in ("", None):
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(like, int | float):
        return float(value)
    return value.removeprefix("'") if isinstance(value, str) else value


@pytest.mark.parametrize("form", FILES)
def test_every_table_in_every_format_has_the_values_of_its_json(api: TestClient, form: str) -> None:
    for path in TABLES:
        document = api.get(f"/api/v1{path}").json()
        expected = document.get("rows", document.get("items"))
        answer = api.get(f"/api/v1{path}format={form}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(FORMATS[form].media_type)
        rows = READERS[form](answer.content)
        assert len(rows) == len(expected), path
        for row, like in zip(rows, expected, strict=True):
            assert row.keys() == like.keys()
            seen = {name: plain(value, like[name]) for name, value in row.items() if name != "spellings"}
            assert seen == {name: value for name, value in like.items() if name != "spellings"}, path


@pytest.mark.parametrize("form", FILES)
def test_an_empty_selection_is_a_file_without_rows(api: TestClient, form: str) -> None:
    for path in TABLES:
        if path != "/metrics/summary?" and "trend" not in path:
            assert READERS[form](api.get(f"/api/v1{path}city=nowhere&format={form}").content) == []


@pytest.mark.parametrize("form", FILES)
def test_a_format_is_also_chosen_by_accept(api: TestClient, form: str) -> None:
    for path in ("/metrics/trend", "/query", "/cities", "/models"):
        answer = api.get(f"/api/v1{path}", headers={"Accept": f"{FORMATS[form].media_type}, application/json;q=0.5"})
        assert answer.headers["content-type"].startswith(FORMATS[form].media_type)
        assert is_problem(api.get(f"/api/v1{path}", params={"format": "xml"}), 406)


@pytest.mark.parametrize("form", FILES)
def test_rejects_come_in_every_format(api: TestClient, job_id: str, form: str) -> None:
    path = f"/api/v1/jobs/{job_id}/rejects"
    (expected,) = api.get(path).json()["items"]
    answer = api.get(path, params={"format": form})
    assert "attachment" in answer.headers["content-disposition"]
    (row,) = READERS[form](answer.content)
    assert {name: str(value) for name, value in row.items() if value not in ("", None)} == {
        name: str(value) + (".0" if form == "xlsx" and name == "line" else "")
        for name, value in expected.items()
        if value is not None
    }


def test_a_file_has_a_speaking_name_and_json_has_none(api: TestClient) -> None:
    path = "/api/v1/metrics/monthly-revenue?from=2024-01&to=2024-06"
    assert api.get(f"{path}&format=xlsx").headers["content-disposition"] == (
        'attachment; filename="monthly-revenue_ventes_ete_2024-01_2024-06.xlsx"; '
        "filename*=UTF-8''monthly-revenue_ventes_%C3%A9t%C3%A9_2024-01_2024-06.xlsx"
    )
    assert "content-disposition" not in api.get(path).headers


def test_cities_and_models_take_the_filters_of_metrics(api: TestClient) -> None:
    cities = api.get("/api/v1/cities?type=vente").json()["items"]
    assert [(city["city"], city["transactions"]) for city in cities] == [("Paris", 60)]
    models = api.get("/api/v1/models", params={"city": "=1+1"}).json()["items"]
    assert [(model["model"], model["transactions"]) for model in models] == [("Peugeot 208", 30)]
    assert is_problem(api.get("/api/v1/models?from=2024-13"), 422)
    assert is_problem(api.get("/api/v1/cities?job=none"), 404)


def test_spellings_are_one_cell_of_a_file(api: TestClient) -> None:
    rows = read_xlsx(api.get("/api/v1/cities?format=xlsx").content)
    assert {row["city"]: row["spellings"] for row in rows}["Paris"] == '{"Paris": 30, "paris": 30}'


def test_a_csv_for_a_french_excel_is_read_back(api: TestClient) -> None:
    path = "/api/v1/metrics/monthly-revenue"
    expected = [row["revenue"] for row in api.get(path).json()["rows"]]
    for delimiter, sep in ((";", ";"), (",", ","), ("tab", "\t"), ("|", "|")):
        parameters = {"format": "csv", "bom": "true", "delimiter": delimiter, "decimal": ","}
        body = api.get(path, params=parameters).content
        assert body.startswith(b"\xef\xbb\xbfcity" + sep.encode())
        frame = pandas.read_csv(io.BytesIO(body), sep=sep, decimal=",", encoding="utf-8-sig")
        assert frame["revenue"].tolist() == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("format=csv&delimiter=:", "delimiter"),
        ("format=csv&delimiter=", "delimiter"),
        ("format=csv&decimal=;", "decimal"),
        ("format=csv&bom=maybe", "bom"),
        ("delimiter=;", "delimiter"),
        ("format=xlsx&bom=true", "bom"),
        ("format=parquet&decimal=,", "decimal"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("cursor=0", "cursor"),
        ("cursor=", "cursor"),
    ],
)
def test_marks_and_pages_that_cannot_be_are_422_and_named(api: TestClient, job_id: str, query: str, name: str) -> None:
    for path in ("/metrics/trend", "/query", "/cities", "/models", f"/jobs/{job_id}/rejects"):
        answer = api.get(f"/api/v1{path}?{query}")
        assert is_problem(answer, 422)
        assert [error["name"] for error in answer.json()["errors"]] == [name]


def pages(api: TestClient, path: str, **parameters: str) -> list[Response]:
    answers = [api.get(path, params=parameters)]
    while cursor := answers[-1].json()["next_cursor"]:
        answers.append(api.get(path, params={**parameters, "cursor": cursor}))
    return answers


@pytest.mark.parametrize(
    ("path", "rows"), [("/metrics/rental-duration", "rows"), ("/query?group_by=model", "rows"), ("/models", "items")]
)
def test_json_comes_in_pages_and_says_what_is_cut(stack: Stack, serve: Serve, path: str, rows: str) -> None:
    complete_with(stack, cube_of_models(2_500, 1))
    api = serve()
    path, _, query = f"/api/v1{path}".partition("?")
    parameters = dict(part.split("=") for part in query.split("&") if part)
    answers = pages(api, path, **parameters)
    assert [len(answer.json()[rows]) for answer in answers] == [1_000, 1_000, 500]
    assert [answer.headers.get("x-truncated") for answer in answers] == ["true", "true", None]
    (whole,) = pages(api, path, **parameters, limit="2500")
    assert [row for answer in answers for row in answer.json()[rows]] == whole.json()[rows]
    assert "note" not in whole.json()
    if rows == "rows":
        assert answers[0].json()["note"] == "The first 1,000 of 2,500 rows (limit)."
        assert answers[1].json()["note"] == "Rows 1,001 to 2,000 of 2,500 rows (limit)."


@pytest.mark.parametrize("form", FILES)
def test_a_file_has_all_rows_unless_a_limit_is_given(stack: Stack, serve: Serve, form: str) -> None:
    complete_with(stack, cube_of_models(1_500, 1))
    api = serve()
    for path in ("/metrics/rental-duration?", "/query?group_by=model&", "/models?"):
        whole, part = (api.get(f"/api/v1{path}format={form}{limit}") for limit in ("", "&limit=10"))
        assert (len(READERS[form](whole.content)), "x-truncated" in whole.headers) == (1_500, False)
        assert (len(READERS[form](part.content)), part.headers["x-truncated"]) == (10, "true")


def test_the_client_follows_the_pages_of_a_metric_unless_a_limit_is_given(stack: Stack, serve: Serve) -> None:
    complete_with(stack, cube_of_models(2_500, 1))
    api = AutoConnect.over(serve())
    whole = api.metric("rental-duration")
    assert [row["model"] for row in whole] == [f"Modèle {number:07}" for number in range(2_500)]
    assert (whole.answer["next_cursor"], "note" in whole.answer) == (None, False)
    part = api.metric("rental-duration", {"limit": "10"})
    assert part == whole[:10]
    assert len(api.metric("rental-duration", {"cursor": part.answer["next_cursor"], "limit": "7"})) == 7


def test_a_cursor_of_another_query_or_result_is_refused(stack: Stack, serve: Serve) -> None:
    complete_with(stack, cube_of_models(30, 2))
    api, path = serve(), "/api/v1/query?group_by=model&limit=5"
    cursor = api.get(path).json()["next_cursor"]
    rows = api.get(f"{path}&cursor={cursor}").json()["rows"]
    assert [row["model"] for row in rows] == [f"Modèle {number:07}" for number in range(5, 10)]
    for other in ("&city=ville 0001", "&order=-revenue", "&measures=sales", "&from=2023"):
        assert is_problem(api.get(f"{path}{other}&cursor={cursor}"), 422)
    for other in ("query", "models", "metrics/rental-duration"):
        assert is_problem(api.get(f"/api/v1/{other}?cursor={cursor}"), 422)
    complete_with(stack, cube_of_models(30, 2))
    answer = api.get(f"{path}&cursor={cursor}")
    assert is_problem(answer, 422)
    assert "begin again without a cursor" in answer.json()["detail"]


def test_all_metrics_are_one_workbook_with_a_cover(api: TestClient, job_id: str) -> None:
    answer = api.get("/api/v1/metrics/all?city=paris&city=%3D1%2B1&format=xlsx&n=1")
    assert answer.status_code == 200, answer.text
    assert 'filename="metrics_ventes_ete.xlsx"' in answer.headers["content-disposition"]
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    assert book.sheet_names == ["cover", *CATALOGUE]
    cover = {str(item): value for item, value in book.get_sheet_by_name("cover").to_python()}
    assert (cover["source"], cover["job"], cover["rows read"], cover["rows rejected"]) == (
        "ventes été.csv",
        job_id,
        121,
        1,
    )
    assert (cover["city"], cover["n"]) == ("paris, =1+1", "1")
    assert cover["period"] == "2024-01-10 to 2024-06-18"
    assert "cost" in str(cover["note on margins"])
    for name in CATALOGUE:
        rows = api.get(
            f"/api/v1/metrics/{name}?city=paris&city=%3D1%2B1{'&n=1' if name == 'top-models' else ''}"
        ).json()
        assert len(book.get_sheet_by_name(name).to_python()) == 1 + len(rows["rows"])


def test_all_metrics_come_as_a_workbook_only(api: TestClient) -> None:
    assert api.get("/api/v1/metrics/all").headers["content-type"] == FORMATS["xlsx"].media_type
    for form in ("json", "csv", "parquet", "pdf"):
        answer = api.get(f"/api/v1/metrics/all?format={form}")
        assert is_problem(answer, 406)
        assert answer.json()["detail"] == f"format is {form!r}; expected xlsx."
    assert is_problem(api.get("/api/v1/metrics/all", headers={"Accept": "application/json"}), 406)
    for query in ("limit=5", "cursor=x", "bom=true", "n=0", "from=2024-13"):
        assert is_problem(api.get(f"/api/v1/metrics/all?{query}"), 422)


def test_money_has_the_currency_that_the_source_names(stack: Stack, serve: Serve) -> None:
    for amount, is_shown in (("100.50 CHF", True), ("100.50", False)):
        job_id = stack.planned(stack.write(HEADER + f"TX1,2024-01-31,Genève,vente,Audi A4,{amount},\n" * 5))
        assert stack.finish(job_id, stack.worker()).rows.accepted == 5
        with zipfile.ZipFile(io.BytesIO(serve().get("/api/v1/metrics/summary?format=xlsx").content)) as parts:
            assert (b"CHF" in parts.read("xl/styles.xml")) == is_shown


def test_more_rows_than_a_sheet_holds_are_422_and_other_formats_hold_them(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 3)
    for path in ("/metrics/monthly-revenue?format=xlsx", "/metrics/all"):
        answer = api.get(f"/api/v1{path}")
        assert is_problem(answer, 422)
        assert "take format=csv or format=parquet" in answer.json()["detail"]
    assert api.get("/api/v1/metrics/monthly-revenue?format=xlsx&limit=3").status_code == 200


def test_a_workbook_leaves_no_file_and_says_if_it_cannot_be_stored(api: TestClient, stack: Stack) -> None:
    uploads: Path = stack.settings.upload_dir
    assert api.get("/api/v1/metrics/all").status_code == 200
    assert list(uploads.iterdir()) == []
    uploads.rmdir()
    uploads.write_text("in the way")
    answer = api.get("/api/v1/metrics/all?city=paris")  # not an answer that is kept
    assert is_problem(answer, 507)
    assert answer.json()["detail"].startswith("The workbook cannot be stored: ")
