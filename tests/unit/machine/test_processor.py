"""The processor, from fake /proc trees and the answers of macOS and Windows; the cores that are left to us."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_computer import ARM, X86, looked_at, tree

from mambench.machine import calls, processor
from mambench.machine.processor import usable_cores


def test_x86_processor_is_read_from_cpuinfo(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {"proc/cpuinfo": X86, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3700000\n"},
    )
    cpu = looked_at(tmp_path).cpu
    assert cpu.model == "AMD EPYC 9654 96-Core"
    assert (cpu.physical_cores, cpu.logical_cores, cpu.usable_cores, cpu.max_mhz) == (4, 8, 8, 3700.0)
    assert cpu.simd == (
        *("sse4.2", "avx", "avx2", "fma", "avx512f"),
        *("avx512_bf16", "avx512_vnni", "amx_tile", "avx_vnni"),
    )


def test_microcode_of_linux_is_the_first_processors(tmp_path: Path) -> None:
    assert looked_at(tree(tmp_path, {"proc/cpuinfo": X86})).cpu.microcode is None
    first = X86.replace("flags", "microcode\t: 0x2b000603\nflags", 1)
    assert looked_at(tree(tmp_path, {"proc/cpuinfo": first})).cpu.microcode == "0x2b000603"


def test_arm_board_is_named_by_its_device_tree(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/cpuinfo": ARM, "proc/device-tree/model": "Raspberry Pi 5 Model B\0"})
    cpu = looked_at(tmp_path, architecture="aarch64").cpu
    assert cpu.model == "Raspberry Pi 5 Model B"
    assert cpu.simd == ("neon", "fp16", "dotprod", "sve")


def test_arm_server_is_named_by_maker_and_part(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/cpuinfo": ARM})
    assert looked_at(tmp_path).cpu.model == "ARM implementer 0x41 part 0xd0c"


def test_macos_processor_comes_from_sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on = ("hw.optional.AdvSIMD", "hw.optional.arm.FEAT_BF16")
    monkeypatch.setattr(calls, "sysctl_text", {"machdep.cpu.brand_string": "Apple M3 Pro"}.get)
    monkeypatch.setattr(calls, "sysctl_number", lambda name: int(name in on))
    machine = looked_at(tmp_path, system="Darwin", architecture="arm64")
    assert (machine.cpu.model, machine.cpu.simd) == ("Apple M3 Pro", ("neon", "bf16"))
    assert machine.platform == "osx-arm64" and machine.notes == ()
    assert [(gpu.kind, gpu.index, gpu.name) for gpu in machine.gpus] == [("metal", 0, "Apple M3 Pro")]


def test_windows_processor_comes_from_registry_and_kernel32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"ProcessorNameString": "Intel(R) Core(TM) i9-13900K  "}
    monkeypatch.setattr(calls, "registry", lambda _key, name: names.get(name))
    monkeypatch.setattr(calls, "windows_feature", lambda number: number in (38, 39, 40))
    machine = looked_at(tmp_path, system="Windows", architecture="amd64")
    assert (machine.cpu.model, machine.cpu.simd) == ("Intel(R) Core(TM) i9-13900K", ("sse4.2", "avx", "avx2"))
    assert machine.platform == "win-64" and machine.cpu.max_mhz == 3200.0 and machine.notes == ()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "250000 100000\n"}, 3),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
            },
            2,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/../..\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 8),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/docker/1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
        ({"proc/self/cgroup": "nonsense\n"}, 8),
        ({}, 8),
    ],
)
def test_cgroup_quota_limits_the_usable_cores(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert usable_cores(root=tree(tmp_path, files), system="Linux", logical_cores=8) == expected


def test_affinity_limits_the_usable_cores_and_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "_affinity_cores", lambda: 2)
    machine = looked_at(tmp_path)
    assert machine.cpu.usable_cores == 2
    assert machine.notes == ("affinity or cgroup leave 2 of 8 logical cores to mambench",)


@pytest.mark.parametrize(
    ("affinity", "groups", "build", "cores"),
    [
        (16, [16], 19045, 16),
        (4, [16], 26100, 4),  # restricted by somebody
        (64, [64, 64], 19045, 64),  # Windows 10: a process has one group
        (64, [64, 64], 20348, 128),
        (0, [64, 64], 26100, 128),  # the mask is empty for a process in several groups
        (8, [64, 64], 26100, 8),
        (48, [64, 48], 26100, 112),
        (0, [], 26100, None),
    ],
)
def test_processor_groups_of_windows(affinity: int, groups: list[int], build: int, cores: int | None) -> None:
    assert processor.cores_in_groups(affinity, groups, build=build) == cores


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (b"\0\0\0\0\x03\x06\x00\x2b", "0x2b000603"),
        (b"\x01\0\0\0\x03\x06\x00\x2b", "0x2b000603"),
        (b"\x29\x10\x10\x0a\0\0\0\0", "0xa101029"),
        (b"\x29\x10\x10\x0a", "0xa101029"),
        (bytes(8), None),
        (b"", None),
        (None, None),
    ],
)
def test_microcode_of_windows_is_its_revision(
    told: bytes | None, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "registry_bytes", lambda _key, name: told if name == "Update Revision" else None)
    assert looked_at(tmp_path, system="Windows").cpu.microcode == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"intel_pstate/no_turbo": "0\n"}, True),
        ({"intel_pstate/no_turbo": "1\n"}, False),
        ({"cpufreq/boost": "1\n"}, True),
        ({"cpufreq/boost": "0\n"}, False),
        ({"intel_pstate/no_turbo": "1\n", "cpufreq/boost": "1\n"}, False),
        ({"cpufreq/boost": "yes\n"}, None),
        ({}, None),
    ],
)
def test_boost_is_told_by_either_driver(tmp_path: Path, files: dict[str, str], expected: bool | None) -> None:
    tree(tmp_path, {f"sys/devices/system/cpu/{name}": text for name, text in files.items()})
    assert looked_at(tmp_path).cpu.boost is expected


def test_numa_nodes_are_counted(tmp_path: Path) -> None:
    assert looked_at(tmp_path).cpu.numa_nodes is None
    names = ("node0", "node1", "node10", "power")
    tree(tmp_path, {f"sys/devices/system/node/{name}/x": "" for name in names})
    assert looked_at(tmp_path).cpu.numa_nodes == 3
