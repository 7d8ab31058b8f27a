"""The commands and their arguments."""

from pathlib import Path
from typing import Annotated

import typer

from autoconnect.cli import local, remote
from autoconnect.generate import generate as generate_rows
from autoconnect.logs import set_up_logs
from autoconnect.settings import Settings, load_settings
from autoconnect.sources.local import DEFAULT_SOURCE

app = typer.Typer(
    name="autoconnect",
    help="Turns a CSV of car sales and rentals into exact metrics per city.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(remote.jobs, name="jobs")
app.command()(remote.metric)

Workers = Annotated[
    int | None, typer.Option(min=1, max=1_000, help="Number of workers; default: AUTOCONNECT_WORKERS, or 3.")
]


@app.command()
def run(
    source: Annotated[
        Path | None, typer.Argument(help="The CSV file; default: the stack's own source in DATA_DIR.")
    ] = None,
    workers: Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    export: Annotated[
        Path | None, typer.Option(file_okay=False, help="Write each metric, and the rejects, as CSV into this folder.")
    ] = None,
) -> None:
    """Run one job on this machine and print the metrics."""
    settings = _settings(workers=workers)
    path = source or settings.data_dir / (settings.source or DEFAULT_SOURCE)
    raise typer.Exit(local.run(path, settings, as_json=as_json, export=export))


@app.command()
def up(
    workers: Workers = None,
    port: Annotated[int | None, typer.Option(help="Port of the API; default: AUTOCONNECT_PORT, or 8000.")] = None,
) -> None:
    """Run the whole stack on this machine, API included, until Ctrl-C."""
    local.up(_settings(workers=workers, port=port))


@app.command()
def generate(
    rows: Annotated[int, typer.Option(min=0, help="Number of rows.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the random generator: the same seed gives the same file.")
    ] = 1,
    bad_ratio: Annotated[float, typer.Option(min=0, max=1, help="Approximate share of bad rows, from 0 to 1.")] = 0.0,
) -> None:
    """Write a CSV of made-up transactions."""
    with out.open("w", encoding="utf-8", newline="") as file:
        file.writelines(generate_rows(rows, seed, bad_ratio))


def _settings(**options: object) -> Settings:
    """The settings of the environment, overridden by the command's options."""
    settings = load_settings(**options)
    set_up_logs("autoconnect", settings.log_level, settings.log_format)
    return settings
