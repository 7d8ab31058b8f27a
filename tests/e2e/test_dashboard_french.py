"""The French page says in French what the API says in English."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

import api
from autoconnect.checking import check
from autoconnect.core.dialect import NOTHING_GIVEN, Currency, DialectOptions, Encoding
from autoconnect.core.fields import expected
from autoconnect.core.schema import REASONS
from autoconnect.core.sniffer import kinds
from autoconnect.core.sniffer.sniff import sniff_bytes
from autoconnect.engines import engine_of
from autoconnect.errors import SourceError
from autoconnect.generate import generate
from autoconnect.models import Job
from autoconnect.settings import load_settings
from autoconnect.sources.local import Folders
from tests.e2e.browsing import watched
from tests.e2e.processes import Up

pytestmark = pytest.mark.browser

SENTENCES = json.loads(
    (Path(api.__file__).parent / "static" / "dashboard" / "i18n" / "sentences.fr.json").read_text("utf-8")
)
HEADER = "transaction_id,date,ville,type,modele,prix\n"
ROW = "TX1,2024-01-31,Paris,vente,Clio,10.50\n"
ENOUGH = ROW * 40
#: A file, and what its user gives of its dialect.
FILES: list[tuple[str | bytes, dict[str, object]]] = [
    (HEADER, {}),
    (HEADER + ROW, {}),
    (HEADER.encode("cp1252") + "TX1,2024-01-31,Orléans,vente,Mégane,10.50\n".encode("cp1252"), {}),
    (HEADER + "TX1,2024-01-31,Orléans,vente,Clio,10.50\n", {}),
    (HEADER + ROW.replace("10.50", "10"), {}),
    ((HEADER + ROW).replace("\n", "\r"), {}),
    ("sep=,\n" + HEADER + ROW, {}),
    ("sep=:\n" + HEADER + ROW, {}),
    ("Ventes\n" + HEADER + ROW, {}),
    (HEADER + ROW.replace("\n", ",\n") * 5, {}),
    (HEADER + ROW.replace("10.50", "10.50 €"), {}),
    (HEADER + ROW.replace("10.50", "10.50 €") + ROW.replace("10.50", "$10.50"), {}),
    (HEADER + "TX1,01/02/2024,Paris,vente,Clio,10.50\n", {}),
    (HEADER.replace(",", ";") + "TX1;01/02/2024;Paris;vente;Clio;10,50\n", {}),
    (HEADER + "TX1,31/01/24,Paris,vente,Clio,10.50\n", {}),
    (HEADER + "TX1,31/01/2024,Paris,vente,Clio,10.50\nTX2,01/31/2024,Paris,vente,Clio,10.50\n", {}),
    (HEADER.replace(",", ";") + "TX1;2024-01-31;Paris;vente;Clio;10,5\nTX2;2024-01-31;Paris;vente;Clio;10.5\n", {}),
    (HEADER + 'TX1,2024-01-31,Paris,vente,Clio,"12.500"\n', {}),
    (HEADER + "TX1,2024-01-31,Paris,vente,Clio,20118,00\n" * 3, {}),
    (HEADER.replace("ville", "agence") + ROW, {}),
    (HEADER.replace("ville,type", "agence,genre") + ROW, {}),
    (HEADER + ROW, {"columns": {"city": "Agence"}}),
    (ROW.replace("Paris", "ville"), {}),
    ("\n" + "2024-01-31,prix,ville,type,modele\n", {}),
    (HEADER.replace("type", "prix") + ROW, {}),
    (HEADER.replace("modele", "Ville ") + ROW, {}),
    (HEADER.replace("\n", ",Montant\n") + ROW.replace("\n", ",1.00\n"), {}),
    (HEADER.replace("\n", ",prix\n") + ROW.replace("\n", ",1.00\n"), {}),
    (HEADER + ROW, {"columns": {"city": "ville", "model": "ville"}}),
    (HEADER + ROW, {"columns": {"duration": "nowhere"}}),
    (ROW + HEADER + ROW, {}),
    (HEADER.strip() + "," + ROW, {}),
    (HEADER.strip() + "," + "x" * 1_100_000, {}),
    ("".join(f'"{line}"\n' for line in (HEADER + ROW).splitlines()), {}),
    (HEADER.replace("\n", ',"note\n') + ROW, {}),
    (HEADER.replace("prix", "2024-01-31") + ROW, {"header": 1}),
    (HEADER + ROW, {"header": 9}),
    ("\n" * 60 + HEADER, {}),
    ("", {}),
    (HEADER + ENOUGH + HEADER + ENOUGH, {}),
    (HEADER + ENOUGH + HEADER.replace("ville,type", "type,ville") + ENOUGH, {}),
    (HEADER.replace("\n", ",note\n") + ROW.replace("\n", ',"two\nlines"\n'), {}),
    (HEADER + ENOUGH + "TX1,2024-01-31,Pa\rris,vente,Clio,10.50\n", {}),
    (HEADER + "TX1,31/01/2024,Paris,vente,Clio,10.50\n" * 2_000 + "TX1,01/31/2024,Paris,vente,Clio,10.50\n", {}),
    (HEADER + ROW.replace("Paris", "OrlÃ©ans") * 3, {}),
    (HEADER + ROW.replace("Paris", ""), {}),
    (HEADER + "short,row\n", {}),
    (HEADER + 'TX1,2024-01-31,"Paris"x,vente,Clio,10.50\n', {}),
    (HEADER.replace("\n", ",numero\n") + ROW.replace("\n", ",7\n"), {}),
    (HEADER.replace("prix", "prix TTC,cout HT") + ROW.replace("\n", ",7\n"), {}),
    (HEADER.replace("\n", ",couleur\n") + ROW.replace("\n", ",bleu\n"), {}),
    ("".join(generate(200, seed=1)), {}),
]
#: What needs a file that is very large, that changes or fails several times, or a lack of memory.
RARE = [
    "a line further on has 31/01/2024",
    "2 of 1,000 rows have a date like 01/31/2024, first at line 7: 01/31/2024; dates like 31/01/2024 were expected, "
    "as in the sample. Write all dates as YYYY-MM-DD, or give dates=dmy to reject these rows.",
    "A line is longer than 33,554,432 bytes; lines must end with a line feed.",
    "A line is longer than 33,554,432 bytes; lines must end with a carriage return.",
    "A record is longer than 33,554,432 bytes; quotes must be closed.",
    "There is no source 'a.csv' in the data folder.",
    "There is no source 'a.csv' in the data folder, though it could be read when the job was planned; submit it again.",
    "The source 'a.csv' cannot be read: Permission denied.",
    "The source 'a.csv' is not a regular file.",
    "The source 'a.csv' changed while it was read: 1,000 bytes when planned, 2,000 now; submit it again.",
    "The source 'a.csv' changed while it was read: its size is as planned, but its modification time is not; submit "
    "it again.",
    "The source 'a.csv' changed while it was read: its size and modification time are as planned, but its ctime is "
    "not; submit it again, or set AUTOCONNECT_SOURCE_CTIME=off if each machine sees another ctime.",
    "Batch 3 is dead after 2 deaths: its worker died.",
    "The job needs more memory than Redis has (1,000 bytes): raise maxmemory of Redis, or lower AUTOCONNECT_MAX_CELLS"
    " to fail such jobs early.",
    "Redis has no memory for all jobs (900 of 1,000 bytes are in use), so this one gave way to older ones: retry it "
    "when they have ended, or raise maxmemory of Redis, or remove what other programs keep in it.",
    "The job has waited 600 s for memory in Redis (AUTOCONNECT_MEMORY_WAIT_S): 900 of 1,000 bytes are in use, and "
    "nothing else can be freed; raise maxmemory of Redis, or remove what other programs keep in it, and retry the "
    "job.",
    "The memory of the aggregator is too small to reduce the job: raise its limit, or lower AUTOCONNECT_MAX_CELLS to "
    "fail such jobs early.",
    "Batch 3 is dead after 1 attempt: There is no source 'a.csv' in the data folder.",
]


def said_of_files(folder: Path) -> Iterator[str]:
    """What a check and a job say of each of FILES."""
    path = folder / "any.csv"
    run, settings = engine_of("local"), load_settings(redis_url=None, batch_bytes=1 << 20, max_cells=30)
    for content, given in FILES:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        options = DialectOptions.read(given) if given else NOTHING_GIVEN
        job, _, rejects = run(path, settings, options, _unwatched)
        yield from [job.error] if job.error else []
        yield from (note.message for note in job.notes)
        yield from (str(row["expected"]) for row in rejects.rows)
        try:
            found = check(path.name, Folders(folder, folder), options)
        except SourceError as error:
            yield str(error)
        else:
            yield from (*found.evidence.values(), *(note.message for note in found.notes))


def _unwatched(job: Job) -> None:
    """Nobody watches."""


def said_of_rejects() -> Iterator[str]:
    """What is expected in place of each value, by all dialects."""
    rows = {",": ROW.replace("10.50", '"10,50"'), ".": ROW, "": ROW.replace("10.50", "10")}
    for (decimal, row), currency, encoding in product(rows.items(), (*get_args(Currency), ""), get_args(Encoding)):
        given = {"decimal": decimal, "currency": currency, "encoding": encoding}
        options = DialectOptions.read({name: value for name, value in given.items() if value})
        layout = sniff_bytes((HEADER + row).encode(), options).layout
        yield from (expected(reason, layout, value) for reason in REASONS for value in ("", "45322"))


def said_of_kinds() -> Iterator[str]:
    """What the check says of files that are no CSV."""
    zips = [kinds._ZIP + name for name, _ in kinds._ZIP_KINDS]
    texts = [b"<html>", b"<?xml", b"{}", b"\0" * 100, kinds._ZIP]
    for head in (*(magic for magic, *_ in (*kinds._TEXTS, *kinds._BINARIES)), *zips, *texts):
        for refuse in (kinds.check_kind, kinds.check_text):
            try:
                refuse(head)
            except SourceError as error:
                yield str(error)


@pytest.fixture
def french(browser: Browser, stack: Up) -> Iterator[Page]:
    with watched(browser, stack.url, may_refuse=True, locale="fr-FR") as page:
        page.goto(f"{stack.url}/jobs")
        yield page


SAY = """async (english) => {
    const script = document.querySelector("script[type=module]").src;
    const { said } = await import(new URL("../lib/sentences.js", script));
    return english.map(said).map((text) => typeof text === "string" ? text : null);
}"""


def test_every_sentence_of_a_check_a_job_or_a_reject_has_french_words_and_no_words_are_left_over(
    french: Page, tmp_path: Path
) -> None:
    """Given the sentences that files of all kinds cause / I expect them in French, each by words made for it"""
    english = sorted({*said_of_files(tmp_path), *said_of_rejects(), *said_of_kinds(), *RARE})
    said = dict(zip(english, french.evaluate(SAY, english), strict=True))
    assert [sentence for sentence, text in said.items() if text is None and "are shown as one" not in sentence] == []
    texts = [text for text in said.values() if text]
    assert not [text for text in texts if "{" in text]
    patterns = {text: re.sub(r"\\{\w+\\}", ".*", re.escape(text)) for text in SENTENCES.values()}
    unused = [words for words, pattern in patterns.items() if not any(re.search(pattern, text, re.S) for text in texts)]
    assert not unused, "\n".join(unused)


def test_a_check_and_its_job_are_told_in_french(french: Page) -> None:
    rows = ROW * 5 + "TX2,le 3 mars,Paris,vente,Clio,10.50\nTX3,2024-01-31,Paris,don,Clio,10.50\n"
    content = (HEADER.replace("prix", "prix,note") + rows.replace(".50\n", ".50,-\n")).encode()
    french.locator("input[type=file]").set_input_files(
        FilePayload(name="essai.csv", mimeType="text/csv", buffer=content)
    )
    expect(french.get_by_role("cell", name="une date comme 2024-01-31")).to_be_visible()
    expect(french.get_by_text("Colonnes non utilisées (1) : note.")).to_be_visible()
    expect(french.get_by_text("la ligne 1 nomme toutes les colonnes nécessaires")).to_be_visible()
    assert french.locator("main [lang=en]").all_inner_texts() == []
    french.get_by_role("button", name="Lancer", exact=True).click()
    card = french.locator("article.job", has_text="essai.csv")
    expect(card).to_contain_text("Lignes rejetées : 2 sur 7, au-delà de la part admise de 10 %")
    expect(card).to_contain_text("Date invalide, 1 fois, la première à la ligne 7 : le 3 mars dans date")
    assert card.locator("[lang=en]").all_inner_texts() == []
