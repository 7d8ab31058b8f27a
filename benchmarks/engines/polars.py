"""Polars: a lazy scan with an explicit schema, names as categories, collected by the streaming engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.engines import Run

TITLE = "Polars (streaming)"

_SCHEMA = {
    "transaction_id": pl.String,
    "date": pl.Date,
    "ville": pl.Categorical,
    "type": pl.Categorical,
    "modele": pl.Categorical,
    "prix": pl.Float64,
    "duree_location_mois": pl.Int64,
}


@contextmanager
def ready() -> Iterator[Run]:
    """Start nothing: Polars starts its thread pool on its own, with a thread for each core."""
    yield _run


def _run(source: Path) -> Any:
    price = pl.col("prix")
    measures = [
        pl.len(),
        price.sum().alias("sum"),
        price.min().alias("min"),
        price.max().alias("max"),
        pl.col("duree_location_mois").sum(),
    ]
    rows = pl.scan_csv(source, schema=_SCHEMA)
    return rows.group_by("ville", "type", "modele", "date").agg(measures).collect(engine="streaming").to_arrow()
