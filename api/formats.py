"""Formats of answers: chosen by `format=`, or otherwise by the Accept header."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from api.problems import Problem
from autoconnect.errors import SelectionError
from autoconnect.exports import FORMATS, csv, json, xlsx
from autoconnect.exports.base import Format
from autoconnect.local.temporary import temporary_folder


def described(*forms: Format) -> dict[int | str, dict[str, Any]]:
    """What the description of a route that answers in these formats says of them; JSON has a model instead."""
    return {200: {"content": {form.media_type: {"schema": _schema(form)} for form in forms if form != json.FORMAT}}}


def _schema(form: Format) -> dict[str, str]:
    return {"type": "string"} | ({} if form.media_type.startswith("text/") else {"format": "binary"})


#: The description of a route that answers in every format.
OTHER_FORMATS = described(*FORMATS.values())


class FormatParameters(BaseModel):
    """The parameters that choose a format, and the marks of a CSV."""

    model_config = ConfigDict(extra="forbid")

    format: str | None = Field(None, description=" or ".join(FORMATS), json_schema_extra={"enum": [*FORMATS]})
    bom: bool | None = Field(None, description="Only for csv: whether a byte order mark comes first; default: false.")
    delimiter: Literal[",", ";", "tab", "|"] | None = Field(None, description="Only for csv; default: a comma.")
    decimal: Literal[".", ","] | None = Field(None, description="Only for csv: the decimal mark; default: a point.")

    def choose(self, request: Request) -> Format:
        """The format that the client asks for; workbooks are built where uploads are stored.

        Raises Problem 406 if the client accepts none, SelectionError if it gives the marks of a CSV and wants none.
        """
        form = choose_format(request, self.format)
        marks = self.model_dump(include={"bom", "delimiter", "decimal"}, exclude_none=True)
        if form == csv.FORMAT:
            delimiter = {"tab": "\t"}.get(self.delimiter or ",", self.delimiter or ",")
            return csv.format_with(csv.Marks(bool(self.bom), delimiter, self.decimal or "."))
        for name in marks:
            raise SelectionError(name, f"{name} is given with {form.name}; expected it only with format=csv.")
        return xlsx.format_in(folder_of_workbooks(request)) if form == xlsx.FORMAT else form


def folder_of_workbooks(request: Request) -> xlsx.MakeFolder:
    """Makes folders where uploads are stored: workbooks are large, and in a container the folder /tmp is memory."""
    return partial(_folder_in, request.app.state.settings.upload_dir)


@contextmanager
def _folder_in(parent: Path) -> Iterator[Path]:
    try:
        with temporary_folder(parent) as folder:
            yield folder
    except OSError as error:
        raise Problem(507, f"The workbook cannot be stored: {error.strerror}.") from None


@dataclass(frozen=True)
class Body:
    """The body of an answer, in pieces, and further headers.

    Until the last piece is taken, it needs `kept_bytes` of memory.
    """

    media_type: str
    pieces: Iterator[bytes]
    kept_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict)


def choose_format(request: Request, name: str | None, offered: Mapping[str, Format] = FORMATS) -> Format:
    """The format that a client asks for, of those that are offered.

    Raises Problem 406 if the client accepts none.
    """
    if name is not None:
        if name in offered:
            return offered[name]
        raise Problem(406, f"format is {name!r}; expected {' or '.join(offered)}.")
    accept = request.headers.get("accept", "*/*")
    ranges = [_media_range(part) for part in accept.split(",")]
    quality = {form.name: _quality(form.media_type, ranges) for form in offered.values()}
    best = max(quality, key=lambda name: quality[name])  # the first of equals, which is the default
    if quality[best] > 0:
        return offered[best]
    media_types = " or ".join(form.media_type for form in offered.values())
    raise Problem(406, f"Accept is {accept[:200]!r}; expected {media_types}.")


def _media_range(text: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return media_type.lower(), float(value)
            except ValueError:
                return media_type.lower(), 0.0
    return media_type.lower(), 1.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers the media type; 0 if none does."""
    for candidate in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        for name, quality in ranges:
            if name == candidate:
                return quality
    return 0.0
