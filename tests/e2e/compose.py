"""A stack of containers for tests, under names and a port that the user's own stack does not have.

Each stack builds its images, but all except the first find the layers in the builder's cache.
"""

import fcntl
import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.e2e.waiting import free_port, wait_until

ROOT = Path(__file__).parents[2]

#: Seconds between two calls of Docker in a wait: each call takes up to a tenth of a second of CPU.
POLL_S = 1.0
#: The command of each version of Compose.
COMMANDS: Mapping[str, Sequence[str]] = {"compose-v1": ["docker-compose"], "compose-v2": ["docker", "compose"]}


def output(*command: str, env: Mapping[str, str] | None = None) -> str:
    """The stdout of a command; raises AssertionError with all its output if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def output_or_none(*command: str) -> str | None:
    """The stdout of a command, or None if it fails or does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def send_signal(container: str, name: str) -> None:
    """Send a signal to the service's process, the child of the container's init."""
    output("docker", "exec", container, "sh", "-c", f"kill -{name} $(cat /proc/1/task/1/children)")


@cache
def problem(compose: str) -> str | None:
    """The reason why this version of Compose cannot be used, or None."""
    command = COMMANDS[compose]
    version = output_or_none(*command, "version", "--short")
    if version is None or version.lstrip("v").startswith("1.") != (compose == "compose-v1"):
        return f"{' '.join(command)} is {version or 'not there'}"
    return None


class Stack:
    """The project's containers, under a project name of their own."""

    def __init__(self, compose: str, env_file: Path, *options: str) -> None:
        self.project = f"autoconnect-test-{secrets.token_hex(4)}"
        self._command = [*COMMANDS[compose], "--project-name", self.project, "--env-file", str(env_file), *options]
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._env = {**os.environ, "PORT": str(port)}
        if problem("compose-v1") is None:
            self._env["DOCKER_BUILDKIT"] = "0"  # v2 builds with the builder of v1, so that both share its cache

    def compose(self, *arguments: str, **variables: str) -> str:
        """Run Compose, with other variables than those of the stack if there are any."""
        return output(*self._command, *arguments, env=self._env | variables)

    def build(self, *arguments: str) -> None:
        """Build the images; one stack at a time, so that all but the first find the layers in the cache."""
        with (ROOT / "docker-compose.yml").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.compose("build", *arguments)

    def remove_images(self) -> None:
        """Remove the project's images; `compose down --rmi` of version 2 does not, once nothing else is left."""
        names = output("docker", "image", "ls", "--filter", f"reference={self.project}*", "--format", "{{.Repository}}")
        if names:
            output("docker", "rmi", *names.split())

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """The `docker inspect` document of each container, sorted by name."""
        # Not with `docker-compose ps`, which takes half a second of CPU per call.
        labels = [f"project={self.project}", *([f"service={service}"] if service else [])]
        filters = [argument for label in labels for argument in ("--filter", f"label=com.docker.compose.{label}")]
        ids = output("docker", "ps", "--all", "--quiet", *filters).split()
        containers: list[dict[str, Any]] = json.loads(output("docker", "inspect", *ids)) if ids else []
        return sorted(containers, key=lambda container: str(container["Name"]))

    def unhealthy(self) -> list[str]:
        """Each container that is not healthy, with its state."""
        states = {container["Name"]: container["State"] for container in self.containers()}
        healths = {name: state.get("Health", {}).get("Status", state["Status"]) for name, state in states.items()}
        return [f"{name} is {health}" for name, health in healths.items() if health != "healthy"]

    def wait_healthy(self, timeout_s: float = 180) -> None:
        try:
            wait_until("all containers to be healthy", lambda: not self.unhealthy(), timeout_s, POLL_S)
        except TimeoutError as error:
            error.add_note(f"{self.unhealthy()}\n{self.compose('logs', '--tail', '20')}")
            raise

    def leftovers(self) -> list[str]:
        """Names of all containers, volumes and networks of the project."""
        ours = f"label=com.docker.compose.project={self.project}"
        containers = output("docker", "ps", "--all", "--filter", ours, "--format", "{{.Names}}")
        volumes = output("docker", "volume", "ls", "--filter", ours, "--format", "{{.Name}}")
        networks = output("docker", "network", "ls", "--filter", ours, "--format", "{{.Name}}")
        return f"{containers} {volumes} {networks}".split()


@contextmanager
def running(compose: str, env_file: Path, images: ExitStack, *options: str, up: Sequence[str] = ()) -> Iterator[Stack]:
    """Build and start a stack; remove it after the block, and its images together with `images`.

    `options` are those of Compose, such as a profile; `up` has arguments of its command `up`.
    """
    stack = Stack(compose, env_file, *options)
    images.callback(stack.remove_images)
    try:
        # Version 2 builds in parallel by default. The services of a profile have one image in common.
        stack.build(*(["--parallel"] if compose == "compose-v1" and not options else []))
        stack.compose("up", "-d", *up)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")
