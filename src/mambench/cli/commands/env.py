"""`env`: the environments in the home."""

from __future__ import annotations

import contextlib
import functools
import shutil
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mambench.analysis.words import counted
from mambench.app.consent import confirm
from mambench.app.context import Mambench
from mambench.catalogue import manifest
from mambench.catalogue import plan as planning
from mambench.cli.output import print_document, print_json
from mambench.environments import activation
from mambench.environments import prefix as prefixes
from mambench.environments import provision as environments
from mambench.environments.prefix import Draft
from mambench.errors import UnavailableError, UsageError
from mambench.model import Choices, Environment, Reason, Stack
from mambench.system import files, foreground, process
from mambench.terminal.table import megabytes

SIGNAL_EXIT = 128
"""A shell gives a program that was ended by a signal this and the signal's number."""


def list_installed(app: Mambench, arguments: Namespace) -> None:
    """What is installed in the home, with sizes."""
    rows: list[dict[str, Any]] = [
        {
            "name": found.name,
            "source": found.marker["source"] if found.marker else None,
            "python": found.marker["python"] if found.marker else None,
            "created": found.marker["created"] if found.marker else None,
            "size_bytes": sum(size for _, _, size in tree.values()),
            "freed_bytes": files.freed_bytes(tree),
            "prefix": str(found.prefix),
        }
        for found in prefixes.existing(app.home)
        for tree in (files.files_in(found.prefix),)
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
            megabytes(row["freed_bytes"]),
            row["prefix"],
        )
        for row in rows
    ]
    app.terminal.rows("", ("stack", "source", "python", "size", "not shared", "folder"), cells)


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
    every = app.environments(
        offline=choices.offline,
        channels=choices.channels,
        on_event=app.terminal.on_event,
        agree=functools.partial(confirm, app, yes=arguments.yes),
    )
    prepared = [(stack, _prepared(every, stack)) for stack in plan.stacks]
    drafts = tuple(each for _, each in prepared if isinstance(each, Draft))
    if drafts and not confirm(app, drafts, yes=arguments.yes):
        names = ", ".join(draft.spec.name for draft in drafts)
        raise UnavailableError(Reason.SOURCE, f"{names}: not downloaded, as you chose")
    # An install would disturb a run that is being measured; what is ready already waits for nobody.
    with app.alone(" ".join(("mambench env create", *arguments.environments))) if drafts else contextlib.nullcontext():
        for stack, each in prepared:
            environment = each if isinstance(each, Environment) else every.install(each, stack)
            app.terminal.stop_progress()
            app.terminal.say(f"{environment.key} is ready in {environment.prefix}")


def _prepared(every: environments.Environments, stack: Stack) -> Environment | Draft:
    if stack.failure is not None:
        raise UnavailableError(stack.failure.reason, f"{stack.spec.name}: {stack.failure.message}")
    return every.prepare(stack)


def remove(app: Mambench, arguments: Namespace) -> None:
    """Remove environments of these names, whatever their source; `--all` takes the caches too."""
    if not (arguments.environments or arguments.all):
        raise UsageError("env remove needs a name", remedy="`mambench env list` has them; --all removes everything")
    found = list(prefixes.existing(app.home))
    if not arguments.all:
        for name in arguments.environments:
            if name not in {each.name for each in found}:
                names = {each.name for each in found} or {"nothing"}
                raise UsageError(f"{name!r} is not installed; {manifest.nearest(name, names)}")
        found = [each for each in found if each.name in arguments.environments]
    caches = _caches(app) if arguments.all else ()
    with app.alone(" ".join(("mambench env remove", *arguments.environments))):
        freed = environments.remove_all(app.home, found, caches=caches, on_event=app.terminal.on_event)
    app.terminal.stop_progress()
    app.terminal.say(f"removed {counted(len(found), 'environment')}, {megabytes(freed)} are free again")


def _caches(app: Mambench) -> tuple[Path, ...]:
    return app.home.cache, app.home.mamba_root


def path(app: Mambench, arguments: Namespace) -> None:
    """The folder of a ready environment, for scripts."""
    print_document(f"{_ready(app, arguments.environment).prefix}\n")


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
    program = shutil.which(command[0], path=_search_path(child))  # Windows would look along our own PATH
    if program is None:
        raise UsageError(f"cannot run {command[0]}: there is no such program", remedy="name it, or write its path")
    try:
        code = foreground.run([program, *command[1:]], environ={**child, name: str(environment.prefix)})
    except process.StartError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}") from error
    return code if code >= 0 else SIGNAL_EXIT - code


def _search_path(child: Mapping[str, str]) -> str:
    return next((value for name, value in child.items() if name.upper() == "PATH"), "")


def _ready(app: Mambench, name: str) -> Environment:
    spec = planning.known_stack(name, app.catalogue)
    sources = planning.sources_on(spec, app.machine.platform)
    made_from: list[tuple[str, ...]] = [tuple(marker["channels"]) for marker in _markers(app, name)]
    for channels in ((), *made_from):  # the recipe's, then those that --channel named when it was made
        environment = app.environments(offline=True, channels=channels).ready(spec, sources)
        if environment is not None:
            return environment
    raise UsageError(f"{name} is not installed", remedy=f"`mambench env create {name}` makes it")


def _markers(app: Mambench, name: str) -> list[Mapping[str, Any]]:
    """Of the finished environments of this name, the newest first."""
    markers = [found.marker for found in prefixes.existing(app.home) if found.marker and found.name == name]
    return sorted(markers, key=lambda marker: str(marker["created"]), reverse=True)
