"""Makes small transaction files in any dialect and spoils them; one random generator makes all choices."""

import codecs
from contextlib import suppress
from random import Random
from typing import NamedTuple

from autoconnect.core.dialect import DialectOptions
from autoconnect.core.layout import Layout
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.errors import SourceError
from tests.files import random_file

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
    *(b"|", b"||", b";;", b"\t\t", b"'", b"$", b"EUR", b"\x80", b"\xa0", b"\xe9", b"\x1c", b' "', b'" ', b'"\xc2\xa0,'),
    *(b"12.0", b"12,0", b"1 234,5", b"2024-01-31", b"31/01/2024", b"20240131", b" 10:00", b"#DIV/0!", b"(vide)"),
    *("\u202f".encode(), "\u200b".encode(), "€".encode(), ',\ufeff"'.encode()),
)


class Input(NamedTuple):
    """A spoiled file with what is given of its dialect, the layout of the unspoiled file, and its spoiled rows."""

    file: bytes
    options: DialectOptions
    layout: Layout
    rows: bytes


def make_input(random: Random) -> Input:
    """Make an input; the same generator state makes the same input."""
    data, options, layout = _planned(random)
    rows = data[layout.data_start :]
    return Input(
        file=_spoiled(data, rows, random),
        options=options,
        layout=layout,
        rows=_spoiled(rows, rows, random) if random.random() < 0.95 else _stutter(random),
    )


def _planned(random: Random) -> tuple[bytes, DialectOptions, Layout]:
    """A file that can be planned."""
    while True:
        file = random_file(random, breaks=random.random() < 0.4)
        options = DialectOptions.read(file.given)
        with suppress(SourceError):
            return file.data, options, sniff_bytes(file.data, options).layout


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
