"""Generates plausible transactions: five cities, eight models, seasons, growth, rentals of 1 to 48 months.

The same arguments always give the same file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

HEADER = "transaction_id,date,ville,type,modele,prix,duree_location_mois\n"

#: Rows generated at a time, which bounds memory.
_CHUNK_ROWS = 100_000
_FIRST_DAY = np.datetime64("2023-01-01")
_DAYS = 730

_CITIES: Mapping[str, float] = {"Paris": 0.32, "Marseille": 0.22, "Lyon": 0.21, "Toulouse": 0.14, "Bordeaux": 0.11}


@dataclass(frozen=True)
class _Model:
    """`price`: mean of a sale in euros; a rental costs about 1.6 % of it a month. `share`: part of all transactions."""

    price: int
    share: float


_MODELS: Mapping[str, _Model] = {
    "Renault Clio": _Model(21_000, 0.21),
    "Peugeot 208": _Model(22_500, 0.20),
    "Volkswagen Golf": _Model(31_000, 0.14),
    "Audi A4": _Model(46_000, 0.12),
    "BMW X3": _Model(58_000, 0.11),
    "Mercedes Classe C": _Model(52_000, 0.10),
    "Tesla Model 3": _Model(44_000, 0.09),
    "Porsche Macan": _Model(84_000, 0.03),
}

#: Relative activity from January to December: spring and September sell, August does not.
_SEASON = np.array([0.85, 0.90, 1.10, 1.12, 1.08, 1.15, 0.95, 0.70, 1.20, 1.05, 0.95, 0.95])
#: Growth of activity over the two years.
_GROWTH = 0.25
#: Share of rentals among the transactions.
_RENTAL_SHARE = 0.45

#: Bad rows, used in turn; `{}` is the id.
_BAD_ROWS = (
    "{},2024-02-30,Paris,vente,Audi A4,41000.00,",
    "{},2023-05-12,,vente,Audi A4,41000.00,",
    "{},2023-05-12,Lyon,essai,Audi A4,41000.00,",
    "{},2023-05-12,Lyon,vente,NULL,41000.00,",
    "{},2023-05-12,Lyon,vente,Audi A4,-41000.00,",
    "{},2023-05-12,Lyon,vente,Audi A4,quarante,",
    "{},2023-05-12,Lyon,location,Audi A4,640.00,0",
    "{},2023-05-12,Lyon,location,Audi A4",
)


def generate(rows: int, seed: int = 1, bad_ratio: float = 0.0) -> Iterator[str]:
    """Yield a file in pieces of text: a header and `rows` rows, about `bad_ratio` (0 to 1) of which are bad."""
    random = np.random.default_rng(seed)
    yield HEADER
    width = max(len(str(rows)), 5)
    for first in range(1, rows + 1, _CHUNK_ROWS):
        yield _chunk(random, first, min(_CHUNK_ROWS, rows + 1 - first), width, bad_ratio)


def _chunk(random: np.random.Generator, first: int, count: int, width: int, bad_ratio: float) -> str:
    days = np.arange(_DAYS)
    months = (_FIRST_DAY + days).astype("datetime64[M]").astype(int) % 12
    activity = _SEASON[months] * (1 + _GROWTH * days / _DAYS)
    day = random.choice(_DAYS, count, p=activity / activity.sum())
    city = random.choice(list(_CITIES), count, p=list(_CITIES.values()))
    model_index = random.choice(len(_MODELS), count, p=[model.share for model in _MODELS.values()])
    prices = np.array([model.price for model in _MODELS.values()])[model_index]
    rental = random.random(count) < _RENTAL_SHARE
    duration = random.integers(1, 49, count)
    spread = np.clip(random.normal(1.0, 0.15, count), 0.6, 1.5)
    inflation = 1 + 0.04 * day / _DAYS
    euros = prices * spread * inflation * np.where(rental, 0.016, 1.0)
    cents = np.maximum(np.rint(euros * 100).astype(np.int64), 1)
    bad = random.random(count) < bad_ratio
    dates = np.datetime_as_string(_FIRST_DAY + day)
    names = list(_MODELS)
    lines = []
    for row in range(count):
        transaction_id = f"TX{first + row:0{width}}"
        if bad[row]:
            lines.append(_BAD_ROWS[(first + row) % len(_BAD_ROWS)].format(transaction_id))
            continue
        kind, duration_field = ("location", duration[row]) if rental[row] else ("vente", "")
        price = f"{cents[row] // 100}.{cents[row] % 100:02}"
        lines.append(
            f"{transaction_id},{dates[row]},{city[row]},{kind},{names[model_index[row]]},{price},{duration_field}"
        )
    return "\n".join(lines) + "\n"
