"""Made-up files: every dialect has the same transactions, read here with the csv module and no reader of ours."""

import csv
import io
import unicodedata
from collections import Counter
from datetime import date

import pytest

from autoconnect.generate import DIALECTS, HEADER, generate

#: A transaction as any dialect must give it back: id, day, city, type, model, cents, months.
Transaction = tuple[str, str, str, str, str, int | str, str]

#: For each dialect: its encoding, delimiter, line end, order of dates, and marks that group and that divide amounts.
FORMS = {
    "plain": ("utf-8", ",", "\n", "ymd-", "", "."),
    "fr-excel": ("cp1252", ";", "\r\n", "dmy/", "\u00a0", ","),
    "us": ("utf-8", ",", "\r\n", "mdy/", ",", "."),
    "de": ("utf-8-sig", ";", "\r\n", "dmy.", ".", ","),
    "swiss": ("utf-8", ";", "\r", "dmy.", "'", "."),
    "pandas": ("utf-8", ",", "\n", "ymd-", "", "."),
    "pipes": ("utf-8", "|", "\n", "ymd-", "", "."),
    "spaces": ("utf-8", ",", "\n", "ymd-", "", "."),
    "mixed": ("utf-8", ",", "\n", "ymd-", "", "."),
    "titles": ("utf-8", ",", "\n", "ymd-", "", "."),
}


def written(name: str, rows: int, seed: int = 1, bad_ratio: float = 0.0) -> bytes:
    writer = DIALECTS[name]
    return "".join(generate(rows, seed, bad_ratio, writer)).encode(writer.encoding)


def fields(name: str, data: bytes) -> list[list[str]]:
    """The fields of the rows after the header, as a spreadsheet with the right settings shows them."""
    encoding, delimiter, line_end, *_ = FORMS[name]
    text = data.decode(encoding)
    assert text.count(line_end) == text.count(line_end[-1]), "another line end"
    lines = list(csv.reader(io.StringIO(text.replace(line_end, "\n")), delimiter=delimiter))
    lines = lines[3:] if name == "titles" else lines
    return [[field.strip() for field in line] for line in lines[1:]]


def cents(text: str, group: str, mark: str) -> int | str:
    bare = text.strip("€ \u00a0").replace("$", "").replace(group, "") if group else text
    units, _, hundredths = bare.partition(mark)
    try:
        return int(units) * 100 + int(hundredths.ljust(2, "0")) * (-1 if "-" in units else 1)
    except ValueError:
        return text


def transactions(name: str, data: bytes) -> list[Transaction]:
    """The transactions in a file; a row that is too short is left out."""
    _, _, _, dates, group, decimal = FORMS[name]
    found: list[Transaction] = []
    for line in fields(name, data):
        line = line[1:] if name == "pandas" else line
        if len(line) < 7:
            continue
        numbers = dict(zip(dates, line[1].split(dates[3]), strict=False))
        day = f"{numbers['y']}-{int(numbers['m']):02}-{int(numbers['d']):02}"
        kind = {"sale": "vente", "rental": "location"}.get(line[3], line[3])
        months = line[6].removesuffix(".0").replace("nan", "")
        city, model = (shown(field.replace("nan", "")) for field in (line[2], line[4]))
        found.append((line[0], day, city, kind, model, cents(line[5], group, decimal), months))
    return found


def shown(name: str) -> str:
    """A name as the plain dialect spells it."""
    letters = unicodedata.normalize("NFD", name.replace("-", " ").replace("_", " ").casefold())
    folded = "".join(letter for letter in letters if not unicodedata.combining(letter))
    plain = ("BMW X3", "Audi A4", "Tesla Model 3", "Mercedes Classe C", "NULL")
    return {known.casefold(): known for known in plain}.get(folded, folded.title())


def test_the_test_knows_every_dialect() -> None:
    assert DIALECTS.keys() == FORMS.keys()


@pytest.mark.parametrize("bad_ratio", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", FORMS)
def test_every_dialect_has_the_same_transactions(name: str, bad_ratio: float) -> None:
    plain = transactions("plain", written("plain", 400, 5, bad_ratio))
    assert transactions(name, written(name, 400, 5, bad_ratio)) == plain
    assert len(plain) == pytest.approx(400 * (1 - bad_ratio / 8), abs=20)


@pytest.mark.parametrize("name", FORMS)
def test_a_file_may_be_longer_than_what_is_drawn_at_a_time_and_may_be_empty(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoconnect.generate.CHUNK_ROWS", 100)
    plain = transactions("plain", written("plain", 203))
    assert [transaction[0] for transaction in plain] == [f"TX{number:05}" for number in range(1, 204)]
    assert transactions(name, written(name, 203)) == plain
    assert fields(name, written(name, 0)) == []


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_the_order_of_day_and_month_can_be_proved_from_a_file_of_any_length(name: str, rows: int) -> None:
    for seed in range(30):
        days = [line[1 + (name == "pandas")] for line in fields(name, written(name, rows, seed))]
        starts_with_year = [day[:4].isdigit() for day in days]
        assert all(starts_with_year) or (not any(starts_with_year) and any(map(shows_order, days)))


def shows_order(day: str) -> bool:
    separator = next(char for char in day if not char.isdigit())
    return any(12 < int(number) < 32 for number in day.split(separator))


def test_files_look_like_those_of_their_programs() -> None:
    shown = {name: written(name, 200, seed=4).decode("latin-1") for name in FORMS}
    assert shown["fr-excel"].startswith("N\xb0 transaction;Date de vente;Ville;Type;Mod\xe8le;Prix (\x80);Dur\xe9e")
    assert "\xa0\x80;\r\n" in shown["fr-excel"]
    assert shown["us"].startswith("Transaction ID,Sale Date,City,Type,Model,Price,Rental Months\r\n")
    assert ',"$' in shown["us"]
    assert ",sale," in shown["us"]
    assert shown["de"].startswith("\xef\xbb\xbftransaction_id;")
    assert shown["pandas"].startswith(",transaction_id,date,")
    assert ".0,nan\n" in shown["pandas"] or ",nan\n" in shown["pandas"]
    assert ".0\n" in shown["pandas"]
    assert shown["spaces"].splitlines()[1].count(" , ") == 6
    first, second, third, header, row = shown["titles"].splitlines()[:5]
    assert (third, header + "\n") == ("", HEADER)
    assert not {",", ";"} & {*first, *second}
    assert row.endswith(",,")
    assert row.count(",") == header.count(",") + 2


def test_the_usual_spelling_of_a_name_has_most_transactions_in_every_city() -> None:
    """Given 3 to 3,000 rows / I expect the plain spelling of each name in most of its transactions"""
    for rows in (3, 10, 100, 3_000):
        lines = fields("mixed", written("mixed", rows, seed=rows, bad_ratio=0.1))
        for column in (2, 4):
            counts: dict[str, Counter[str]] = {}
            for line in lines:
                if good(line):
                    counts.setdefault(shown(line[column]), Counter())[line[column]] += 1
            for name, spellings in counts.items():
                assert spellings[name] > spellings.total() / 2
    models = {line[4] for line in lines}
    assert {"MERCEDES CLASSE C", "Mercédès Classe C", "mercedes-classe-c", "Mercedes_Classe_C"} <= models
    assert unicodedata.normalize("NFD", "Mercédès Classe C") in models


def good(line: list[str]) -> bool:
    return (
        len(line) == 7
        and bool(line[2])
        and line[3] != "essai"
        and line[4] != "NULL"
        and line[6] != "0"
        and (line[5] not in ("quarante", "-41000.00") and line[1] != "2024-02-30")
    )


def test_days_are_within_two_years() -> None:
    days = [date.fromisoformat(line[1]) for line in fields("plain", written("plain", 5_000))]
    assert (min(days).year, max(days).year) == (2023, 2024)
