"""The commands that print or save rows of a running API: metrics, roll-ups and rejects."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

import typer

from autoconnect.cli.remote import AsJson, JobId, Wide
from autoconnect.cli.show import console, print_json, show_table
from autoconnect.client import AutoConnect, Filter, Rows, connected
from autoconnect.client.rows import roll_up
from autoconnect.core.metrics import CATALOGUE, OPTIONS
from autoconnect.core.metrics.base import Choice
from autoconnect.core.outcome import REJECT_COLUMNS
from autoconnect.core.rollup import MEASURES
from autoconnect.core.table import Column, Kind, Table
from autoconnect.core.tabulate import KEYS
from autoconnect.logs import printable, say

Command = TypeVar("Command", bound=Callable[..., None])

City = Annotated[list[str] | None, typer.Option(help="Only this city; repeatable.")]
Model = Annotated[list[str] | None, typer.Option(help="Only this model; repeatable.")]
First = Annotated[str | None, typer.Option("--from", help="YYYY-MM-DD or YYYY-MM, inclusive.")]
Last = Annotated[str | None, typer.Option("--to", help="YYYY-MM-DD or YYYY-MM, inclusive.")]
Type = Annotated[str | None, typer.Option("--type", help="vente, sale, location or rental.")]
OfJob = Annotated[str | None, typer.Option(help="Id of a job; default: the published one.")]
FileForm = Literal["csv", "xlsx", "parquet"]
FORMS = get_args(FileForm)
Form = Annotated[FileForm | None, typer.Option("--format", help="Format of --out; default: its ending.")]
Out = Annotated[Path | None, typer.Option(help="Write all rows into this file (.csv, .xlsx or .parquet).")]


def _with_options(command: Command) -> Command:
    """Lets a command also accept the options of all metrics, before its own last one, as keyword arguments."""
    signature = inspect.signature(command)
    *own, last, _ = signature.parameters.values()
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None if isinstance(option, Choice) else int | None, typer.Option(f"--{name}", help=option.meaning)
            ],
        )
        for name, option in OPTIONS.items()
    ]
    parameters = [*own, *options, last.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
    vars(command)["__signature__"] = signature.replace(parameters=parameters)
    return command


@_with_options
def metric(
    name: Annotated[str, typer.Argument(help=f"Name of the metric: {', '.join(CATALOGUE)}.")],
    city: City = None,
    model: Model = None,
    first: First = None,
    last: Last = None,
    kind: Type = None,
    job: OfJob = None,
    out: Out = None,
    form: Form = None,
    wide: Wide = False,
    as_json: AsJson = False,
    **options: int | str | None,
) -> None:
    """Print a metric of a running API."""
    filters = {"city": city, "model": model, "from": first, "to": last, "type": kind, "job": job, **options}
    with connected() as api:
        if not _saved(api, out, form, ("metrics", name), filters):
            _print_rows(name, api.metric(name, filters), wide, as_json)


def query(
    group_by: Annotated[str, typer.Option(help=f"Any of {', '.join(KEYS)}, separated by commas.")] = "",
    measures: Annotated[
        str,
        typer.Option(help=f"Any of {', '.join(MEASURES)}, separated by commas; default: transactions,revenue."),
    ] = "",
    order: Annotated[
        str, typer.Option(help="Columns to sort by, separated by commas; -column sorts in descending order.")
    ] = "",
    city: City = None,
    model: Model = None,
    first: First = None,
    last: Last = None,
    kind: Type = None,
    job: OfJob = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of rows; default: all.")] = None,
    out: Out = None,
    form: Form = None,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Print a roll-up by any columns and measures of a running API."""
    filters = {"city": city, "model": model, "from": first, "to": last, "type": kind, "job": job, "limit": limit}
    asked = roll_up(group_by, measures, order)
    with connected() as api:
        if not _saved(api, out, form, ("query",), {**filters, **asked}):
            _print_rows("query", api.query(group_by, measures, order, **filters), wide, as_json)


def rejects(
    job_id: JobId = "latest",
    limit: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Maximum number of rows; default: all that are kept.")
    ] = None,
    out: Out = None,
    form: Form = None,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Print the rejected rows of a job of a running API."""
    with connected() as api:
        job = api.job(job_id).id
        if not _saved(api, out, form, ("jobs", job, "rejects"), {"limit": limit}):
            _print_rows("rejects", api.rejects(job, limit), wide, as_json)


def _saved(
    api: AutoConnect, out: Path | None, form: str | None, path: Sequence[str], filters: Mapping[str, Filter]
) -> bool:
    """Write an answer into the file of --out; False if there is none."""
    if out is None:
        if form:
            raise typer.BadParameter("it is the format of --out; give the file, too", param_hint="--format")
        return False
    form = form or out.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise typer.BadParameter(
            f"the format of {str(out)!r} is unknown; expected a name that ends in .csv, .xlsx or .parquet, or --format",
            param_hint="--out",
        )
    api.save(out, form, *path, **filters)
    say(f"Written: {printable(str(out))}")
    return True


def _print_rows(name: str, rows: Rows, wide: bool, as_json: bool) -> None:
    if as_json:
        print_json(rows.answer)
    else:
        show_table(console(wide=wide), name, _table(name, rows))


def _table(name: str, rows: Rows) -> Table:
    """Rows as a table; a column that this version does not know is text."""
    if name in CATALOGUE:
        columns = [*CATALOGUE[name].columns, *CATALOGUE[name].more_columns]
    else:
        columns = [*REJECT_COLUMNS, *(measure.column for measure in MEASURES.values())]
    known = {column.name: column for column in columns}
    shown = (known.get(column, Column(column, Kind.TEXT, "")) for column in rows.columns)
    return Table(tuple(shown), rows, rows.answer.get("note"))
