"""How a file is written, judged once for the whole file: section 1 of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.oracle import evidence
from tests.oracle.columns import Columns, choose_columns
from tests.oracle.encoding import judge_encoding, judge_line_end, refuse_other_formats, without_boms
from tests.oracle.header import Header, find_header
from tests.oracle.records import Form, Record, split_records
from tests.oracle.samples import HEAD_BYTES, SAMPLE_ROWS, from_windows, pieces
from tests.oracle.sorting import Kind, kind_of

#: What a user gives: parts of the dialect by name, `columns` and `types`.
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Dialect:
    """All that a row is judged by."""

    form: Form
    header: Header
    columns: Columns
    surplus: int
    decimal: str | None
    currency: str | None
    dates: str
    given: Given

    @property
    def parts(self) -> dict[str, Any]:
        """The parts by the names of the contract; None if there is no decimal mark or no currency."""
        return {
            "encoding": self.form.encoding,
            "line_end": "lf" if self.form.end == "\n" else "cr",
            "delimiter": self.form.delimiter,
            "header": self.header.line,
            "surplus": self.surplus,
            "decimal": self.decimal,
            "currency": self.currency,
            "dates": self.dates,
        }


def judge(file: bytes, given: Given) -> Dialect:
    """Judge a whole file; raise CannotPlan if the evidence does not settle a part. What is given is not judged."""
    refuse_other_formats(file)
    head = head_of(file)
    encoding = given.get("encoding") or judge_encoding(pieces(file))
    end = {"lf": "\n", "cr": "\r"}[given.get("line_end") or judge_line_end(head)]
    header = find_header(head, encoding, end, given)
    form = Form(encoding, header.delimiter, end)
    columns = choose_columns(header.names, given.get("columns", {}))
    first = head_rows(file, form, header, columns)
    surplus = int(given["surplus"]) if "surplus" in given else evidence.judge_surplus(first, columns, form)
    rows = evidence.fitting(first, columns, surplus, form)
    rows += from_windows(
        file,
        end_of_head(file, form, header, first),
        end.encode(),
        lambda line: fitting_line(line, form, header, columns, surplus),
    )
    values = evidence.Values(rows, columns)
    if "decimal" not in given and form.delimiter == ",":
        evidence.refuse_cuts_at_decimal_commas(first, values)
    decimal = given["decimal"] if "decimal" in given else evidence.judge_decimal(values)
    currency = given["currency"] if "currency" in given else evidence.judge_currency(values)
    comma_proved = decimal == "," and evidence.proves_comma(values)
    dates = given["dates"] if "dates" in given else evidence.judge_dates(values, comma_proved)
    return Dialect(form, header, columns, surplus, decimal, None if currency == "none" else currency, dates, given)


def head_of(file: bytes) -> bytes:
    """The first MiB without byte order marks, and without Ctrl-Z at the end of the file."""
    return without_boms(file[:HEAD_BYTES] if len(file) > HEAD_BYTES else file.removesuffix(b"\x1a"))


def head_rows(file: bytes, form: Form, header: Header, columns: Columns) -> list[Record]:
    """The first 1,000 rows of the first MiB, whatever their field count; those with bad quotes are left out."""
    records = split_records(body_of(head_of(file), form, header.last_line), form, header.last_line + 1)
    whole = (record for record in records if record.has_end or len(file) <= HEAD_BYTES)
    return list(islice((record for record in whole if is_row(record, form, header, columns)), SAMPLE_ROWS))


def end_of_head(file: bytes, form: Form, header: Header, rows: list[Record]) -> int:
    """Where the first line begins that is not among those of the first 1,000 rows, or not whole in the first MiB."""
    if len(rows) < SAMPLE_ROWS:
        return len(file) if len(file) <= HEAD_BYTES else file.rindex(form.end.encode(), 0, HEAD_BYTES) + 1
    lines = rows[-1].line + rows[-1].text.count(form.end)
    return sum(len(line) + 1 for line in file.split(form.end.encode(), lines)[:lines])


def is_row(record: Record, form: Form, header: Header, columns: Columns) -> bool:
    """Whether a record is a row with fields."""
    return record.fields is not None and kind_of(record, form, header, columns) is Kind.ROW


def fitting_line(line: bytes, form: Form, header: Header, columns: Columns, surplus: int) -> list[str] | None:
    """The fields of a line that is a row of its own with the right field count."""
    [record] = split_records(line.decode(form.encoding, "surrogateescape"), form)
    rows = evidence.fitting([record], columns, surplus, form) if is_row(record, form, header, columns) else []
    return rows[0] if rows else None


def body_of(data: bytes, form: Form, header_lines: int) -> str:
    """The text after the header's last line."""
    return "".join(data.decode(form.encoding, "surrogateescape").split(form.end, header_lines)[header_lines:])
