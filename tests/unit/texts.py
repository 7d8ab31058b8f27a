"""Texts with quotes in any position, and a reader for them that walks one character at a time."""

from hypothesis import strategies as st

from autoconnect.core.records import Record

PIECES = st.sampled_from(('"', '""', ",", ',"', '",', '"\n', "\n", "\r\n", "\n\n", "a", "bc"))
TEXTS = st.lists(PIECES, max_size=30).map("".join)


def walk(text: str, start: int, limit: int) -> int | None:
    """Where the record that begins at `start` ends; None if one of its quotes is not closed within the limit."""
    opening, field_starts, position = None, True, start
    while position < len(text):
        char, opening_before = text[position], opening
        if opening is not None and position > opening + limit:
            return None
        if opening is not None and text[position : position + 2] == '""':
            position += 1
        elif opening is not None and char == '"':
            opening = None
        elif opening is None and char == '"' and field_starts:
            opening = position
        elif opening is None and char == "\n":
            return position
        field_starts = opening_before is None and char == ","
        position += 1
    return position if opening is None else None


def plain_records(text: str, limit: int) -> list[Record]:
    """The records of a text, each end found by `walk`."""
    records, start = [], 0
    while start < len(text):
        end, fault = walk(text, start, limit), None
        if end is None:
            end, fault = (text + "\n").index("\n", start), "bad_quotes"
        raw = text[start:end] if end == len(text) else text[start:end].removesuffix("\r")
        if raw:
            record = Record(text.count("\n", 0, start), raw.encode(), "record_too_long" if len(raw) > limit else fault)
            records.append(record)
        start = end + 1
    return records
