"""Texts with quotes anywhere, and a reader of them that walks one character at a time."""

from hypothesis import strategies as st

from autoconnect.core.records import Record

PIECES = st.sampled_from(('"', '""', ",", ',"', '",', '"\n', "\n", "\r\n", "\n\n", "a", "bc"))
TEXTS = st.lists(PIECES, max_size=30).map("".join)


def walk(text: str, start: int, limit: int) -> int | None:
    """Where the record that begins at `start` ends; None where one of its quotes is not closed within the limit."""
    opening, field_starts, place = None, True, start
    while place < len(text):
        char, before = text[place], opening
        if opening is not None and place > opening + limit:
            return None
        if opening is not None and text[place : place + 2] == '""':
            place += 1
        elif opening is not None and char == '"':
            opening = None
        elif opening is None and char == '"' and field_starts:
            opening = place
        elif opening is None and char == "\n":
            return place
        field_starts = before is None and char == ","
        place += 1
    return place if opening is None else None


def plain_records(text: str, limit: int) -> list[Record]:
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
