"""The overlays of deploy/kubernetes, and what docs/kubernetes.md tells a user to write and to run."""

import json
import re
import shlex
import shutil
from pathlib import Path

import yaml

from autoconnect.settings import Settings
from tests.kubernetes import FOLDER, ROOT, SERVICES, Document, Rendered, kubectl, rendered
from tests.unit.test_docs import read, section

KEDA = "overlays/keda"
#: The fields of a ScaledObject: those of `ScaledObjectSpec` and what it consists of, in apis/keda/v1alpha1 of KEDA's
#: source; the page "ScaledObject specification" of its documentation (2.22) has the same.
SCALED_OBJECT = {
    "": {
        "scaleTargetRef",
        "pollingInterval",
        "initialCooldownPeriod",
        "cooldownPeriod",
        "idleReplicaCount",
        "minReplicaCount",
        "maxReplicaCount",
        "advanced",
        "triggers",
        "fallback",
    },
    "scaleTargetRef": {"name", "apiVersion", "kind", "envSourceContainerName"},
    "advanced": {"horizontalPodAutoscalerConfig", "restoreToOriginalReplicaCount", "scalingModifiers"},
    "advanced.scalingModifiers": {"formula", "target", "activationTarget", "metricType"},
    "triggers": {"type", "name", "useCachedMetrics", "metadata", "authenticationRef", "metricType"},
}
#: The parameters of the trigger metrics-api: the page "Metrics API" of the same documentation.
METRICS_API = {
    "url",
    "format",
    "valueLocation",
    "targetValue",
    "activationTargetValue",
    "unsafeSsl",
    "aggregateFromKubeServiceEndpoints",
    "aggregationType",
    "authMode",
    "method",
    "keyParamName",
}


def scaled_object() -> Document:
    return rendered(KEDA).one("ScaledObject", "worker")


def test_the_scaled_object_has_fields_of_keda_only() -> None:
    document = scaled_object()
    assert document["apiVersion"] == "keda.sh/v1alpha1"
    assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
    assert list(_unknown(document["spec"], "")) == []
    for trigger in document["spec"]["triggers"]:
        assert trigger["type"] == "metrics-api"
        assert set(trigger["metadata"]) <= METRICS_API
        assert {"url", "valueLocation", "targetValue"} <= set(trigger["metadata"])
        assert all(isinstance(value, str) for value in trigger["metadata"].values())


def _unknown(value: object, path: str) -> list[str]:
    """Fields that KEDA does not have, as paths; only objects that SCALED_OBJECT lists are searched."""
    if isinstance(value, list):
        return [each for item in value for each in _unknown(item, path)]
    if not isinstance(value, dict) or path not in SCALED_OBJECT:
        return []
    paths = {f"{path}.{name}".lstrip("."): name for name in value}
    unknown = [each for each, name in paths.items() if name not in SCALED_OBJECT[path]]
    return unknown + [found for each, name in paths.items() for found in _unknown(value[name], each)]


def test_an_unknown_field_would_be_found() -> None:
    assert _unknown({"triggers": [{"type": "x", "kind": "y"}], "minReplicas": 1}, "") == [
        "minReplicas",
        "triggers.kind",
    ]


def test_keda_reads_the_numbers_of_the_queues_that_its_formula_adds_up() -> None:
    """Given a recorded answer of the API / I expect that each path leads to one number of it."""
    spec = scaled_object()["spec"]
    modifiers = spec["advanced"]["scalingModifiers"]
    names = [trigger["name"] for trigger in spec["triggers"]]
    assert modifiers == {"formula": " + ".join(names), "target": "4", "metricType": "AverageValue"}
    (recorded,) = json.loads((ROOT / "api" / "description" / "recorded" / "list_queues.json").read_text())
    depths = {item["queue"]: item["depth"] for item in recorded["value"]["items"]}
    for trigger in spec["triggers"]:
        metadata = trigger["metadata"]
        assert metadata["url"] == _url(rendered(KEDA), "/api/v1/queues")
        assert metadata["valueLocation"] == f'items.#(queue=="{trigger["name"]}").depth'
        assert isinstance(depths[trigger["name"]], int)


def _url(overlay: Rendered, path: str) -> str:
    service = overlay.one("Service", "api")
    metadata, (port,) = service["metadata"], service["spec"]["ports"]
    return f"http://{metadata['name']}.{metadata['namespace']}:{port['port']}{path}"


def test_keda_owns_the_number_of_workers_and_waits_for_their_batches() -> None:
    overlay, spec = rendered(KEDA), scaled_object()["spec"]
    worker = overlay.workloads["worker"]["spec"]
    assert (spec["scaleTargetRef"], spec["minReplicaCount"]) == ({"name": "worker"}, 1)
    assert "replicas" not in worker
    stall_s = Settings.model_fields["stall_ms"].default / 1_000
    assert worker["template"]["spec"]["terminationGracePeriodSeconds"] > stall_s


def test_with_another_redis_the_stack_has_none_and_services_see_its_authority() -> None:
    overlay = rendered("overlays/external-redis")
    assert set(overlay.workloads) == set(SERVICES)
    assert {service["metadata"]["name"] for service in overlay.all("Service")} == {"api"}
    for name in SERVICES:
        secret = overlay.volumes(name)["access"]["secret"]
        assert (secret["secretName"], secret["defaultMode"]) == ("redis-access", 0o440)
        assert {item["key"]: item["path"] for item in secret["items"]} == {"url": "url", "ca.crt": "ca.crt"}
    for options in ("ssl_ca_certs=/access/ca.crt", "--from-file=url --from-file=ca.crt"):
        assert options in section(read("docs/kubernetes.md"), "Another Redis")


def test_with_shared_files_only_the_api_writes_and_only_uploads() -> None:
    overlay = rendered("overlays/shared-files")
    writable = {
        (name, path)
        for name in SERVICES
        for path, mount in overlay.mounts(name).items()
        if not mount.get("readOnly") and path != "/tmp"
    }
    assert writable == {("api", "/uploads")}
    assert {name for name in SERVICES if "/data" in overlay.mounts(name)} == {"orchestrator", "worker", "api"}


def test_the_folder_of_the_page_can_be_rendered_with_every_component(tmp_path: Path) -> None:
    text = re.findall(
        r"^```yaml\n(.*?)^```$", section(read("docs/kubernetes.md"), "Install"), re.DOTALL | re.MULTILINE
    )[0]
    mine = yaml.safe_load(text)
    mine["components"] = [f"../components/{each.name}" for each in sorted((FOLDER / "components").iterdir())]
    assert len(mine["components"]) == 3
    mine["configMapGenerator"][0]["literals"].append("AUTOCONNECT_KEEP_JOBS=7")
    mine["namespace"] = "reports"
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    folder = tmp_path / "kubernetes" / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(mine))

    overlay = rendered(folder)

    images = {name: overlay.container(name)["image"] for name in overlay.workloads}
    base = {name: rendered("base").container(name)["image"] for name in images}
    assert images == {name: f"registry.example/{image}" for name, image in base.items()}
    assert {each["name"] for each in mine["images"]} == {f"autoconnect-{name}" for name in rendered("base").workloads}
    for name in SERVICES:
        assert overlay.environment(name)["AUTOCONNECT_KEEP_JOBS"] == "7"
        assert overlay.environment(name)["AUTOCONNECT_BATCH_TRANSPORT"] == "range"
    namespaces = {each["metadata"].get("namespace", each["metadata"]["name"]) for each in overlay.documents}
    assert namespaces == {"reports"}
    assert overlay.all("ScaledObject")
    assert "redis" not in overlay.workloads


def test_the_commands_of_the_page_make_the_secrets_that_pods_mount() -> None:
    """The keys of a secret are the names of the files in its mount."""
    made = {}
    for command in re.findall(r"kubectl (create secret .*)", section(read("docs/kubernetes.md"), "Install")):
        arguments = [*shlex.split(command), "--dry-run=client", "--output", "yaml"]
        secret = yaml.safe_load(kubectl(*arguments, text="text\n"))
        made[secret["metadata"]["name"]] = (secret["metadata"]["namespace"], *secret["data"])
    assert made == {"redis-access": ("autoconnect", "url"), "api-keys": ("autoconnect", "api-keys")}
    overlay = rendered("base")
    used = {
        (volume["secret"]["secretName"], overlay.mounts(name)[path]["mountPath"])
        for name in overlay.workloads
        for path, mount in overlay.mounts(name).items()
        for volume in [overlay.volumes(name)[mount["name"]]]
        if "secret" in volume
    }
    assert used == {("redis-access", "/access"), ("api-keys", "/secrets")}


def test_no_secret_is_in_the_repository_and_no_pod_starts_without_one() -> None:
    for folder in ("base", KEDA, "overlays/external-redis", "overlays/shared-files"):
        overlay = rendered(folder)
        assert overlay.all("Secret") == []
        for name in overlay.workloads:
            secrets = [volume["secret"] for volume in overlay.volumes(name).values() if "secret" in volume]
            assert secrets
            assert not any(secret.get("optional") for secret in secrets)
