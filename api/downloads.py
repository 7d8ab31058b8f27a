"""Names of files that browsers and scripts save answers under."""

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

#: Characters of a file's name without its suffix: most letters take two of the 255 bytes that a name may have.
_MAX_NAME = 120


def disposition(name: str, source: str | None, first: str | None, last: str | None, suffix: str) -> str:
    """The Content-Disposition (RFC 6266) of a table as a file, named by the table, its source and its period."""
    parts = [name, PurePosixPath(source).stem if source else None, *_period(first, last)]
    stem = re.sub(r"[^\w.-]+", "_", "_".join(filter(None, parts)))
    file_name = unicodedata.normalize("NFC", stem)[:_MAX_NAME] + suffix
    return attachment(file_name, unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode())


def attachment(name: str, plain: str) -> str:
    """The Content-Disposition of a file with this name; old clients save it under the `plain` one, which is ASCII."""
    exact = f"; filename*=UTF-8''{quote(name, safe='')}" if plain != name else ""
    return f'attachment; filename="{plain}"{exact}'


def _period(first: str | None, last: str | None) -> list[str]:
    if first and last:
        return [first, last]
    return [f"from_{first}"] if first else [f"to_{last}"] if last else []
