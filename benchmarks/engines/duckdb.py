"""DuckDB: read_csv with explicit dialect and types, so that it guesses nothing; groups in any order."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.engines import Run
from benchmarks.machine import cores

TITLE = "DuckDB"

_CUBE = """
    SELECT ville, type, modele, date, count(*), sum(prix), min(prix), max(prix), sum(duree_location_mois)
    FROM read_csv('{}', auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', new_line = '\\n',
        columns = {{'transaction_id': 'VARCHAR', 'date': 'DATE', 'ville': 'VARCHAR', 'type': 'VARCHAR',
                    'modele': 'VARCHAR', 'prix': 'DECIMAL(12, 2)', 'duree_location_mois': 'SMALLINT'}})
    GROUP BY ALL
"""


@contextmanager
def ready() -> Iterator[Run]:
    """Open a connection with a thread for each core."""
    with duckdb.connect(config={"threads": cores(), "preserve_insertion_order": False}) as connection:

        def run(source: Path) -> Any:
            return connection.sql(_CUBE.format(source)).to_arrow_table()

        yield run
