"""The currency of a source, from the marks of its amounts, the bracket of its price, or a column of its own."""

from collections.abc import Iterable, Mapping

from autoconnect.core.dialect import Currency
from autoconnect.core.schema import CURRENCIES, bracket_currency, folded_word
from autoconnect.core.sniffer.sightings import Judged, Sighting
from autoconnect.errors import SourceError


def judge_currency(
    amounts: Mapping[Currency, Sighting], price: Sighting | None, column: Iterable[tuple[Sighting, int]]
) -> Judged[Currency | None]:
    """The currency of the sample: of its amounts, of the header of its price, and of its column of currencies.

    Raises SourceError, which names both, if there are two.
    """
    named = dict(amounts)
    if price and (currency := bracket_currency(price.value)):
        named.setdefault(currency, price)
    for sighting, _ in column:
        if currency := CURRENCIES.get(folded_word(sighting.value)):
            named.setdefault(currency, sighting)
    if len(named) > 1:
        shown = " and ".join(f"{currency} ({sighting})" for currency, sighting in list(named.items())[:2])
        raise SourceError(
            f"The source has two currencies, {shown}; nothing is converted: keep one, or give the one whose rows count "
            f"(--dialect currency={next(iter(named))}).",
            part="currency",
        )
    for currency, sighting in named.items():
        return Judged(currency, str(sighting))
    return Judged(None, "the sample names none")
