"""The API and the command line offer the same parameters of metrics: the filters, and each option of a metric."""

import typer
from typer.core import TyperGroup, TyperOption

from api.app import create_app
from autoconnect.cli.commands import app
from autoconnect.core.metrics import OPTIONS
from autoconnect.models import API_PREFIX
from autoconnect.settings import load_settings

#: The parameters that select transactions and the job.
FILTERS = {"city", "model", "from", "to", "type", "job"}


def test_the_api_accepts_the_filters_and_every_option_of_a_metric() -> None:
    paths = create_app(load_settings(redis_url="redis://127.0.0.1:1/0")).openapi()["paths"]
    parameters = paths[f"{API_PREFIX}/metrics/{{name}}"]["get"]["parameters"]
    assert sorted(parameter["name"] for parameter in parameters if parameter["in"] == "query") == sorted(
        [*FILTERS, *OPTIONS, "partial", "format", "limit", "cursor", "bom", "delimiter", "decimal", "version"]
    )


def test_the_command_line_accepts_the_filters_and_every_option_of_a_metric() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    options = [option.opts[0] for option in group.commands["metric"].params if isinstance(option, TyperOption)]
    assert sorted(options) == sorted(f"--{name}" for name in [*FILTERS, *OPTIONS, "format", "json", "out", "wide"])
