"""What clients say about the bytes of answers: which they have already, and whether these may be compressed."""

import zlib
from collections.abc import Iterator
from functools import lru_cache

#: Bytes from which compressing a body is worth it.
MIN_ZIPPED_BYTES = 1 << 10
#: Compresses a metric of 5 KB to a fifth; level 9 gains 1 % more (measured).
_LEVEL = 6
#: Tells zlib to write the gzip format.
_GZIP_WINDOW = zlib.MAX_WBITS | 16
#: Types that are not compressed already.
_TEXTS = (b"text/", b"application/json", b"application/problem+json", b"image/svg+xml", b"application/vnd.vega")


def is_text(media_type: bytes) -> bool:
    """Whether a body of this type becomes smaller if it is compressed."""
    return media_type.lower().startswith(_TEXTS)


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether an Accept-Encoding has gzip, or else `*`, with a quality above 0."""
    qualities = dict(_qualities(accept_encoding.decode("latin-1").lower()))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def knows(if_none_match: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match has this ETag, or `*`."""
    if not if_none_match:
        return False
    return not {etag, b"W/" + etag, b"*"}.isdisjoint(tag.strip() for tag in if_none_match.split(b","))


def zipper() -> "zlib._Compress":
    """Compresses pieces of one body; the same pieces always become the same bytes."""
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)


def zipped(body: bytes) -> bytes:
    """A body, compressed."""
    pieces = zipper()
    return pieces.compress(body) + pieces.flush()


def _qualities(accept_encoding: str) -> Iterator[tuple[str, float]]:
    for part in accept_encoding.split(","):
        name, _, parameter = part.partition(";")
        try:
            yield name.strip(), float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            yield name.strip(), 0.0
