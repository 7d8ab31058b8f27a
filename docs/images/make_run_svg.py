"""Makes run.svg, the picture in the README: one real job on the sample, shown by the tables of the command line.

Run it from the top-level folder: .venv/bin/python docs/images/make_run_svg.py
"""

import io
import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from autoconnect.cli.show import show_table
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.table import Table

#: Columns of text in the picture: in the widest table, each word of a header then has a line of its own.
_WIDTH = 110
#: Rows of each table that the picture shows.
_ROWS = 5
#: Metrics that the picture shows.
_TABLES = ("summary", "city-comparison", "top-models")


def main() -> None:
    """Run the job and write the picture next to this file."""
    command = [sys.executable, "-m", "autoconnect.cli.main", "run", "--json"]
    completed = subprocess.run(command, check=True, capture_output=True, text=True)
    metrics = json.loads(completed.stdout, parse_float=Decimal)["metrics"]
    console = Console(record=True, width=_WIDTH, highlight=False, file=io.StringIO())
    for name in _TABLES:
        show_table(console, name, Table(CATALOGUE[name].columns, metrics[name][:_ROWS]))
    svg = console.export_svg(title="autoconnect run", unique_id="run")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # so that the picture loads no font from the web
    Path(__file__).with_name("run.svg").write_text(svg)


if __name__ == "__main__":
    main()
