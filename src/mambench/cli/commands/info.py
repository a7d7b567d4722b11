"""`info`: the machine, the program, the home."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from mambench import __version__
from mambench.cli.arguments import Commands
from mambench.cli.output import print_json
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mambench.app.context import Mambench
    from mambench.model import Cpu, Gpu, Machine


def add(commands: Commands) -> None:
    """`mambench info`."""
    commands.add("info", "the machine, the program, the home", run, json=True)


def run(app: Mambench, arguments: Namespace) -> int:
    """Show them."""
    if arguments.json:
        print_json(_document(app))
    else:
        app.terminal.facts(_facts(app))
    return ExitCode.OK


def _document(app: Mambench) -> dict[str, Any]:
    from mambench.environments.pypi.bootstrap import present_uv
    from mambench.report import document
    from mambench.system import resources

    uv = present_uv(app.home, platform=app.machine.platform, environ=app.environ)
    return {
        "mambench": __version__,
        "home": str(app.home.root),
        "home_note": app.home.note,
        "frozen": resources.is_frozen(),
        "micromamba": app.micromamba(offline=True).describe(),
        "uv": str(uv) if uv is not None else None,
        "machine": document.machine_dict(app.machine),
    }


def _facts(app: Mambench) -> list[tuple[str, str]]:
    from mambench.analysis.words import counted
    from mambench.machine import memory
    from mambench.system import resources

    machine, cpu = app.machine, app.machine.cpu
    cores, threads = counted(cpu.physical_cores, "core"), counted(cpu.logical_cores, "thread")
    return [
        ("mambench", f"{__version__}{' (frozen)' if resources.is_frozen() else ''}"),
        ("CPU", f"{cpu.model}, {cores}, {threads}, {cpu.usable_cores} usable"),
        ("SIMD", ", ".join(cpu.simd) or "unknown"),
        *_told_by_some(machine),
        ("memory", f"{machine.memory_bytes / 2**30:.1f} GiB, {memory.available_bytes() / 2**30:.1f} GiB free"),
        *_peaks(machine.cpu),
        *(pair for gpu in machine.gpus for pair in _gpu_facts(gpu)),
        *([] if machine.gpus else [("GPU", "none found")]),
        ("system", f"{machine.os} ({machine.platform})"),
        ("micromamba", app.micromamba(offline=True).describe()),
        ("home", str(app.home.root) + (f" ({app.home.note})" if app.home.note else "")),
        *(("note", note) for note in machine.notes),
    ]


def _told_by_some(machine: Machine) -> Iterator[tuple[str, str]]:
    """By what computers of one kind may depart from each other, where it can be read."""
    cpu = machine.cpu
    boost = {True: "on", False: "off", None: None}[cpu.boost]
    numa = None if cpu.numa_nodes is None else str(cpu.numa_nodes)
    told = ("microcode", cpu.microcode), ("boost", boost), ("NUMA nodes", numa)
    for name, words in (*told, ("kernel", machine.kernel), ("firmware", machine.firmware)):
        if words is not None:
            yield name, words


def _gpu_facts(gpu: Gpu) -> Iterator[tuple[str, str]]:
    from mambench.analysis.peak import gpu_peak
    from mambench.app.facts import gpu_words

    yield f"GPU {gpu.kind}:{gpu.index}", gpu_words(gpu, capability=True)
    for dtype in gpu.throughput.per_cycle if gpu.throughput is not None else ("float32",):
        yield f"peak {dtype}", gpu_peak(gpu, dtype).words


def _peaks(cpu: Cpu) -> Iterator[tuple[str, str]]:
    """The calculation for each element type that the table knows; the clock under load is told by a run only."""
    from mambench.analysis.peak import cores_used, cpu_peak

    dtypes = cpu.throughput.per_cycle if cpu.throughput is not None else {}
    for dtype in dtypes or ("float64",):
        highest = cpu_peak(cpu, dtype, cores=cores_used(cpu, ()), mhz=cpu.max_mhz, clock="highest; a run tells more")
        yield f"peak {dtype}", highest.words
    if dtypes and cpu.throughput is not None:
        yield "source", cpu.throughput.source
