"""Transaction files as sites write them, good and bad, for hypothesis.

They have no lone carriage return and no quote that is never closed: `tests.oracle` cannot judge these two.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from tests.oracle import HEADERS, MISSING

#: Fields of accepted rows, by column. Amounts have a decimal point here, but a decimal comma in a `;` file.
GOOD: Mapping[str, Sequence[str]] = {
    "id": ("TX1", "TX1", "0", 'a "b" c', "x;y,z\tw", '"', "-"),
    "date": ("2023-01-31", "2023-02-01", "2024-02-29", "1969-12-31", "0001-01-01", "9999-12-31", "2024-01-01T10:00Z"),
    "city": ("Paris", "Paris", "Lyon", "lyon", "Saint-Étienne", "__La  Rochelle_", "L'Haÿ, les Roses", "Le_ _Mans"),
    "type": ("vente", "location", "Vente", "LOCATION", "sale", "Rental"),
    "model": ("BMW X3", "BMW_X3", " BMW  X3_", "Audi A4", "Citroën;C3", 'Polo 5" rim', '5""', "208\u00a0GT"),
    "price": ("0", "0.0", "1", "00012.5", "19999.99", "9999999999.99", "0000000000000000000001.05"),
    "months": ("1", "2", "3", "7", "12", "12", "0024", "1200", *MISSING),
    "cost": ("0", "0.01", "0.5", "1.25", "170", "17000", "9999999999.9", *MISSING),
}
#: Fields that are a fault in every row, or in some rows only, by column.
BAD: Mapping[str, Sequence[str]] = {
    "id": (*MISSING, "\udc81"),
    "date": ("2023-02-29", "2023-13-01", "0000-01-01", "23-01-01", "2023-1-1", "20230101", "2023-01-01t", "٢٠٢٣-01-01"),
    "city": (*MISSING, "_", " _ _", "\udc81"),
    "type": (*MISSING, "ventes", "vente.", "loc"),
    "model": (*MISSING, "__", "\udc81"),
    "price": (
        *MISSING,
        "-1",
        "-0.00",
        "--1",
        "+1",
        "1e3",
        ".5",
        "5.",
        "1.234",
        "1,5",
        "10000000000",
        "-10000000000",
        "1 €",
    ),
    "months": ("0", "000", "1201", "-1", "1.0", "12.5", "99999999999999999999", "٣"),
    "cost": ("-1", "1.234", "1,5", "inf", "10000000000"),
    "note": ("\udc81",),
}
#: Fields with line breaks, harmless or faulty, by column.
BROKEN: Mapping[str, Sequence[str]] = {
    "id": ("TX\n1", "\n", "a\r\n\r\nb"),
    "date": ("2023-01-31 at\nnoon", "2023-01-31\n"),
    "city": ("Le\nMans", "\nParis", "_\r\n_"),
    "model": ("Audi\r\nA4", '5"\n rim'),
    "months": ("\n12",),
}
#: Fields of unknown columns.
OTHER = ("", "x", "a,b;c\td", 'say "no"', "é")
#: Physical lines that hold no transaction; each still counts as a row.
STRAY_LINES = ("   ", '""', "x", ",;\t", '"a"b', ",;\t" * 9)


class File(NamedTuple):
    """A file, with the encoding and the delimiter in which it must be read."""

    data: bytes
    encoding: str
    delimiter: str


@st.composite
def files(draw: st.DrawFn, breaks: bool = False) -> File:
    """Files of any form; with `breaks`, some quoted fields have line breaks.

    Each line comes from its own random number generator: that is quick and varied, and hypothesis can still drop lines
    that an example does not need.
    """
    delimiter = draw(st.sampled_from(",;\t"))
    columns = draw(_randoms().map(_columns))
    count = draw(st.integers(0, 20))
    rows = st.builds(_line, _randoms(), st.just(columns), st.just(delimiter), st.just(breaks))
    lines = draw(st.lists(rows, min_size=count, max_size=count))
    lines.insert(0, draw(_randoms().map(lambda random: _header(random, columns, delimiter))))
    for index in draw(st.lists(st.integers(0, len(lines)), max_size=3)):
        lines.insert(index, "")
    random = draw(_randoms())
    text = "".join(line + random.choice(("\n", "\r\n")) for line in lines[:-1])
    text += lines[-1] + draw(st.sampled_from(("", "\n", "\r\n")))
    return _encoded(text, delimiter, draw(st.sampled_from(("utf-8", "utf-8-sig", "cp1252"))))


def slow_to_map(text: str) -> str:
    """The same rows in a form that the kernel defers: a job slow enough for a test to act while it runs."""
    return text.replace(",", ", ")


def _randoms() -> st.SearchStrategy[Random]:
    return st.randoms(use_true_random=True)


def _encoded(text: str, delimiter: str, encoding: str) -> File:
    """A file, with the encoding that the contract gives it; bad UTF-8 needs a byte order mark to count as UTF-8."""
    if encoding == "cp1252":
        text = text.translate(dict.fromkeys(range(0x600, 0x700), "?"))  # Arabic digits
    elif "\udc81" in text:
        encoding = "utf-8-sig"
    data = text.encode(encoding, "surrogateescape")
    return File(data, "cp1252" if encoding == "cp1252" and not data.isascii() else "utf-8", delimiter)


def _columns(random: Random) -> list[str]:
    optional = [column for column in ("months", "cost", "note", "remarque") if random.random() < 0.6]
    columns = ["id", "date", "city", "type", "model", "price", *optional]
    return random.sample(columns, len(columns))


def _header(random: Random, columns: Sequence[str], delimiter: str) -> str:
    names = [random.choice(HEADERS[column].split()) if column in HEADERS else column for column in columns]
    return _written(random, [random.choice((name, name.upper(), f" {name.title()} ")) for name in names], delimiter)


def _line(random: Random, columns: Sequence[str], delimiter: str, breaks: bool) -> str:
    """A row: most have no fault, the others up to three; some have a field too many or too few."""
    if random.random() < 0.05:
        return random.choice(STRAY_LINES)
    bad = random.sample(columns, random.choice((0, 0, 0, 0, 1, 1, 2, 3)))
    fields = {column: random.choice((BAD if column in bad else GOOD).get(column, OTHER)) for column in columns}
    if breaks and random.random() < 0.4:
        column = random.choice([column for column in columns if column in BROKEN])
        fields[column] = random.choice(BROKEN[column])
    if delimiter == ";":
        for column in {"price", "cost"} & fields.keys():
            fields[column] = fields[column].translate(str.maketrans(".,", ",."))
    count = len(columns) + random.choice((0,) * 28 + (1, -1))
    return _written(random, [*fields.values(), ""][:count], delimiter)


def _written(random: Random, fields: Sequence[str], delimiter: str) -> str:
    return delimiter.join(_field(field, random.randrange(7), delimiter) for field in fields)


def _field(text: str, style: int, delimiter: str) -> str:
    """Write a field as it is, between spaces, in quotes, or partly in quotes."""
    bare = delimiter not in text and "\n" not in text and not text.startswith('"')
    doubled = text.replace('"', '""')
    match style:
        case 0:
            return f'" {doubled} "'
        case 1 if bare:
            return f'"{text[:1]}"{text[1:]}'
        case 2 if bare:
            return f" {text}  "
        case _ if bare and style > 3:
            return text
    return f'"{doubled}"'
