"""Made-up transactions, in any dialect that people's files have.

The same arguments always give the same file; another dialect gives the same transactions.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from autoconnect.generate.dialects import DIALECTS, PLAIN
from autoconnect.generate.transactions import CHUNK_ROWS, Transactions, draw
from autoconnect.generate.writer import YEAR_FIRST, Writer

__all__ = ["DIALECTS", "HEADER", "PLAIN", "Writer", "generate"]

HEADER = PLAIN.top

#: Rows at the head of a file from which the order of day and month is judged.
_JUDGED_ROWS = 1_000


def generate(rows: int, seed: int = 1, bad_ratio: float = 0.0, writer: Writer = PLAIN) -> Iterator[str]:
    """Yield a file in pieces of text: a header and `rows` rows, a share `bad_ratio` (0 to 1) of them bad.

    The writer is one of DIALECTS; the text is to be encoded in its `encoding`. If no day among the first rows shows the
    order of day and month, all dates are written with the year first, so that nobody must guess.
    """
    random = np.random.default_rng(seed)
    yield writer.top
    width = max(len(str(rows)), 5)
    for first in range(1, rows + 1, CHUNK_ROWS):
        transactions = draw(random, first, min(CHUNK_ROWS, rows + 1 - first), bad_ratio)
        if first == 1 and not _shows_order(transactions):
            writer = replace(writer, date=YEAR_FIRST)
        yield writer.rows(transactions, width)


def _shows_order(transactions: Transactions) -> bool:
    """Whether a row that is judged has a day of the month that cannot be a month."""
    good = transactions.days[:_JUDGED_ROWS][~transactions.bad[:_JUDGED_ROWS]]
    day_of_month = (good - good.astype("datetime64[M]")).astype(int) + 1
    return bool((day_of_month > 12).any())
