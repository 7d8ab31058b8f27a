"""The commands and what they take."""

from pathlib import Path
from typing import Annotated

import typer

from autoconnect.cli import local, remote
from autoconnect.generate import generate as generate_rows
from autoconnect.logs import set_up_logs
from autoconnect.settings import Settings, load_settings
from autoconnect.sources import DEFAULT_SOURCE

app = typer.Typer(
    name="autoconnect",
    help="Turns a CSV of car sales and rentals into exact metrics per city.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(remote.jobs, name="jobs")
app.command()(remote.metric)

Workers = Annotated[int | None, typer.Option(min=1, max=1_000, help="Number of workers (AUTOCONNECT_WORKERS, 3).")]


@app.command()
def run(
    source: Annotated[Path | None, typer.Argument(help="The CSV; by itself data/transactions_autoconnect.csv.")] = None,
    workers: Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    export: Annotated[
        Path | None, typer.Option(file_okay=False, help="Write each metric as CSV into this folder.")
    ] = None,
) -> None:
    """Run one job on this machine and print the metrics."""
    settings = _settings(workers=workers)
    given = source or (settings.data_dir / settings.source if settings.source else Path("data") / DEFAULT_SOURCE)
    raise typer.Exit(local.run(given, settings, as_json=as_json, export=export))


@app.command()
def up(
    workers: Workers = None,
    port: Annotated[int | None, typer.Option(help="Port of the API (AUTOCONNECT_PORT, 8000).")] = None,
) -> None:
    """Run the whole stack on this machine, API included, until Ctrl-C."""
    local.up(_settings(workers=workers, port=port))


@app.command()
def generate(
    rows: Annotated[int, typer.Option(min=0, help="Number of rows.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same file.")] = 1,
    bad_ratio: Annotated[float, typer.Option(min=0, max=1, help="About this share of the rows is bad.")] = 0.0,
) -> None:
    """Write a CSV of believable transactions."""
    with out.open("w", encoding="utf-8", newline="") as file:
        file.writelines(generate_rows(rows, seed, bad_ratio))


def _settings(**given: object) -> Settings:
    """The settings of the environment, and of the options that were given."""
    settings = load_settings(**given)
    set_up_logs("autoconnect", settings)
    return settings
