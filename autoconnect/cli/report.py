"""Writes the report of a job into a file."""

import json
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from autoconnect.core.charts.style import Language
from autoconnect.core.table import Table
from autoconnect.exports.report import Draft, Subject, draft_report
from autoconnect.models import Job


class Report(NamedTuple):
    """The file that a report is written into, and its language."""

    file: Path
    language: Language


def write_report(report: Report, job: Job, tables: Mapping[str, Table], rejects: Table) -> None:
    """Write the page; without the package that draws charts, it says so in their place."""
    has_charts = find_spec("vl_convert") is not None
    subject = Subject(job, job.finished_at, rejects, report.language, rest="rest_run", has_charts=has_charts)
    makers = {name: partial(tables.__getitem__, name) for name in tables}
    *_, draft = draft_report(makers, subject)
    assert draft
    write_page(report.file, _complete(draft))


def write_page(file: Path, page: bytes) -> None:
    """Write a page, and make its folder if there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(page)


def _complete(draft: Draft) -> bytes:
    if not draft.charts:
        return draft.complete([])
    from autoconnect.draughtsman import draw  # imported here, because it needs that package

    return draft.complete([draw("svg", json.loads(spec)) for _, spec in draft.charts])
