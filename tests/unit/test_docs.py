"""The documentation says what the code says."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from api.app import create_app
from autoconnect.broker import keys
from autoconnect.cli.commands import app
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.schema import COLUMNS, MISSING, REASONS
from autoconnect.generate import generate
from autoconnect.settings import PREFIX, SECRETS, Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data" / "README.md"])

#: The English README and the French one, and the picture of the dashboard that each shows.
READMES = ("README.md", "README.fr.md")
PICTURES = ("docs/images/dashboard.png", "docs/images/dashboard-fr-dark.png")

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def read(page: str) -> str:
    return (ROOT / page).read_text()


def table_rows(text: str) -> list[str]:
    """The rows of all tables in a text, without their head rows."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {index + step for index, line in enumerate(lines) if line.startswith("|---") for step in (-1, 0)}
    return [line for index, line in enumerate(lines) if index not in heads]


def section(text: str, title: str, level: str = "##") -> str:
    """The text under a heading, up to the next heading of its level or above."""
    body = text.partition(f"\n{level} {title}\n")[2]
    assert body, f"There is no heading {level} {title}."
    return re.split(rf"^#{{1,{len(level)}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def test_every_setting_is_on_its_page_with_default_and_meaning() -> None:
    expected = [
        f"| `{PREFIX}{name.upper()}` | {'none' if field.default is None else f'`{field.default}`'} | "
        f"{field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    page = read("docs/settings.md")
    assert table_rows(page) == expected
    for name in SECRETS:
        assert f"`{PREFIX}{name}_FILE`" in section(page, "Secrets from files")


def test_env_example_names_known_settings_only() -> None:
    names = re.findall(rf"^#? ?{PREFIX}(\w+)=", read(".env.example"), re.MULTILINE)
    assert names
    assert {name.lower() for name in names} <= {*Settings.model_fields, *(f"{name.lower()}_file" for name in SECRETS)}


def test_the_api_page_lists_every_endpoint_and_no_other() -> None:
    schema = create_app(load_settings(redis_url="redis://127.0.0.1:1/0")).openapi()
    served = {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}
    listed = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", section(read("docs/api.md"), "All calls"), re.MULTILINE)
    assert sorted(listed) == sorted(served)


def test_the_key_table_equals_that_of_the_code_and_names_every_key() -> None:
    assert keys.__doc__ is not None
    rows = table_rows(keys.__doc__)
    assert table_rows(section(read("docs/architecture.md"), "Keys")) == rows
    names = {row.split("`")[1] for row in rows}
    constants = {
        value
        for name, value in vars(keys).items()
        if name.isupper() and not name.startswith("_") and name != "PREFIX" and isinstance(value, str)
    }
    job = keys.JobKeys("ID")
    of_job = {getattr(job, name) for name, member in vars(keys.JobKeys).items() if isinstance(member, property)}
    of_plan = {job.plan_batches(1).replace(":1:", ":N:")}
    of_worker = {keys.heartbeat("WORKER"), keys.claimed("WORKER"), keys.reducer("N")}
    assert names == constants | of_job | of_plan | of_worker | {job.partial("N"), job.staged("N", "KIND")}


def test_the_metrics_page_equals_the_catalogue() -> None:
    page = read("docs/metrics.md")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(CATALOGUE)
    for metric in CATALOGUE.values():
        body = section(page, metric.name)
        assert metric.definition in body
        assert table_rows(body) == [
            f"| `{column.name}` | {column.unit.replace('|', chr(92) + '|')} |" for column in metric.columns
        ]
        assert re.findall(r"^Parameter .*$", body, re.MULTILINE) == [
            f"Parameter `{name}`: {option.expected}" + (f"; defaults to {option.default:,}." if option.default else ".")
            for name, option in metric.options.items()
        ]
        assert f"\n{','.join(column.name for column in metric.columns)}\n" in body, "the example's header"


def test_the_command_line_page_lists_every_command_and_parameter() -> None:
    page = read("docs/cli.md")
    commands = dict(_commands(typer.main.get_command(app), "autoconnect"))
    assert sorted(re.findall(r"^## (.+)$", page, re.MULTILINE)) == sorted(commands)
    for name, command in commands.items():
        body = section(page, name)
        assert command.help
        assert f"\n{command.help}\n" in body
        assert table_rows(body) == list(_parameter_rows(command))


def _commands(command: object, path: str) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from _commands(child, f"{path} {name}")
    elif isinstance(command, TyperCommand):
        yield path, command


def _parameter_rows(command: TyperCommand) -> Iterator[str]:
    for parameter in command.params:
        assert isinstance(parameter, TyperArgument | TyperOption)
        name = parameter.opts[0] if isinstance(parameter, TyperOption) else str(parameter.name).upper()
        yield f"| `{name}` | {parameter.help} |"


def test_the_readme_tree_lists_every_package_and_shared_module() -> None:
    block = section(read("README.md"), "The tree").split("```")[1]
    folder, listed = Path(), set()
    for line in block.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = Path(name) if name.endswith("/") else Path()
            listed.add(Path(name))
        else:
            listed.add(folder / name)
    assert [str(path) for path in sorted(listed) if not (ROOT / path).exists()] == []
    shared = {path.relative_to(ROOT) for path in (ROOT / "autoconnect").iterdir() if not path.name.startswith("__")}
    packages = {path.parent.relative_to(ROOT) for path in ROOT.glob("*/__init__.py")}
    assert [str(path) for path in sorted((shared | packages) - listed)] == []


def test_the_architecture_page_lists_every_module_of_the_core() -> None:
    listed = [row.split("`")[1] for row in table_rows(section(read("docs/architecture.md"), "The core", "###"))]
    entries = [path for path in (ROOT / "autoconnect" / "core").iterdir() if not path.name.startswith("__")]
    assert sorted(listed) == sorted(f"{path.name}/" if path.is_dir() else path.stem for path in entries)


def test_the_architecture_page_shows_the_layers_that_are_checked() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["autoconnect"]]
    assert "\n".join(["```", *layers, "```"]) in read("docs/architecture.md")


def test_the_data_page_names_every_column_reason_and_missing_word() -> None:
    page = read("data/README.md")
    columns = section(page, "Columns")
    for column in COLUMNS.values():
        first, *others = column.names
        also = ", ".join(f"`{name}`" for name in others)
        row = f"| `{first}` | {also}{' ' if also else ''}| {'yes' if column.needed else 'no'} |"
        assert row in columns
    assert {word for word in MISSING if word and f"`{word}`" not in columns} == set()
    assert re.findall(r"^\| `(\w+)` ", section(page, "Rejects"), re.MULTILINE) == list(REASONS)


def test_the_sample_equals_the_output_of_the_command_on_its_page() -> None:
    sample = (ROOT / "data" / "transactions_autoconnect.csv").read_bytes()
    assert "".join(generate(10_000, seed=2023)).encode() == sample


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(_FENCE.sub("", page.read_text())) if "://" not in link]
    assert [link for link in links if not _leads_somewhere(page, link)] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or anchor in map(_anchor, re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE))


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# The French README


def test_the_french_readme_has_the_headings_commands_and_links_of_the_english_one() -> None:
    english, french = (
        re.sub(r"<!-- bench:start -->.*<!-- bench:end -->\n\n", "", read(page), flags=re.DOTALL) for page in READMES
    )
    assert _FENCE.findall(french) == _FENCE.findall(english)
    assert re.findall(r"^#+ ", french, re.MULTILINE) == re.findall(r"^#+ ", english, re.MULTILINE)
    english_links, french_links = (
        sorted(set(_LINK.findall(text)) - {*READMES, *PICTURES}) for text in (english, french)
    )
    assert french_links == english_links


def test_the_french_readme_has_the_figures_of_the_english_one() -> None:
    english, french = (_FENCE.sub("", read(page)).partition("<!-- bench:start -->")[0] for page in READMES)
    english_figures = [
        figure.replace(",", "") for figure in re.findall(r"\b\d+(?:[.,]\d+)*", section(english, "How fast"))
    ]
    french_figures = [
        figure.replace(" ", "").replace(",", ".")
        for figure in re.findall(r"\b\d+(?:[ ,]\d+)*", section(french, "La vitesse"))
    ]
    assert french_figures[: len(english_figures)] == english_figures
