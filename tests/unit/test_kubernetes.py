"""What kubectl makes of deploy/kubernetes: a cluster would accept it, its pods have few rights, and its parts fit."""

from collections.abc import Iterator

import kubernetes_validate
import pytest

import autoconnect
from tests.kubernetes import OVERLAYS, SERVICES, Document, Rendered, rendered, selects

#: The versions of Kubernetes whose schemas hold: the oldest that the package has, and the newest.
VERSIONS = ("1.25", kubernetes_validate.latest_version())


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Rendered:
    return rendered(request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_has_the_schema_of_kubernetes(overlay: Rendered, version: str) -> None:
    """KEDA's has none there; test_kubernetes_overlays.py looks at it."""
    own = [document for document in overlay.documents if not document["apiVersion"].startswith("keda.sh/")]
    for document in own:
        kubernetes_validate.validate(document, version, strict=True)
    assert len(own) >= 14


def test_a_document_with_an_unknown_field_would_not_pass() -> None:
    document = {**rendered("base").one("Service", "api"), "sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[0], strict=True)


def test_everything_has_one_namespace_the_common_labels_and_a_name_of_its_own(overlay: Rendered) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in overlay.documents]
    assert len(names) == len(set(names))
    for document in overlay.documents:
        metadata = document["metadata"]
        assert metadata.get("namespace", metadata["name"]) == "autoconnect"
    for name, pod in overlay.pods.items():
        labels = pod["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/part-of"] == "autoconnect"
        assert labels["app.kubernetes.io/component"] == name


def test_images_have_the_version_of_the_program(overlay: Rendered) -> None:
    images = {name: overlay.container(name)["image"] for name in overlay.workloads}
    assert images == {name: f"autoconnect-{name}:{autoconnect.__version__}" for name in overlay.workloads}
    assert set(images) >= set(SERVICES)


def test_pods_have_no_more_rights_than_the_restricted_profile_allows(overlay: Rendered) -> None:
    (namespace,) = overlay.all("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in overlay.pods.items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
        assert overlay.container(name)["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        kinds = {kind for volume in overlay.volumes(name).values() for kind in volume if kind != "name"}
        assert kinds <= {"secret", "emptyDir", "persistentVolumeClaim"}


def test_every_volume_is_mounted_and_every_claim_is_made(overlay: Rendered) -> None:
    claims = {claim["metadata"]["name"] for claim in overlay.all("PersistentVolumeClaim")}
    claimed = set()
    for name in overlay.workloads:
        volumes = overlay.volumes(name)
        assert {mount["name"] for mount in overlay.mounts(name).values()} == set(volumes)
        claimed |= {
            each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "persistentVolumeClaim" in each
        }
    assert claimed == claims


def test_pods_that_share_a_volume_of_one_node_share_a_node(overlay: Rendered) -> None:
    for claim in overlay.all("PersistentVolumeClaim"):
        for name in overlay.workloads:
            if claim["spec"]["accessModes"] == ["ReadWriteOnce"] and claim["metadata"]["name"] in overlay.volumes(name):
                assert _wants_the_node_of(overlay.pods[name]) == {"autoconnect/mounts": "uploads"}
                assert overlay.pods[name]["metadata"]["labels"]["autoconnect/mounts"] == "uploads"
    assert all(
        claim["spec"]["accessModes"] in (["ReadWriteOnce"], ["ReadWriteMany"])
        for claim in overlay.all("PersistentVolumeClaim")
    )


def _wants_the_node_of(pod: Document) -> object:
    (term,) = pod["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    return term["labelSelector"]["matchLabels"]


def test_every_selector_selects_the_pods_that_it_names(overlay: Rendered) -> None:
    for name, workload in overlay.workloads.items():
        assert _selected(overlay, workload["spec"]["selector"]) == {name}
    for budget in overlay.all("PodDisruptionBudget"):
        assert _selected(overlay, budget["spec"]["selector"]) == {budget["metadata"]["name"]}
        assert budget["spec"]["maxUnavailable"] == 1
    for service in overlay.all("Service"):
        (name,) = _selected(overlay, {"matchLabels": service["spec"]["selector"]})
        ports = {(each["name"], each["containerPort"]) for each in overlay.container(name)["ports"]}
        assert {(each["targetPort"], each["port"]) for each in service["spec"]["ports"]} == ports
        assert name == service["metadata"]["name"]
    assert {each["metadata"]["name"] for each in overlay.all("PodDisruptionBudget")} == {"api", "worker"}


def test_only_the_api_is_reached_and_only_redis_by_the_services(overlay: Rendered) -> None:
    everything = [each for each in overlay.all("NetworkPolicy") if each["spec"]["podSelector"] == {}]
    assert [each["spec"] for each in everything] == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]

    ways_in, ways_out = set(_ways(overlay, "ingress", "from")), set(_ways(overlay, "egress", "to"))

    has_redis = "redis" in overlay.workloads
    to_redis = {(service, "redis", 6379) for service in SERVICES} if has_redis else set()
    outside = set() if has_redis else {(service, "0.0.0.0/0", port) for service in SERVICES for port in (6379, 6380)}
    assert ways_in == {("anyone", "api", 8000), *to_redis}
    assert ways_out == {*((service, "kube-dns", 53) for service in SERVICES), *to_redis, *outside}


def _ways(overlay: Rendered, direction: str, peers: str) -> Iterator[tuple[str, str, int]]:
    """What the policies let through in a direction, as (from, to, port)."""
    for policy in overlay.all("NetworkPolicy"):
        subjects = _selected(overlay, policy["spec"]["podSelector"])
        assert subjects
        for rule in policy["spec"].get(direction, ()):
            others = (
                {name for peer in rule.get(peers, ()) for name in _peers(overlay, peer)}
                if peers in rule
                else {"anyone"}
            )
            for pair in ((subject, other) for subject in subjects for other in others):
                source, target = pair if direction == "egress" else pair[::-1]
                yield from ((source, target, port["port"]) for port in rule["ports"])


def _peers(overlay: Rendered, peer: Document) -> set[str]:
    if "ipBlock" in peer:
        return {peer["ipBlock"]["cidr"]}
    if "namespaceSelector" in peer:
        assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
        return {peer["podSelector"]["matchLabels"]["k8s-app"]}
    return _selected(overlay, peer["podSelector"])


def _selected(overlay: Rendered, selector: Document) -> set[str]:
    return {name for name, pod in overlay.pods.items() if selects(selector, pod["metadata"]["labels"])}
