"""Accepted transactions and filters for hypothesis, with few names and months, so that cells meet and ranks tie."""

from datetime import date
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.oracle import Row

_CITIES = ("Paris", "PARIS", "Saint Étienne", "Saint-Étienne", "lyon")
_MODELS = ("BMW X3", "Bmw x3", "Citroën C3", "Zoé")
_PRICES = (0, 0, 1, 5, 100, 100, 333, 1_000_050, 999_999_999_999)
_DAYS = ("2023-11-30", "2023-12-01", "2023-12-31", "2024-01-01", "2024-02-29", "2024-12-24", "1969-12-31", "0001-01-01")

#: Filters as users write them; some dates are in no row.
_DATES = ("2023-10", "2023-12-31", "2024-01", "2024-02-29", "2024-06-15", "2025-01", "1969-12", "2030-01")
_TYPES = ("vente", "SALE", "location", "Rental")


def transactions() -> st.SearchStrategy[Row]:
    """Accepted transactions, each from its own random number generator, which is quick and varied."""
    return st.randoms(use_true_random=True).map(_transaction)


def several_transactions() -> st.SearchStrategy[list[Row]]:
    """Lists of 0 to 40 transactions, each length equally likely."""
    return st.integers(0, 40).flatmap(lambda count: st.lists(transactions(), min_size=count, max_size=count))


def _transaction(random: Random) -> Row:
    kind = random.choice(("vente", "location"))
    return Row(
        id="TX",
        day=date.fromisoformat(random.choice(_DAYS)),
        city=random.choice(_CITIES),
        type=kind,
        model=random.choice(_MODELS),
        price=random.choice((*_PRICES, random.randrange(10_000_000))),
        months=random.choice((None, 1, 12, 1200, random.randint(1, 60))) if kind == "location" else None,
        cost=random.choice((None, None, *_PRICES)),
    )


def filters() -> st.SearchStrategy[dict[str, Any]]:
    """Filters by the parameter names of both `oracle.select` and `Selection.read`; often there are none."""
    cities = st.lists(st.sampled_from(("paris", " Saint_Etienne", "SAINT-ÉTIENNE", "LYON", "Nice")), max_size=3)
    models = st.lists(st.sampled_from(("bmw_x3", "citroenc3", "AUDI A4", "zoe", "Zoe\u0301")), max_size=3)
    dates = st.sampled_from(_DATES)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "city": cities,
        "model": models,
        "first": dates,
        "last": dates,
        "type": st.sampled_from(_TYPES),
    }
    return st.just({}) | st.fixed_dictionaries({}, optional=optional).filter(_is_in_order)


def _is_in_order(chosen: dict[str, Any]) -> bool:
    """Whether `first` is not after `last`, a day or the end of a month."""
    return bool(chosen.get("first", "") <= chosen.get("last", "9999") + "-99")
