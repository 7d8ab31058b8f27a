"""What a client gives of a dialect: its description and its reading, in bodies and as a parameter."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from autoconnect.core.dialect import (
    GIVEN_TYPES,
    MAX_ENTRIES,
    MAX_NUMBER,
    MAX_TEXT,
    NEEDED,
    NUMBERS,
    OPTIONAL,
    WORDS,
    DialectOptions,
)
from autoconnect.errors import SelectionError

#: What the description shows as an example.
EXAMPLE = {"dates": "mdy", "columns": {"price": "Montant TTC", "duration": None, "city": "=Lyon"}}

#: Characters of a value that an error shows.
_MAX_SHOWN = 200
_TEXT = {"type": "string", "pattern": r"^=?[!-<>-~][ -~]*$", "maxLength": MAX_TEXT}
_PARTS: dict[str, Any] = {
    **{name: {"enum": [*words, None]} for name, words in WORDS.items()},
    "delimiter": {"enum": [*WORDS["delimiter"], "tab", None]},
    **{
        name: {"type": ["integer", "null"], "minimum": smallest, "maximum": MAX_NUMBER}
        for name, smallest in NUMBERS.items()
    },
    "columns": {
        "type": ["object", "null"],
        "description": "The name of each column in the header, or `=text` for a text that stands in every row; null if "
        "an optional column is not used.",
        "properties": {
            **dict.fromkeys(NEEDED, _TEXT),
            **{meaning: {**_TEXT, "type": ["string", "null"]} for meaning in OPTIONAL},
        },
        "additionalProperties": False,
    },
    "types": {
        "type": ["object", "null"],
        "description": "Further words for the two types.",
        "propertyNames": _TEXT,
        "additionalProperties": {"enum": [*GIVEN_TYPES]},
        "maxProperties": MAX_ENTRIES,
    },
}


def _read(given: object) -> DialectOptions:
    if not isinstance(given, dict):
        raise ValueError(f'it is {given!r:.{_MAX_SHOWN}}; expected an object such as {{"dates": "mdy"}}')
    try:
        return DialectOptions.read(given)
    except SelectionError as error:
        raise ValueError(str(error).removesuffix(".")) from None


#: What a body gives of a dialect.
GivenDialect = Annotated[
    DialectOptions,
    BeforeValidator(_read),
    WithJsonSchema({"type": "object", "properties": _PARTS, "additionalProperties": False, "examples": [EXAMPLE]}),
]
