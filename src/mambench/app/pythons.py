"""Pythons that the user already has, as stacks: what `--python [NAME=]PATH` means."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mambench.app.context import Mambench
from mambench.catalogue.plan import known_benchmark
from mambench.environments import activation
from mambench.environments.existing import ExistingSource
from mambench.errors import ProvisionError, UsageError
from mambench.model import BenchmarkSpec, EnvironmentSpec, Kernel

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)=(.+)", re.DOTALL)


def existing_specs(app: Mambench, text: str, benchmarks: Iterable[str]) -> list[EnvironmentSpec]:
    """`[NAME=]PATH` as one stack for each framework that this python has and a benchmark can use. Raises UsageError."""
    name, python = _named_python(text, app)
    kernels = _kernels(known_benchmark(each, app.catalogue) for each in benchmarks)
    modules = {framework: kernel.module for framework, kernel in kernels.items()}
    try:
        answer = ExistingSource(app.home, environ=app.environ).ask(python, modules)
    except ProvisionError as error:
        raise UsageError(f"--python {text}: {error}", remedy=error.remedy) from error
    if not answer.frameworks:
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
            python=answer.executable,
        )
        for framework in answer.frameworks
    ]


def _named_python(text: str, app: Mambench) -> tuple[str, Path]:
    """The name, if one is given, and the python. Raises UsageError, also where the system refuses the very path."""
    try:
        name, path = named_path(text, search_path=app.environ.get("PATH"))
        return name, _python_at(path, app.machine.platform)
    except OSError as error:  # too long, or in a folder that may not be searched: Path.exists raises
        raise UsageError(f"--python {text}: {error.strerror}", remedy="correct the path") from error


def _kernels(benchmarks: Iterable[BenchmarkSpec]) -> dict[str, Kernel]:
    """By framework, with the devices of all benchmarks; one without a module needs a stack of its own."""
    kernels: dict[str, Kernel] = {}
    for benchmark in benchmarks:
        for framework, kernel in benchmark.kernels.items():
            if kernel.module:
                devices = dict.fromkeys((*kernels.get(framework, kernel).devices, *kernel.devices))
                kernels[framework] = replace(kernel, devices=tuple(devices))
    return kernels


def named_path(text: str, *, search_path: str | None) -> tuple[str, Path]:
    """`[NAME=]PATH` as two: a path that exists may hold a `=`, and a bare word is looked up on PATH too."""
    named = None if Path(text).exists() else _NAMED.fullmatch(text)  # relative: the current folder may be gone
    name, word = named.groups() if named else ("", text)
    path = _path_of(word)
    on_path = shutil.which(word, path=search_path) if not path.exists() and Path(word).name == word else None
    return name, Path(on_path).absolute() if on_path else path


def _path_of(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--python {text}: {error}", remedy="give an absolute path") from error


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
