"""pandas: the whole file, read by Arrow's parser into Arrow's types; only reading uses more than one core."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks.engines import Run

TITLE = "pandas (pyarrow)"

_KEYS = ["ville", "type", "modele", "date"]


@contextmanager
def ready() -> Iterator[Run]:
    """Start nothing."""
    yield _run


def _run(source: Path) -> Any:
    columns = [*_KEYS, "prix", "duree_location_mois"]
    rows = pd.read_csv(
        source,
        engine="pyarrow",
        usecols=columns,
        dtype=dict.fromkeys(("ville", "type", "modele"), "category"),
        dtype_backend="pyarrow",
    )
    cube = rows.groupby(_KEYS, sort=False, observed=True).agg(
        count=("prix", "size"),
        sum=("prix", "sum"),
        min=("prix", "min"),
        max=("prix", "max"),
        months=("duree_location_mois", "sum"),
    )
    return pa.Table.from_pandas(cube.reset_index(), preserve_index=False)
