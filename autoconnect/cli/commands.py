"""The commands and their arguments."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from autoconnect.cli import local, remote, tables, uploads
from autoconnect.cli.check import check_file
from autoconnect.cli.checks import checked_dialect, checked_file, checked_folder
from autoconnect.cli.dialect import Columns, Parts, given_options
from autoconnect.cli.doctor import examine, show
from autoconnect.cli.report import Report
from autoconnect.cli.show import console, print_json
from autoconnect.core.charts.style import Language
from autoconnect.generate import DIALECTS
from autoconnect.generate import generate as generate_rows
from autoconnect.logs import set_up_logs
from autoconnect.settings import EngineName, Settings, load_settings
from autoconnect.sources.local import DEFAULT_SOURCE

app = typer.Typer(
    name="autoconnect",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(remote.jobs, name="jobs")
app.add_typer(uploads.sources, name="sources")
app.command()(tables.metric)
app.command()(tables.query)
app.command()(tables.rejects)

Workers = Annotated[
    int | None, typer.Option(min=1, max=1_000, help="Number of workers; default: AUTOCONNECT_WORKERS, or 3.")
]


ExportFormat = Literal["csv", "xlsx", "parquet"]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autoconnect {version('autoconnect')}")
        raise typer.Exit


@app.callback()
def autoconnect(
    _: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Turns a CSV of car sales and rentals into exact metrics per city."""


@app.command()
def run(
    source: Annotated[
        str | None,
        typer.Argument(help="The CSV file, or `-` for standard input; default: the stack's own source in DATA_DIR."),
    ] = None,
    workers: Workers = None,
    engine: Annotated[
        EngineName | None,
        typer.Option(
            help="What runs the job: redis (the services), local (this process) or dask; default: AUTOCONNECT_ENGINE."
        ),
    ] = None,
    dialect: Parts = None,
    column: Columns = None,
    as_json: remote.AsJson = False,
    wide: remote.Wide = False,
    export: Annotated[
        Path | None,
        typer.Option(callback=checked_folder, help="Write each metric, and the rejects, into this folder."),
    ] = None,
    form: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Format of --export; xlsx is one workbook; default: csv."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(callback=checked_file, help="Write a report of all metrics, one page of HTML, into this file."),
    ] = None,
    lang: Annotated[Language | None, typer.Option(help="Language of --report; default: en.")] = None,
) -> None:
    """Run one job on this machine and print the metrics."""
    settings = _settings(workers=workers, engine=engine)
    options = given_options(dialect, column)
    if source is None:
        source = str(settings.data_dir / (settings.source or DEFAULT_SOURCE))
    if form and not export:
        raise typer.BadParameter("it is the format of --export; give the folder, too", param_hint="--format")
    if lang and not report:
        raise typer.BadParameter("it is the language of --report; give the file, too", param_hint="--lang")
    files = local.Files(
        local.Export(export, form or "csv") if export else None, Report(report, lang or "en") if report else None
    )
    raise typer.Exit(local.run(source, settings, options, as_json=as_json, wide=wide, files=files))


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="The CSV file, or `-` for standard input.")],
    dialect: Parts = None,
    column: Columns = None,
    as_json: remote.AsJson = False,
    wide: remote.Wide = False,
) -> None:
    """Show how a file would be read, from a sample of it; nothing is stored."""
    options = given_options(dialect, column).merged(_settings().dialect_options)
    remote.print_check(check_file(file, options), as_json, wide)


@app.command()
def up(
    workers: Workers = None,
    port: Annotated[int | None, typer.Option(help="Port of the API; default: AUTOCONNECT_PORT, or 8000.")] = None,
    repair_state: Annotated[
        bool,
        typer.Option(
            "--repair-state", metavar="", help="Repair the state if it cannot be loaded, and keep a copy of it."
        ),
    ] = False,
) -> None:
    """Run the whole stack on this machine, API included, until Ctrl-C."""
    local.up(_settings(workers=workers, port=port), repair_state=repair_state)


@app.command()
def doctor(as_json: remote.AsJson = False) -> None:
    """Say what this machine lacks for the stack, and how to mend it."""
    checks = examine()
    if as_json:
        print_json({"checks": [check._asdict() for check in checks]})
    else:
        show(console(), checks)
    raise typer.Exit(any(check.state == "missing" for check in checks))


@app.command()
def generate(
    rows: Annotated[int, typer.Option(min=0, help="Number of rows.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the random generator: the same seed gives the same file.")
    ] = 1,
    bad_ratio: Annotated[float, typer.Option(min=0, max=1, help="Approximate share of bad rows, from 0 to 1.")] = 0.0,
    dialect: Annotated[
        str, typer.Option(callback=checked_dialect, help=f"How the file is written: {', '.join(DIALECTS)}.")
    ] = "plain",
) -> None:
    """Write a CSV of made-up transactions."""
    writer = DIALECTS[dialect]
    with out.open("w", encoding=writer.encoding, newline="") as file:
        file.writelines(generate_rows(rows, seed, bad_ratio, writer))


def _settings(**options: object) -> Settings:
    """The settings of the environment, overridden by the command's options."""
    settings = load_settings(**options)
    set_up_logs("autoconnect", settings.log_level, settings.log_format)
    return settings
