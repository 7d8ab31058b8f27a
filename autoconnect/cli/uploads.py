"""The commands for sources of a running API."""

from pathlib import Path
from typing import Annotated

import typer

from autoconnect.cli.dialect import Columns, Parts, given_options
from autoconnect.cli.remote import AsJson, Wide, print_check
from autoconnect.cli.show import console, print_json, show_table
from autoconnect.client import connected
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.logs import printable

sources = typer.Typer(help="Sources of a running API (AUTOCONNECT_URL).", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the source.")]
_COLUMNS = (
    Column("name", Kind.TEXT, "name"),
    Column("bytes", Kind.COUNT, "bytes"),
    Column("modified", Kind.TEXT, "UTC"),
    Column("folder", Kind.TEXT, "name"),
)


@sources.command(name="list")
def list_sources(wide: Wide = False, as_json: AsJson = False) -> None:
    """List the files that jobs can read, by name."""
    with connected() as api:
        items = api.sources()
    if as_json:
        print_json({"items": [source.model_dump(mode="json") for source in items]})
        return
    rows: list[Row] = [
        {
            "name": source.name,
            "bytes": source.bytes,
            "modified": f"{source.modified_at:%Y-%m-%d %H:%M:%S}" if source.modified_at else None,
            "folder": "uploads" if source.uploaded else "data",
        }
        for source in items
    ]
    show_table(console(wide=wide), "sources", Table(_COLUMNS, rows, "No sources."))


@sources.command()
def upload(
    file: Annotated[Path, typer.Argument(help="The CSV file.")],
    name: Annotated[str | None, typer.Option(help="Name of the source; default: the file's own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file as a source, or replace an uploaded one of the same name."""
    with connected() as api:
        source = api.upload(file, name)
    if as_json:
        print_json({"source": source.model_dump(mode="json")})
    else:
        console().print(f"Source {printable(source.name)} has {source.bytes:,} bytes.", markup=False)


@sources.command()
def check(
    name: Name,
    dialect: Parts = None,
    column: Columns = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show how a source would be read, from a sample of it; nothing is stored."""
    options = given_options(dialect, column)
    with connected() as api:
        checked = api.check(name, options)
    print_check(checked, as_json, wide)


@sources.command()
def delete(name: Name, as_json: AsJson = False) -> None:
    """Delete an uploaded source."""
    with connected() as api:
        api.delete_source(name)
    if as_json:
        print_json({"deleted": name})
    else:
        console().print(f"Source {printable(name)} is deleted.", markup=False)
