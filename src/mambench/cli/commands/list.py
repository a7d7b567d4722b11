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
    from mambench.model import Environment, EnvironmentSpec

_RANK = {"ready": 0, "available": 1, "unavailable": 2}


def add(commands: Commands) -> None:
    """`mambench list`."""
    commands.add("list", "what can run here, and why the rest cannot", run, json=True)


def run(app: Mambench, arguments: Namespace) -> int:
    """What is ready, what would be downloaded, why the rest cannot run."""
    from mambench.app.installed import ready_stacks

    specs = app.catalogue.environments.values()
    ready = ready_stacks(app, specs)
    rows = [_row(app, spec, ready.get(spec.name)) for spec in specs]
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


def _row(app: Mambench, spec: EnvironmentSpec, ready: Environment | None) -> dict[str, Any]:
    from mambench.catalogue import feasibility
    from mambench.catalogue.tested import evidence

    failure = feasibility.impossible(spec, app.machine)
    proof = evidence(spec, app.machine.platform)
    sources = feasibility.sources_on(spec, app.machine.platform)
    if failure is not None:
        status, detail = "unavailable", failure.message
    elif ready is not None:
        status, detail = "ready", f"{ready.source}, python {ready.version}"
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
