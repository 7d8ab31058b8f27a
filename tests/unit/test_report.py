"""The parts of a report: every word in both languages, numbers as each writes them, and tables that stay short."""

from datetime import UTC, datetime
from functools import partial

import pytest

from autoconnect.core.charts import LANGUAGES, Style
from autoconnect.core.charts.style import Language
from autoconnect.core.cube import Cube
from autoconnect.core.dialect import NEEDED, OPTIONAL, WORDS
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.metrics.definitions import DEFINITIONS
from autoconnect.core.notes import CODES
from autoconnect.core.outcome import REJECT_COLUMNS
from autoconnect.core.schema import REASONS
from autoconnect.core.table import Table
from autoconnect.exports.report import Draft, Subject, draft_report, explanations, words
from autoconnect.exports.report.pictures import inline
from autoconnect.exports.report.texts import Texts, cut
from autoconnect.models import BatchCounts, ByteCounts, Job, JobStatus, RowCounts
from tests.reports import ReportPage
from tests.unit.batches import cube_of_rows
from tests.unit.charts import rows_of, table_of

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
JOB = Job(
    id="a1",
    status=JobStatus.COMPLETED,
    source="june.csv",
    created_at=NOW,
    started_at=NOW,
    finished_at=NOW,
    duration_s=1,
    batches=BatchCounts(total=1, done=1, retried=0, dead=0),
    rows=RowCounts(read=1_000, accepted=993, rejected=7),
    rejected_by_reason={"bad_date": 7},
    dialect=None,
    notes=[],
    bytes=ByteCounts(total=1, done=1),
    progress=1,
    rows_per_s=None,
    eta_s=None,
    published=False,
    result=None,
    waits_for=None,
    error=None,
)


def draft_of(cube: Cube, language: Language = "en", *, has_charts: bool = True) -> Draft:
    """The report of a cube before its charts are drawn."""
    makers = {name: partial(table_of, name, cube) for name in CATALOGUE}
    subject = Subject(JOB, NOW, Table(REJECT_COLUMNS, []), language, "rest_api", has_charts=has_charts)
    *_, draft = draft_report(makers, subject)
    assert draft
    return draft


def page_of(cube: Cube, language: Language = "en") -> ReportPage:
    return ReportPage(draft_of(cube, language).page.encode())


def test_each_language_has_every_word() -> None:
    english, french = (words.WORDS[language] for language in LANGUAGES)
    assert english.keys() == french.keys() >= set(WORDS["dates"])
    columns = {column.name for metric in list(CATALOGUE.values())[1:] for column in metric.columns}
    for language in LANGUAGES:
        assert words.COLUMNS[language].keys() == columns
        assert DEFINITIONS[language].keys() == CATALOGUE.keys()
        assert all(len(text) > 40 for text in DEFINITIONS[language].values())
        assert explanations.REASONS[language].keys() == set(REASONS)
        assert explanations.MEANINGS[language].keys() == {*NEEDED, *OPTIONAL}
    assert all(DEFINITIONS["en"][name] != DEFINITIONS["fr"][name] for name in CATALOGUE)
    assert explanations.NOTES.keys() == set(CODES)


@pytest.mark.parametrize(
    ("language", "money", "share"),
    [("en", "€12,345.67", "+0.50%"), ("fr", "12\u202f345,67\u202f€", "+0,50\u202f%")],
)
def test_numbers_are_written_as_in_the_language(language: Language, money: str, share: str) -> None:
    texts = Texts(Style(language=language, currency="EUR"))
    assert texts.money("12345.67") == money
    assert texts.percent("0.5", signed=True) == share


def test_a_long_table_is_cut_and_says_so() -> None:
    page = page_of(cube_of_rows(rows_of(cities=30, models=4, count=2_000)))
    assert len(page.rows("city-comparison")) == 25
    assert "25 of 30 rows. All rows: /api/v1/metrics/city-comparison?job=a1&format=csv" in page.text


def test_a_long_table_of_months_shows_the_latest_of_each_city() -> None:
    page = page_of(cube_of_rows(rows_of(cities=5, models=4, count=2_000)))
    shown = [(row[0], row[1].replace("\u00a0", " ")) for row in page.rows("monthly-revenue")]
    months = ("Aug 2002", "Sep 2002", "Oct 2002", "Nov 2002", "Dec 2002")
    assert shown == [(f"City {city}", month) for city in range(5) for month in months]


def test_changes_compare_whole_months_and_years() -> None:
    page = page_of(cube_of_rows(rows_of(cities=2, models=4, count=2_000)))
    assert [row[0] for row in page.rows("figures")] == [
        "Dec 2002 against Nov 2002",
        "Dec 2002 against Dec 2001",
        "Jan \u2013 Dec 2002 against Jan \u2013 Dec 2001",
    ]
    changes = {
        row["month"]: row["change_pct"] for row in table_of("seasonality", cube_of_rows(rows_of(2, 4, 2_000))).rows
    }
    assert page.rows("figures")[0][2].replace("\u2212", "-") == f"{changes['2002-12']:+,}%"


def test_a_single_month_has_nothing_to_be_compared_with() -> None:
    assert "so there is no period before" in page_of(cube_of_rows(rows_of(2, 2, count=4))).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_without_charts_says_why(language: Language) -> None:
    draft = draft_of(cube_of_rows(rows_of(2, 2)), language, has_charts=False)
    assert not draft.charts
    page = ReportPage(draft.complete([]))
    assert "vl-convert-python" in page.text
    assert page.rows("city-comparison")


def test_a_report_of_nothing_says_so() -> None:
    draft = draft_of(Cube.empty())
    assert not draft.charts
    assert "The file has no accepted row" in ReportPage(draft.page.encode()).text


def test_a_draft_is_the_same_after_it_was_sent() -> None:
    draft = draft_of(cube_of_rows(rows_of(2, 2)))
    sent = Draft.from_json(draft.to_json())
    pictures = [b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>"] * len(draft.charts)
    assert sent.complete(pictures) == draft.complete(pictures)


def test_a_picture_keeps_only_what_draws() -> None:
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9" '
        b'viewBox="0 0 9 9" onload="a()"><script>b()</script><a xlink:href="javascript:c()"><text>d</text></a>'
        b'<linearGradient id="g"/><rect fill="url(#g)" style="x" onclick="e()"/><text>&lt;b&gt; "q"</text></svg>'
    )
    assert inline(svg, 3, 'a "b"') == (
        '<svg viewBox="0 0 9 9" role="img" aria-label="a &quot;b&quot;" preserveAspectRatio="xMinYMin">'
        '<linearGradient id="p3-g" /><rect fill="url(#p3-g)" /><text>&lt;b&gt; "q"</text></svg>'
    )


def test_long_or_invisible_text_is_cut_or_replaced() -> None:
    assert cut("x" * 81) == "x" * 80 + "\u2026"
    assert cut("a\x00\ud800b") == "a\ufffd\ufffdb"
