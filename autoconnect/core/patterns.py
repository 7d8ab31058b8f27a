"""Regular expressions for records and fields, one set for each form in which records are written.

None of them tries a second way to match a text, so each takes a time in proportion to its length.
"""

import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import NamedTuple

from autoconnect.core.dialect import Encoding

#: There is no white space beyond this character, U+3000.
_LAST_SPACE = 0x3000
#: More spaces between a delimiter and a quote are unusual.
_MOST_SPACES = 8


class Patterns(NamedTuple):
    """What stands around the quotes of a field, and what may be between them.

    `opening`: an opening quote and the white space before it. `spaces`: white space after a closing one. `field`: a
    field, its group what is between its quotes. `blank`: a blank record. `records`: any number of records with all
    their quotes closed; those with unusual white space around a quote are missing.
    """

    opening: re.Pattern[bytes]
    spaces: re.Pattern[bytes]
    field: re.Pattern[bytes]
    blank: re.Pattern[bytes]
    records: re.Pattern[bytes]


@cache
def patterns(delimiter: bytes, line_end: bytes, encoding: Encoding) -> Patterns:
    """The patterns of a form."""
    white = _encoded((chr(code) for code in range(_LAST_SPACE + 1) if chr(code).isspace()), encoding)
    around = white - {delimiter, line_end}
    before, after = _any_of(around | _encoded("\ufeff", encoding)), _any_of(around)
    mark = re.escape(delimiter)
    text = b'[^"]*+(?:""[^"]*+)*+'
    field = b'%b"(%b)"%b(?=%b|\\Z)|[^%b]*+' % (before, text, after, mark, mark)
    # Outside quotes, each delimiter ends a field, and a quote after any other visible character is text.
    closed = b'%b"[%b]*+(?=[%b%b])' % (text, re.escape(_single(around)), mark, line_end)
    opens = b"|".join(b'(?<=%b%b")' % (mark, b" " * count) for count in range(_MOST_SPACES + 1))
    rest = b'[^"%b]++|"(?:(?:%b)%b|(?<=[!-~]")(?<!%b"))' % (line_end, opens, closed, mark)
    return Patterns(
        opening=re.compile(before + b'"'),
        spaces=re.compile(after),
        field=re.compile(field),
        blank=re.compile(_any_of(white | {delimiter, b'"'})),
        records=re.compile(b'(?:(?:"%b|(?!"))(?:%b)*+%b)*+' % (closed, rest, line_end)),
    )


@cache
def text_field(delimiter: str) -> re.Pattern[str]:
    """A field of a decoded record: its first group is what is between its quotes, its second a field without quotes."""
    mark = re.escape(delimiter)
    space = f"[^\\S{mark}]"
    return re.compile(f'(?:{space}|\ufeff)*+"((?:[^"]|"")*+)"{space}*+(?={mark}|\\Z)|([^{mark}]*+)')


def _encoded(characters: Iterable[str], encoding: Encoding) -> set[bytes]:
    """The bytes of those characters that the encoding has."""
    return {character.encode(encoding, "ignore") for character in characters} - {b""}


def _any_of(characters: Collection[bytes]) -> bytes:
    """A pattern of any number of these characters."""
    longer = [re.escape(character) for character in sorted(characters) if len(character) > 1]
    return b"(?:%b)*+" % b"|".join([b"[%b]" % re.escape(_single(characters)), *longer])


def _single(characters: Collection[bytes]) -> bytes:
    return b"".join(character for character in sorted(characters) if len(character) == 1)
