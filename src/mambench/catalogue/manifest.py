"""TOML -> specs, validated: a mistake is told with its file, line and field."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mambench.errors import ManifestError
from mambench.model import (
    BenchmarkSpec,
    BrokenFile,
    Catalogue,
    CondaRecipe,
    CudaNeeds,
    DeviceKind,
    EnvironmentSpec,
    Kernel,
    PypiRecipe,
)

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "win-arm64")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*\Z")


def load_catalogue(builtin: tuple[Path, Path], user: tuple[Path, Path]) -> Catalogue:
    """Everything in the two pairs of folders (benchmarks, environments); the user's replace ours by name.

    A broken file of the user disables itself only and is listed in `broken`; a broken one of ours raises.
    A stack of ours that has no kernel in the user's benchmarks is left out.
    """
    broken: list[BrokenFile] = []
    benchmarks: dict[str, BenchmarkSpec] = {}
    environments: dict[str, EnvironmentSpec] = {}
    kernels: dict[str, dict[str, tuple[str, ...]]] = {}
    for origin, (benchmark_folder, _) in (("builtin", builtin), ("home", user)):
        for file in _found(benchmark_folder, "*/benchmark.toml"):
            _take(benchmarks, file.parent.name, file, load_benchmark, origin, broken)
        kernels[origin] = _kernel_devices(benchmarks.values())
    for origin, (_, environment_folder) in (("builtin", builtin), ("home", user)):
        load = partial(load_environment, kernels=kernels[origin])
        for file in _found(environment_folder, "*.toml"):
            _take(environments, file.stem, file, load, origin, broken)
    # A benchmark of the user may have taken the place of the one that had a kernel for a stack of ours.
    left = {name: each for name, each in environments.items() if _can_run(each, kernels["home"])}
    return Catalogue(benchmarks, left, tuple(broken))


def load_environment(
    file: Path, origin: str = "builtin", *, kernels: Mapping[str, Iterable[str]] | None = None
) -> EnvironmentSpec:
    """The stack in one TOML file; `kernels` are those that exist, with their devices. Raises ManifestError."""
    table = _Table.read(file)
    spec = EnvironmentSpec(
        name=_name(file.stem, file),
        title=table.text("title"),
        kernel=table.text("kernel"),
        devices=_devices(table),
        platforms=table.texts("platforms", choices=PLATFORMS),
        tested=table.flag("tested", default=False),
        origin=origin,
        conda=_conda(table.table("conda")),
        pypi=_pypi(table.table("pypi")),
        cuda=_cuda(table.table("cuda")),
        expect=table.strings("expect"),
        file=file,
    )
    table.finish()
    if not spec.sources:
        raise ManifestError(f"{file}: neither [conda] nor [pypi] is there", remedy="add one of the two tables")
    if kernels is not None and spec.kernel not in kernels:
        raise table.error("kernel", f"there is no {spec.kernel!r}; {nearest(spec.kernel, kernels)}")
    if kernels is not None and not _can_run(spec, kernels):
        able = ", ".join(dict.fromkeys(kernels[spec.kernel]))
        raise table.error("devices", f"the kernel {spec.kernel} runs on {able} only")
    return spec


def load_benchmark(file: Path, origin: str = "builtin") -> BenchmarkSpec:
    """The benchmark in one folder. Raises ManifestError."""
    table = _Table.read(file)
    spec = BenchmarkSpec(
        name=_name(file.parent.name, file),
        title=table.text("title"),
        origin=origin,
        folder=file.parent,
        kernels=_kernels(table),
    )
    table.text("description", default="")
    table.finish()
    for framework, kernel in spec.kernels.items():
        if not (file.parent / kernel.file).is_file():
            raise table.error(f"kernels.{framework}", f"there is no file {kernel.file} in {file.parent}")
    return spec


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or all that there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}?" if close else f"there is {', '.join(known)}"


class _Table:
    """A TOML table that knows where it lies and which of its fields nobody asked for."""

    def __init__(self, content: dict[str, Any], file: Path, text: str, path: str = "") -> None:
        self._content, self._file, self._text, self._path = content, file, text, path
        self._asked: set[str] = set()
        self._tables: list[_Table] = []

    @classmethod
    def read(cls, file: Path) -> _Table:
        try:
            text = file.read_text(encoding="utf-8")
            return cls(tomllib.loads(text), file, text)
        except tomllib.TOMLDecodeError as error:
            raise ManifestError(f"{file}: {error}", remedy="correct that line; the format is TOML") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ManifestError(f"{file}: {error}", remedy="see that the file can be read as UTF-8") from error

    def error(self, field: str, problem: str) -> ManifestError:
        full = f"{self._path}.{field}" if self._path else field
        line = _line_of(full.split("."), self._text)
        return ManifestError(f"{self._file}, line {line}, field {full}: {problem}", remedy="correct that field")

    def text(self, field: str, default: str | None = None) -> str:
        value = self._get(field, str, "a text in quotes", default)
        if not value and default is None:
            raise self.error(field, "it is empty")
        return str(value)

    def number(self, field: str) -> int | None:
        value = self._get(field, int, "a whole number", 0)
        if value < 0:
            raise self.error(field, f"{value} is less than 0")
        return int(value) or None

    def flag(self, field: str, *, default: bool) -> bool:
        return bool(self._get(field, bool, "true or false", default))

    def texts(
        self, field: str, *, choices: tuple[str, ...] = (), default: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        values = self._get(field, list, "a list of texts", None if default is None else list(default))
        for value in values:
            if not isinstance(value, str) or not value:
                raise self.error(field, f"{value!r} is not a text in quotes")
            if choices and value not in choices:
                raise self.error(field, f"there is no {value!r}; {nearest(value, choices)}")
        if not values and default is None:
            raise self.error(field, "the list is empty")
        return tuple(values)

    def strings(self, field: str) -> Mapping[str, str]:
        values = self._get(field, dict, "a table of texts", {})
        for name, value in values.items():
            if not isinstance(value, str):
                raise self.error(f"{field}.{name}", f"{value!r} is not a text in quotes")
        return dict(values)

    def table(self, field: str) -> _Table | None:
        content = self._get(field, dict, "a table", {})
        if not content and field not in self._content:
            return None
        table = _Table(content, self._file, self._text, f"{self._path}.{field}" if self._path else field)
        self._tables.append(table)
        return table

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._content)

    def finish(self) -> None:
        for name in self._content:
            if name not in self._asked:
                raise self.error(name, f"this field is not known; {nearest(name, self._asked)}")
        for table in self._tables:
            table.finish()

    def _get(self, field: str, kind: type, description: str, default: Any) -> Any:
        self._asked.add(field)
        if field not in self._content:
            if default is None:
                raise self.error(field, "this field is missing")
            return default
        value = self._content[field]
        if type(value) is not kind:
            raise self.error(field, f"{value!r} is not {description}")
        return value


def _line_of(field: list[str], text: str) -> int:
    """The line of a field, or of the innermost table around it that can be found."""
    lines, at = text.splitlines(), 0
    for depth, name in enumerate(field, 1):
        dotted = r"\s*\.\s*".join(_key(part) for part in field[:depth])
        header = _first(lines, rf"\s*\[\s*{dotted}\s*\]", begin=0)
        if header is not None:
            at = header
            continue
        end = _first(lines, r"\s*\[", begin=at + (depth > 1))
        line = _first(lines[:end], rf"\s*{_key(name)}\s*[.=]", begin=at)
        at = at if line is None else line
    return at + 1


def _first(lines: list[str], pattern: str, *, begin: int) -> int | None:
    return next((number for number in range(begin, len(lines)) if re.match(pattern, lines[number])), None)


def _key(name: str) -> str:
    return rf"[\"']?{re.escape(name)}[\"']?"


def _kernels(table: _Table) -> Mapping[str, Kernel]:
    frameworks = table.table("kernels")
    if frameworks is None:
        raise table.error("kernels", "this table is missing")
    kernels = {}
    for framework in frameworks.names:
        entry = frameworks.table(framework)
        assert entry is not None
        kernels[framework] = Kernel(entry.text("file"), entry.text("module", default=framework), _devices(entry))
    return kernels


def _conda(table: _Table | None) -> CondaRecipe | None:
    if table is None:
        return None
    return CondaRecipe(
        channels=table.texts("channels"),
        packages=table.texts("packages"),
        platforms=table.texts("platforms", choices=PLATFORMS, default=()),
        variables=table.strings("variables"),
        megabytes=table.number("megabytes"),
    )


def _pypi(table: _Table | None) -> PypiRecipe | None:
    if table is None:
        return None
    return PypiRecipe(
        python=_specifier(table, "python"),
        packages=table.texts("packages"),
        torch_backend=table.text("torch_backend", default="") or None,
        exclude_newer=table.text("exclude_newer", default="") or None,
        platforms=table.texts("platforms", choices=PLATFORMS, default=()),
        variables=table.strings("variables"),
        megabytes=table.number("megabytes"),
    )


def _specifier(table: _Table, field: str) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = table.text(field)
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise table.error(field, f"{text!r} is no version specifier such as '>=3.11,<3.15'") from error
    return text


def _cuda(table: _Table | None) -> CudaNeeds | None:
    return None if table is None else CudaNeeds(table.text("version"), table.text("compute_capability"))


def _devices(table: _Table) -> tuple[DeviceKind, ...]:
    return tuple(DeviceKind(word) for word in table.texts("devices", choices=tuple(DeviceKind)))


def _name(name: str, file: Path) -> str:
    if not _NAME.match(name):
        raise ManifestError(
            f"{file}: {name!r} cannot be a name", remedy="use small letters, digits, dashes, dots and underscores"
        )
    return name


def _kernel_devices(benchmarks: Iterable[BenchmarkSpec]) -> dict[str, tuple[str, ...]]:
    devices: dict[str, tuple[str, ...]] = {}
    for benchmark in benchmarks:
        for framework, kernel in benchmark.kernels.items():
            devices[framework] = (*devices.get(framework, ()), *kernel.devices)
    return devices


def _can_run(spec: EnvironmentSpec, kernels: Mapping[str, Iterable[str]]) -> bool:
    return bool(set(spec.devices) & set(kernels.get(spec.kernel, ())))


def _found(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _take(
    into: dict[str, Any],
    name: str,
    file: Path,
    load: Callable[[Path, str], Any],
    origin: str,
    broken: list[BrokenFile],
) -> None:
    try:
        spec = load(file, origin)
    except ManifestError as error:
        if origin == "builtin":
            raise
        broken.append(BrokenFile(name, f"{error} (it is left out; {error.remedy})"))
        return
    into[name] = spec
