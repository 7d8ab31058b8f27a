"""From a record to an accepted row or to a reason: sections 3 and 4 of the contract."""

from typing import NamedTuple

from tests.oracle.columns import fitted
from tests.oracle.dialect import Dialect
from tests.oracle.fields import (
    CURRENCIES,
    is_missing,
    read_amount,
    read_date,
    read_duration,
    read_name,
    read_type,
    shown,
    trim,
    without_case_and_accents,
)
from tests.oracle.records import MAX_RECORD_BYTES, Record, is_blank, is_suspect
from tests.oracle.rows import Reject, Row


class Fault(NamedTuple):
    """A reason to reject a row, and the meaning and the value of the field at fault."""

    reason: str
    meaning: str
    value: str


def judge_record(record: Record, dialect: Dialect) -> list[Row | Reject]:
    """The rows of a record: one, or one for each physical line that is not blank if a quoted line break is suspect."""
    form, columns = dialect.form, dialect.columns
    if record.fields is None:
        return [judge_line(record.text, record.line, dialect)]
    if looks_like_strays(record, dialect):
        return [
            judge_line(line, record.line + number, dialect)
            for number, line in enumerate(form.lines(record.text))
            if not is_blank(line, form.delimiter)
        ]
    reason = bytes_at_fault(form.raw(record.text), form.encoding)
    if reason:
        return [Reject(record.line, reason)]
    fields = fitted([trim(field.text) for field in record.fields], columns, dialect.surplus, record.has_end)
    if fields is None:
        return [Reject(record.line, "field_count")]
    row = judge_fields({meaning: fields[place] for meaning, place in columns.used.items()}, dialect)
    if isinstance(row, Fault):
        return [Reject(record.line, row.reason, columns.name(row.meaning), shown(row.value), row.value)]
    return [row]


def looks_like_strays(record: Record, dialect: Dialect) -> bool:
    """Whether the line breaks in a record's quotes look like those of two stray quotes."""
    used = list(dialect.columns.used.values())
    return is_suspect(record, used, len(dialect.columns.names) + dialect.surplus - 1, dialect.form)


def judge_line(line: str, number: int, dialect: Dialect) -> Reject:
    """The reject of a physical line of a record whose quotes are bad or suspect."""
    raw = dialect.form.raw(line)
    return Reject(number, bytes_at_fault(raw, dialect.form.encoding) or "bad_quotes")


def bytes_at_fault(raw: bytes, encoding: str) -> str | None:
    """`bad_encoding`: an invalid byte, NUL, or in Windows-1252 text that is UTF-8. `record_too_long`: over 1 MiB."""
    if b"\0" in raw or not can_decode(raw, encoding):
        return "bad_encoding"
    if encoding == "cp1252" and not raw.isascii() and can_decode(raw, "utf-8"):
        return "bad_encoding"
    return "record_too_long" if len(raw) > MAX_RECORD_BYTES else None


def can_decode(raw: bytes, encoding: str) -> bool:
    """Whether all bytes are characters of an encoding."""
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def judge_fields(fields: dict[str, str], dialect: Dialect) -> Row | Fault:
    """The row of trimmed fields by meaning, or the first fault in the order of the contract."""
    constants = {meaning: trim(text) for meaning, text in dialect.columns.constants.items()}
    value = {meaning: "" if is_missing(text) else text for meaning, text in (fields | constants).items()}
    written = fields | constants
    day = read_date(value["date"], dialect.dates)
    city, model = read_name(value["city"]), read_name(value["model"])
    kind = read_type(written["type"], dialect.given.get("types", {}))
    amount_rules = dialect.decimal, "decimal" in dialect.given, dialect.currency
    price = read_amount(value["price"], *amount_rules)
    duration, cost = value.get("duration", ""), value.get("cost", "")
    months = read_duration(duration)
    cost_read = read_amount(cost, *amount_rules)
    currency = value.get("currency", "")
    other_currency = currency != "" and (
        dialect.currency is None or CURRENCIES.get(without_case_and_accents(currency)) != dialect.currency
    )
    faults = (
        ("missing_id", "id", not value["id"]),
        ("bad_date", "date", day is None),
        ("missing_city", "city", not city),
        ("unknown_type", "type", kind is None),
        ("missing_model", "model", not model),
        ("negative_price", "price", price is not None and price.negative),
        ("bad_price", "price", price is None),
        ("bad_price", "currency", other_currency),
        ("bad_duration", "duration", is_bad_duration(kind, duration)),
        ("bad_cost", "cost", cost != "" and (cost_read is None or cost_read.negative)),
    )
    for reason, meaning, applies in faults:
        if applies:
            return Fault(reason, meaning, written[meaning])
    assert day
    assert kind
    assert price
    return Row(
        value["id"],
        day,
        city,
        kind,
        model,
        price.cents,
        months if kind == "location" else None,
        cost_read.cents if cost_read else None,
    )


def is_bad_duration(kind: str | None, duration: str) -> bool:
    """A rental lasts 1 to 1,200 months, or its duration is missing; that of a sale is missing or `0`."""
    if kind == "vente":
        return duration not in ("", "0")
    return duration != "" and read_duration(duration) is None
