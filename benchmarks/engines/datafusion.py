"""DataFusion: a registered CSV with an explicit schema, text columns as string views, a partition for each core."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from datafusion import SessionConfig, SessionContext

from benchmarks.engines import Run
from benchmarks.machine import cores

TITLE = "DataFusion"

_SCHEMA = pa.schema(
    {
        "transaction_id": pa.string_view(),
        "date": pa.date32(),
        "ville": pa.string_view(),
        "type": pa.string_view(),
        "modele": pa.string_view(),
        "prix": pa.float64(),
        "duree_location_mois": pa.int16(),
    }
)
_CUBE = """
    SELECT ville, type, modele, date, count(*), sum(prix), min(prix), max(prix), sum(duree_location_mois)
    FROM source GROUP BY ville, type, modele, date
"""


@contextmanager
def ready() -> Iterator[Run]:
    """Start nothing: each run opens its own session, which costs next to nothing."""
    yield _run


def _run(source: Path) -> Any:
    context = SessionContext(SessionConfig().with_target_partitions(cores()))
    context.register_csv("source", source, schema=_SCHEMA)
    return pa.Table.from_batches(context.sql(_CUBE).collect())
