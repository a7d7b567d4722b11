"""`new`: an example of a benchmark or of a stack in the home, to be changed into one's own."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.errors import ExitCode, HomeError, UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench

PLACEHOLDER = "@NAME@"


def add(commands: Commands) -> None:
    """`mambench new VERB`."""
    verbs = commands.group("new", "write an example of a benchmark or a stack, to be changed", example="benchmark mine")
    parser = verbs.add("benchmark", "write an example of a benchmark into the home", run, example="benchmark mine")
    parser.add_argument("name", metavar="NAME")
    parser = verbs.add("stack", "write an example of a stack into the home", run_stack, example="stack mine")
    parser.add_argument("name", metavar="NAME")


def run(app: Mambench, arguments: Namespace) -> int:
    """Write a benchmark: its TOML file, a kernel and a check. Raises UsageError, HomeError."""
    from mambench.system import resources

    name, example = arguments.name, resources.new() / "benchmark"
    folder = app.home.user_benchmarks / name
    _refuse(name, "benchmark", ours=resources.benchmarks() / name, own=folder)
    # The file by which it is found comes last: until then there is no benchmark, so no broken one.
    files = sorted(example.iterdir(), key=lambda file: file.suffix == ".toml")
    _write(folder, {folder / file.name: file for file in files if file.is_file()}, name)
    app.terminal.say(f"{folder} has a benchmark that works: sorting with NumPy. Change its files into your own:")
    for file, words in (
        ("benchmark.toml", "what is measured, in which unit, and the sizes"),
        ("kernel_numpy.py", "what is timed"),
        ("check.py", "what a right result is"),
    ):
        app.terminal.say(f"  {file:<15}  {words}")
    _say_next(app, arguments, "run", "numpy-openblas", "--benchmark", name, "--preset", "quick")
    app.terminal.say("or, in a python that has NumPy, --python PYTHON instead of numpy-openblas")
    return ExitCode.OK


def run_stack(app: Mambench, arguments: Namespace) -> int:
    """Write a stack: its TOML file. Raises UsageError, HomeError."""
    from mambench.system import resources

    name = arguments.name
    own = app.home.user_environments / f"{name}.toml"
    _refuse(name, "stack", ours=resources.environments() / f"{name}.toml", own=own)
    _write(own, {own: resources.new() / "stack.toml"}, name)
    app.terminal.say(f"{own} has a stack that works: NumPy. Change its packages into your own.")
    _say_next(app, arguments, "run", name, "--preset", "quick")
    return ExitCode.OK


def _refuse(name: str, what: str, *, ours: Path, own: Path) -> None:
    """Raise UsageError for what cannot be a name, and for what there is already."""
    from mambench.catalogue import names

    if not names.is_name(name):
        raise UsageError(f"{name!r} cannot be the name of a {what}", remedy=names.NAMING)
    if os.path.exists(own):  # False for what cannot be a name, too
        raise UsageError(f"there is a {what} {name} already: {own}", remedy="choose another name, or delete it")
    if os.path.exists(ours):
        raise UsageError(f"there is a {what} {name} already: it comes with mambench", remedy="choose another name")


def _write(own: Path, files: dict[Path, Path], name: str) -> None:
    """Write each file from its example, with the name filled in; nothing is left of what failed. Raises HomeError."""
    import contextlib

    from mambench.system.files import made, remove, write_bytes

    try:
        for target, example in files.items():
            made(target.parent)
            write_bytes(target, example.read_text(encoding="utf-8").replace(PLACEHOLDER, name).encode())
    except OSError as error:
        with contextlib.suppress(OSError):
            remove(own)
        raise HomeError(
            f"cannot write {own}: {error.strerror or error}", remedy="choose another folder with --home DIR"
        ) from error


def _say_next(app: Mambench, arguments: Namespace, *words: str) -> None:
    """The command, as it can be copied; the home only where it was named."""
    from mambench.system.process import quoted

    home: Sequence[str] = ("--home", arguments.home) if arguments.home else ()
    command = " ".join(quoted(("mambench", *words, *home), app.machine.platform))
    app.terminal.say(f"next: {command}")
