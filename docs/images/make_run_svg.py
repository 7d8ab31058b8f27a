"""Makes run.svg, the picture of the README: one real job on the sample, shown by the product's own tables.

Run it from the top folder: .venv/bin/python docs/images/make_run_svg.py
"""

import io
import re
import subprocess
import sys
from pathlib import Path

import simplejson
from rich.console import Console

from autoconnect.cli.show import show_table

#: Columns of the picture: the widest of its tables then gives each word of its headers a line.
_WIDTH = 110
#: So many rows of each table are shown.
_ROWS = 5
_TABLES = ("summary", "city-comparison", "top-models")


def main() -> None:
    """Runs the job and writes the picture beside this file."""
    command = [sys.executable, "-m", "autoconnect.cli.main", "run", "--json"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    metrics = simplejson.loads(ran.stdout, use_decimal=True)["metrics"]
    console = Console(record=True, width=_WIDTH, highlight=False, file=io.StringIO())
    for name in _TABLES:
        rows = metrics[name][:_ROWS]
        show_table(console, name, list(rows[0]), rows, "")
    svg = console.export_svg(title="autoconnect run", unique_id="run")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # the picture loads no font from elsewhere
    Path(__file__).with_name("run.svg").write_text(svg)


if __name__ == "__main__":
    main()
