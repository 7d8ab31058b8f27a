"""Texts with quotes in any position, and a reader for them that goes from one character to the next."""

from collections.abc import Iterable, Iterator
from functools import cache

from hypothesis import strategies as st

from autoconnect.core.dialect import Encoding
from autoconnect.core.records import Form, Record

CSV = Form(b",", b"\n", "utf-8")
_LINE_ENDS = (b"\n", b"\r")
_DELIMITERS = (b",", b";", b"\t", b"|")
_ENCODINGS: tuple[Encoding, ...] = ("utf-8", "cp1252")
FORMS = st.builds(Form, *map(st.sampled_from, (_DELIMITERS, _LINE_ENDS, _ENCODINGS)))

#: Pieces with a comma for the delimiter and a line feed for the line end.
_QUOTES = ('"', '""', ',"', '",', '"\n', '"\r\n')
_OTHERS = (",", "\n", "\r\n", "\n\n", "a", "bc")
_SPACES = ("é", "\r", " ", ' "', '" ', ', "', "\t", "\xa0", "\u2003", "\ufeff", "\x1c", "\x1a")
TEXTS = st.lists(st.sampled_from(_QUOTES + _OTHERS), max_size=30).map("".join)
SPACED_TEXTS = st.lists(st.sampled_from(_QUOTES + _OTHERS + _SPACES), max_size=30).map("".join)


def written(text: str, form: Form) -> bytes:
    """A text with a comma for each delimiter and a line feed for each line end, as it is written in a form."""
    swapped = text.translate(str.maketrans("\n\r", "\r\n")) if form.line_end == b"\r" else text
    return swapped.replace(",", form.delimiter.decode()).encode(form.encoding, "ignore")


def plain_records(text: bytes, form: Form, limit: int) -> list[Record]:
    """The records of a source, by the contract."""
    text, records = text.removesuffix(b"\x1a"), []
    for start, end, fault in bounds(text, form, limit):
        raw, ended = text[start:end], end < len(text)
        breaks = raw.count(form.line_end)
        if ended and form.line_end == b"\n":
            raw = raw.removesuffix(b"\r")
        if raw.decode(form.encoding, "surrogateescape").replace('"', "").replace(form.delimiter.decode(), "").strip():
            fault = "record_too_long" if len(raw) > limit else fault
            records.append(Record(text.count(form.line_end, 0, start), raw, fault, ended, breaks))
    return records


def bounds(text: bytes, form: Form, limit: int) -> Iterator[tuple[int, int, str | None]]:
    """Where each record begins and ends, blank ones too, and its fault."""
    start = 0
    while start < len(text):
        end, fault = walk(text, start, form, limit), None
        if end is None:
            end, fault = (text + form.line_end).index(form.line_end, start), "bad_quotes"
        yield start, end, fault
        start = end + 1


def walk(text: bytes, start: int, form: Form, limit: int) -> int | None:
    """Where the record that begins at `start` ends; None if one of its quotes is stray."""
    ends = (form.delimiter, form.line_end)
    spaces = [space for space in _spaces(form.encoding) if space not in ends]
    while True:
        position = opening = _pass(text, start, [*spaces, "\ufeff".encode(form.encoding, "ignore")])
        if text.startswith(b'"', opening):
            position = _pass(text, opening + 1, [b'""', *(bytes([code]) for code in range(256) if code != ord('"'))])
            if position == len(text) or position > opening + limit:
                return None
            position = _pass(text, position + 1, spaces)
            if position < len(text) and not text.startswith(ends, position):
                return None
        while position < len(text) and not text.startswith(ends, position):
            position += 1
        if not text.startswith(form.delimiter, position):
            return position
        start = position + 1


def _pass(text: bytes, position: int, pieces: Iterable[bytes]) -> int:
    """Where the first other piece begins."""
    while length := next((len(piece) for piece in pieces if piece and text.startswith(piece, position)), 0):
        position += length
    return position


@cache
def _spaces(encoding: Encoding) -> set[bytes]:
    return {chr(code).encode(encoding, "ignore") for code in range(0x110000) if chr(code).isspace()} - {b""}
