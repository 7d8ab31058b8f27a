"""Makes small transaction files in any dialect and spoils them; one random generator makes all choices."""

import codecs
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from autoconnect.core.layout import Layout, sniff
from tests.files import BAD, BROKEN, GOOD, OTHER, STRAY_LINES
from tests.oracle import HEADERS

#: Bytes to put into files: everything that can mislead a reader of CSVs.
TOKENS = (
    *(b'"', b'"', b'""', b'"""', b'"\n', b',"', b'",', b'",""', b'\n"', b'x"a,"b\n'),
    *(
        b",",
        b";",
        b"\t",
        b",,,,,,,",
        b"\n",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\r\n",
        b"\0",
        b"\x1a",
        b"\x0b",
        b"\x85",
    ),
    *(
        codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        b"\xc3",
        b"\xe2\x82",
        b"\xff",
        b"\x81",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ),
    *(
        "é".encode(),
        "e\u0301".encode(),
        "\u2028".encode(),
        "\u00a0".encode(),
        "😀".encode(),
        "İ".encode(),
        "\u017f".encode(),
    ),
    *(b" ", b"_", b"-", b".", b"0", b"00000000", b"99999999", b"NULL", b"\\N", b"nan", b"1e5", b"T", b"0001-01-01"),
)


#: Sorted, since MISSING is a set, whose order differs from process to process.
_GOOD, _BAD, _BROKEN = ({name: sorted(texts) for name, texts in kind.items()} for kind in (GOOD, BAD, BROKEN))
_KINDS: Sequence[Mapping[str, Sequence[str]]] = (*(_GOOD,) * 40, _BAD, _BROKEN)


class Input(NamedTuple):
    """A spoiled file, the layout of the unspoiled file, and its rows, spoiled separately."""

    file: bytes
    layout: Layout
    rows: bytes


def make_input(random: Random) -> Input:
    """Make an input; the same generator state makes the same input."""
    file, other = _valid(random), _valid(random)
    layout = sniff(file, [])
    rows = file[layout.data_start :]
    return Input(
        file=_spoiled(file, other, random),
        layout=layout,
        rows=_spoiled(rows, other, random) if random.random() < 0.95 else _stutter(random),
    )


def _valid(random: Random) -> bytes:
    """A file with some rows, most of them accepted."""
    delimiter, line_end = random.choice(",,;\t"), random.choice(("\n", "\n", "\r\n"))
    optional = [column for column in ("months", "cost", "note") if random.random() < 0.6]
    columns = ["id", "date", "city", "type", "model", "price", *optional]
    if random.random() < 0.5:
        random.shuffle(columns)
    names = [random.choice(HEADERS[column].split()) if column in HEADERS else column for column in columns]
    lines = [
        delimiter.join(names),
        *(_line(random, columns, delimiter) for _ in range(random.choice((0, 1, 2, 5, 12)))),
    ]
    text = line_end.join(lines) + random.choice(("", line_end, line_end, line_end))
    encoding = random.choice(("utf-8", "utf-8", "utf-8-sig", "cp1252"))
    if encoding == "utf-8" and "\udc81" in text:  # without a byte order mark, it would be read as Windows-1252
        encoding = "utf-8-sig"
    return text.encode(encoding, "replace" if encoding == "cp1252" else "surrogateescape")


def _line(random: Random, columns: list[str], delimiter: str) -> str:
    if random.random() < 0.03:
        return random.choice(STRAY_LINES)
    return delimiter.join(_field(random, column, delimiter) for column in columns)


def _field(random: Random, column: str, delimiter: str) -> str:
    kind = random.choice(_KINDS)
    text = random.choice(kind.get(column) or _GOOD.get(column) or OTHER)
    if column in ("price", "cost") and delimiter == ";":
        text = text.replace(".", ",")
    if delimiter in text or "\n" in text or text.startswith('"') or random.random() < 0.2:
        return '"' + text.replace('"', '""') + '"'
    return text


def _spoiled(data: bytes, other: bytes, random: Random) -> bytes:
    for _ in range(random.choice((0, 1, 1, 2, 3, 5, 8))):
        data = random.choice(_MUTATIONS)(data, other, random)
    return data


def _put_token(data: bytes, _: bytes, random: Random) -> bytes:
    index = random.randint(0, len(data))
    return data[:index] + random.choice(TOKENS) + data[index:]


def _put_many(data: bytes, _: bytes, random: Random) -> bytes:
    index = random.randint(0, len(data))
    return data[:index] + random.choice(TOKENS) * random.choice((2, 3, 60, 64, 65, 500)) + data[index:]


def _flip(data: bytes, _: bytes, random: Random) -> bytes:
    if not data:
        return data
    index = random.randrange(len(data))
    return data[:index] + bytes((data[index] ^ 1 << random.randrange(8),)) + data[index + 1 :]


def _leave_out(data: bytes, _: bytes, random: Random) -> bytes:
    first, last = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
    return data[:first] + data[min(last, first + 40) :]


def _cut_off(data: bytes, _: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    index, first = random.randint(0, len(data)), random.randint(0, len(other))
    return data[:index] + other[first : first + random.randint(1, 80)] + data[index:]


def _repeat(data: bytes, _: bytes, random: Random) -> bytes:
    index = random.randint(0, len(data))
    return data[:index] + data[max(0, index - random.randint(1, 60)) : index] * random.randint(1, 6) + data[index:]


def _stutter(random: Random) -> bytes:
    """A few tokens over and over, which can slow down a reader that looks ahead."""
    unit = b"".join(random.choice(TOKENS[:24]) for _ in range(random.randint(1, 5)))
    return unit * random.randint(1, 600 // len(unit) + 1)


_MUTATIONS = (_put_token, _put_token, _put_token, _put_many, _flip, _leave_out, _cut_off, _splice, _repeat)
