"""deploy/kubernetes as kubectl renders it: what a cluster would be sent."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.required import require

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
#: The folders that `kubectl apply -k` takes.
OVERLAYS = ("base", "overlays/external-redis", "overlays/keda", "overlays/shared-files")
SERVICES = ("orchestrator", "worker", "aggregator", "api")
#: The oldest major version of Kustomize that knows all that deploy/kubernetes uses.
_OLDEST = 5

Document = dict[str, Any]


class Rendered:
    """The documents of one overlay."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        #: The workloads by their names.
        self.workloads = {each["metadata"]["name"]: each for each in self.all("Deployment", "StatefulSet")}
        #: What each workload makes pods from.
        self.pods: Mapping[str, Document] = {
            name: workload["spec"]["template"] for name, workload in self.workloads.items()
        }

    def all(self, *kinds: str) -> list[Document]:
        """The documents of these kinds."""
        return [document for document in self.documents if document["kind"] in kinds]

    def one(self, kind: str, name: str) -> Document:
        """The document of a kind with a name."""
        (document,) = [each for each in self.all(kind) if each["metadata"]["name"] == name]
        return document

    def container(self, name: str) -> Document:
        """The only container of a workload's pods."""
        (container,) = self.pods[name]["spec"]["containers"]
        return dict(container)

    def volumes(self, name: str) -> Mapping[str, Document]:
        """The volumes of a workload's pods by their names, with those of claims that the workload makes itself."""
        made = [each["metadata"]["name"] for each in self.workloads[name]["spec"].get("volumeClaimTemplates", ())]
        return {each["name"]: each for each in self.pods[name]["spec"]["volumes"]} | {each: {} for each in made}

    def mounts(self, name: str) -> Mapping[str, Document]:
        """The mounts of a workload's container by their paths."""
        return {mount["mountPath"]: mount for mount in self.container(name)["volumeMounts"]}

    def environment(self, name: str) -> Mapping[str, str]:
        """The variables that a workload's container gets."""
        container = self.container(name)
        maps = [each["configMapRef"]["name"] for each in container.get("envFrom", ())]
        shared = {key: value for each in maps for key, value in self.one("ConfigMap", each)["data"].items()}
        return shared | {each["name"]: each["value"] for each in container.get("env", ())}


@cache
def rendered(folder: str | Path) -> Rendered:
    """The documents of an overlay, or of a folder elsewhere."""
    return Rendered(list(yaml.load_all(kubectl("kustomize", str(FOLDER / folder)), Loader=yaml.CSafeLoader)))


def kubectl(*arguments: str, text: str = "") -> str:
    """The output of a call that needs no cluster. `text` is its input."""
    command = [_kubectl(), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr, done.stderr
    return done.stdout


@cache
def _kubectl() -> str:
    path = shutil.which("kubectl")
    if path is None:
        require("kubectl", "kubectl is not installed")
    command = [path, "version", "--client", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    versions = json.loads(done.stdout)
    if int(versions.get("kustomizeVersion", "v0").lstrip("v").split(".")[0]) < _OLDEST:
        require("kubectl", f"kubectl {versions['clientVersion']['gitVersion']} has no Kustomize v{_OLDEST}")
    return path


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Whether a selector of a policy, a budget or a service selects pods with these labels; {} selects all."""
    assert set(selector) <= {"matchLabels"}, selector
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()
