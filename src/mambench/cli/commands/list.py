"""`list`: what can run here, and why the rest cannot."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mambench.cli.arguments import Commands
from mambench.cli.output import print_json
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench
    from mambench.model import BenchmarkSpec, Environment, EnvironmentSpec

_RANK = {"ready": 0, "available": 1, "unavailable": 2}


def add(commands: Commands) -> None:
    """`mambench list`."""
    parser = commands.add("list", "what can run here, and why the rest cannot", run, json=True)
    parser.add_argument("--benchmarks", action="store_true", help="what can be measured, and by which frameworks")


def run(app: Mambench, arguments: Namespace) -> int:
    """What is ready, what would be downloaded, why the rest cannot run."""
    from mambench.app.fetching import fetched
    from mambench.app.installed import ready_stacks

    if arguments.benchmarks:
        return _benchmarks(app, json=arguments.json)
    specs = app.catalogue.environments.values()
    ready = ready_stacks(app, specs)
    kit = fetched(app)
    rows = [_row(app, spec, ready.get(spec.name), in_kit=spec.name in kit) for spec in specs]
    broken = [each.message for each in app.catalogue.broken]
    if arguments.json:
        print_json({"environments": rows, "broken": broken})
        return ExitCode.OK
    rows.sort(key=lambda row: _RANK[row["status"]])
    shown = [(row["name"], row["title"] + _marks(row), row["status"], row["detail"]) for row in rows]
    app.terminal.rows("", ("stack", "what it is", "here", ""), shown)
    for message in broken:
        app.terminal.say(message)
    return ExitCode.OK


def _benchmarks(app: Mambench, *, json: bool) -> ExitCode:
    """What can be measured."""
    broken = [each.message for each in app.catalogue.broken]
    specs = app.catalogue.benchmarks.values()
    if json:
        print_json({"benchmarks": [_benchmark(spec) for spec in specs], "broken": broken})
        return ExitCode.OK
    marks = {"home": " (your own)"}
    shown = [
        (spec.name, spec.about.title + marks.get(spec.origin, ""), spec.unit, ", ".join(spec.kernels)) for spec in specs
    ]
    app.terminal.rows("", ("benchmark", "what it is", "unit", "kernels"), shown)
    for spec in specs:
        if spec.about.limit:
            app.terminal.paragraph(f"{spec.name}: {spec.about.limit}")
    for message in broken:
        app.terminal.say(message)
    return ExitCode.OK


def _benchmark(spec: BenchmarkSpec) -> dict[str, Any]:
    about = spec.about
    return {
        "name": spec.name,
        "title": about.title,
        "description": about.description,
        "limit": about.limit,
        "unit": about.unit,
        "origin": about.origin,
        "dtypes": [*spec.dtypes],
        "parameters": {name: parameter.default for name, parameter in spec.parameters.items()},
        "size": [*spec.size],
        "shape": [*spec.shape],
        "kernels": {name: [*kernel.devices] for name, kernel in spec.kernels.items()},
    }


def _row(app: Mambench, spec: EnvironmentSpec, ready: Environment | None, *, in_kit: bool) -> dict[str, Any]:
    from mambench.catalogue import feasibility
    from mambench.catalogue.tested import evidence

    failure = feasibility.impossible(spec, app.machine)
    proof = evidence(spec, app.machine.platform)
    sources = feasibility.sources_on(spec, app.machine.platform)
    if failure is not None:
        status, detail = "unavailable", failure.message
    elif ready is not None:
        status, detail = "ready", f"{ready.source}, python {ready.version}"
    elif in_kit:
        status, detail = "available", "can be made from the kit, without a network"
    else:
        weights = {"conda": spec.conda and spec.conda.megabytes, "pypi": spec.pypi and spec.pypi.megabytes}
        origins = [f"{source} (about {weights[source]} MB)" if weights.get(source) else source for source in sources]
        status, detail = "available", f"can be made from {' or '.join(origins)}"
    return {
        "name": spec.name,
        "title": spec.title,
        "kernel": spec.kernel,
        "devices": [*spec.devices],
        "platforms": [*spec.platforms],
        "sources": [*sources],
        "origin": spec.origin,
        "tested": spec.tested,
        "tested_on": dict(spec.tested_on),
        "run_by_us": {"state": proof.state, "date": proof.date},
        "status": status,
        "reason": failure.reason if failure is not None else None,
        "detail": detail,
        "prefix": str(ready.prefix) if ready is not None and ready.prefix else None,
    }


def _marks(row: Mapping[str, Any]) -> str:
    from mambench.catalogue.tested import Evidence

    words = "your own" if row["origin"] == "home" else Evidence(**row["run_by_us"]).words
    return f" ({words})" if words else ""
