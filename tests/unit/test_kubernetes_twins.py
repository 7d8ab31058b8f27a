"""What docker-compose.yml sets has its twin in deploy/kubernetes; what differs, and why, is listed here."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.kubernetes import ROOT, Document, Rendered, rendered

COMPOSE: Mapping[str, Document] = {
    name: service
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items()
    if "profiles" not in service
}
#: The overlay in which files are mounted as in compose; it has everything that the base has.
TWIN = "overlays/shared-files"
#: Keys of compose that Kubernetes has no field for in a pod, with the reason.
WITHOUT_TWIN = {
    "build": "images are built beforehand; their names are those of the services",
    "depends_on": "services wait for Redis themselves",
    "restart": "pods of a Deployment or StatefulSet are always restarted",
    "logging": "the node keeps the logs",
    "pids_limit": "the kubelet limits processes (podPidsLimit)",
    "memswap_limit": "pods have no swap unless the node is told so",
    "networks": "network policies: test_kubernetes.py",
    "dns": "network policies let names be looked up in the cluster only",
    "sysctls": "network policies let the API reach Redis only",
}
#: Keys that the tests below compare.
WITH_TWIN = {
    "image",
    "command",
    "environment",
    "volumes",
    "tmpfs",
    "mem_limit",
    "cpus",
    "ports",
    "healthcheck",
    "stop_grace_period",
    "deploy",
    "dns_opt",
    "init",
    "read_only",
    "cap_drop",
    "security_opt",
}
#: Variables that differ, with the reason.
OTHER_VARIABLES = {
    "AUTOCONNECT_SOURCE": "the volumes are empty at first",
    "AUTOCONNECT_OPEN_WITHOUT_KEY": "the API has a key: pods of others can reach it",
    "AUTOCONNECT_API_KEY_FILE": "set, for the same reason",
    "AUTOCONNECT_BATCH_TRANSPORT": "inline without shared files, range with them",
    "AUTOCONNECT_SOURCE_CTIME": "off with shared files: nodes may see different ones",
}
#: The services whose health check needs Redis.
ROUNDS = {"orchestrator", "worker", "aggregator"}
_MEBIBYTES = re.compile(r"(\d+)m")


@pytest.fixture(params=sorted(COMPOSE))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(name: str) -> Document:
    return COMPOSE[name]


@pytest.fixture
def twin() -> Rendered:
    return rendered(TWIN)


@pytest.fixture
def pod(twin: Rendered, name: str) -> Document:
    return dict(twin.pods[name]["spec"])


@pytest.fixture
def container(twin: Rendered, name: str) -> Document:
    return twin.container(name)


def test_every_service_and_every_key_of_compose_has_a_twin(twin: Rendered) -> None:
    assert set(COMPOSE) == set(twin.workloads)
    keys = {key for service in COMPOSE.values() for key in service}
    assert keys <= WITH_TWIN | set(WITHOUT_TWIN)


def test_limits_are_the_same(name: str, service: Document, container: Document) -> None:
    limits = container["resources"]["limits"]
    assert limits["memory"] == _MEBIBYTES.sub(r"\1Mi", service["mem_limit"])
    assert _cpus(limits["cpu"]) == service["cpus"]
    assert container["resources"]["requests"]["memory"] == limits["memory"], "no node promises more than it has"


def test_rights_are_the_same(twin: Rendered, name: str, service: Document, pod: Document, container: Document) -> None:
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] is service["read_only"]
    assert context["capabilities"]["drop"] == service["cap_drop"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert context["allowPrivilegeEscalation"] is False
    assert pod["shareProcessNamespace"] is service["init"]
    user = _user(service["build"]["dockerfile"])
    assert {pod["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {user}


def test_the_command_is_the_same(name: str, service: Document, container: Document) -> None:
    assert container.get("args") == service.get("command")
    assert "command" not in container


def test_variables_are_the_same(twin: Rendered, name: str, service: Document) -> None:
    """Compose also names settings without a value, which it passes on; the ConfigMap takes each of them."""
    fixed = {key: _default(value) for key, value in service.get("environment", {}).items() if value is not None}
    expected = {key: value for key, value in fixed.items() if key not in OTHER_VARIABLES}
    found = {key: value for key, value in twin.environment(name).items() if key not in OTHER_VARIABLES}
    assert found == expected


def test_variables_that_differ_have_the_expected_values(twin: Rendered) -> None:
    base = rendered("base")
    assert base.environment("worker")["AUTOCONNECT_BATCH_TRANSPORT"] == "inline"
    assert twin.environment("worker")["AUTOCONNECT_BATCH_TRANSPORT"] == "range"
    assert twin.environment("worker")["AUTOCONNECT_SOURCE_CTIME"] == "off"
    for overlay in (base, twin):
        assert overlay.environment("api")["AUTOCONNECT_API_KEY_FILE"] == "/secrets/api-keys"
        assert not {"AUTOCONNECT_SOURCE", "AUTOCONNECT_OPEN_WITHOUT_KEY"} & set(overlay.environment("api"))


def test_mounts_are_the_same(twin: Rendered, name: str, service: Document) -> None:
    binds = [volume.rsplit(":", 2 if volume.endswith(":ro") else 1) for volume in service["volumes"]]
    expected = {target: rest == ["ro"] for _, target, *rest in binds} | {"/tmp": False}
    if name == "redis":
        expected["/access"] = True  # its password comes from a Secret, so it makes up none
    assert {path: mount.get("readOnly", False) for path, mount in twin.mounts(name).items()} == expected


def test_the_temporary_folder_is_in_memory_and_as_large(twin: Rendered, name: str, service: Document) -> None:
    (tmpfs,) = service["tmpfs"]
    size = _MEBIBYTES.sub(r"\1Mi", tmpfs.removeprefix("/tmp:size="))
    volume = twin.volumes(name)[twin.mounts(name)["/tmp"]["name"]]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": size}


def test_health_is_checked_in_the_same_way(name: str, service: Document, container: Document) -> None:
    check, probe = service["healthcheck"], container["readinessProbe"]
    how, *command = check["test"]
    assert how == "CMD"
    if name == "api":  # the kubelet asks it itself
        assert command[:-1] == ["python", "-m", "autoconnect.healthy"]
        assert probe["httpGet"] == {"path": command[-1].removeprefix("http://127.0.0.1:8000"), "port": "http"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    else:
        assert probe["exec"] == {"command": command}
        assert {**probe, **container.get("livenessProbe", {})}["exec"] == {"command": command}
    assert f"{probe['periodSeconds']}s" == check["interval"]
    assert f"{probe['timeoutSeconds']}s" == check["timeout"]
    assert probe["failureThreshold"] == check["retries"]


def test_nothing_is_restarted_because_redis_is_away_or_full(twin: Rendered) -> None:
    """A round needs Redis, which may be away for minutes; Redis itself answers with an error while its disk is full."""
    for name in ROUNDS:
        probe = twin.container(name)["livenessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] == 600
    assert not {"livenessProbe", "startupProbe"} & set(twin.container("redis"))
    assert not any("startupProbe" in twin.container(name) for name in COMPOSE)


def test_grace_periods_ports_dns_options_and_replicas_are_the_same(
    twin: Rendered, name: str, service: Document, pod: Document, container: Document
) -> None:
    assert f"{pod['terminationGracePeriodSeconds']}s" == service["stop_grace_period"]
    published = [int(port.rpartition(":")[2]) for port in service.get("ports", ())]
    ports = [port["containerPort"] for port in container.get("ports", ())]
    assert ports == ([6379] if name == "redis" else published)
    options = [f"{each['name']}:{each['value']}" for each in pod.get("dnsConfig", {"options": ()})["options"]]
    assert options == service.get("dns_opt", [])
    replicas = rendered("base").workloads[name]["spec"]["replicas"]
    assert replicas == service.get("deploy", {"replicas": 1})["replicas"]


def _user(dockerfile: str) -> int:
    text = (ROOT / dockerfile).read_text()
    if made := re.search(r"useradd --uid (\d+)", text):
        return int(made[1])
    assert "USER redis" in text
    assert "999 is the image's user redis" in (ROOT / "worker" / "Dockerfile").read_text()
    return 999


def _cpus(quantity: str) -> float:
    return float(quantity.removesuffix("m")) / 1_000 if quantity.endswith("m") else float(quantity)


def _default(value: Any) -> str:
    """The value that compose gives if nobody sets another."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
