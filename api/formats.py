"""Chooses the format of an answer by `format=`, or otherwise by the Accept header."""

from collections.abc import Mapping

from fastapi import Request

from api.problems import Problem

MEDIA_TYPES: Mapping[str, str] = {"json": "application/json", "csv": "text/csv"}


def choose_format(request: Request, format_name: str | None) -> str:
    """Returns `json` or `csv`.

    Raises Problem 406 if the client accepts neither.
    """
    if format_name is not None:
        if format_name in MEDIA_TYPES:
            return format_name
        raise Problem(406, f"format is {format_name!r}; expected {' or '.join(MEDIA_TYPES)}.")
    accept = request.headers.get("accept", "*/*")
    ranges = [_media_range(part) for part in accept.split(",")]
    quality = {name: _quality(media_type, ranges) for name, media_type in MEDIA_TYPES.items()}
    best = max(quality, key=lambda name: quality[name])  # json if both are equal
    if quality[best] > 0:
        return best
    raise Problem(406, f"Accept is {accept[:200]!r}; expected {' or '.join(MEDIA_TYPES.values())}.")


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
