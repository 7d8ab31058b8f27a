"""How one file of transactions is written: all parts of its dialect, and each value in that form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.oracle import HEADERS

#: How a currency is written, by code.
MARKS: Mapping[str, Sequence[str]] = {
    "EUR": ("€", "EUR", "eur", "euro", "Euros"),
    "USD": ("$", "USD"),
    "GBP": ("£", "GBP"),
    "CHF": ("CHF", "chf"),
}
_BOM = b"\xef\xbb\xbf"
_NO_BREAK_SPACE, _NARROW_SPACE = "\u00a0", "\u202f"
#: White space and invisible characters that may stand around a field.
_AROUND = (
    *(" ", "  ", _NO_BREAK_SPACE, "\v", "\x1c", "\x85", "\u2028", "\u3000", "\u2003"),
    *("\u200b", "\u200e", "\ufeff", "\u00ad", " \u200b "),
)
_ORDERS = ("ymd", "ymd", "compact", "dmy", "dmy", "mdy", "dmyy", "mdyy", "yymd")
_TITLES = (
    *("Ventes et locations", "Edité le 02/01/2025", "", ";;;", "  ", '"Export, 2024"', "Total\tannuel"),
    *('"Export', '"Ventes"\n', '"deux\nlignes"', "02/01/2025;;;;;;;;;;;;"),
)


#: What stands for a column that the file lacks.
_CONSTANTS: Mapping[str, Sequence[str]] = {
    "city": ("=Aix_en  Provence", "=Lyon", "=n/a"),
    "type": ("=vente", "= Location ", "=V"),
    "model": ("=Clio",),
    "date": ("=2024-01-31", "=31/01/2024", "=1/2/2024"),
}


@dataclass(frozen=True)
class Form:
    """How a file is written; `names` are the header names, and `given` is what a user says of the file."""

    encoding: str
    boms: int
    line_ends: Sequence[str]
    delimiter: str
    sep_line: str | None
    titles: Sequence[str]
    surplus: int
    decimal: str
    grouping: str
    currency: str | None
    order: str
    date_mark: str
    columns: Sequence[str]
    names: Sequence[str]
    given: Mapping[str, Any]


def choose_form(random: Random) -> Form:
    """Choose all parts of a form; what the file itself cannot prove is nearly always given."""
    delimiter = random.choice(",,;;\t|")
    decimal = random.choice(".,")
    currency = random.choice((None, None, *MARKS))
    columns = _choose_columns(random)
    names = [header_name(random, column, currency) for column in columns]
    given_columns = _give_columns(random, columns, names)
    form = Form(
        encoding=random.choice(("utf-8", "utf-8", "cp1252")),
        boms=random.choice((0, 0, 0, 1, 2)),
        line_ends=random.choice((("\n",), ("\r\n",), ("\n", "\r\n"), ("\r",))),
        delimiter=delimiter,
        sep_line=_sep_line(random, delimiter) if random.random() < 0.2 else None,
        titles=[random.choice(_TITLES) for _ in range(random.choice((0, 0, 0, 1, 3)))],
        surplus=random.choice((0, 0, 0, 1, 2)),
        decimal=decimal,
        grouping=random.choice(("", "", " ", _NO_BREAK_SPACE, _NARROW_SPACE, "'", "\u2019", ",."[decimal == ","])),
        currency=currency,
        order=random.choice(_ORDERS),
        date_mark=random.choice("-/."),
        columns=columns,
        names=names,
        given={},
    )
    return replace(form, given=_give_parts(random, form) | given_columns)


def _give_parts(random: Random, form: Form) -> dict[str, Any]:
    """What a user says of a form, apart from its columns."""
    lines = (*([form.sep_line] if form.sep_line else []), *form.titles)
    parts: dict[str, Any] = {
        "encoding": form.encoding,
        "line_end": "cr" if form.line_ends == ("\r",) else "lf",
        "delimiter": form.delimiter,
        "header": sum(1 + line.count("\n") for line in lines) + 1,
        "surplus": form.surplus,
        "decimal": form.decimal,
        "currency": form.currency or "none",
        "dates": "ymd" if form.order == "compact" else form.order,
    }
    given = {name: value for name, value in parts.items() if random.random() < 0.05}
    if form.order in ("dmyy", "mdyy", "yymd") and random.random() < 0.95:
        given["dates"] = form.order
    if random.random() < 0.2:
        given["types"] = {"V": "vente", "LLD 36": "location", "Cédé": "sale"}
    return given


def _choose_columns(random: Random) -> list[str]:
    """The needed columns and some others in any order; `id2` is a second id, `note` and `remarque` are unknown."""
    optional = [name for name in ("duration", "duration", "cost", "note", "remarque") if random.random() < 0.5]
    rare = [name for name in ("currency", "id2") if random.random() < 0.15]
    columns = list(dict.fromkeys(["id", "date", "city", "type", "model", "price", *optional, *rare]))
    return columns if random.random() < 0.4 else random.sample(columns, len(columns))


def header_name(random: Random, column: str, currency: str | None) -> str:
    """One of the names of a column, in one of its spellings."""
    if column not in HEADERS:
        return {"id2": "reference"}.get(column, column)
    name = random.choice([name for name in HEADERS[column] if name != "reference"])
    name = random.choice((name, name, name.replace("_", " "), name.replace("modele", "modèle").replace("cout", "coût")))
    if column == "duration" and random.random() < 0.3:
        name = random.choice((name.replace("mois", "(mois)"), name.replace("months", "[Months]"), f"{name} (mois)"))
    name = random.choice((name, name, name.upper(), name.title(), f"{name}\u200b", name.replace("_", "-"), f" {name} "))
    if column in ("price", "cost") and random.random() < 0.25:
        mark = random.choice(MARKS[currency]) if currency else "HT"
        name += random.choice((" (TTC)", " (ht)", f" ({mark})", f"[{mark}]", f" ({mark} ttc) "))
    return name.replace("_", "\n").replace(" ", "\n") if random.random() < 0.03 else name


def _give_columns(random: Random, columns: list[str], names: list[str]) -> dict[str, Any]:
    """Sometimes give columns: another name, a constant for a column that the file lacks, or one not to use."""
    given: dict[str, str | None] = {}
    if random.random() < 0.1:
        names[columns.index("price")] = "Total (k€)"
        given["price"] = random.choice(("Total (k€)", "total_(K€)"))
    elif "remarque" in columns and random.random() < 0.3:
        names[columns.index("price")], names[columns.index("remarque")] = "Prix (TTC)", "Prix HT"
        given["price"] = random.choice(("Prix (TTC)", "prix (ttc)", "Prix", "prix_ht", "Prix (HT)"))
    if random.random() < 0.1:
        column = random.choice(list(_CONSTANTS))
        given[column] = random.choice(_CONSTANTS[column])
        place = columns.index(column)
        del columns[place], names[place]
    if random.random() < 0.1:
        given["duration"] = None
    if "cost" in columns and random.random() < 0.1:
        given["cost"] = names[columns.index("cost")]
    return {"columns": given} if given else {}


def _sep_line(random: Random, delimiter: str) -> str:
    line = random.choice(("sep=", "SEP=", "Sep=")) + delimiter
    return random.choice((line, f'"{line}"')) + delimiter * random.choice((0, 0, 3))


def write_date(random: Random, day: str, form: Form) -> str:
    """A day `YYYY-MM-DD` in the form's order, or with four digits first; the same text if it is no day."""
    year, month, date = parts if len(parts := day.split("-")) == 3 else ("", "", "")
    if not (year + month + date).isascii() or not (year + month + date).isdigit():
        return day
    if random.random() < 0.1:
        return day
    if random.random() < 0.2 and form.order != "compact":
        month, date = month.lstrip("0") or "0", date.lstrip("0") or "0"
    digits = {"y": year, "m": month, "d": date}
    if form.order == "compact":
        return f"{year}{month}{date}"
    if "yy" in form.order:
        digits["y"] = year[-2:]
    return form.date_mark.join(digits[part] for part in form.order.replace("yy", "y"))


def write_amount(random: Random, amount: str, form: Form) -> str:
    """An amount `1234.5` with the form's marks, and sometimes its currency; the same text if it is no amount."""
    whole, point, decimals = amount.partition(".")
    if not (whole + decimals).isascii() or not (whole + decimals).isdigit():
        return amount.translate(str.maketrans(".,", ",.")) if form.decimal == "," else amount
    if form.grouping and len(whole) > 3 and random.random() < 0.7:
        whole = _grouped(whole, form.grouping)
    if point and random.random() < 0.2:
        decimals = decimals.ljust(2, "0") + random.choice(("", "0", "00", "0000"))
    text = whole + (form.decimal if point else "") + decimals
    return write_currency(random, text, form.currency) if form.currency and random.random() < 0.5 else text


def write_currency(random: Random, amount: str, currency: str) -> str:
    """An amount with its currency before or after it."""
    mark, space = random.choice(MARKS[currency]), random.choice(("", " ", _NO_BREAK_SPACE))
    return mark + space + amount if random.random() < 0.3 else amount + space + mark


def _grouped(digits: str, mark: str) -> str:
    first = len(digits) % 3
    groups = [digits[:first]] * (first > 0) + [digits[place : place + 3] for place in range(first, len(digits), 3)]
    return mark.join(groups)


def write_fields(random: Random, fields: Sequence[str], form: Form) -> str:
    """A line of fields, each written as it is, or with space or quotes around it."""
    return form.delimiter.join(_field(random, field, form) for field in fields)


def _field(random: Random, text: str, form: Form) -> str:
    bare = form.delimiter not in text and "\n" not in text and not text.lstrip().startswith('"')
    before, after = (random.choice(_AROUND).replace(form.delimiter, "") for _ in range(2))
    doubled = text.replace('"', '""')
    match random.randrange(9):
        case 0:
            return f'"{before}{doubled}{after}"'
        case 1:
            return f' \ufeff"{doubled}" '
        case 2 if bare:
            return f"{before}{text}{after}"
        case _ as style if bare and style > 3:
            return text
    return f'"{doubled}"'


def encode(text: str, form: Form) -> bytes:
    """The bytes of a text; a surrogate stands for a byte, and Windows-1252 has a question mark for other letters."""
    if form.encoding == "cp1252":
        text = "".join(char if _is_in_cp1252(char) else "?" * char.isalpha() for char in text)
    return _BOM * form.boms + text.encode(form.encoding, "surrogateescape")


def _is_in_cp1252(char: str) -> bool:
    try:
        char.encode("cp1252", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
