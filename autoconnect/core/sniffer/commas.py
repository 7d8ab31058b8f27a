"""Files that were cut at their decimal commas: `20118,05` became two fields."""

import re
from collections.abc import Sequence

from autoconnect.core.schema import is_missing
from autoconnect.core.sniffer.rows import Row
from autoconnect.core.sniffer.sightings import Sighting
from autoconnect.errors import SourceError

_CENTS = re.compile(r"[0-9]{2}")


def check_commas(rows: Sequence[Row], price: int) -> None:
    """Raise SourceError if no price has a mark, and most are followed by what looks like their cents.

    `price` is the index of the price among the fields.
    """
    prices = [row for row in rows if not is_missing(row.field(price))]
    cut = [row for row in prices if _CENTS.fullmatch(row.field(price + 1))]
    if 2 * len(cut) <= len(prices):
        return
    for row in cut:
        if row.field(price + 1).startswith("0"):
            amount = f"{row.field(price)},{row.field(price + 1)}"
            raise SourceError(
                f"Amounts seem to be cut at their decimal comma, since the comma is the delimiter, too: "
                f"{Sighting(amount, row.line)}; write the file with the delimiter ; or with quotes, or, if "
                "prices are whole and the next column has two digits, give decimal=. (--dialect decimal=.).",
                part="decimal",
            )
