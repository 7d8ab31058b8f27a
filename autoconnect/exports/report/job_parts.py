"""The parts of a report that tell of the job: its cover, notes, rejected rows, and how its file was read."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from autoconnect.core.exact import pct
from autoconnect.core.table import Row, Table
from autoconnect.exports.report.explanations import MEANINGS, NOTES, REASONS
from autoconnect.exports.report.texts import Texts, cut
from autoconnect.models import Job

#: Characters of a note's message.
_MOST_NOTE = 600
#: Rejected rows among which examples are looked for.
REJECTS_READ = 1_000
#: Examples of a reason.
_MOST_EXAMPLES = 3

Pair = tuple[str, str]


@dataclass(frozen=True)
class NoteText:
    """A note: what it says, and its place; `original` is the message in English if the text is another one."""

    text: str
    original: str
    place: str


@dataclass(frozen=True)
class Reason:
    """A reason for rejected rows: how many there are, and the line, column and value of some."""

    name: str
    code: str
    count: str
    examples: Sequence[tuple[str, str, str]]


def cover(job: Job, summary: Row, computed_at: datetime | None, texts: Texts) -> Iterator[Pair]:
    """The facts below the title."""
    yield texts.say("source"), cut(job.source, 255)
    if summary["first_date"]:
        first, last = texts.day(summary["first_date"]), texts.day(summary["last_date"])
        yield texts.say("period"), texts.say("to", first=first, last=last)
    rows = job.rows
    counts = {name: texts.count(getattr(rows, name)) for name in ("read", "accepted", "rejected")}
    yield texts.say("rows"), texts.say("rows_read", **counts)
    if computed_at:
        yield texts.say("computed"), texts.time(computed_at)
    state = texts.say("published" if job.published else "unpublished")
    yield texts.say("state"), f"{state} ({texts.say('job')} {job.id})"


def notes(job: Job, texts: Texts) -> list[NoteText]:
    """The notes of the job, in French with the English message below."""
    return [
        NoteText(
            *_note(note.code, cut(note.message, _MOST_NOTE), note.count, texts),
            place=texts.say("line", line=texts.count(note.line)) if note.line else "",
        )
        for note in job.notes
    ]


def rejects(job: Job, rejected: Table, texts: Texts) -> list[Reason]:
    """The reasons, that of most rows first, with examples from the first rejected rows."""
    examples: dict[str, list[Row]] = defaultdict(list)
    for row in rejected.rows[:REJECTS_READ]:
        if len(found := examples[str(row["reason"])]) < _MOST_EXAMPLES:
            found.append(row)
    counts = sorted(job.rejected_by_reason.items(), key=lambda item: (-item[1], item[0]))
    names = REASONS[texts.style.language]
    return [
        Reason(
            names.get(reason, reason), reason, texts.count(count), [_example(row, texts) for row in examples[reason]]
        )
        for reason, count in counts
    ]


def rejected_share(job: Job, texts: Texts) -> str:
    """The number and the share of rejected rows."""
    share = texts.percent(pct(job.rows.rejected, job.rows.read))
    return texts.say(
        "rejects_lead", rejected=texts.count(job.rows.rejected), read=texts.count(job.rows.read), share=share
    )


def dialect(job: Job, texts: Texts) -> list[Pair]:
    """How the file is written."""
    found = job.dialect
    if found is None:
        return []
    none = texts.say("none")
    pairs = [
        ("encoding", found.encoding),
        ("delimiter", _mark(found.delimiter, texts)),
        ("header", texts.say("header_line", line=texts.count(found.header))),
        ("decimal", _mark(found.decimal, texts) if found.decimal else none),
        ("currency", found.currency or none),
        ("dates", texts.say(found.dates)),
        ("columns", _columns(found.columns, texts)),
    ]
    if found.types:
        pairs.append(("types", ", ".join(f"{cut(word)} = {kind}" for word, kind in found.types.items())))
    return [(texts.say(name), value) for name, value in pairs]


def _mark(mark: str, texts: Texts) -> str:
    return texts.words.get(mark, mark)


def _note(code: str, message: str, count: int, texts: Texts) -> tuple[str, str]:
    if texts.style.language == "en" or code not in NOTES:
        return message, ""
    return NOTES[code].format(count=texts.count(count)), message


def _example(row: Row, texts: Texts) -> tuple[str, str, str]:
    column = cut(row["column"]) if row["column"] else texts.say("whole_row")
    value = cut(row["value"]) if row["value"] else texts.say("nothing")
    if row["reason"] == "field_count":
        value = value.replace("field", texts.say("fields"))
    return texts.count(row["line"]), column, value


def _columns(columns: Mapping[str, str], texts: Texts) -> str:
    meanings = MEANINGS[texts.style.language]
    return ", ".join(f"{meanings.get(meaning, meaning)} = {cut(header)}" for meaning, header in columns.items())
