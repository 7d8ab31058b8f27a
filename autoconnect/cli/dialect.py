"""The options `--dialect` and `--column`: what a user gives of a source's dialect."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from autoconnect.core.dialect import DialectOptions
from autoconnect.errors import SelectionError

Parts = Annotated[
    list[str] | None,
    typer.Option("--dialect", metavar="KEY=VALUE", help="A part of the dialect, such as dates=mdy; repeatable."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="MEANING=HEADER",
        help="The header of a column, such as price=Total; city==Lyon is the text Lyon in every row, duration= means "
        "that the column is not used; repeatable.",
    ),
]


def given_options(parts: Sequence[str] | None, columns: Sequence[str] | None) -> DialectOptions:
    """What the options give of a dialect; the value of `columns` and `types` is a JSON object.

    Raises typer.BadParameter if one of them cannot be read.
    """
    given = {name: _value(name, text) for name, text in _pairs(parts or [], "dialect", "KEY=VALUE")}
    headers = {meaning: name or None for meaning, name in _pairs(columns or [], "column", "MEANING=HEADER")}
    try:
        options = DialectOptions.read(given)
        return DialectOptions.read({"columns": headers}).merged(options)
    except SelectionError as error:
        raise typer.BadParameter(str(error)) from None


def _pairs(arguments: Sequence[str], option: str, form: str) -> Iterator[tuple[str, str]]:
    names: set[str] = set()
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or name in names:
            fault = f"has {name!r} twice" if equals else f"is {argument!r}"
            raise typer.BadParameter(f"--{option} {fault}; expected {form}, each name once.")
        names.add(name)
        yield name, value


def _value(name: str, text: str) -> object:
    if name not in ("columns", "types"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
