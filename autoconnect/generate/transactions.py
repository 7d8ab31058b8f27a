"""Draws plausible transactions: five cities, eight models, seasons, growth, rentals of 1 to 48 months."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Rows drawn at a time, which bounds memory.
CHUNK_ROWS = 100_000
_FIRST_DAY = np.datetime64("2023-01-01")
_DAYS = 730

_CITY_SHARES: Mapping[str, float] = {
    "Paris": 0.32,
    "Marseille": 0.22,
    "Lyon": 0.21,
    "Toulouse": 0.14,
    "Bordeaux": 0.11,
}


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
CITIES = tuple(_CITY_SHARES)
MODELS = tuple(_MODELS)
TYPES = ("location", "vente")

#: Relative activity from January to December: spring and September sell, August does not.
_SEASON = np.array([0.85, 0.90, 1.10, 1.12, 1.08, 1.15, 0.95, 0.70, 1.20, 1.05, 0.95, 0.95])
#: Growth of activity over the two years.
_GROWTH = 0.25
#: Share of rentals among the transactions.
_RENTAL_SHARE = 0.45


@dataclass(frozen=True)
class Transactions:
    """Consecutive transactions, as columns of equal length; `first` is the number of the first one, from 1.

    `cities` and `models` are indexes into CITIES and MODELS. `months` is 0 for a sale. A row that is `bad` has nothing
    of its transaction but its number.
    """

    first: int
    days: NDArray[np.datetime64]
    cities: NDArray[np.int64]
    models: NDArray[np.int64]
    cents: NDArray[np.int64]
    months: NDArray[np.int64]
    bad: NDArray[np.bool_]


def draw(random: np.random.Generator, first: int, count: int, bad_ratio: float) -> Transactions:
    """Draw `count` transactions, a share `bad_ratio` (0 to 1) of them bad."""
    days = np.arange(_DAYS)
    months_of_days = (_FIRST_DAY + days).astype("datetime64[M]").astype(int) % 12
    activity = _SEASON[months_of_days] * (1 + _GROWTH * days / _DAYS)
    day = _choose(random, activity / activity.sum(), count)
    city = _choose(random, list(_CITY_SHARES.values()), count)
    model = _choose(random, [model.share for model in _MODELS.values()], count)
    prices = np.array([model.price for model in _MODELS.values()])[model]
    rental = random.random(count) < _RENTAL_SHARE
    duration = random.integers(1, 49, count)
    spread = np.clip(random.normal(1.0, 0.15, count), 0.6, 1.5)
    inflation = 1 + 0.04 * day / _DAYS
    euros = prices * spread * inflation * np.where(rental, 0.016, 1.0)
    cents = np.maximum(np.rint(euros * 100).astype(np.int64), 1)
    bad = random.random(count) < bad_ratio
    return Transactions(first, _FIRST_DAY + day, city, model, cents, np.where(rental, duration, 0), bad)


def _choose(random: np.random.Generator, shares: Any, count: int) -> NDArray[np.int64]:
    return random.choice(len(shares), count, p=shares)
