"""`env`: the environments in the home."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from mambench import (
    activation,
    environments,
    home,
    manifest,
    prefixes,
    process,
)
from mambench import plan as planning
from mambench.application import Mambench, confirm, print_json
from mambench.errors import HomeError, UnavailableError, UsageError
from mambench.model import (
    Choices,
    Environment,
    Stack,
)
from mambench.terminal.table import megabytes


def list_installed(app: Mambench, arguments: Namespace) -> None:
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


def create(app: Mambench, arguments: Namespace) -> None:
    """Make environments without measuring anything. Raises the first error."""
    app.home.prepare()
    choices = Choices(
        environments=tuple(arguments.environments),
        source=arguments.source,
        channels=tuple(arguments.channel),
        offline=arguments.offline,
    )
    plan = planning.build(choices, app.catalogue, app.machine)
    every = app.environments(offline=choices.offline, channels=choices.channels, on_event=app.terminal.on_event)
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


def remove(app: Mambench, arguments: Namespace) -> None:
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


def path(app: Mambench, arguments: Namespace) -> None:
    """The folder of a ready environment, for scripts."""
    print(_ready(app, arguments.environment).prefix)


def execute(app: Mambench, arguments: Namespace) -> int:
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
    environment = app.environments(offline=True).ready(spec, planning.sources_on(spec, app.machine.platform))
    if environment is None:
        raise UsageError(f"{name} is not installed", remedy=f"`mambench env create {name}` makes it")
    return environment
