"""Cubes that are too large to be made from a source within a test."""

import numpy as np

from autoconnect.core.cube import Cube
from autoconnect.core.schema import RENTAL


def cube_of_models(models: int, cities: int) -> Cube:
    """A cube in which each city has rented each model out, once or several times, on one of 60 days."""
    cells = np.arange(models * cities)
    rentals, months, cents = 1 + cells % 3, 1 + cells % 36, 20_000 + 7 * cells
    none = np.zeros_like(cells)
    return Cube(
        cities=tuple(f"Ville {city:04}" for city in range(cities)),
        models=tuple(f"Modèle {model:07}" for model in range(models)),
        city=cells // models,
        day=19_700 + cells % 60,
        type=np.full_like(cells, RENTAL),
        model=cells % models,
        measures={
            "transactions": rentals,
            "revenue": cents * rentals,
            "min_price": cents,
            "max_price": cents,
            "durations": rentals,
            "months": months * rentals,
            "months_squared": months**2 * rentals,
            "min_months": months,
            "max_months": months,
            **{"costed": none, "cost": none, "costed_revenue": none},
        },
    )
