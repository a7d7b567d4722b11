"""The memory that control groups leave to us."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_computer import looked_at, tree

from mambench.machine.inspect import GIB
from mambench.machine.memory import available_bytes

V2 = {
    "proc/self/cgroup": "0::/slice/unit\n",
    "sys/fs/cgroup/slice/unit/memory.max": str(4 * GIB),
    "sys/fs/cgroup/slice/unit/memory.current": str(3 * GIB),
    "sys/fs/cgroup/slice/unit/memory.stat": f"anon 1\ninactive_file {GIB}\nactive_file 7\n",
}
V1 = {
    "proc/self/cgroup": "4:memory:/docker/1\n1:cpu:/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": str(4 * GIB),
    "sys/fs/cgroup/memory/memory.usage_in_bytes": str(3 * GIB),
    "sys/fs/cgroup/memory/memory.stat": f"inactive_file 5\ntotal_inactive_file {GIB}\n",
}


@pytest.mark.parametrize("files", [V1, V2])
def test_cgroup_memory_limits_total_and_available(tmp_path: Path, files: dict[str, str]) -> None:
    root = tree(tmp_path, files)
    machine = looked_at(root)
    assert machine.memory_bytes == 4 * GIB
    assert machine.notes == ("a cgroup leaves 4.0 of 16.0 GiB of memory to mambench",)
    assert available_bytes(root=root, system="Linux") == 2 * GIB


def test_limit_of_a_group_above_ours_counts(tmp_path: Path) -> None:
    above = {
        "sys/fs/cgroup/slice/memory.max": str(2 * GIB),
        "sys/fs/cgroup/slice/memory.current": str(GIB + GIB // 2),
    }
    root = tree(tmp_path, {**V2, **above})
    assert looked_at(root).memory_bytes == 2 * GIB
    assert available_bytes(root=root, system="Linux") == GIB // 2


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "", "nan"])
def test_no_limit_is_no_limit(tmp_path: Path, limit: str) -> None:
    root = tree(tmp_path, {**V2, "sys/fs/cgroup/slice/unit/memory.max": limit})
    machine = looked_at(root)
    assert machine.memory_bytes == 16 * GIB and machine.notes == ()
    assert available_bytes(root=root, system="Linux") == 10 * GIB


def test_group_over_its_limit_has_nothing_available(tmp_path: Path) -> None:
    root = tree(tmp_path, {**V2, "sys/fs/cgroup/slice/unit/memory.current": str(9 * GIB)})
    assert available_bytes(root=root, system="Linux") == 0


def test_cgroup_files_are_a_matter_of_linux(tmp_path: Path) -> None:
    root = tree(tmp_path, V2)
    assert available_bytes(root=root, system="Darwin") == 10 * GIB
    assert looked_at(root, system="Darwin").memory_bytes == 16 * GIB
