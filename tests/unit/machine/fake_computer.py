"""A computer of fake /proc trees, a fake psutil and a fake NVML."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mambench.machine.inspect import GIB, inspect
from mambench.machine.nvml import Driver
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
        path.write_text(text, newline="\n")  # the kernel of Linux writes no other
    return root


def looked_at(root: Path, **changes: Any) -> Machine:
    arguments: dict[str, Any] = {
        "root": root,
        "system": "Linux",
        "architecture": "x86_64",
        "environ": {},
        "driver": NO_DRIVER,
    }
    return inspect(**{**arguments, **changes})
