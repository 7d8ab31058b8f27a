"""Which format a client wants: by `format=`, else by its Accept header."""

from collections.abc import Mapping

from fastapi import Request

from api.problems import Problem

MEDIA_TYPES: Mapping[str, str] = {"json": "application/json", "csv": "text/csv"}


def wanted_format(request: Request, name: str | None) -> str:
    """`json` or `csv`.

    Raises Problem 406 where neither will do.
    """
    if name is not None:
        if name in MEDIA_TYPES:
            return name
        raise Problem(406, f"There is no format {name!r}; there are {', '.join(MEDIA_TYPES)}.")
    accept = request.headers.get("accept", "*/*")
    ranges = [_media_range(part) for part in accept.split(",")]
    quality = {name: _quality(media_type, ranges) for name, media_type in MEDIA_TYPES.items()}
    best = max(quality, key=lambda name: quality[name])  # the first of equals: json
    if quality[best] > 0:
        return best
    raise Problem(
        406, f"Accept ({accept[:200]}) names nothing that is served; there are {', '.join(MEDIA_TYPES.values())}."
    )


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
    """That of the most specific range which covers the media type."""
    for candidate in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        for name, quality in ranges:
            if name == candidate:
                return quality
    return 0.0
