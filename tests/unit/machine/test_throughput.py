"""What a core or a multiprocessor can do in a cycle: the tables, against what the makers publish."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from fake_computer import FakeNvml, looked_at, tree

from mambench.analysis.peak import cpu_peak, gpu_peak
from mambench.machine import calls, throughput
from mambench.machine.nvml import Driver
from mambench.machine.throughput import Identity
from mambench.model import DTYPES, Cpu, DeviceKind, Gpu
from mambench.system import resources

AVX2 = ("avx", "avx2", "fma")
AVX512 = (*AVX2, "avx512f")


@pytest.mark.parametrize(
    ("identity", "simd", "name", "float64"),
    [
        (Identity("GenuineIntel", 6, 0x2A), ("avx",), "Sandy Bridge", 8),
        (Identity("GenuineIntel", 6, 0x3C), AVX2, "Haswell", 16),
        (Identity("GenuineIntel", 6, 0x55), AVX512, "Skylake-SP", 32),
        (Identity("GenuineIntel", 6, 0x8C), AVX512, "Ice Lake", 16),
        (Identity("GenuineIntel", 6, 0x8F), AVX512, "Sapphire Rapids", 32),
        (Identity("GenuineIntel", 6, 0x8F), AVX2, "Sapphire Rapids", 16),
        (Identity("AuthenticAMD", 0x17, 0x01), AVX2, "Zen or Zen+", 8),
        (Identity("AuthenticAMD", 0x17, 0x71), AVX2, "Zen 2", 16),
        (Identity("AuthenticAMD", 0x19, 0x21), AVX2, "Zen 3", 16),
        (Identity("AuthenticAMD", 0x19, 0x61), AVX512, "Zen 4", 16),
        (Identity("AuthenticAMD", 0x1A, 0x02), AVX512, "Zen 5", 32),
        (Identity("AuthenticAMD", 0x1A, 0x24), AVX512, "Zen 5, mobile", 16),
        (Identity("0x41", 0, 0xD0C), ("neon",), "Neoverse N1", 8),
        (Identity("0x41", 0, 0xD4F), ("neon", "sve2"), "Neoverse V2", 16),
    ],
)
def test_operations_a_cycle_of_known_cores(identity: Identity, simd: tuple[str, ...], name: str, float64: int) -> None:
    core = throughput.of_cpu(identity, model="It", simd=simd)
    assert core is not None and core.name.startswith(name) and core.source
    assert (core.per_cycle["float64"], core.per_cycle["float32"]) == (float64, 2 * float64)


def test_half_precision_is_known_only_where_the_processor_has_it() -> None:
    def of(*flags: str) -> dict[str, int]:
        core = throughput.of_cpu(Identity("GenuineIntel", 6, 0x8F), model="Xeon", simd=(*AVX512, *flags))
        assert core is not None
        return dict(core.per_cycle)

    assert {"float16", "bfloat16"} & of().keys() == set()
    assert (of("avx512_fp16")["float16"], of("amx_bf16")["bfloat16"]) == (128, 1024)


@pytest.mark.parametrize(
    ("identity", "model", "words"),
    [
        (Identity("GenuineIntel", 6, 0x55), "Intel(R) Xeon(R) Silver 4110", "one or two 512-bit units"),
        (Identity("GenuineIntel", 6, 0xB7), "13th Gen Intel(R) Core(TM) i9-13900K", "cores of two kinds"),
    ],
)
def test_what_the_processor_does_not_tell_is_said_and_not_guessed(identity: Identity, model: str, words: str) -> None:
    core = throughput.of_cpu(identity, model=model, simd=AVX512)
    assert core is not None and words in core.unknown and core.per_cycle == {}
    share = cpu_peak(Cpu(model, 8, 16, 16, throughput=core), "float64", cores=8, mhz=3000)
    assert share.gflops is None and words in share.words


@pytest.mark.parametrize("who", [None, Identity("GenuineIntel", 6, 0xFE), Identity("CentaurHauls", 6, 0x55)])
def test_a_processor_that_the_table_lacks_has_no_peak(who: Identity | None) -> None:
    assert throughput.of_cpu(who, model="It", simd=AVX512) is None
    share = cpu_peak(Cpu("It", 8, 16, 16), "float64", cores=8, mhz=3000)
    assert share.gflops is None and "not in the table" in share.words


@pytest.mark.parametrize(
    ("capability", "name", "units", "mhz", "dtype", "tflops"),
    [
        ("7.0", "Tesla V100-SXM2-32GB", 80, 1530, "float16", 125),
        ("7.5", "NVIDIA GeForce RTX 2080 Ti", 68, 1545, "float16", 53.8),
        ("7.5", "Tesla T4", 40, 1590, "float16", 65),
        ("8.0", "NVIDIA A100-SXM4-80GB", 108, 1410, "float64", 19.5),
        ("8.0", "NVIDIA A100-SXM4-80GB", 108, 1410, "tf32", 156),
        ("8.0", "NVIDIA A100-SXM4-80GB", 108, 1410, "bfloat16", 312),
        ("8.6", "NVIDIA GeForce RTX 3090", 82, 1695, "float32", 35.6),
        ("8.6", "NVIDIA GeForce RTX 3090", 82, 1695, "float16", 71),
        ("8.6", "NVIDIA A40", 84, 1740, "float16", 149.7),
        ("8.9", "NVIDIA GeForce RTX 4090", 128, 2520, "float16", 165.2),
        ("8.9", "NVIDIA L40S", 142, 2520, "float16", 362),
        ("9.0", "NVIDIA H100 80GB HBM3", 132, 1980, "float64", 67),
        ("9.0", "NVIDIA H100 80GB HBM3", 132, 1830, "bfloat16", 989),
        ("12.0", "NVIDIA GeForce RTX 5090", 170, 2407, "float16", 209.5),
    ],
)
def test_the_datasheets_of_gpus_follow_from_the_table(
    capability: str, name: str, units: int, mhz: float, dtype: str, tflops: float
) -> None:
    gpu = Gpu(DeviceKind.CUDA, 0, name, multiprocessors=units, max_mhz=mhz)
    share = gpu_peak(replace(gpu, throughput=throughput.of_gpu(capability, name=name)), dtype)
    assert share.gflops == pytest.approx(1000 * tflops, rel=0.02) and "dense" in share.words


def test_a_gpu_that_nobody_listed_has_no_peak() -> None:
    gpu = Gpu(DeviceKind.CUDA, 0, "NVIDIA X", multiprocessors=10, max_mhz=1000.0)
    assert gpu_peak(replace(gpu, throughput=throughput.of_gpu("99.0", name="NVIDIA X")), "float32").gflops is None
    v100 = replace(gpu, throughput=throughput.of_gpu("7.0", name="Tesla V100"))
    assert gpu_peak(v100, "bfloat16").gflops is None


class TellingNvml(FakeNvml):
    """Tells the CUDA cores and the highest clock of its first GPU, an H100."""

    def nvmlDeviceGetNumGpuCores(self, handle: int) -> int:
        return (16896, 7424)[handle]

    def nvmlDeviceGetMaxClockInfo(self, handle: int, _clock: int) -> int:
        return (1980, 2040)[handle]


def test_nvml_tells_multiprocessors_and_clock_and_what_is_published_follows(tmp_path: Path) -> None:
    class Sxm(TellingNvml):
        def nvmlDeviceGetName(self, handle: int) -> str:
            return ("NVIDIA H100 80GB HBM3", "NVIDIA L4")[handle]

    machine = looked_at(tmp_path, driver=Driver(nvml=Sxm()))
    h100, l4 = machine.gpus
    assert (h100.multiprocessors, h100.max_mhz, l4.multiprocessors) == (132, 1980, 58)
    assert "132 multiprocessors x 4096 operations x 1.98 GHz" in gpu_peak(h100, "bfloat16").words
    assert [(each.kind, each.dtype, each.gflops) for each in machine.references] == [("cuda", "bfloat16", 794_500)]


def test_linux_windows_and_macos_each_tell_who_the_processor_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    amd = "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 33\nflags\t: avx avx2 fma\n"
    core = looked_at(tree(tmp_path, {"proc/cpuinfo": amd})).cpu.throughput
    assert core is not None and core.name == "Zen 3"
    arm = "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\nFeatures\t: asimd\n"
    core = looked_at(tree(tmp_path, {"proc/cpuinfo": arm}), architecture="aarch64").cpu.throughput
    assert core is not None and core.name == "Neoverse N1"
    registry = {"Identifier": "Intel64 Family 6 Model 151 Stepping 2", "VendorIdentifier": "GenuineIntel"}
    monkeypatch.setattr(calls, "registry", lambda _key, name: registry.get(name))
    assert throughput.identity("Windows", {}, key="it") == Identity("GenuineIntel", 6, 151)
    numbers = {"machdep.cpu.family": 6, "machdep.cpu.model": 158}
    monkeypatch.setattr(calls, "sysctl_number", numbers.get)
    monkeypatch.setattr(calls, "sysctl_text", {"machdep.cpu.vendor": "GenuineIntel"}.get)
    assert throughput.identity("Darwin", {}, key="") == Identity("GenuineIntel", 6, 158)
    monkeypatch.setattr(calls, "sysctl_number", lambda _name: None)
    assert throughput.identity("Darwin", {}, key="") is None
    assert throughput.identity("Linux", {}, key="") is None


def test_every_figure_has_its_source_and_no_processor_is_listed_twice() -> None:
    peaks = tomllib.loads(resources.peaks().read_text(encoding="utf-8"))
    assert all(entry["source"] for entry in (*peaks["cpu"], *peaks["gpu"]))
    assert all(set(entry["per_cycle"]) <= DTYPES.keys() for entry in peaks["gpu"])
    seen = [
        (entry["vendor"], entry["family"], model)
        for entry in peaks["cpu"]
        for first, last in entry["models"]
        for model in range(first, last + 1)
    ]
    assert len(seen) == len(set(seen))
    published = tomllib.loads(resources.references().read_text(encoding="utf-8"))["reference"]
    assert all(each["source"] and each["conditions"] and each["gflops"] > 0 for each in published)
