"""What the devices of this computer can do in a clock cycle, and what was published for them: two tables, looked up."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mambench.machine import calls
from mambench.machine.readings import best_effort
from mambench.model import Cpu, DeviceKind, Gpu, Reference, Throughput
from mambench.system import resources

WIDTHS = {512: "avx512f", 256: "avx", 128: ""}
"""Bits of a register and the flag that says that the processor, and whoever may have restricted it, has them."""

HALF_FLAGS = {512: "avx512_fp16", 128: "fp16"}
"""The flag with which registers of that width hold float16 numbers."""


class Identity(NamedTuple):
    """What CPUID calls a processor; of ARM the implementer, 0 and the part."""

    vendor: str
    family: int
    model: int


def identity(system: str, cpuinfo: Mapping[str, str], *, key: str) -> Identity | None:
    """The processor's: from /proc/cpuinfo, from sysctl, or from the registry below `key`; None where nothing tells."""
    if system == "Linux":
        return best_effort(lambda: _linux_identity(cpuinfo))
    if system == "Darwin":
        family, model = (calls.sysctl_number(f"machdep.cpu.{name}") for name in ("family", "model"))
        vendor = calls.sysctl_text("machdep.cpu.vendor")
        return None if vendor is None or family is None or model is None else Identity(vendor, family, model)
    words = re.search(r"Family (\d+) Model (\d+)", str(calls.registry(key, "Identifier") or ""))
    vendor = str(calls.registry(key, "VendorIdentifier") or "")
    return Identity(vendor, int(words[1]), int(words[2])) if words else None


def _linux_identity(cpuinfo: Mapping[str, str]) -> Identity:
    if "CPU part" in cpuinfo:
        return Identity(cpuinfo["CPU implementer"], 0, int(cpuinfo["CPU part"], 16))
    return Identity(cpuinfo["vendor_id"], int(cpuinfo["cpu family"]), int(cpuinfo["model"]))


def of_cpu(who: Identity | None, *, model: str, simd: tuple[str, ...]) -> Throughput | None:
    """Of one core; None for a processor that the table lacks."""
    entry = next((each for each in _table(resources.peaks())["cpu"] if who is not None and _is(each, who)), None)
    if entry is None:
        return None
    unknown = _unknown(entry, model, simd)
    per_cycle = {} if unknown else dict(_cpu_per_cycle(entry, simd))
    return Throughput(
        name=entry["name"],
        per_cycle={dtype: operations for dtype, (operations, _) in per_cycle.items()},
        arithmetic={dtype: words for dtype, (_, words) in per_cycle.items()},
        source=entry["source"],
        unknown=unknown,
    )


def _is(entry: Mapping[str, Any], who: Identity) -> bool:
    models = any(first <= who.model <= last for first, last in entry["models"])
    return models and (entry["vendor"], entry["family"]) == (who.vendor, who.family)


def _unknown(entry: Mapping[str, Any], model: str, simd: tuple[str, ...]) -> str:
    if entry.get("mixed"):
        return "it has cores of two kinds"
    if "avx512f" in simd and "unsure" in entry and re.search(entry["unsure"], model):
        return "models of this kind have one or two 512-bit units, and the processor does not tell"
    return ""


def _cpu_per_cycle(entry: Mapping[str, Any], simd: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, str]]]:
    """By element type: operations a cycle, and how they come about."""
    for dtype, bits in (("float64", 64), ("float32", 32), ("float16", 16)):
        best = max(
            (
                (2 * width // bits * entry["units"][str(width)], width)
                for width, flag in WIDTHS.items()
                if str(width) in entry["units"] and (not flag or flag in simd)
                if bits != 16 or HALF_FLAGS.get(width) in simd
            ),
            default=None,
        )
        if best is not None:
            operations, width = best
            units = entry["units"][str(width)]
            yield dtype, (operations, f"{width // bits} lanes x {units} FMA unit{'s' if units > 1 else ''} x 2")
    if entry.get("matrix_flag") in simd:
        for dtype, operations in entry["matrix"].items():
            yield dtype, (operations, f"{operations} operations of its matrix unit")


def of_gpu(capability: str | None, *, name: str) -> Throughput | None:
    """Of one multiprocessor, dense; None for a GPU that the table lacks."""
    entry = _gpu_entry(capability)
    if entry is None:
        return None
    per_cycle = entry["per_cycle"] | (entry.get("geforce", {}) if "GeForce" in name else {})
    return Throughput(
        name=f"compute capability {capability}",
        per_cycle=per_cycle,
        arithmetic={dtype: f"{operations} operations" for dtype, operations in per_cycle.items()},
        source=entry["source"],
    )


def multiprocessors(capability: str | None, cuda_cores: int | None) -> int | None:
    """From the number of CUDA cores, which NVML tells."""
    entry = _gpu_entry(capability)
    return None if entry is None or not cuda_cores else cuda_cores // int(entry["cores"])


def _gpu_entry(capability: str | None) -> Mapping[str, Any] | None:
    return next((each for each in _table(resources.peaks())["gpu"] if each["capability"] == capability), None)


def published(cpu: Cpu, gpus: tuple[Gpu, ...]) -> tuple[Reference, ...]:
    """Results that were published for the devices of this computer."""
    names = {(DeviceKind.CPU, cpu.model), *((gpu.kind, gpu.name) for gpu in gpus)}
    return tuple(
        Reference(
            kind=DeviceKind(entry["kind"]),
            dtype=entry["dtype"],
            stacks=tuple(entry["stacks"]),
            gflops=float(entry["gflops"]),
            source=entry["source"],
            conditions=entry["conditions"],
        )
        for entry in _table(resources.references())["reference"]
        if any(kind == entry["kind"] and re.search(entry["device"], name, re.IGNORECASE) for kind, name in names)
    )


@functools.cache
def _table(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
