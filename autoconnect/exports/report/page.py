"""The page of a report: each part is made from the tables of a job, and a template puts them together."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from autoconnect.core.charts import CHARTS, Chart, Style
from autoconnect.core.charts.style import Language
from autoconnect.core.metrics.definitions import DEFINITIONS
from autoconnect.core.table import Table
from autoconnect.exports.report import figures, job_parts
from autoconnect.exports.report.draft import PLACE, Draft
from autoconnect.exports.report.tables import View, view
from autoconnect.exports.report.texts import Texts
from autoconnect.models import API_PREFIX, Job

#: Makes the table of a metric.
Makers = Mapping[str, Callable[[], Table]]
#: Pixels of a chart: it is printed at nine tenths of its size.
_WIDTH = 760
#: Tables that the key figures need, too: they are small, and made once.
_SHARED = ("summary", "city-comparison", "sales-rental-split", "seasonality")


@dataclass(frozen=True)
class Subject:
    """What a report is about besides its tables.

    `rejects` are the first rejected rows. `rest` is the key of the words that say where all rows of a table are.
    Without `has_charts`, the page says that they are not drawn.
    """

    job: Job
    computed_at: datetime | None
    rejects: Table
    language: Language
    rest: str
    has_charts: bool = True

    def style(self, cities: Table) -> Style:
        """The style of charts; `cities` is the table that has all of them, so that each has one colour."""
        dialect = self.job.dialect
        currency = (dialect and dialect.currency) or None
        names = tuple(str(row["city"]) for row in cities.rows)
        return Style(_WIDTH, language=self.language, currency=currency, cities=names)


@dataclass(frozen=True)
class _Section:
    """A metric: its chart, what the chart says below it, and its table."""

    name: str
    title: str
    has_chart: bool
    captions: Sequence[str]
    table: View
    rest: str
    lacks: str


def draft_report(makers: Makers, subject: Subject) -> Iterator[Draft | None]:
    """Make the report: its last item is the draft; the others are None, between which other work may be done."""
    shared = {name: makers[name]() for name in _SHARED}
    makers = {**makers, **{name: partial(shared.__getitem__, name) for name in _SHARED}}
    texts = Texts(subject.style(shared["city-comparison"]))
    charts, sections = list[tuple[str, str]](), list[_Section]()
    summary, split = shared["summary"].rows[0], shared["sales-rental-split"]
    compared = list(figures.comparisons(shared["seasonality"]))
    for name in CHARTS:
        yield None
        if name == "summary" or not summary["transactions"]:
            continue
        section, spec = _section(CHARTS[name], makers, subject, texts)
        sections.append(section)
        if spec:
            charts.append((section.title, json.dumps(spec)))
    page = _template().render(
        t=texts,
        say=texts.say,
        subject=subject,
        cover=list(job_parts.cover(subject.job, summary, subject.computed_at, texts)),
        figures=figures.figures(summary, split, compared, texts) if summary["transactions"] else [],
        compared=figures.compared_lines(compared, texts),
        unfinished=figures.is_unfinished(summary["last_date"]) and texts.day(summary["last_date"]),
        sections=sections,
        place=Markup(PLACE),
        notes=job_parts.notes(subject.job, texts),
        rejects=job_parts.rejects(subject.job, subject.rejects, texts),
        rejected_share=job_parts.rejected_share(subject.job, texts),
        rejects_rest=texts.say(subject.rest, path=f"{API_PREFIX}/jobs/{subject.job.id}/rejects?format=csv"),
        dialect=job_parts.dialect(subject.job, texts),
        definitions=[(texts.style.word(name), text) for name, text in DEFINITIONS[subject.language].items()],
    )
    yield Draft(page, charts)


def _section(chart: Chart, makers: Makers, subject: Subject, texts: Texts) -> tuple[_Section, Mapping[str, Any] | None]:
    tables = {name: makers[name]() for name in chart.tables}
    own = tables[chart.name]
    spec = chart.spec(tables, texts.style)
    title = spec.pop("title")
    lacks = _lacks(own, chart.name, texts)
    has_chart = not lacks and subject.has_charts
    captions = "" if lacks else " ".join(title.get("subtitle", []))
    section = _Section(
        chart.name,
        texts.style.word(chart.name),
        has_chart,
        [captions] if captions else [],
        view(own, texts),
        texts.say(subject.rest, path=f"{API_PREFIX}/metrics/{chart.name}?job={subject.job.id}&format=csv"),
        lacks,
    )
    return section, spec if has_chart else None


def _lacks(table: Table, name: str, texts: Texts) -> str:
    """Why a metric has nothing to show; empty if it has something."""
    if name == "year-over-year" and not any(row["revenue_last_year"] for row in table.rows):
        return texts.style.word("no_year_before")
    if table.rows:
        return ""
    if name == "margins":
        return texts.style.word("no_cost" if table.note else "no_costs")
    return texts.style.word("no_durations" if name == "rental-duration" else "nothing")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("autoconnect.exports.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
