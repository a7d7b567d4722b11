"""`list`, `info` and `doctor`: what can run here, what here is, and what is wrong with it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from mambench import __version__
from mambench.analysis.words import counted
from mambench.app import doctor
from mambench.app.context import Mambench
from mambench.catalogue import feasibility
from mambench.catalogue import plan as planning
from mambench.cli.output import print_json
from mambench.environments.pypi.bootstrap import find_uv
from mambench.errors import ExitCode
from mambench.machine import memory
from mambench.model import Environment, EnvironmentSpec
from mambench.report import document as report_json
from mambench.system import resources


def list_stacks(app: Mambench, arguments: Namespace) -> None:
    """What is ready, what would be downloaded, why the rest cannot run."""
    every = app.environments(offline=True)
    rows = [
        _listed(app, spec, every.ready(spec, planning.sources_on(spec, app.machine.platform)))
        for spec in app.catalogue.environments.values()
    ]
    if arguments.json:
        print_json({"environments": rows, "broken": [each.message for each in app.catalogue.broken]})
        return
    rank = {"ready": 0, "available": 1, "unavailable": 2}
    rows.sort(key=lambda row: rank[row["status"]])
    shown = [(row["name"], row["title"] + _marks(row), row["status"], row["detail"]) for row in rows]
    app.terminal.rows("", ("stack", "what it is", "here", ""), shown)
    for each in app.catalogue.broken:
        app.terminal.say(each.message)


def _listed(app: Mambench, spec: EnvironmentSpec, ready: Environment | None) -> dict[str, Any]:
    failure = feasibility.impossible(spec, app.machine)
    if failure is not None:
        status, detail = "unavailable", failure.message
    elif ready is not None:
        status, detail = "ready", f"{ready.source}, python {ready.version}"
    else:
        sources = planning.sources_on(spec, app.machine.platform)
        weights = {"conda": spec.conda and spec.conda.megabytes, "pypi": spec.pypi and spec.pypi.megabytes}
        places = [f"{source} (about {weights[source]} MB)" if weights.get(source) else source for source in sources]
        status, detail = "available", f"can be made from {' or '.join(places)}"
    return {
        "name": spec.name,
        "title": spec.title,
        "kernel": spec.kernel,
        "devices": list(spec.devices),
        "platforms": list(spec.platforms),
        "sources": list(planning.sources_on(spec, app.machine.platform)),
        "origin": spec.origin,
        "tested": spec.tested,
        "status": status,
        "reason": failure.reason if failure is not None else None,
        "detail": detail,
        "prefix": str(ready.prefix) if ready is not None and ready.prefix else None,
    }


def _marks(row: Mapping[str, Any]) -> str:
    marks = [] if row["tested"] else ["never tested"]
    if row["origin"] == "home":
        marks.append("your own")
    return f" ({', '.join(marks)})" if marks else ""


def info(app: Mambench, arguments: Namespace) -> None:
    """The machine, the program, the home."""
    here = app.machine
    if arguments.json:
        content = {
            "mambench": __version__,
            "home": str(app.home.root),
            "home_note": app.home.note,
            "frozen": resources.is_frozen(),
            "micromamba": app.micromamba(offline=True).describe(),
            "uv": str(find_uv(app.environ) or "") or None,
            "machine": report_json.machine_dict(here),
        }
        print_json(content)
        return
    cpu = here.cpu
    pairs = [
        ("mambench", f"{__version__}{' (frozen)' if resources.is_frozen() else ''}"),
        (
            "CPU",
            f"{cpu.model}, {counted(cpu.physical_cores, 'core')}, {counted(cpu.logical_cores, 'thread')}, "
            f"{cpu.usable_cores} usable",
        ),
        ("SIMD", ", ".join(cpu.simd) or "unknown"),
        ("memory", f"{here.memory_bytes / 2**30:.1f} GiB, {memory.available_bytes() / 2**30:.1f} GiB free"),
        *((f"GPU {gpu.kind}:{gpu.index}", _gpu_words(gpu)) for gpu in here.gpus),
        *([] if here.gpus else [("GPU", "none found")]),
        ("system", f"{here.os} ({here.platform})"),
        ("micromamba", app.micromamba(offline=True).describe()),
        ("home", str(app.home.root) + (f" ({app.home.note})" if app.home.note else "")),
        *(("note", note) for note in here.notes),
    ]
    app.terminal.facts(pairs)


def _gpu_words(gpu: Any) -> str:
    parts = [gpu.name]
    if gpu.memory_bytes:
        parts.append(f"{gpu.memory_bytes / 2**30:.0f} GiB")
    if gpu.compute_capability:
        parts.append(f"compute capability {gpu.compute_capability}")
    if gpu.driver:
        parts.append(f"driver {gpu.driver} (CUDA {gpu.cuda_version})")
    return ", ".join(parts)


def diagnose(app: Mambench, arguments: Namespace) -> ExitCode:
    """What is wrong and how to fix it; the exit code says whether something is."""
    channels = arguments.channel or [
        channel
        for spec in app.catalogue.environments.values()
        if spec.conda is not None
        for channel in spec.conda.channels
    ]
    findings = doctor.examine(
        app.home,
        app.machine,
        app.catalogue,
        locator=app.micromamba(offline=True),
        environ=app.environ,
        channels=channels,
        offline=arguments.offline,
    )
    if arguments.json:
        print_json({"findings": doctor.as_dicts(findings)})
    else:
        rows = [(f.name, f.state, f.message + (f"; {f.remedy}" if f.remedy else "")) for f in findings]
        app.terminal.rows("", ("what", "state", "found, and what to do"), rows)
    return ExitCode.NOT_OK if any(finding.state == "wrong" for finding in findings) else ExitCode.OK
