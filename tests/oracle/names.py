"""Names that are the same: section 5 of the contract; and names that look damaged."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

from tests.oracle.rows import Row

#: Characters that stand for letters of DOS and Mac files that are read as Windows-1252.
_DAMAGED = set(
    "\u201a\u0192\u201e\u2020\u2021\u02c6\u2030\u2039\u203a\u02dc\xa2\xa3\xa4\xa5\xa6\xa7\xac\xb1\xb5\xb6\xbf"
)


@cache
def folded(name: str, fold: str = "on") -> str:
    """What names have in common that are one: all but case, accents of Latin letters, and the kind of separator.

    With `case`, accents keep names apart; with `off`, everything does.
    """
    if fold == "off":
        return name
    letters = unicodedata.normalize("NFD", name)
    kept = "" if fold == "on" else letters
    latin = False
    for char in letters if fold == "on" else "":
        is_mark = unicodedata.combining(char) != 0
        latin = latin if is_mark else unicodedata.name(char, "").startswith("LATIN ")
        kept += "" if is_mark and latin else char
    return re.sub(r"[\s_'\u2019-]+", " ", kept.casefold())


def display_names(names: Iterable[str], fold: str = "on") -> dict[str, str]:
    """The spelling in which each name is shown: the most frequent one of its kind, on a tie the first by code point."""
    counts = Counter(names)
    shown: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        shown.setdefault(folded(name, fold), name)
    return {name: shown[folded(name, fold)] for name in counts}


def with_display_names(rows: Sequence[Row], fold: str = "on") -> list[Row]:
    """The rows with the names of cities and models as answers show them."""
    cities = display_names((row.city for row in rows), fold)
    models = display_names((row.model for row in rows), fold)
    return [row._replace(city=cities[row.city], model=models[row.model]) for row in rows]


def merged_names(rows: Sequence[Row], fold: str = "on") -> list[str]:
    """The spellings of cities and of models that are not shown."""
    columns = [row.city for row in rows], [row.model for row in rows]
    return [name for names in columns for name, shown in display_names(names, fold).items() if name != shown]


def suspicious_names(rows: Sequence[Row]) -> list[str]:
    """The names of cities and of models that look like text read in a wrong encoding."""
    names = [*{row.city for row in rows}, *{row.model for row in rows}]
    return [name for name in names if looks_damaged(name)]


def looks_damaged(name: str) -> bool:
    """U+FFFD, two characters that are one in UTF-8 read as cp1252, a character of DOS or Mac files read as cp1252."""
    pairs = (first + second for first, second in pairwise(name))
    return (
        "\ufffd" in name
        or bool(_DAMAGED & set(name))
        or any(map(is_utf8_pair, pairs))
        or any(before.islower() and after.islower() for before, after in re.findall("(?=(.)Ž(.))", name))
    )


def is_utf8_pair(pair: str) -> bool:
    """Whether two characters in cp1252 are the bytes of one character in UTF-8."""
    try:
        return len(pair.encode("cp1252").decode()) == 1
    except UnicodeError:
        return False
