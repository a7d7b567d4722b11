"""`run`: measure what was asked for, show it, keep the report."""

from __future__ import annotations

import functools
import socket
import uuid
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mambench import (
    __version__,
    activation,
    existing,
    home,
    machine,
    network,
    session,
    summary,
)
from mambench import plan as planning
from mambench.application import Mambench, confirm, print_document
from mambench.errors import Interrupted, ProvisionError, ReportError, UsageError
from mambench.model import (
    Catalogue,
    Choices,
    EnvironmentSpec,
    Machine,
    Plan,
    Report,
)
from mambench.prefixes import Draft
from mambench.report import json as report_json


def run(app: Mambench, arguments: Namespace) -> Report:
    """Measure what was asked for, show it, and give the report. Raises UsageError, HomeError, Interrupted."""
    choices = choices_from(arguments)
    if not (choices.environments or choices.everything or arguments.python):
        raise UsageError("run needs the name of a stack", remedy="`mambench list` has the names; --all takes every one")
    copy = copy_path(arguments.json)
    app.home.prepare()
    app.home.sweep()
    pythons = [spec for text in arguments.python for spec in existing_specs(app, text)]
    plan = planning.build(choices, app.catalogue, app.machine, pythons)
    agree = functools.partial(confirm, app, yes=arguments.yes)
    show_it = functools.partial(show, app, copy=copy)
    return measure(app, plan, argv=arguments.argv, agree=agree, show_it=show_it)


def measure(
    app: Mambench,
    plan: Plan,
    *,
    argv: Sequence[str],
    agree: Callable[[tuple[Draft, ...]], bool],
    show_it: Callable[[Report, Path], None],
) -> Report:
    """Carry out a plan, save the report after every trial, show it, after an interrupt too.

    `agree` is asked before anything is downloaded. Raises ReportError, HomeError, Interrupted.
    """
    report = empty_report(app.machine, plan, argv, app.catalogue)
    path = app.home.report_path(datetime.now(UTC), app.machine.hostname, report.run_id)
    saver = _Saver(path)
    using = session.Collaborators(
        provisioner=app.environments(
            offline=plan.choices.offline,
            channels=plan.choices.channels,
            on_event=app.terminal.on_event,
            agree=agree,
        ),
        measurer=app.runner(run_id=report.run_id, seed=plan.seed),
        confirm=agree,
        save=saver,
        on_event=app.terminal.on_event,
        available_bytes=machine.available_bytes,
    )
    try:
        report = session.execute(plan, report=report, machine=app.machine, using=using)
    except Interrupted:
        if saver.report is not None:
            show_it(saver.report, path)
        raise
    finally:
        app.terminal.stop_progress()
    show_it(report, path)
    if saver.problem is not None:
        raise saver.problem
    return report


class _Saver:
    """Writes the report after every trial and keeps the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.report: Report | None = None
        self.problem: ReportError | None = None

    def __call__(self, report: Report) -> None:
        self.report = report
        try:
            save_report(self._path, report)
            self.problem = None
        except ReportError as error:
            if not report.results:
                raise
            self.problem = error  # the next attempt may succeed, and what is measured is shown in any case


def save_report(path: Path, report: Report) -> None:
    """Write a report whole or not at all. Raises ReportError."""
    try:
        home.write(path, report_json.dumps(report))
    except OSError as error:
        raise ReportError(
            f"cannot write the report {path}: {error.strerror}", remedy="free disk space or name another --home"
        ) from error


def show(app: Mambench, report: Report, path: Path, *, copy: str | None) -> None:
    """The table, and the copy of the report that `--json` asks for."""
    app.terminal.report(report, summary.verdicts(report.results), path=str(path))
    if copy == "-":
        print_document(report_json.dumps(report))
    elif copy:
        save_report(Path(copy), report)


def copy_path(text: str | None) -> str | None:
    """Where `--json` wants the report, known to be possible before an hour is measured. Raises UsageError."""
    if not text or text == "-":
        return text
    try:
        path = Path(text).absolute()
    except OSError as error:
        raise UsageError(f"--json {text}: the current folder is gone", remedy="name a whole path") from error
    if path.is_dir() or not path.parent.is_dir():
        missing = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"--json {text}: {missing}", remedy="name a file in a folder that exists")
    return str(path)


def choices_from(arguments: Namespace) -> Choices:
    """The command line's words; lists may come in several options or with commas."""
    return Choices(
        environments=tuple(arguments.environments),
        everything=arguments.all,
        preset=arguments.preset,
        sizes=tuple(_number(text, "--size", planning.LARGEST_SIZE) for text in arguments.size),
        dtypes=tuple(arguments.dtype),
        devices=tuple(arguments.device),
        threads=tuple(_number(text, "--threads", 4096) for text in arguments.threads),
        source=arguments.source,
        channels=tuple(arguments.channel),
        rounds=None if arguments.rounds is None else _number(arguments.rounds, "--rounds", 1000),
        timeout_seconds=_seconds(arguments.timeout, "--timeout"),
        max_run_seconds=_seconds(arguments.max_run_seconds, "--max-run-seconds"),
        offline=arguments.offline,
    )


def existing_specs(app: Mambench, text: str) -> list[EnvironmentSpec]:
    """`[NAME=]PATH` as one stack for each framework that this python has. Raises UsageError."""
    name, separator, path = text.partition("=")
    if not separator:
        name, path = "", text
    python = _python_at(Path(path).expanduser().absolute(), app.machine.platform)
    kernels = {
        framework: kernel
        for benchmark in app.catalogue.benchmarks.values()
        for framework, kernel in benchmark.kernels.items()
    }
    try:
        found = existing.Existing(app.home, environ=app.environ).ask(
            python, {framework: kernel.module for framework, kernel in kernels.items()}
        )
    except ProvisionError as error:
        raise UsageError(f"--python {text}: {error}", remedy=error.remedy) from error
    if not found.frameworks:
        raise UsageError(f"--python {text}: it has none of {', '.join(kernels)}")
    folder = python.parent.parent if python.parent.name in ("bin", "Scripts") else python.parent
    return [
        EnvironmentSpec(
            name=f"existing:{name or folder.name or 'python'}",
            title=str(python),
            kernel=framework,
            devices=kernels[framework].devices,
            platforms=(app.machine.platform,),
            tested=False,
            origin="existing",
            python=found.executable,
        )
        for framework in found.frameworks
    ]


def _python_at(path: Path, platform: str) -> Path:
    """The python itself, or the one in an environment's folder."""
    if path.is_dir():
        for source in ("conda", "pypi"):
            inside = activation.python_in(platform, path, source=source)
            if inside.exists():
                return inside
        raise UsageError(f"--python: there is no python in {path}")
    if not path.exists():
        raise UsageError(f"--python: {path} does not exist")
    return path


def empty_report(here: Machine, plan: Plan, argv: Sequence[str], catalogue: Catalogue) -> Report:
    """The report before anything is measured."""
    choices = plan.choices
    settings: dict[str, Any] = {
        "preset": choices.preset,
        "source": choices.source,
        "rounds": plan.rounds,
        "sizes": list(choices.sizes),
        "dtypes": list(choices.dtypes),
        "devices": list(choices.devices),
        "threads": list(choices.threads),
        "channels": [network.without_credentials(channel) for channel in choices.channels],
        "offline": choices.offline,
        "timeout_seconds": plan.timeout_seconds,
        "limits": asdict(plan.limits),
    }
    return Report(
        run_id=uuid.uuid4().hex,
        mambench=__version__,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        finished=None,
        complete=False,
        argv=tuple(network.without_credentials(word) if "://" in word else word for word in argv),
        seed=plan.seed,
        settings=settings,
        machine=replace(here, hostname=here.hostname or socket.gethostname()),
        warnings=catalogue.broken,
    )


def _number(text: str, option: str, largest: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
        raise UsageError(f"{option} {text}: it takes a whole number from 1 to {largest}")
    return int(text)


def _seconds(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e6:
        raise UsageError(f"{option} {text}: it takes seconds, more than 0")
    return value
