"""`run`: measure what was asked for, show it, keep the report."""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from argparse import Namespace
from pathlib import Path

from mambench.analysis import verdicts
from mambench.app.consent import confirm
from mambench.app.context import Mambench
from mambench.app.measure import measure
from mambench.app.saver import save_report
from mambench.catalogue import feasibility
from mambench.catalogue import plan as planning
from mambench.cli.output import print_document
from mambench.environments import activation, existing
from mambench.errors import ProvisionError, ReportError, UsageError
from mambench.model import Choices, EnvironmentSpec, Plan, Report
from mambench.report import document as report_json


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
    _say_what_never_fits(app, plan)
    agree = functools.partial(confirm, app, yes=arguments.yes)
    show_it = functools.partial(show, app, copy=copy)
    return measure(app, plan, argv=arguments.argv, agree=agree, show_it=show_it, wait=not arguments.no_wait)


def _say_what_never_fits(app: Mambench, plan: Plan) -> None:
    """Before anything is downloaded for it."""
    rows = [row for stack in plan.stacks if stack.failure is None for row in feasibility.refused(stack, app.machine)]
    for message in dict.fromkeys(failure.message for _, failure in rows if failure.reason == "memory"):
        app.terminal.say(message)


def show(app: Mambench, report: Report, path: Path, *, copy: str | None) -> None:
    """The table, and the copy of the report that `--json` asks for."""
    app.terminal.report(report, verdicts.verdicts(report.results), path=str(path))
    if copy == "-":
        print_document(report_json.dumps(report))
    elif copy:
        save_report(Path(copy), report)


def copy_path(text: str | None) -> str | None:
    """Where `--json` wants the report, known to be possible before an hour is measured.

    Raises UsageError, and ReportError where nothing can be written.
    """
    if not text or text == "-":
        return text
    try:
        path = Path(text).absolute()
    except OSError as error:
        raise UsageError(f"--json {text}: the current folder is gone", remedy="name a whole path") from error
    if not path.parent.is_dir():
        raise UsageError(f"--json {text}: there is no folder {path.parent}", remedy="name a folder that exists")
    if path.exists() and not path.is_file():
        raise UsageError(f"--json {text}: it is no ordinary file", remedy="name a file; - is standard output")
    try:
        with tempfile.TemporaryFile(dir=path.parent):  # as the report will be written: beside the file, then renamed
            return str(path)
    except OSError as error:
        raise ReportError(
            f"--json {text}: cannot write to {path.parent}: {error.strerror}", remedy="name a file in another folder"
        ) from error


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
    name, path = named_path(text, search_path=app.environ.get("PATH"))
    python = _python_at(path, app.machine.platform)
    kernels = {
        framework: kernel
        for benchmark in app.catalogue.benchmarks.values()
        for framework, kernel in benchmark.kernels.items()
    }
    try:
        found = existing.ExistingSource(app.home, environ=app.environ).ask(
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


_PYTHON_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)=(.+)", re.DOTALL)


def named_path(text: str, *, search_path: str | None) -> tuple[str, Path]:
    """`[NAME=]PATH` as two: a path that exists may hold a `=`, and a bare word is looked up on PATH too."""
    named = None if _path_of(text).exists() else _PYTHON_NAME.fullmatch(text)
    name, word = named.groups() if named else ("", text)
    path = _path_of(word)
    found = shutil.which(word, path=search_path) if not path.exists() and Path(word).name == word else None
    return name, Path(found).absolute() if found else path


def _path_of(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--python {text}: {error}", remedy="name a whole path") from error


def _python_at(path: Path, platform: str) -> Path:
    """The python itself, or the one in an environment's folder."""
    if path.is_dir():
        for source in ("conda", "pypi"):
            inside = activation.python_in(platform, path, source=source)
            if inside.exists():
                return inside
        raise UsageError(f"--python: there is no python in {path}")
    if not path.exists():
        raise UsageError(f"--python: {path} does not exist", remedy="name a python, or the folder of an environment")
    return path


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
