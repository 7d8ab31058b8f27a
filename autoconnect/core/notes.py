"""Notes of a job: what a user should know of a source that could be read."""

from dataclasses import dataclass

#: The codes of notes, in the order in which a job has them.
CODES = (
    *("lines_before_header", "unused_columns", "second_id", "cost_not_used"),
    *("repeated_headers", "line_breaks_in_quotes", "stray_line_ends", "other_date_order"),
    *("names_merged", "suspicious_text", "no_rows"),
)
#: Characters of a value that are shown.
MAX_SHOWN = 80


@dataclass(frozen=True)
class Note:
    """A note of a kind `code`; `count` is the number of rows, columns or names, `line` the first line, if any."""

    code: str
    message: str
    count: int
    line: int | None = None


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """The start of a text, at most `limit` characters, with its code for each character that cannot be seen."""
    return "".join(letter if letter.isprintable() else f"U+{ord(letter):04X}" for letter in text[:limit])[:limit]


def shortened(text: str, most_bytes: int) -> str:
    """A text, cut if it has more bytes in UTF-8."""
    start = text.encode(errors="replace")[:most_bytes].decode(errors="ignore")
    return start if len(start) == len(text) else f"{start} ..."


def counted(count: int, noun: str) -> str:
    """A number of things, such as `1 row` or `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
