"""The file that lets webhooks leave the containers, as each version of Compose reads it; no engine is needed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compose import COMMANDS, output, problem
from tests.required import require

LINES = """
COMPOSE_FILE=docker-compose.yml:deploy/webhooks.yml
AUTOCONNECT_WEBHOOK_URL=https://hooks.example/autoconnect
WEBHOOK_DNS=192.0.2.53
"""


def read(compose: str, folder: Path, lines: str, *options: str) -> str:
    """What a version of Compose makes of the files, with a .env of these lines."""
    if reason := problem(compose):
        require(compose, reason)
    (env := folder / "env").write_text(lines)
    return output(*COMMANDS[compose], "--env-file", str(env), "config", *options)


def config(folder: Path, lines: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read("compose-v2", folder, lines, "--format", "json"))
    return found


def test_two_lines_in_env_let_the_aggregator_out_and_nothing_else(tmp_path: Path) -> None:
    default, out = config(tmp_path, ""), config(tmp_path, LINES)
    before, after = (each["services"].pop("aggregator") for each in (default, out))
    assert out["services"] == default["services"]
    assert set(out["networks"]) - set(default["networks"]) == {"out"}
    assert (sorted(before["networks"]), sorted(after["networks"])) == (["back"], ["back", "out"])
    assert (before["dns"], after["dns"][-1]) == (["127.0.0.1"], "192.0.2.53")
    assert "/secrets" in [volume["target"] for volume in after["volumes"] if volume["read_only"]]
    assert after["environment"]["AUTOCONNECT_WEBHOOK_URL"] == "https://hooks.example/autoconnect"
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"networks", "dns", "extra_hosts", "volumes", "environment"}


@pytest.mark.parametrize("compose", COMMANDS)
def test_both_versions_of_compose_read_the_two_lines(compose: str, tmp_path: Path) -> None:
    text = read(compose, tmp_path, LINES)
    assert "192.0.2.53" in text
    assert "host.docker.internal" in text
    assert "host.docker.internal" not in read(compose, tmp_path, "")


def test_with_the_url_alone_no_container_has_a_way_out(tmp_path: Path) -> None:
    lines = "AUTOCONNECT_WEBHOOK_URL=https://hooks.example/autoconnect\n"
    found = config(tmp_path, lines)
    used = {name: sorted(service["networks"]) for name, service in found["services"].items()}
    assert {name for name, networks in used.items() if networks != ["back"]} == {"api"}
    assert found["networks"]["back"]["internal"] is True


def test_only_the_aggregator_knows_url_and_secret(tmp_path: Path) -> None:
    found = config(tmp_path, f"{LINES}AUTOCONNECT_WEBHOOK_SECRET=a-secret-of-22-letters\n")
    assert {name for name, service in found["services"].items() if "WEBHOOK" in json.dumps(service)} == {"aggregator"}
