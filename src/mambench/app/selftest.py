"""Whether this program works here, without a network: every part that a measurement needs, tried on something tiny."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mambench import __version__
from mambench.analysis import results as summary
from mambench.analysis.words import counted
from mambench.app.context import Mambench
from mambench.app.doctor import Finding
from mambench.environments import prefix as prefixes
from mambench.environments.conda.micromamba import Micromamba
from mambench.environments.existing import ExistingSource
from mambench.errors import MambenchError, ProvisionError
from mambench.model import (
    CPU,
    SEED,
    BenchmarkSpec,
    DeviceKind,
    Environment,
    EnvironmentSpec,
    Kernel,
    Limits,
    Report,
    Result,
    Round,
    Trial,
)
from mambench.report import document as report_json
from mambench.system import files, resources

PACKAGE = "mambench-selftest-1.0-0.tar.bz2"
PACKED_FILE = "share/mambench-selftest/prefix.txt"
SIZE = 24
LIMITS = Limits(warmups=1, min_runs=3, max_runs=3, max_seconds=5.0, target_spread=None, loops=1)
ROUNDS = 3
WORKER_SECONDS = 120.0
OLDEST_PYTHON = (3, 9)

State = Literal["ok", "note", "wrong"]


def examine(app: Mambench) -> tuple[list[Finding], Report]:
    """Try every part, and give what was found and the report that the worker's round made. Raises HomeError."""
    app.home.prepare()
    findings = [_tried("catalogue", lambda: _catalogue(app)), _tried("micromamba", lambda: _micromamba(app))]
    results: list[Result] = []
    findings.append(_tried("worker", lambda: _worker(app, results)))
    report = _report(app, tuple(results))
    findings.append(_tried("report", lambda: _written_and_read(app, report)))
    return findings, report


def _tried(name: str, look: Callable[[], tuple[State, str]]) -> Finding:
    """One part; whatever it raises is what is broken."""
    try:
        state, message = look()
        return Finding(name, state, message)
    except MambenchError as error:
        return Finding(name, "wrong", str(error), error.remedy)
    except Exception as error:
        return Finding(name, "wrong", f"{type(error).__name__}: {error}", "please report this")


def _catalogue(app: Mambench) -> tuple[State, str]:
    catalogue = app.catalogue
    if catalogue.broken:
        return "wrong", "; ".join(each.message for each in catalogue.broken)
    if not catalogue.environments or not catalogue.benchmarks:
        return "wrong", f"nothing is in {resources.root()}"
    return "ok", f"{counted(len(catalogue.environments), 'stack')}, {counted(len(catalogue.benchmarks), 'benchmark')}"


# -------------------------------------------------------------------------------------------- micromamba


def _micromamba(app: Mambench) -> tuple[State, str]:
    """An environment of one carried package, whose file must then hold the prefix's path."""
    locator = app.micromamba(offline=True)
    if locator.present() is None and not locator.carried():
        return "note", "none is carried, so it was not tried: it is downloaded when it is first needed"
    located = locator.locate(lambda _done, _total: None)
    tool = Micromamba(
        located.executable, app.home, platform=app.machine.platform, environ=app.environ, cuda_version=None
    )
    with app.home.scratch() as folder:
        _install(tool, folder)
    made = f"{tool.version()} ({located.origin}) made an environment of one package"
    return ("note", f"{made}; {located.note}") if located.note else ("ok", made)


def _install(tool: Micromamba, folder: Path) -> None:
    archive, prefix, log = folder / PACKAGE, folder / "prefix", folder / "log"
    shutil.copyfile(resources.selftest() / PACKAGE, archive)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    lock = folder / "selftest.lock"
    lock.write_text(f"@EXPLICIT\n{archive.as_uri()}#{digest}\n", encoding="utf-8")
    tool.install(lock, (), prefix=prefix, log=log, on_line=lambda _line: None, on_tick=lambda: None)
    text = (prefix / PACKED_FILE).read_text(encoding="utf-8").strip()
    if Path(text) != prefix:
        raise ProvisionError(f"micromamba wrote {text!r} where {str(prefix)!r} belongs")


# ------------------------------------------------------------------------------------------------- worker


def _worker(app: Mambench, results: list[Result]) -> tuple[State, str]:
    """The toy kernel in the best python that is here; the check needs one with numpy."""
    found = _best_python(app)
    if found is None:
        return "note", "no python 3.9 or later is here, so it was not tried: environments bring their own"
    environment, has_numpy = found
    trial = Trial("selftest", environment.key, "toy", CPU, "float64", SIZE, SIZE, SIZE, threads=1)
    rounds = _rounds(app, trial, environment, count=ROUNDS if has_numpy else 1)
    if not has_numpy:
        return _without_numpy(environment, rounds[0])
    result = replace(summary.summarise(trial, rounds), warnings=())
    results.append(result)
    if result.status != "ok" or not result.verified:
        return "wrong", result.failure.message if result.failure else "the product was not verified"
    return "ok", f"measured and verified a product in {environment.python} ({environment.version})"


def _rounds(app: Mambench, trial: Trial, environment: Environment, *, count: int) -> list[Round]:
    runner = app.runner(run_id=f"selftest-{uuid.uuid4().hex[:8]}", seed=SEED)
    return [
        runner.measure(
            trial,
            environment,
            benchmark=_benchmark(),
            limits=LIMITS,
            timeout_seconds=WORKER_SECONDS,
            index=index,
            order=index,
            on_event=lambda _event: None,
        )
        for index in range(count)
    ]


def _without_numpy(environment: Environment, one: Round) -> tuple[State, str]:
    """Without numpy a worker starts, loads the kernel and says that it cannot check: just that must happen."""
    said = one.failure.message if one.failure is not None else ""
    if "numpy" not in said:
        return "wrong", said or "a product was accepted without a check"
    return "note", f"it starts in {environment.python} and answers; nothing was measured, as no python here has numpy"


def _benchmark() -> BenchmarkSpec:
    kernels = {"toy": Kernel("kernel_toy.py", "sys", (DeviceKind.CPU,))}
    return BenchmarkSpec("selftest", "a toy", "builtin", resources.selftest() / "toy", kernels)


def _best_python(app: Mambench) -> tuple[Environment, bool] | None:
    """The first python with numpy, else the first at all; ready environments come before what is on PATH."""
    first: Environment | None = None
    existing = ExistingSource(app.home, environ=app.environ)
    for python in _pythons(app):
        try:
            found = existing.ask(python, {"numpy": "numpy"})
        except MambenchError:
            continue
        if tuple(int(part) for part in re.findall(r"\d+", found.version)[:2]) < OLDEST_PYTHON:
            continue
        spec = EnvironmentSpec(
            "existing:selftest", str(python), "toy", (DeviceKind.CPU,), (), True, "existing", python=found.executable
        )
        environment = Environment(spec, "existing", found.executable, None, found.version)
        if found.frameworks:
            return environment, True
        first = first or environment
    return (first, False) if first is not None else None


def _pythons(app: Mambench) -> Iterator[Path]:
    """Ours where we run on one, those of ready environments, those on PATH."""
    if not resources.is_frozen():
        yield Path(sys.executable)
    every = app.environments(offline=True)
    for found in prefixes.existing(app.home):
        if found.marker is not None and found.name in app.catalogue.environments:
            ready = every.ready(app.catalogue.environments[found.name], ("conda", "pypi"))
            if ready is not None:
                yield ready.python
    for name in ("python3", "python"):
        if path := shutil.which(name, path=app.environ.get("PATH")):
            yield Path(path)


# ------------------------------------------------------------------------------------------------- report


def _report(app: Mambench, results: tuple[Result, ...]) -> Report:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Report(
        run_id=uuid.uuid4().hex,
        mambench=__version__,
        created=now,
        finished=now,
        complete=True,
        argv=("selftest",),
        seed=SEED,
        settings={"preset": "quick", "source": "auto", "rounds": ROUNDS},
        machine=app.machine,
        results=results,
    )


def _written_and_read(app: Mambench, report: Report) -> tuple[State, str]:
    with app.home.scratch() as folder:
        path = folder / "report.json"
        files.write(path, report_json.dumps(report))
        read = report_json.load(path)
    if read != json.loads(report_json.dumps(report)):
        return "wrong", "what was written is not what was read"
    return "ok", f"written and read, with {counted(len(report.results), 'row')}"
