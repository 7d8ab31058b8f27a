"""Transaction files as people have them, good and bad and in all dialects of the contract, for hypothesis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from tests.oracle import MISSING, Reading, read_file
from tests.spoils import SPOILS, unspoiled
from tests.writing import (
    MARKS,
    Form,
    choose_form,
    encode,
    header_name,
    write_amount,
    write_currency,
    write_date,
    write_fields,
)

_MISSING = sorted(MISSING)
#: Bytes of text in another encoding than the file's, as surrogates: `é` in Windows-1252 and in UTF-8, no character.
_E_IN_CP1252, _E_IN_UTF8, _NOTHING = "\udce9", "\udcc3\udca9", "\udc81"

#: Fields of accepted rows, by column. Dates and amounts are rewritten in the form of their file.
GOOD: Mapping[str, Sequence[str]] = {
    "id": ("TX1", "TX1", "0", 'a "b" c', "x;y,z\tw|v", '"', "-1"),
    "date": ("2023-01-31", "2023-02-01", "2024-02-29", "1969-12-31", "2024-12-05", "2024-06-07", "2023-01-02T10:00Z"),
    "city": (
        *("Paris", "Paris", "Lyon", "lyon", "LYON", "Saint-Étienne", "Saint-E\u0301tienne", "saint etienne"),
        *("__La  Rochelle_", "L'Haÿ, les Roses", "L\u2019Haÿ_les Roses", "Le_ _Mans", "Ly\u00adon"),
        *("Orl\u201aans", "OrlÃ©ans"),
    ),
    "type": ("vente", "location", "Vente", "LOCATION", "sale", "Rental", "Ventes", "LLD", "loa", "lease"),
    "model": (
        *("BMW X3", "BMW_X3", " BMW  X3_", "bmw-x3", "Audi A4", "Citroën;C3", "Citroen;C3", 'Polo 5" rim', '5""'),
        *("208\u00a0GT", "Škoda|1", "ŠKODA 1", "Москвич", "ΆΛΦΑ 🚗"),
    ),
    "price": (
        "0",
        "0.0",
        "1",
        "00012.5",
        "19999.99",
        "1234567.8",
        "9999999999.99",
        "0000000000000000000001.05",
        "12500",
    ),
    "duration": ("1", "2", "3", "7", "12", "12", "24.0", "36,0", "1200", *_MISSING),
    "cost": ("0", "0.01", "0.5", "1.25", "170", "17000", "9999999999.9", *_MISSING),
    "currency": ("", "-"),
}
#: Fields that are a fault in every row, or in some rows only, by column.
BAD: Mapping[str, Sequence[str]] = {
    "id": (*_MISSING, _NOTHING, _E_IN_CP1252, _E_IN_UTF8, "a\0b"),
    "date": (
        *("2023-02-29", "2023-13-01", "0000-01-01", "9999-12-31", "1900-01-01", "2023-1-1", "20230101", "20231301"),
        *("2099-12-31", "99-99-2024", "13-13-2024", "24-1-5", "1/1/24", "2024-01-01 x", "01.02.2023\u200b x"),
        *("45292", "2023-01-01t", "2023-01/01", "2023.01.02.", "31-02-2023", "٢٠٢٣-01-01", "12/25/2023", ""),
    ),
    "city": (*_MISSING, "_", " _ _", "\u200b", _NOTHING, "Orl" + _E_IN_CP1252 + "ans", "Orl" + _E_IN_UTF8 + "ans"),
    "type": (*_MISSING, "vente.", "loc", "V", "LLD 36", "cede"),
    "model": (*_MISSING, "__", _NOTHING, "Cl\0io"),
    "price": (
        *(
            *_MISSING,
            "-1",
            "-0.00",
            "5-",
            "(5)",
            "\u22125",
            "-1 €",
            "(12 345.6)",
            "--1",
            "+1",
            "1e3",
            ".5",
            "5.",
            "1.234",
        ),
        *("12.500", "1.23456", "1,5", "1,234.5", "1.2.3", "12 34", "1_000", "10000000000", "-10000000000", "1 ₽"),
        "\u0661",
    ),
    "duration": ("0", "000", "012", "1201", "-1", "1.0", "12.5", "12.00", "99999999999999999999", "٣", "12 mois"),
    "cost": ("-1", "1.234", "1,5", "inf", "10000000000", "1 $"),
    "currency": ("EUR", "usd", "£", "JPY", "Francs"),
    "note": (_NOTHING, "\0"),
}
#: Fields with line breaks, harmless or faulty, by column.
BROKEN: Mapping[str, Sequence[str]] = {
    "id": ("TX\n1", "\n", "a\r\n\r\nb"),
    "date": ("2023-01-31 at\nnoon", "2023-01-31\n"),
    "city": ("Le\nMans", "\nParis", "_\r\n_"),
    "model": ("Audi\r\nA4", '5"\n rim'),
    "duration": ("\n12",),
    "note": ("two\nlines", "\n", "a,b;c\nd", "x\n,;\t|", "1,2,3,4,5,6,7\n8;9", 'he said\r\n"no"\n'),
}
#: Fields of unknown columns.
OTHER = ("", "x", "a,b;c\td|e", 'say "no"', "é", "a\u00a0b")
#: Physical lines that hold no good transaction; some are blank.
STRAY_LINES = ("   ", '""', "x", ",;\t|", '"a"b', ",;\t|" * 9, ' "a" , "b"', '""""', "\ufeff", "sep=;", '"";""', "a\rb")


@dataclass(frozen=True)
class File:
    """A file, and what its user gives of the dialect."""

    data: bytes
    given: Mapping[str, Any]

    @cached_property
    def reading(self) -> Reading:
        """What the oracle makes of the file; no number of rejects fails the job."""
        return read_file(self.data, self.given, max_rejected_ratio=1.0)


@st.composite
def files(draw: st.DrawFn, breaks: bool = False) -> File:
    """Files of any form that can be planned; with `breaks`, some quotes hold line breaks or are never closed."""
    file = draw(any_files(breaks))
    assume(file.reading.dialect is not None)
    return file


@st.composite
def any_files(draw: st.DrawFn, breaks: bool = False) -> File:
    """Files of any form; some cannot be planned.

    Each line comes from its own random number generator: that is quick and varied, and hypothesis can still drop lines
    that an example does not need.
    """
    form = draw(_randoms().map(choose_form))
    spoil = draw(st.sampled_from((*(unspoiled,) * 40, *SPOILS)))
    count = draw(st.integers(0, 20))
    lines = draw(st.lists(_randoms().map(lambda random: _line(random, form, breaks)), min_size=count, max_size=count))
    file = draw(_randoms().map(lambda random: _file(random, form, lines)))
    return File(spoil(file.data, form), file.given)


def random_file(random: Random, breaks: bool = False) -> File:
    """A file of any form, by one random number generator; most of them can be planned."""
    form = choose_form(random)
    lines = [_line(random, form, breaks) for _ in range(random.choice((0, 1, 2, 5, 12)))]
    return _file(random, form, lines)


def slow_to_map(text: str) -> str:
    """The same rows with invisible characters of four bytes, which the kernel defers: slow enough to act meanwhile."""
    return text.replace(",", ",\U000e0001")


def _randoms() -> st.SearchStrategy[Random]:
    return st.randoms(use_true_random=True)


def _file(random: Random, form: Form, lines: Sequence[str]) -> File:
    """A file of lines; nearly always, its first row proves the decimal mark and the order of dates."""
    top: list[str] = [form.sep_line] if form.sep_line else []
    top += [*form.titles, write_fields(random, form.names, form)]
    if random.random() < 0.95:
        top.append(_proof(random, form))
    ends = [random.choice(form.line_ends) for _ in (*top, *lines)]
    if random.random() < 0.3:
        ends[-1] = ""
    text = "".join(line + end for line, end in zip((*top, *lines), ends, strict=True))
    if form.line_ends == ("\r",):
        text = text.replace("\n", "\r")
    return File(encode(text + "\x1a" * (random.random() < 0.05), form), form.given)


def _proof(random: Random, form: Form) -> str:
    """A good row with a day over 12, two decimals, and the currency if there is one."""
    price = "41234" + form.decimal + "56"
    fields = {"id": "TX0", "city": "Paris", "type": "vente", "model": "BMW X3", "id2": "0"}
    fields["date"] = write_date(random, "2023-01-31", form)
    fields["price"] = write_currency(random, price, form.currency) if form.currency else price
    return _row(random, [fields.get(column, "") for column in form.columns], form)


def _line(random: Random, form: Form, breaks: bool) -> str:
    """A row, or in rare cases a blank or stray line, a header, or the `sep=` line again."""
    chance = random.random()
    if chance < 0.04:
        return random.choice(STRAY_LINES)
    if chance < 0.07:
        return random.choice(("", " ", form.delimiter * (len(form.columns) - 1), f'""{form.delimiter} '))
    if chance < 0.09:
        return _header_again(random, form, breaks)
    if chance < 0.10 and form.sep_line:
        return form.sep_line
    if chance < 0.12:
        return _transaction(random, form, breaks) + "\r"
    return _transaction(random, form, breaks)


def _header_again(random: Random, form: Form, breaks: bool) -> str:
    """The header, sometimes after a byte order mark or in another encoding, rarely with other names or columns.

    Without `breaks`, its names have no line breaks: the file can be cut at any line.
    """
    names = list(form.names)
    if random.random() < 0.1:
        names = [header_name(random, column, form.currency) for column in form.columns]
    if random.random() < 0.1:
        random.shuffle(names)
    if random.random() < 0.1:
        names = [name.replace("è", "\udce8" if form.encoding == "utf-8" else "\udcc3\udca8") for name in names]
    if not breaks:
        names = [name.replace("\n", " ") for name in names]
    return "\ufeff" * (random.random() < 0.2) + write_fields(random, names, form)


def _transaction(random: Random, form: Form, breaks: bool) -> str:
    """A row: most have no fault, the others up to three; some have a field too many or too few, or a stray quote."""
    bad = random.sample(form.columns, random.choice((*(0,) * 12, 1, 1, 1, 2, 3)))
    fields = {column: _value(random, column, form, column in bad) for column in form.columns}
    if (
        fields.get("duration", "")
        and fields.get("type", "vente").lower() in ("vente", "ventes", "sale")
        and "duration" not in bad
    ):
        fields["duration"] = random.choice(("", "", "0", *_MISSING))
    if breaks and random.random() < 0.25:
        column = random.choice([column for column in form.columns if column in BROKEN])
        fields[column] = random.choice(BROKEN[column])
    line = _row(random, list(fields.values()), form)
    if breaks and random.random() < 0.05:
        place = random.randrange(len(line) + 1)
        return line[:place] + '"' + line[place:]
    return line


def _value(random: Random, column: str, form: Form, bad: bool) -> str:
    """A field in the form of the file."""
    text = random.choice((BAD if bad else GOOD).get(column, OTHER))
    if column == "date":
        return write_date(random, text, form) + random.choice(("",) * 6 + (" 10:30", "T00:00:00", "\u00a0x"))
    if column in ("price", "cost"):
        return write_amount(random, text, form)
    if column == "currency" and form.currency and not bad:
        return random.choice((text, *MARKS[form.currency]))
    return text


def _row(random: Random, fields: Sequence[str], form: Form) -> str:
    """The fields and the surplus, in rare cases one field more, or fewer at the end."""
    whole = write_fields(random, fields, form) + form.delimiter * form.surplus
    chance = random.random()
    if chance < 0.02:
        return whole + form.delimiter + random.choice(("", "x"))
    if chance < 0.06:
        return write_fields(random, fields[: -random.choice((1, 1, 2))], form)
    return whole
