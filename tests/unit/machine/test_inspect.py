"""What a computer is, told from fake /proc trees, a fake NVML and the answers of macOS and Windows."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mambench.machine import calls, memory, processor
from mambench.machine.inspect import GIB, conda_platform, inspect, os_words
from mambench.machine.memory import available_bytes
from mambench.machine.nvml import Driver
from mambench.machine.processor import usable_cores
from mambench.model import Machine

X86 = """\
processor\t: 0
model name\t: AMD  EPYC 9654 96-Core
flags\t\t: fpu sse2 sse4_2 avx hypervisor avx2 fma avx512f amx_tile avx512_bf16 avx512_vnni avx_vnni

processor\t: 1
model name\t: another
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp sve\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


class FakePsutil:
    """A computer with 8 hardware threads and 16 GiB, of which 10 are available."""

    Error = OSError

    def virtual_memory(self) -> Any:
        return SimpleNamespace(total=16 * GIB, available=10 * GIB)

    def cpu_count(self, logical: bool = True) -> int:
        return 8 if logical else 4

    def cpu_freq(self) -> Any:
        return SimpleNamespace(max=3200.0)


class BlindPsutil:
    """A container in which nothing can be read."""

    Error = OSError

    def __getattr__(self, name: str) -> Any:
        raise FileNotFoundError(f"/proc/{name}")


class FakeNvmlError(Exception):
    value = 999


class FakeNvml:
    """Two GPUs; the second does not tell its memory."""

    NVMLError = FakeNvmlError

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return ("GPU-aaaa-0", "GPU-bbbb-1")[handle]

    def nvmlDeviceGetName(self, handle: int) -> bytes | str:
        return (b"NVIDIA H100", "NVIDIA L4")[handle]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        if handle:
            raise FakeNvmlError("not supported")
        return SimpleNamespace(total=80 * GIB, free=79 * GIB)

    def nvmlDeviceGetCudaComputeCapability(self, handle: int) -> tuple[int, int]:
        return ((9, 0), (8, 9))[handle]

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"535.104"

    def nvmlSystemGetCudaDriverVersion(self) -> int:
        return 12020


NO_DRIVER = Driver()
FAKE_DRIVER = Driver(nvml=FakeNvml())


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (memory, processor):
        monkeypatch.setattr(module, "psutil", FakePsutil())
    monkeypatch.setattr(processor, "_affinity_cores", lambda: 8)


def looked_at(root: Path, **changes: Any) -> Machine:
    arguments: dict[str, Any] = {
        "root": root,
        "system": "Linux",
        "architecture": "x86_64",
        "environ": {},
        "driver": NO_DRIVER,
    }
    return inspect(**{**arguments, **changes})


# --------------------------------------------------------------------------------------- operating system


@pytest.mark.parametrize(
    ("system", "architecture", "expected"),
    [
        ("Linux", "x86_64", "linux-64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Linux", "arm64", "linux-aarch64"),
        ("Linux", "ppc64le", "linux-ppc64le"),
        ("Darwin", "x86_64", "osx-64"),
        ("Darwin", "arm64", "osx-arm64"),
        ("Windows", "AMD64", "win-64"),
        ("Windows", "ARM64", "win-arm64"),
        ("FreeBSD", "amd64", "freebsd-64"),
    ],
)
def test_platforms_are_named_as_conda_names_them(system: str, architecture: str, expected: str) -> None:
    assert conda_platform(system, architecture) == expected


def test_linux_is_named_with_its_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, {"proc/sys/kernel/osrelease": "6.1.0-18-amd64\n"})
    pretty = {"PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: pretty)
    assert os_words("Linux", root=tmp_path) == "Debian GNU/Linux 12 (bookworm), kernel 6.1"


def test_linux_without_os_release_still_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, str]:
        raise OSError("no os-release")

    tree(tmp_path, {"proc/sys/kernel/osrelease": "5.15\n"})
    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    assert os_words("Linux", root=tmp_path) == "Linux, kernel 5.15"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"CurrentBuildNumber": "22631", "ProductName": "Windows 10 Pro", "DisplayVersion": "23H2"},
            "Windows 11 23H2 (22631)",
        ),
        ({"CurrentBuildNumber": "19045", "DisplayVersion": "22H2"}, "Windows 10 22H2 (19045)"),
        (
            {"CurrentBuildNumber": "20348", "ProductName": "Windows Server 2022 Standard"},
            "Windows Server 2022 Standard (20348)",
        ),
    ],
)
def test_windows_is_named_by_its_build(values: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "registry", lambda _key, name: values.get(name))
    assert os_words("Windows") == expected


def test_macos_is_named_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    assert os_words("Darwin") == "macOS 15.1"


# ---------------------------------------------------------------------------------------------- processor


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
    found = looked_at(tmp_path, system="Darwin", architecture="arm64")
    assert (found.cpu.model, found.cpu.simd) == ("Apple M3 Pro", ("neon", "bf16"))
    assert found.platform == "osx-arm64" and found.notes == ()
    assert [(gpu.kind, gpu.index, gpu.name) for gpu in found.gpus] == [("metal", 0, "Apple M3 Pro")]


def test_rosetta_is_noted_and_offers_no_metal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "sysctl_text", lambda _name: "Apple M3 Pro")
    monkeypatch.setattr(calls, "sysctl_number", lambda name: int(name == "sysctl.proc_translated"))
    found = looked_at(tmp_path, system="Darwin")
    assert found.platform == "osx-64" and found.gpus == ()
    assert len(found.notes) == 1 and "Rosetta" in found.notes[0]


def test_windows_processor_comes_from_registry_and_kernel32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"ProcessorNameString": "Intel(R) Core(TM) i9-13900K  "}
    monkeypatch.setattr(calls, "registry", lambda _key, name: names.get(name))
    monkeypatch.setattr(calls, "windows_feature", lambda number: number in (38, 39, 40))
    found = looked_at(tmp_path, system="Windows", architecture="amd64")
    assert (found.cpu.model, found.cpu.simd) == ("Intel(R) Core(TM) i9-13900K", ("sse4.2", "avx", "avx2"))
    assert found.platform == "win-64" and found.cpu.max_mhz == 3200.0 and found.notes == ()


@pytest.mark.parametrize(("architecture", "emulated"), [("amd64", True), ("arm64", False)])
def test_x64_emulation_on_windows_for_arm_is_noted(
    architecture: str, emulated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "windows_native_machine", lambda: 0xAA64)
    found = looked_at(tmp_path, system="Windows", architecture=architecture)
    assert any("emulated" in note for note in found.notes) is emulated


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
    found = looked_at(tmp_path)
    assert found.cpu.usable_cores == 2
    assert found.notes == ("affinity or cgroup leave 2 of 8 logical cores to mambench",)


# ------------------------------------------------------------------------------------------------- memory

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
    found = looked_at(root)
    assert found.memory_bytes == 4 * GIB
    assert found.notes == ("a cgroup leaves 4.0 of 16.0 GiB of memory to mambench",)
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
    found = looked_at(root)
    assert found.memory_bytes == 16 * GIB and found.notes == ()
    assert available_bytes(root=root, system="Linux") == 10 * GIB


def test_group_over_its_limit_has_nothing_available(tmp_path: Path) -> None:
    root = tree(tmp_path, {**V2, "sys/fs/cgroup/slice/unit/memory.current": str(9 * GIB)})
    assert available_bytes(root=root, system="Linux") == 0


def test_cgroup_files_are_a_matter_of_linux(tmp_path: Path) -> None:
    root = tree(tmp_path, V2)
    assert available_bytes(root=root, system="Darwin") == 10 * GIB
    assert looked_at(root, system="Darwin").memory_bytes == 16 * GIB


# --------------------------------------------------------------------------------------------------- GPUs


def test_gpus_are_told_by_nvml(tmp_path: Path) -> None:
    first, second = looked_at(tmp_path, driver=FAKE_DRIVER).gpus
    assert (first.kind, first.index, first.name, first.uuid) == ("cuda", 0, "NVIDIA H100", "GPU-aaaa-0")
    assert (first.memory_bytes, first.free_bytes) == (80 * GIB, 79 * GIB)
    assert (first.driver, first.cuda_version, first.compute_capability) == ("535.104", "12.2", "9.0")
    assert (second.index, second.compute_capability, second.memory_bytes) == (1, "8.9", None)


def test_order_of_several_gpus_is_noted(tmp_path: Path) -> None:
    assert ["PCI" in note for note in looked_at(tmp_path, driver=FAKE_DRIVER).notes] == [True]


def test_hidden_gpus_are_not_listed_and_positions_are_those_of_cuda(tmp_path: Path) -> None:
    found = looked_at(tmp_path, driver=FAKE_DRIVER, environ={"CUDA_VISIBLE_DEVICES": "GPU-bb"})
    assert [(gpu.index, gpu.uuid) for gpu in found.gpus] == [(0, "GPU-bbbb-1")]
    assert found.notes == ("CUDA_VISIBLE_DEVICES hides 1 of 2 GPUs",)


def test_part_of_a_gpu_is_noted_and_not_listed(tmp_path: Path) -> None:
    found = looked_at(tmp_path, driver=FAKE_DRIVER, environ={"CUDA_VISIBLE_DEVICES": "MIG-1234"})
    assert found.gpus == () and any("MIG" in note for note in found.notes)


def test_broken_driver_is_a_note_and_an_absent_one_is_nothing(tmp_path: Path) -> None:
    assert looked_at(tmp_path, driver=Driver(problem="restart the computer")).notes == ("restart the computer",)
    assert looked_at(tmp_path).notes == () and looked_at(tmp_path).gpus == ()


# -------------------------------------------------------------------------------------------------- notes


def test_virtual_machine_is_noted(tmp_path: Path) -> None:
    notes = looked_at(tree(tmp_path, {"proc/cpuinfo": X86})).notes
    assert notes == ("a virtual machine: its host may take processor time from it",)


def test_wsl_is_noted_instead_of_the_virtual_machine_that_it_is(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": X86, "proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}
    (note,) = looked_at(tree(tmp_path, files)).notes
    assert note.startswith("Windows Subsystem for Linux")


def test_x86_linux_emulated_on_apple_silicon_is_noted(tmp_path: Path) -> None:
    (note,) = looked_at(tree(tmp_path, {"proc/cpuinfo": "model name : VirtualApple @ 2.50GHz\n"})).notes
    assert "emulated on Apple silicon" in note


# --------------------------------------------------------------------------------------------- robustness


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows", "FreeBSD"])
def test_nothing_readable_still_gives_a_machine(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (memory, processor):
        monkeypatch.setattr(module, "psutil", BlindPsutil())
    monkeypatch.setattr(memory, "_pages", lambda _name: None)
    found = looked_at(tmp_path, system=system)
    assert found.cpu.logical_cores >= 1 and found.cpu.usable_cores >= 1 and found.cpu.model
    assert found.memory_bytes == 0 and "the size of the memory could not be found out" in found.notes
    assert available_bytes(root=tmp_path, system=system) == 0


def test_this_computer_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = inspect(driver=NO_DRIVER)
    assert 1 <= found.cpu.usable_cores <= found.cpu.logical_cores
    assert 0 < available_bytes() <= found.memory_bytes
    assert found.platform.split("-")[0] in ("linux", "osx", "win")
    assert found.os and found.hostname and all("\n" not in note for note in found.notes)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="calls what only these have")
def test_calls_of_other_systems_answer_nothing_here() -> None:
    assert calls.sysctl_text("machdep.cpu.brand_string") is None
    assert calls.sysctl_number("hw.optional.AdvSIMD") is None
    assert calls.registry(processor.WINDOWS_CPU_KEY, "ProcessorNameString") is None
    assert calls.windows_native_machine() is None and not calls.windows_feature(40)
