"""The shape of a layout: how its records are written, in the form that compiled code takes."""

from collections.abc import Iterable, Sequence

import numpy as np

from autoconnect.core.fields import readers
from autoconnect.core.kernel.blocks import CHUNK_BYTES, Shape, Span, Words
from autoconnect.core.layout import Layout
from autoconnect.core.schema import CURRENCIES, MISSING, Refused

#: What may stand between groups of three digits, besides the mark that is not decimal.
GROUPING = " \u00a0\u202f'\u2019"
#: White space of more than one byte, the usual one first.
SPACES = (
    "\u00a0\u202f\u0085\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u205f\u3000"
)
#: It may stand before an opening quote, too.
_BYTE_ORDER_MARK = "\ufeff"
#: Bytes of a word: the highest one of its 8 is the size.
_MAX_WORD_BYTES = 7
#: The number of fields of no record: the kernel defers all.
_NO_ROWS = -1


def shape_of(layout: Layout, max_record_bytes: int) -> Shape:
    """The shape of a layout; a longer record than `max_record_bytes` is no row."""
    dialect, positions = layout.dialect, layout.positions
    first, second, third = (
        Span(positions[span[0]], positions[span[-1]]) if span else Span(-1, -1) for span in spans_of(layout)
    )
    other = {".": ",", ",": "."}.get(dialect.decimal or "", "")
    currency = {form for word in CURRENCIES if CURRENCIES[word] == dialect.currency for form in _cases(word)}
    return Shape(
        fields=layout.fields if _can_read(layout) else _NO_ROWS,
        surplus=dialect.surplus,
        id_column=positions.get("id", -1),
        date_column=positions.get("date", -1),
        price_column=positions.get("price", -1),
        duration_column=positions.get("duration", -1),
        cost_column=positions.get("cost", -1),
        currency_column=positions.get("currency", -1),
        spans=(first, second, third),
        delimiter=np.uint8(ord(layout.delimiter)),
        line_end=np.uint8(layout.line_end[0]),
        decimal=np.uint8(ord(dialect.decimal or "\0")),
        is_utf8=layout.encoding == "utf-8",
        chunk_bytes=min(CHUNK_BYTES, max_record_bytes),
        max_record_bytes=max_record_bytes,
        missing=_words(MISSING, layout),
        grouping=_words(GROUPING + other, layout),
        currency=_words(sorted(currency, key=len, reverse=True), layout),
        spaces=_words(SPACES, layout),
        openings=_words(SPACES + _BYTE_ORDER_MARK, layout),
    )


def spans_of(layout: Layout) -> list[list[str]]:
    """The columns of names in the order of the file, neighbours in one list; always three lists."""
    columns = [name for name in ("city", "type", "model") if name in layout.positions]
    spans: list[list[str]] = []
    for name in sorted(columns, key=lambda name: layout.positions[name]):
        if spans and layout.positions[spans[-1][-1]] == layout.positions[name] - 1:
            spans[-1].append(name)
        else:
            spans.append([name])
    return spans + [[]] * (3 - len(spans))


def _can_read(layout: Layout) -> bool:
    """Whether the kernel can read rows: of the texts that stand in every row, it takes names, and an id."""
    if not layout.constants.keys() <= {"id", "city", "type", "model"}:
        return False
    try:
        readers(layout)["id"](layout.constants.get("id", "any"))
    except Refused:
        return False
    return layout.fields + layout.dialect.surplus <= CHUNK_BYTES


def _cases(word: str) -> Sequence[str]:
    return word, word.upper(), word.title()


def _words(words: Iterable[str], layout: Layout) -> Words:
    """The words that the encoding has and that are short enough, each as a number; the first bytes are the lowest."""
    encoded = dict.fromkeys(word.encode(layout.encoding, "ignore") for word in words)
    numbers = [
        int.from_bytes(word, "little") | len(word) << 8 * _MAX_WORD_BYTES
        for word in encoded
        if 0 < len(word) <= _MAX_WORD_BYTES
    ]
    return np.array(numbers, np.uint64)
