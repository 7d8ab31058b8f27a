"""The amounts of a sample: what they prove of the decimal mark, and the currencies that they name."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from autoconnect.core.amounts import digits_of, take_apart
from autoconnect.core.dialect import Currency, DecimalMark
from autoconnect.core.sniffer.sightings import Judged, Sighting
from autoconnect.errors import SourceError

#: A mark, and what it must be in an amount: `either` in forms such as 12.500.
Use = tuple[DecimalMark, Literal["decimal", "grouping", "either"]]

_MARKS: tuple[DecimalMark, ...] = get_args(DecimalMark)
_DIGITS = str.maketrans("123456789", "000000000")


@dataclass(frozen=True)
class Amounts:
    """The first amount that shows each use of a mark, and the first that names each currency.

    `counts` has the number of amounts that show each use.
    """

    uses: Mapping[Use, Sighting]
    counts: Mapping[Use, int]
    currencies: Mapping[Currency, Sighting]

    @property
    def is_comma_proved(self) -> bool:
        """Whether an amount proves that the comma is the decimal mark."""
        return (",", "decimal") in self.uses


def shape_of(amount: str) -> str:
    """The same text for amounts that differ in their digits only: they show the same."""
    return amount.translate(_DIGITS)


def study_amounts(amounts: Iterable[tuple[Sighting, int]]) -> Amounts:
    """What the sampled amounts show; each comes with its number. A text that is never an amount shows nothing."""
    uses: dict[Use, Sighting] = {}
    counts: Counter[Use] = Counter()
    currencies: dict[Currency, Sighting] = {}
    for sighting, count in amounts:
        amount = take_apart(shape_of(sighting.value))
        readings = _readings(amount.number) if amount else {}
        if amount and amount.currency and readings:
            currencies.setdefault(amount.currency, sighting)
        if amount and (use := _use(amount.number, readings)):
            uses.setdefault(use, sighting)
            counts[use] += count
    return Amounts(uses, counts, currencies)


def judge_decimal(amounts: Amounts) -> Judged[DecimalMark | None]:
    """The decimal mark of the sampled amounts; None if they have no mark.

    Raises SourceError, which shows amounts and names the option, if they do not settle it.
    """
    likely = max(_MARKS, key=lambda mark: amounts.counts.get((mark, "decimal"), 0))
    ask = f"give decimal=. or decimal=, (--dialect decimal={likely})"
    proofs = _proofs(amounts.uses)
    if len(proofs) == 2:
        two = f"The amounts have two decimal marks: {proofs['.']}, and {proofs[',']}"
        raise SourceError(f"{two}; {ask}.", part="decimal")
    for mark, proof in proofs.items():
        return Judged(mark, str(proof))
    for sighting in amounts.uses.values():
        raise SourceError(f"The amounts do not tell decimals from thousands: {sighting}; {ask}.", part="decimal")
    return Judged(None, "no sampled amount has a mark")


def _proofs(uses: Mapping[Use, Sighting]) -> dict[DecimalMark, Sighting]:
    """The marks that are proved to be decimal, each with its proof; where one groups, it is the other."""
    proofs = {mark: uses[mark, "decimal"] for mark in _MARKS if (mark, "decimal") in uses}
    others = zip(_MARKS, reversed(_MARKS), strict=True)
    return proofs or {mark: uses[other, "grouping"] for mark, other in others if (other, "grouping") in uses}


def _readings(number: str) -> Mapping[DecimalMark, re.Match[str]]:
    """How a number is read by each decimal mark by which it can be read."""
    return {mark: match for mark in _MARKS if (match := digits_of(mark).fullmatch(number))}


def _use(number: str, readings: Mapping[DecimalMark, re.Match[str]]) -> Use | None:
    """What the mark of a number must be; None if it has none, or cannot be read."""
    marks = [mark for mark in _MARKS if mark in number]
    if not marks or not readings:
        return None
    if len(readings) == 2:
        return marks[0], "either"
    [(decimal, match)] = readings.items()
    return (decimal, "decimal") if match["decimals"] else (marks[0], "grouping")
