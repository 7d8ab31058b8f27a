"""The images are built from pinned packages only, in a form that every builder reads, and say what is in them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from autoconnect import __version__

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("orchestrator", "worker", "aggregator", "api")
DOCKERFILES = [*(ROOT / service / "Dockerfile" for service in SERVICES), ROOT / "deploy" / "redis" / "Dockerfile"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_installs_wheels_with_known_hashes_only(service: str) -> None:
    installs = re.findall(r"pip install (?:[^\n]*\\\n)*[^\n]*", (ROOT / service / "Dockerfile").read_text())
    assert len(installs) == 1
    assert "--require-hashes --only-binary :all: -r requirements.txt" in installs[0]

    requirements = (ROOT / service / "requirements.txt").read_text().replace("\\\n", "").splitlines()
    packages = [line for line in requirements if not line.startswith("#")]
    assert packages
    unpinned = [
        line for line in packages if not re.fullmatch(r"[\w.-]+==\S+( ; [^#]*?)?(\s+--hash=sha256:\w{64})+", line)
    ]
    assert unpinned == []


@pytest.mark.parametrize("package", ["hiredis", "numpy", "pyarrow", "pydantic-core", "llvmlite"])
def test_the_hashes_of_compiled_packages_are_those_of_several_platforms(package: str) -> None:
    """`make lock` writes those of all files of a release, so that an image can be built on x86_64 and on aarch64."""
    text = (ROOT / "worker" / "requirements.txt").read_text()
    (block,) = re.findall(rf"^{package}==(?:[^\n]*\\\n)*[^\n]*", text, re.MULTILINE)
    assert block.count("--hash=") > 2


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_is_in_the_classic_subset(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"# syntax=|--mount|--chmod|--link|<<", text) == []
    assert re.search(r"^USER (autoconnect|redis)$", text, re.MULTILINE)
    assert re.match(r"FROM (python:3\.13-slim-trixie|redis:8\.0)\n", text)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_is_labelled_with_its_version_and_commit(path: Path) -> None:
    labels = dict(re.findall(r"org\.opencontainers\.image\.(\w+)=(\S+|\".*?\")", path.read_text()))
    assert (labels["version"], labels["revision"]) == (__version__, "$REVISION")
    build = f'dockerfile: {path.relative_to(ROOT)}, args: {{ REVISION: "${{REVISION:-unknown}}" }}'
    assert build in (ROOT / "docker-compose.yml").read_text()


def test_make_sbom_lists_the_pinned_packages_of_each_image(tmp_path: Path) -> None:
    subprocess.run(["make", "sbom", f"SBOM={tmp_path}"], cwd=ROOT, check=True)
    for service in SERVICES:
        components = json.loads((tmp_path / f"{service}.cdx.json").read_text())["components"]
        pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / service / "requirements.txt").read_text(), re.MULTILINE)
        assert sorted((each["name"], each["version"]) for each in components) == sorted(pins)
