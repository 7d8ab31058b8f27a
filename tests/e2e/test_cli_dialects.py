"""The options of a dialect and the command `check`, as users run them."""

import csv
import json
from pathlib import Path

import pytest

from autoconnect.core.partial import MAX_REJECTS
from tests.e2e.processes import Up, autoconnect

HEADER = "transaction_id,date,ville,type,modele,prix,duree_location_mois\n"
#: The days cannot be told from the months.
UNDECIDED = HEADER + "TX1,01/02/2024,Paris,vente,BMW X3,10.50,\nTX2,03/04/2024,Lyon,V,BMW X3,20.50,\n"
GIVEN = ("--dialect", "dates=mdy", "--dialect", 'types={"V": "vente"}')


@pytest.fixture
def source(folder: Path) -> Path:
    path = folder / "site.csv"
    path.write_text(UNDECIDED)
    return path


def test_run_reads_a_source_by_the_dialect_that_is_given(folder: Path, source: Path) -> None:
    undecided = autoconnect("run", source.name, "--json", cwd=folder)
    assert undecided.returncode == 1
    assert "01/02/2024" in json.loads(undecided.stdout)["job"]["error"]
    done = autoconnect("run", source.name, "--json", *GIVEN, "--column", "city==Nice", cwd=folder)
    document = json.loads(done.stdout)
    assert (done.returncode, document["rejects"], document["truncated"]) == (0, [], False)
    assert document["job"]["dialect"]["dates"] == "mdy"
    assert document["job"]["dialect"]["columns"]["city"] == "=Nice"
    assert [note["code"] for note in document["job"]["notes"]] == ["unused_columns"]  # its own cities
    (summary,) = document["metrics"]["summary"]
    assert (summary["transactions"], summary["first_date"], summary["cities"]) == (2, "2024-01-02", 1)


def test_run_takes_the_setting_and_shows_the_dialect_and_the_notes(folder: Path, source: Path) -> None:
    source.write_text(UNDECIDED.replace(",duree", ",remarque,duree").replace(",\n", ",,\n"))
    setting = {"AUTOCONNECT_DIALECT": '{"dates": "dmy", "types": {"V": "vente"}}'}
    done = autoconnect("run", source.name, cwd=folder, extra=setting)
    assert done.returncode == 0, done.stderr
    assert "Read as: encoding utf-8, line_end lf, delimiter ,, header 1, surplus 0, decimal ., dates dmy" in done.stdout
    assert any(line.startswith("Note: ") and "remarque" in line for line in done.stdout.splitlines())


def test_run_says_what_is_wrong_with_rejected_rows_and_how_many_are_kept(folder: Path) -> None:
    rows = [f"TX{number},2024-01-31,Paris,vente,BMW,oops,\n" for number in range(MAX_REJECTS + 1)]
    (folder / "bad.csv").write_text(HEADER + "TX,2024-01-31,Paris,vente,BMW,1.50,\n" + "".join(rows))
    done = autoconnect("run", "bad.csv", "--json", "--export", "out", cwd=folder)
    document = json.loads(done.stdout)
    assert (done.returncode, len(document["rejects"]), document["truncated"]) == (1, MAX_REJECTS, True)
    first = document["rejects"][0]
    assert (first["line"], first["reason"], first["column"], first["value"]) == (3, "bad_price", "prix", "oops")
    assert "1234.50" in first["expected"]
    with (folder / "out" / "rejects.csv").open() as file:
        assert next(csv.DictReader(file)) == {name: str(value) for name, value in first.items()}
    as_text = autoconnect("run", "bad.csv", cwd=folder)
    assert "Only the first 10,000 rejected rows are kept." in as_text.stdout


def test_check_shows_how_a_file_would_be_read_and_starts_nothing(folder: Path, source: Path) -> None:
    shown = autoconnect("check", source.name, *GIVEN, cwd=folder)
    assert (shown.returncode, shown.stderr) == (0, "")
    for text in ("dates", "mdy", "transaction_id", "2024-01-02", "2024-03-04", "v = vente"):
        assert text in shown.stdout
    document = json.loads(autoconnect("check", source.name, *GIVEN, "--json", cwd=folder).stdout)
    assert document["dialect"]["dates"] == "mdy"
    assert [row["date"] for row in document["rows"]] == ["2024-01-02", "2024-03-04"]
    assert document["rejects"] == document["notes"] == []
    assert sorted(path.name for path in folder.iterdir()) == ["data", "site.csv"]


def test_check_ends_with_the_sentence_if_the_dialect_cannot_be_judged(folder: Path, source: Path) -> None:
    refused = autoconnect("check", source.name, cwd=folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "01/02/2024" in refused.stderr
    assert "--dialect dates=dmy" in refused.stderr
    as_json = autoconnect("check", source.name, "--json", cwd=folder)
    assert as_json.returncode == 1
    assert f"autoconnect: {json.loads(as_json.stdout)['error']}\n" == refused.stderr


@pytest.mark.parametrize(
    ("arguments", "extra", "message"),
    [
        (["run", "site.csv", "--dialect", "dates=x"], {}, "dates is 'x'; expected ymd, dmy, mdy, dmyy, mdyy or yymd"),
        (["check", "site.csv", "--column", "price"], {}, "--column is 'price'; expected MEANING=HEADER"),
        (["jobs", "submit", "--dialect", "x=y"], {}, "The dialect has no part 'x'; expected encoding, "),
        (
            ["run", "site.csv"],
            {"AUTOCONNECT_DIALECT": '{"dates": "x"}'},
            'AUTOCONNECT_DIALECT is \'{"dates": "x"}\': dates',
        ),
        (
            ["check", "site.csv"],
            {"AUTOCONNECT_DIALECT": "mdy"},
            "AUTOCONNECT_DIALECT is 'mdy': the dialect is 'mdy'; expec",
        ),
    ],
)
def test_a_dialect_that_cannot_be_read_is_wrong_usage(
    folder: Path, source: Path, arguments: list[str], extra: dict[str, str], message: str
) -> None:
    done = autoconnect(*arguments, cwd=folder, extra=extra)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_running_api_checks_sources_and_runs_jobs_by_the_dialect_that_is_given(up: Up, folder: Path) -> None:
    up.client.put("/api/v1/sources/site.csv", content=UNDECIDED.encode()).raise_for_status()
    extra = {"AUTOCONNECT_URL": up.url}
    refused = autoconnect("sources", "check", "site.csv", cwd=folder, extra=extra)
    assert (refused.returncode, "01/02/2024" in refused.stderr) == (1, True)
    checked = autoconnect("sources", "check", "site.csv", *GIVEN, "--json", cwd=folder, extra=extra)
    assert [row["date"] for row in json.loads(checked.stdout)["rows"]] == ["2024-01-02", "2024-03-04"]
    assert "2024-03-04" in autoconnect("sources", "check", "site.csv", *GIVEN, cwd=folder, extra=extra).stdout
    done = autoconnect("jobs", "submit", "site.csv", *GIVEN, "--watch", "--json", cwd=folder, extra=extra)
    job = json.loads(done.stdout)["job"]
    assert (done.returncode, job["status"], job["dialect"]["dates"]) == (0, "completed", "mdy")
    assert job["rows"]["accepted"] == 2
