"""What each command does: the parts put together. Gives a result or raises; exit codes are cli's."""

from __future__ import annotations

import functools
import json
import socket
import sys
import uuid
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mambench import (
    __version__,
    activation,
    environments,
    home,
    machine,
    manifest,
    network,
    prefixes,
    process,
    resources,
    session,
    summary,
    uv,
)
from mambench import plan as planning
from mambench.errors import HomeError, Interrupted, ProvisionError, ReportError, UnavailableError, UsageError
from mambench.home import Home
from mambench.model import (
    Catalogue,
    Choices,
    Environment,
    EnvironmentSpec,
    Machine,
    Plan,
    Report,
    Source,
    Stack,
)
from mambench.prefixes import Draft
from mambench.report import json as report_json
from mambench.runner import Runner
from mambench.terminal import Terminal, megabytes

UNPACKED_RATIO = 5
"""An environment on disk, its cache included, against its download (measured: torch 3.6, tensorflow 4.3)."""


class Mambench:
    """One invocation: its home, this machine, the catalogue, and where to print."""

    def __init__(self, place: Home, *, environ: Mapping[str, str], terminal: Terminal) -> None:
        self.home, self.environ, self.terminal = place, environ, terminal

    @functools.cached_property
    def machine(self) -> Machine:
        """This computer."""
        return machine.inspect()

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """Ours and the user's own."""
        return manifest.load_catalogue(
            (resources.benchmarks(), resources.environments()),
            (self.home.user_benchmarks, self.home.user_environments),
        )

    def environments(self, *, offline: bool, on_event: Any = None) -> environments.Environments:
        """Every source."""
        platform = self.machine.platform
        makers: dict[Source, environments.Maker] = {
            "pypi": environments.Pypi(
                self.home,
                platform=platform,
                environ=self.environ,
                offline=offline,
                torch_index=functools.cache(lambda: network.unreachable(uv.TORCH_INDEX) is None),
            ),
            "existing": environments.Existing(self.home, environ=self.environ),
        }
        return environments.Environments(self.home, makers, on_event=on_event or (lambda _event: None))


# ---------------------------------------------------------------------------------------------------- run


def run(app: Mambench, arguments: Namespace) -> Report:
    """Measure what was asked for, show it, and give the report. Raises UsageError, HomeError, Interrupted."""
    choices = choices_from(arguments)
    if not (choices.environments or choices.everything or arguments.python):
        raise UsageError(
            "run needs the name of a stack", remedy="`mambench list` has the names; --all takes every one"
        )
    app.home.prepare()
    existing = [spec for text in arguments.python for spec in existing_specs(app, text)]
    plan = planning.build(choices, app.catalogue, app.machine, existing)
    report = empty_report(app.machine, plan, arguments.argv, app.catalogue)
    path = app.home.report_path(datetime.now(UTC), app.machine.hostname, report.run_id)
    runner = Runner(
        app.home,
        platform=app.machine.platform,
        environ=app.environ,
        worker=app.home.copy_code(resources.worker()),
        run_id=report.run_id,
        seed=plan.seed,
    )
    saved = _Saver(path)
    using = session.Collaborators(
        provisioner=app.environments(offline=choices.offline, on_event=app.terminal.on_event),
        measurer=runner,
        confirm=functools.partial(confirm, app, yes=arguments.yes),
        save=saved,
        on_event=app.terminal.on_event,
        available_bytes=machine.available_bytes,
    )
    try:
        report = session.execute(plan, report=report, machine=app.machine, using=using)
    except Interrupted:
        if saved.report is not None and saved.report.finished is not None:
            show(app, saved.report, path, arguments.json)
        raise
    finally:
        app.terminal.stop_progress()
    show(app, report, path, arguments.json)
    return report


class _Saver:
    """Writes the report after every trial and keeps the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.report: Report | None = None

    def __call__(self, report: Report) -> None:
        self.report = report
        save_report(self._path, report)


def save_report(path: Path, report: Report) -> None:
    """Write a report whole or not at all. Raises ReportError."""
    try:
        home.write(path, report_json.dumps(report))
    except OSError as error:
        raise ReportError(
            f"cannot write the report {path}: {error.strerror}", remedy="free disk space or name another --home"
        ) from error


def show(app: Mambench, report: Report, path: Path, copy: str | None) -> None:
    """The table, and the copy of the report that `--json` asks for."""
    app.terminal.report(report, summary.verdicts(report.results), path=str(path))
    if copy == "-":
        sys.stdout.write(report_json.dumps(report))
        sys.stdout.flush()
    elif copy:
        save_report(Path(copy).absolute(), report)


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
        timeout_seconds=None if arguments.timeout is None else _seconds(arguments.timeout),
        offline=arguments.offline,
    )


def existing_specs(app: Mambench, text: str) -> list[EnvironmentSpec]:
    """`[NAME=]PATH` as one stack for each framework that this python has. Raises UsageError."""
    name, separator, path = text.partition("=")
    if not separator:
        name, path = "", text
    python = _python_at(Path(path).expanduser().absolute(), app.machine.platform)
    kernels = app.catalogue.benchmarks[planning.BENCHMARK].kernels
    try:
        found = environments.Existing(app.home, environ=app.environ).ask(
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


def confirm(app: Mambench, drafts: tuple[Draft, ...], *, yes: bool) -> bool:
    """Tell what is downloaded and ask once for all. Raises UsageError where nobody can answer."""
    download = sum(draft.download_bytes for draft in drafts)
    names = ", ".join(draft.spec.name for draft in drafts)
    free = home.free_bytes(app.home.root)
    disk = download * UNPACKED_RATIO
    if disk > free:
        raise HomeError(
            f"{names} need about {megabytes(disk)} of disk, {megabytes(free)} are free in {app.home.root}",
            remedy="free some disk space, or choose another --home",
        )
    line = f"{names}: {megabytes(download)} to download, about {megabytes(disk)} on disk ({megabytes(free)} free)"
    if yes:
        app.terminal.say(line)
        return True
    if not app.terminal.interactive:
        raise UsageError(line, remedy="add --yes to let it be downloaded")
    return app.terminal.confirm(f"{line}. Go on?")


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


# ------------------------------------------------------------------------------------------ list and info


def list_stacks(app: Mambench, arguments: Namespace) -> None:
    """What is ready, what would be downloaded, why the rest cannot run."""
    every = app.environments(offline=True)
    rows = [_listed(app, spec, every.ready(spec, spec.sources)) for spec in app.catalogue.environments.values()]
    if arguments.json:
        print_json({"environments": rows, "broken": list(app.catalogue.broken)})
        return
    rank = {"ready": 0, "available": 1, "unavailable": 2}
    rows.sort(key=lambda row: rank[row["status"]])
    shown = [(row["name"], row["title"] + _marks(row), row["status"], row["detail"]) for row in rows]
    app.terminal.rows("", ("stack", "what it is", "here", ""), shown)
    for line in app.catalogue.broken:
        app.terminal.say(line)


def _listed(app: Mambench, spec: EnvironmentSpec, ready: Environment | None) -> dict[str, Any]:
    failure = planning.impossible(spec, app.machine)
    if failure is not None:
        status, detail = "unavailable", failure.message
    elif ready is not None:
        status, detail = "ready", f"{ready.source}, python {ready.version}"
    else:
        recipes = {"conda": spec.conda, "pypi": spec.pypi}
        tops = [
            f"{source}: {' '.join(recipe.packages)}" for source, recipe in recipes.items() if recipe is not None
        ]
        status, detail = "available", "; ".join(tops)
    return {
        "name": spec.name,
        "title": spec.title,
        "kernel": spec.kernel,
        "devices": list(spec.devices),
        "platforms": list(spec.platforms),
        "sources": list(spec.sources),
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
            "frozen": resources.is_frozen(),
            "uv": str(uv.find(app.environ) or "") or None,
            "machine": report_json.machine_dict(here),
        }
        print_json(content)
        return
    cpu = here.cpu
    pairs = [
        ("mambench", f"{__version__}{' (frozen)' if resources.is_frozen() else ''}"),
        (
            "CPU",
            f"{cpu.model}, {cpu.physical_cores} cores, {cpu.logical_cores} threads, {cpu.usable_cores} usable",
        ),
        ("SIMD", ", ".join(cpu.simd) or "unknown"),
        ("memory", f"{here.memory_bytes / 2**30:.1f} GiB, {machine.available_bytes() / 2**30:.1f} GiB free"),
        *((f"GPU {gpu.kind}:{gpu.index}", _gpu_words(gpu)) for gpu in here.gpus),
        *([] if here.gpus else [("GPU", "none found")]),
        ("system", f"{here.os} ({here.platform})"),
        ("home", str(app.home.root)),
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


def print_json(content: Any) -> None:
    """One document to standard output."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


# ---------------------------------------------------------------------------------------------------- env


def env_list(app: Mambench, arguments: Namespace) -> None:
    """What is installed in the home, with sizes."""
    rows: list[dict[str, Any]] = [
        {
            "name": found.name,
            "source": found.marker["source"] if found.marker else None,
            "python": found.marker["python"] if found.marker else None,
            "created": found.marker["created"] if found.marker else None,
            "size_bytes": home.tree_bytes(found.prefix),
            "prefix": str(found.prefix),
        }
        for found in prefixes.existing(app.home)
    ]
    if arguments.json:
        print_json({"environments": rows})
        return
    if not rows:
        app.terminal.say("no environment is installed; `mambench env create NAME` or `mambench run NAME` make one")
        return
    cells = [
        (
            row["name"],
            row["source"] or "unfinished",
            row["python"] or "",
            megabytes(row["size_bytes"]),
            row["prefix"],
        )
        for row in rows
    ]
    app.terminal.rows("", ("stack", "source", "python", "size", "folder"), cells)


def env_create(app: Mambench, arguments: Namespace) -> None:
    """Make environments without measuring anything. Raises the first error."""
    app.home.prepare()
    choices = Choices(
        environments=tuple(arguments.environments),
        source=arguments.source,
        channels=tuple(arguments.channel),
        offline=arguments.offline,
    )
    plan = planning.build(choices, app.catalogue, app.machine)
    every = app.environments(offline=choices.offline, on_event=app.terminal.on_event)
    for stack in plan.stacks:
        environment = _created(app, every, stack, yes=arguments.yes)
        app.terminal.stop_progress()
        app.terminal.say(f"{environment.key} is ready in {environment.prefix}")


def _created(app: Mambench, every: environments.Environments, stack: Stack, *, yes: bool) -> Environment:
    if stack.failure is not None:
        raise UnavailableError(stack.failure.reason, f"{stack.spec.name}: {stack.failure.message}")
    prepared = every.prepare(stack)
    if isinstance(prepared, Environment):
        return prepared
    if not confirm(app, (prepared,), yes=yes):
        raise UnavailableError("source", f"{stack.spec.name} was not downloaded, as you chose")
    return every.install(prepared, stack)


def env_remove(app: Mambench, arguments: Namespace) -> None:
    """Remove environments of these names, whatever their source; `--all` takes the caches too."""
    found = list(prefixes.existing(app.home))
    if not arguments.all:
        for name in arguments.environments:
            if name not in {each.name for each in found}:
                names = {each.name for each in found} or {"nothing"}
                raise UsageError(f"{name!r} is not installed; {manifest.nearest(name, names)}")
        found = [each for each in found if each.name in arguments.environments]
    try:
        freed = environments.remove_all(app.home, found)
        for folder in (app.home.cache, app.home.mamba_root) if arguments.all else ():
            freed += home.tree_bytes(folder)
            home.remove(folder)
    except OSError as error:
        raise HomeError(f"cannot remove {error.filename}: {error.strerror}") from error
    app.terminal.say(f"removed {len(found)} environments, {megabytes(freed)} are free again")


def env_path(app: Mambench, arguments: Namespace) -> None:
    """The folder of a ready environment, for scripts."""
    print(_ready(app, arguments.environment).prefix)


def env_exec(app: Mambench, arguments: Namespace) -> int:
    """Run a person's own command in an environment with the right PATH, and give its exit code."""
    command = arguments.command_line[1:] if arguments.command_line[:1] == ["--"] else arguments.command_line
    if not command:
        raise UsageError("env exec needs a command", remedy=f"mambench env exec {arguments.environment} -- python")
    environment = _ready(app, arguments.environment)
    assert environment.prefix is not None
    platform = app.machine.platform
    child = activation.with_path(
        platform, {**app.environ, **environment.variables}, activation.search_path(platform, environment.prefix)
    )
    name = "CONDA_PREFIX" if environment.source == "conda" else "VIRTUAL_ENV"
    child = {key: value for key, value in child.items() if key not in ("PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX")}
    try:
        return process.replace_self(command, environ={**child, name: str(environment.prefix)})
    except OSError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}") from error


def _ready(app: Mambench, name: str) -> Environment:
    if name not in app.catalogue.environments:
        raise UsageError(f"there is no stack {name!r}; {manifest.nearest(name, app.catalogue.environments)}")
    spec = app.catalogue.environments[name]
    environment = app.environments(offline=True).ready(spec, spec.sources)
    if environment is None:
        raise UsageError(f"{name} is not installed", remedy=f"`mambench env create {name}` makes it")
    return environment


# ---------------------------------------------------------------------------------------------- arguments


def home_from(option: str | None, environ: Mapping[str, str]) -> Home:
    """--home, MAMBENCH_HOME, else the user's data folder. Raises HomeError."""
    if option or environ.get("MAMBENCH_HOME"):
        return Home(Path(option or environ["MAMBENCH_HOME"]).expanduser().absolute())
    import platformdirs

    try:
        return Home(Path(platformdirs.user_data_dir("mambench", appauthor=False)))
    except (RuntimeError, KeyError, OSError) as error:
        raise HomeError(f"no folder for data is known: {error}", remedy="name one with --home DIR") from error


def _number(text: str, option: str, largest: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
        raise UsageError(f"{option} {text}: it takes a whole number from 1 to {largest}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e6:
        raise UsageError(f"--timeout {text}: it takes seconds, more than 0")
    return value
