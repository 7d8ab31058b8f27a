"""Formats of answers: chosen by `format=`, or otherwise by the Accept header."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.problems import Problem
from autoconnect.core.table import Table
from autoconnect.exports import FORMATS
from autoconnect.exports.base import Format

#: What the description of a route that answers in every format says besides the JSON that it returns.
OTHER_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {form.media_type: {"schema": {"type": "string"}} for form in FORMATS.values() if form.name != "json"}
    }
}
#: The description of `format=`.
FORMAT_NAMES = " or ".join(FORMATS)


def choose_format(request: Request, name: str | None) -> Format:
    """The format that a client asks for.

    Raises Problem 406 if the client accepts none.
    """
    if name is not None:
        if name in FORMATS:
            return FORMATS[name]
        raise Problem(406, f"format is {name!r}; expected {FORMAT_NAMES}.")
    accept = request.headers.get("accept", "*/*")
    ranges = [_media_range(part) for part in accept.split(",")]
    quality = {form.name: _quality(form.media_type, ranges) for form in FORMATS.values()}
    best = max(quality, key=lambda name: quality[name])  # the first of equals, which is the default
    if quality[best] > 0:
        return FORMATS[best]
    media_types = " or ".join(form.media_type for form in FORMATS.values())
    raise Problem(406, f"Accept is {accept[:200]!r}; expected {media_types}.")


def table_response(form: Format, table: Table, head: Mapping[str, object]) -> Response:
    """A table in a format; `head` is said before the rows if the format has a place for it.

    A table of several pieces is streamed.
    """
    pieces = form.write(table, head)
    first, second = next(pieces, b""), next(pieces, None)
    if second is None:
        return Response(first, media_type=form.media_type)
    return StreamingResponse(chain([first, second], pieces), media_type=form.media_type)


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
