"""The profile `observability` of docker-compose.yml, as each version of Compose reads it; no engine is needed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compose import COMMANDS, output, problem
from tests.required import require

_PROFILE = ("--profile", "observability")


@pytest.mark.parametrize("compose", COMMANDS)
def test_compose_accepts_the_file_with_the_profile(compose: str, tmp_path: Path) -> None:
    services = _compose(compose, tmp_path, *_PROFILE, "config", "--services").split()
    assert {"prometheus", "grafana", "api"} <= set(services)


def test_without_the_profile_the_stack_is_as_it_was(tmp_path: Path) -> None:
    default, whole = _services(tmp_path), _services(tmp_path, *_PROFILE)
    assert set(whole) - set(default) == {"prometheus", "grafana"}
    assert {name: whole[name] for name in default} == default


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_a_service_of_the_profile_has_few_rights(name: str, tmp_path: Path) -> None:
    service = _services(tmp_path, *_PROFILE)[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] == 128
    assert int(service["mem_limit"]) == int(service["memswap_limit"]) <= 512 << 20
    assert service["cpus"] <= 1
    assert service["logging"]["driver"] == "json-file"
    assert service["healthcheck"]["test"]
    assert list(service["networks"]) == ["edge"], "Redis is on another network"
    assert [port["host_ip"] for port in service["ports"]] == ["127.0.0.1"]
    assert service["sysctls"] == {"net.ipv4.ip_default_ttl": "1"}
    written = [volume["target"] for volume in service["volumes"] if not volume.get("read_only")]
    assert written == (["/prometheus"] if name == "prometheus" else [])


def _services(folder: Path, *options: str) -> dict[str, Any]:
    services: dict[str, Any] = json.loads(_compose("compose-v2", folder, *options, "config", "--format", "json"))
    return dict(services["services"])


def _compose(compose: str, folder: Path, *arguments: str) -> str:
    """What a version of Compose says about the file, without a .env."""
    if reason := problem(compose):
        require(compose, reason)
    (no_env := folder / "env").touch()
    return output(*COMMANDS[compose], "--env-file", str(no_env), *arguments)
