"""The memory that a process may use, by real control groups, and by files as systems have them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from autoconnect.memory import MemoryLimit, memory_limit
from tests.required import require

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
#: What version 1 has in place of no limit.
HUGE = 9223372036854771712
MIB = 1 << 20

V1 = "35 31 0:32 {shown} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
V2 = "29 23 0:26 {shown} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
OTHER = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw"
PIDS = "36 31 0:33 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids"
PROBE = "from autoconnect.memory import memory_limit as m; print(m().bytes, m().pool)"


class System:
    """The files of a system, below a folder."""

    def __init__(self, root: Path, groups: Sequence[str], *mounts: str) -> None:
        self.root = root
        self.write("proc/self/cgroup", "\n".join(groups))
        self.write("proc/self/mountinfo", "\n".join([OTHER, *mounts]))
        self.write("proc/sys/kernel/random/boot_id", "a-machine\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def limits(self, **bytes_by_group: int | str) -> None:
        """Write the limits of groups of version 2."""
        for group, limit in bytes_by_group.items():
            self.write(f"sys/fs/cgroup/{group.replace('_', '/')}/memory.max", f"{limit}\n")


def test_the_smallest_limit_of_nested_groups_holds(tmp_path: Path) -> None:
    system = System(tmp_path, ["0::/pod/worker"], V2.format(shown="/"))
    system.limits(pod=300 * MIB, pod_worker=500 * MIB)
    assert memory_limit(tmp_path).bytes == 300 * MIB
    system.limits(pod_worker=200 * MIB)
    assert memory_limit(tmp_path).bytes == 200 * MIB


def test_processes_of_the_group_that_has_the_limit_share_its_memory(tmp_path: Path) -> None:
    worker = System(tmp_path, ["0::/pod/worker"], V2.format(shown="/"))
    worker.limits(pod=300 * MIB, pod_worker="max", pod_api="max", other=300 * MIB)
    of_worker = memory_limit(tmp_path)
    System(tmp_path, ["0::/pod/api"], V2.format(shown="/"))
    assert memory_limit(tmp_path) == of_worker
    System(tmp_path, ["0::/other"], V2.format(shown="/"))
    assert memory_limit(tmp_path).bytes == of_worker.bytes
    assert memory_limit(tmp_path).pool != of_worker.pool


def test_without_a_limit_the_memory_is_that_of_the_machine(tmp_path: Path) -> None:
    system = System(tmp_path, ["0::/user/session"], V2.format(shown="/"))
    system.limits(user="max", user_session="max")
    assert memory_limit(tmp_path) == MemoryLimit(MACHINE, "a-machine")


def test_the_huge_number_of_version_1_is_no_limit(tmp_path: Path) -> None:
    system = System(tmp_path, ["4:memory:/jobs"], PIDS, V1.format(shown="/"))
    system.write("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", f"{HUGE}\n")
    system.write("sys/fs/cgroup/memory/jobs/memory.stat", f"cache 0\nhierarchical_memory_limit {HUGE}\n")
    assert memory_limit(tmp_path) == MemoryLimit(MACHINE, "a-machine")


def test_a_container_finds_its_own_limit_where_it_sees_its_own_group_only(tmp_path: Path) -> None:
    system = System(
        tmp_path, ["8:pids:/docker/abc", "4:memory:/docker/abc", "0::/docker/abc"], V1.format(shown="/docker/abc")
    )
    system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{512 * MIB}\n")
    assert memory_limit(tmp_path).bytes == 512 * MIB


@pytest.mark.parametrize("path", ["/", "/../../elsewhere"])
def test_a_container_with_a_namespace_of_its_own_finds_its_limit(path: str, tmp_path: Path) -> None:
    System(tmp_path, [f"0::{path}"], V2.format(shown="/")).write("sys/fs/cgroup/memory.max", f"{512 * MIB}\n")
    assert memory_limit(tmp_path).bytes == 512 * MIB


def test_a_limit_above_the_groups_that_a_container_sees_holds_too(tmp_path: Path) -> None:
    system = System(tmp_path, ["4:memory,hugetlb:/pods/1/api"], V1.format(shown="/pods/1/api"))
    system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{512 * MIB}\n")
    system.write("sys/fs/cgroup/memory/memory.stat", f"cache 0\nhierarchical_memory_limit {128 * MIB}\n")
    assert memory_limit(tmp_path).bytes == 128 * MIB


def test_version_2_beside_version_1_has_no_limits_of_memory(tmp_path: Path) -> None:
    both = V1.format(shown="/"), V2.format(shown="/").replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
    system = System(tmp_path, ["4:memory:/jobs", "0::/jobs"], *both)
    system.write("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", f"{64 * MIB}\n")
    system.write("sys/fs/cgroup/unified/jobs/cgroup.procs", "1\n")
    assert memory_limit(tmp_path).bytes == 64 * MIB


def test_a_system_without_control_groups_has_the_memory_of_the_machine(tmp_path: Path) -> None:
    assert memory_limit(tmp_path).bytes == MACHINE


@pytest.fixture
def groups() -> Iterator[tuple[Path, str]]:
    """A real control group with a group in it, and the name of the file with its limit; both are removed."""
    v1 = Path("/sys/fs/cgroup/memory")
    root, file = (v1, "memory.limit_in_bytes") if v1.is_dir() else (v1.parent, "memory.max")
    outer = root / f"autoconnect-test-{os.getpid()}"
    with ExitStack() as undo:
        try:
            for group in (outer, outer / "inner"):
                group.mkdir()
                undo.callback(group.rmdir)
            (outer / file).write_text(f"{300 * MIB}")
        except OSError as error:
            require("control-groups", f"no control group can be made: {error}")
        yield outer, file


def test_real_nested_groups_limit_a_process(groups: tuple[Path, str]) -> None:
    outer, file = groups
    by_outer = limit_in(outer / "inner")
    assert by_outer[0] == 300 * MIB
    if (outer / "inner" / file).exists():  # in version 2, memory may be limited in the outer one only
        (outer / "inner" / file).write_text(f"{200 * MIB}")
        assert limit_in(outer / "inner")[0] == 200 * MIB
        assert limit_in(outer)[0] == 300 * MIB


def limit_in(group: Path) -> tuple[int, str]:
    """What a process of a group sees."""
    script = f'echo $$ > {group}/cgroup.procs && exec "$@"'
    command = ["sh", "-c", script, "sh", sys.executable, "-c", PROBE]
    size, pool = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(size), pool
