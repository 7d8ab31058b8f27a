"""The report of a job: one page of HTML to print and hand on, which loads nothing and runs nothing."""

from autoconnect.exports.report.draft import Draft
from autoconnect.exports.report.job_parts import REJECTS_READ
from autoconnect.exports.report.page import Makers, Subject, draft_report

__all__ = ["REJECTS_READ", "Draft", "Makers", "Subject", "draft_report"]
