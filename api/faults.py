"""Says what is wrong with the values of a call: what was sent, and what was expected."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

#: Characters of a value that an error shows.
_MAX_SHOWN = 200
#: What was expected, by the type that pydantic gives an error; braces are of the error's context.
_EXPECTED = {
    "string_type": "a text",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "greater_than_equal": "{ge:,} or more",
    "less_than_equal": "{le:,} or less",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "missing": "a value",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
#: What was expected, by the messages of Python's json module, word for word; the last two are of 3.13 and later.
_EXPECTED_JSON = {
    "Expecting value": "a value",
    "Expecting property name enclosed in double quotes": "a name in double quotes",
    "Expecting ':' delimiter": "a colon after the name",
    "Expecting ',' delimiter": "a comma, or the end of the object or list",
    "Unterminated string starting at": "a double quote at the end of the text that begins here",
    "Invalid control character at": r"an escape such as \n in place of a control character",
    "Invalid \\escape": r"an escape such as \n or \u00e9",
    "Invalid \\uXXXX escape": r"an escape such as \u00e9",
    "Extra data": "nothing after the first value",
    "Illegal trailing comma before end of object": "no comma before the end of the object",
    "Illegal trailing comma before end of array": "no comma before the end of the list",
}


def sentence_of(fault: Mapping[str, Any], error: RequestValidationError) -> tuple[str, str]:
    """The parameter or field of an error of pydantic's, and a sentence about it."""
    if fault["type"] == "json_invalid":
        return "body", _malformed(error.body, fault["loc"][1], fault["ctx"]["error"])
    place = [str(part) for part in fault["loc"]]
    name = ".".join(place[1:]) or place[0]
    if fault["type"] == "value_error":
        return name, f"{name}: {fault['msg'].removeprefix('Value error, ')}."
    if fault["type"] == "extra_forbidden":
        return name, f"{name[:_MAX_SHOWN]!r} is not a field of this call."
    expected = _EXPECTED.get(fault["type"])
    if expected is None:
        return name, f"{name}: {fault['msg']}."
    return name, f"{name} is {_shown(fault['input'])}; expected {expected.format_map(fault.get('ctx', {}))}."


def body_problem(error: HTTPException) -> str | None:
    """What is wrong with a body that is no text, or that JSON cannot hold; None if the error is another one."""
    cause = error.__cause__
    if error.status_code != HTTPStatus.BAD_REQUEST or not isinstance(cause, (ValueError, RecursionError)):
        return None
    if isinstance(cause, UnicodeDecodeError):
        byte = cause.object[cause.start]
        return f"The body is not text in UTF-8: byte {cause.start + 1:,} is 0x{byte:02x}; expected JSON in UTF-8."
    if isinstance(cause, RecursionError):
        return 'The body has too many lists or objects in others; expected an object such as {"source": "june.csv"}.'
    return "The body has a number with too many digits; expected at most 4,300."


def _malformed(text: str, position: int, reason: str) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    found = repr(text[position]) if position < len(text) else "the end"
    expected = _EXPECTED_JSON.get(reason, "valid JSON")
    return f"The body is not valid JSON: line {line:,}, column {column:,} has {found}; expected {expected}."


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)[:_MAX_SHOWN]
