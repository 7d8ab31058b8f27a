"""Dask DataFrame on its own cluster: for each core a process with one thread; blocks of 64 MiB."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pyarrow as pa
from dask.distributed import Client, LocalCluster

from benchmarks.engines import Run
from benchmarks.machine import cores

TITLE = "Dask DataFrame"

_KEYS = ["ville", "type", "modele", "date"]
_NAMES = dict.fromkeys(("ville", "type", "modele"), "category")
_NUMBERS = dict.fromkeys(("prix", "duree_location_mois"), "float64")


@contextmanager
def ready() -> Iterator[Run]:
    """Start the cluster and a client."""
    with LocalCluster(n_workers=cores(), threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        yield _run


def _run(source: Path) -> Any:
    rows = dd.read_csv(
        source,
        blocksize="64MiB",
        usecols=[*_KEYS, "prix", "duree_location_mois"],
        dtype=_NAMES | _NUMBERS,
        parse_dates=["date"],
    )
    groups = rows.groupby(_KEYS, sort=False, observed=True)
    cube = groups.agg({"prix": ["size", "sum", "min", "max"], "duree_location_mois": ["sum"]}, split_out=1).compute()
    cube.columns = ["count", "sum", "min", "max", "months"]
    return pa.Table.from_pandas(cube.reset_index(), preserve_index=False)
