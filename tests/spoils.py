"""Changes that make most files impossible to plan."""

import re
from collections.abc import Callable, Sequence

from tests.writing import Form


def unspoiled(data: bytes, form: Form) -> bytes:
    return data


def in_utf16(data: bytes, form: Form) -> bytes:
    return data.decode("latin-1").encode("utf-16")


def in_utf16_without_mark(data: bytes, form: Form) -> bytes:
    return data.decode("latin-1").encode("utf-16-le")


def after(start: bytes) -> Callable[[bytes, Form], bytes]:
    return lambda data, form: start + data


def without_line_ends(data: bytes, form: Form) -> bytes:
    return data.replace(b"\r", b"").replace(b"\n", b"")


def without_header(data: bytes, form: Form) -> bytes:
    return data.replace(b"e", b"x")


def in_quotes(data: bytes, form: Form) -> bytes:
    """Each line as one quoted field."""
    lines = data.splitlines()
    return b"".join(b'"' + line.replace(b'"', b'""') + b'"\n' for line in lines)


def with_rows_first(data: bytes, form: Form) -> bytes:
    """The last lines before all others."""
    lines = data.splitlines(keepends=True)
    return b"".join(lines[-2:] + lines)


def with_price_twice(data: bytes, form: Form) -> bytes:
    end = form.delimiter.encode() + b"montant"
    return re.sub(rb"(?m)[\r\n]", lambda match: end + match[0], data)


#: What makes most files impossible to plan.
SPOILS: Sequence[Callable[[bytes, Form], bytes]] = (
    in_utf16,
    in_utf16_without_mark,
    *map(
        after, (b"\x1f\x8b\x08", b"PK\x03\x04xl/", b"PK\x03\x04", b"PAR1", b"%PDF-1.7", b"<html>\n", b' {"id": [1]}\n')
    ),
    after(b"sep=:\n"),
    without_line_ends,
    without_header,
    in_quotes,
    with_rows_first,
    with_price_twice,
)
