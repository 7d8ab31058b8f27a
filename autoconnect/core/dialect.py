"""The dialect of a source: how it is written. It is judged once, while the job is planned; a user may give any part."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

from autoconnect.errors import SelectionError

Encoding = Literal["utf-8", "cp1252"]
LineEnd = Literal["lf", "cr"]
Delimiter = Literal[",", ";", "\t", "|"]
DecimalMark = Literal[".", ","]
Currency = Literal["EUR", "USD", "GBP", "CHF"]
#: The order of day, month and year. A year of four digits that comes first is read in any order; `dmyy`, `mdyy` and
#: `yymd` have years of two digits, and are never judged, only given.
Dates = Literal["ymd", "dmy", "mdy", "dmyy", "mdyy", "yymd"]
TypeName = Literal["vente", "location"]
#: What a type may be given as.
GIVEN_TYPES: Mapping[str, TypeName] = {"vente": "vente", "sale": "vente", "location": "location", "rental": "location"}

#: The meanings of columns that every source must have, and of those that it may have.
NEEDED = ("id", "date", "city", "type", "model", "price")
OPTIONAL = ("duration", "cost", "currency")

_DELIMITER_WORDS = {"tab": "\t", "\\t": "\t"}
#: What each part that is a word may be given as.
WORDS: Mapping[str, tuple[str, ...]] = {
    "encoding": get_args(Encoding),
    "line_end": get_args(LineEnd),
    "delimiter": get_args(Delimiter),
    "decimal": get_args(DecimalMark),
    "currency": (*get_args(Currency), "none"),
    "dates": get_args(Dates),
}
#: The smallest number of each part that is a number; the largest is MAX_NUMBER.
NUMBERS = {"header": 1, "surplus": 0}
MAX_NUMBER = 1_000_000
#: Columns, or words for types, that a user may give, and characters of each: every job keeps its options in Redis.
MAX_ENTRIES, MAX_TEXT = 64, 200
#: Characters of a value that an error shows.
_MAX_SHOWN = 200


@dataclass(frozen=True)
class Dialect:
    """How a source is written.

    `header` is the physical line of the header, the first of the file being 1. `surplus` is the number of empty fields
    that rows have beyond those of the header. Without a `decimal` mark, no amount may have a mark; without a
    `currency`, the source names none. `given` has the names of the parts that the user gave.
    """

    encoding: Encoding = "utf-8"
    line_end: LineEnd = "lf"
    delimiter: Delimiter = ","
    header: int = 1
    surplus: int = 0
    decimal: DecimalMark | None = None
    currency: Currency | None = None
    dates: Dates = "ymd"
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class DialectOptions:
    """What a user gives of a dialect; None is judged.

    `columns` maps the meaning of a column to its name in the header, to None if the column is not used, or to `=text`
    for a text that stands in every row. `types` maps further words to `vente` or `location`.
    """

    encoding: Encoding | None = None
    line_end: LineEnd | None = None
    delimiter: Delimiter | None = None
    header: int | None = None
    surplus: int | None = None
    decimal: DecimalMark | None = None
    currency: Currency | Literal["none"] | None = None
    dates: Dates | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    types: Mapping[str, TypeName] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The options as a user writes them, without those that are judged."""
        return {name: value for name, value in asdict(self).items() if value not in (None, {})}

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The options that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values)

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Self:
        """The options that a user writes; numbers may be texts, words are compared without case, None is judged.

        Raises SelectionError, which names the part, if one is unknown or has a value that it cannot have.
        """
        for name in given:
            if name not in PARTS:
                raise SelectionError(name, f"The dialect has no part {_shown(name)}; expected {_any_of(PARTS)}.")
        values = {name: _READERS[name](name, value) for name, value in given.items() if value is not None}
        return cls(**values)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The options that a user writes as a JSON object; raises SelectionError as `read` does."""
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            expected = 'a JSON object such as {"dates": "mdy"}'
            raise SelectionError("dialect", f"The dialect is {_shown(text)}; expected {expected}.")
        return cls.read(given)

    def merged(self, over: Self) -> Self:
        """These options, and where they give nothing, those of `over`; columns and types each by its own name."""
        values: dict[str, Any] = {
            name: getattr(over, name) if getattr(self, name) is None else getattr(self, name) for name in PARTS
        }
        values["columns"] = {**over.columns, **self.columns}
        values["types"] = {**over.types, **self.types}
        return type(self)(**values)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the parts that are given."""
        return tuple(name for name in PARTS if getattr(self, name) not in (None, {}))


#: All parts are judged.
NOTHING_GIVEN = DialectOptions()
#: The parts of a dialect, as a user names them.
PARTS = tuple(part.name for part in fields(DialectOptions))


def _read_word(name: str, value: object) -> str:
    words = WORDS[name]
    word = _DELIMITER_WORDS.get(value.lower(), value) if isinstance(value, str) else None
    for known in words:
        if word is not None and word.lower() == known.lower():
            return known
    raise SelectionError(name, f"{name} is {_shown(value)}; expected {_any_of(words)}.")


def _read_number(name: str, value: object) -> int:
    smallest = NUMBERS[name]
    if isinstance(value, float) and value.is_integer():  # 2.0 is an integer in JSON
        value = int(value)
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if text.isascii() and text.isdigit() and len(text) < 8 and smallest <= int(text) <= MAX_NUMBER:
        return int(text)
    expected = f"a whole number from {smallest} to {MAX_NUMBER:,}"
    raise SelectionError(name, f"{name} is {_shown(value)}; expected {expected}.")


def _read_columns(name: str, value: object) -> dict[str, str | None]:
    return {meaning: _read_column(name, meaning, header) for meaning, header in _read_mapping(name, value).items()}


def _read_column(name: str, meaning: str, header: object) -> str | None:
    if meaning not in NEEDED + OPTIONAL:
        raise SelectionError(name, f"{name} has {_shown(meaning)}; expected {_any_of(NEEDED + OPTIONAL)}.")
    if header is None and meaning in OPTIONAL:
        return None
    if isinstance(header, str) and _is_text(header.removeprefix("=")):
        return header
    expected = f"its name in the header, or =text for a text that stands in every row, of at most {MAX_TEXT} characters"
    if meaning in OPTIONAL:
        expected += ", or null if it is not used"
    raise SelectionError(name, f"The column {meaning} is given as {_shown(header)}; expected {expected}.")


def _read_types(name: str, value: object) -> dict[str, TypeName]:
    types: dict[str, TypeName] = {}
    for word, kind in _read_mapping(name, value).items():
        if not _is_text(word) or str(kind).lower() not in GIVEN_TYPES:
            expected = f"a word of at most {MAX_TEXT} characters as vente or location"
            raise SelectionError(name, f"{name} has {_shown(word)} as {_shown(kind)}; expected {expected}.")
        types[word] = GIVEN_TYPES[str(kind).lower()]
    return types


def _read_mapping(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise SelectionError(name, f"{name} is {_shown(value)}; expected names and their values.")
    if len(value) > MAX_ENTRIES:
        raise SelectionError(name, f"{name} has {len(value):,} entries; expected at most {MAX_ENTRIES}.")
    return value


def _is_text(text: str) -> bool:
    """Whether a text is not blank or too long, and has no half of a surrogate pair, which no file can have."""
    return bool(text.strip()) and len(text) <= MAX_TEXT and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(value: object) -> str:
    return f"{value!r:.{_MAX_SHOWN}}"


def _any_of(words: Sequence[str]) -> str:
    *others, last = (word.replace("\t", "tab") for word in words)
    return f"{', '.join(others)} or {last}"


_READERS: Mapping[str, Callable[[str, object], Any]] = {
    **dict.fromkeys(WORDS, _read_word),
    **dict.fromkeys(NUMBERS, _read_number),
    "columns": _read_columns,
    "types": _read_types,
}
