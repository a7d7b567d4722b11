"""Who may import whom: downward only, one importer for each side effect, light at the top of cli."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import mambench
from mambench.system import resources

PACKAGE = Path(mambench.__file__).resolve().parent

MAY_IMPORT = {
    "model": "",
    "errors": "model",
    "system": "errors model",
    "analysis": "model",
    "machine": "system model",
    "catalogue": "system errors model",
    "report": "analysis system errors model",
    "terminal": "analysis system errors model",
    "environments": "system errors model",
    "frozen": "environments system",
    "measurement": "environments catalogue machine analysis system errors model",
    "cluster": "report analysis system errors model",
    "app": "measurement frozen environments terminal report catalogue machine analysis system errors model",
    "wizard": "app environments terminal report catalogue analysis system errors model",
    "cli": "wizard app cluster frozen environments terminal report catalogue machine analysis system errors model",
    "__main__": "cli app frozen",
}
"""What each package may import beside itself and `mambench` (its version); bottom to top, and never upward."""

ONLY_IMPORTERS = {
    "subprocess": "system.process",
    "rich": "terminal",
    "questionary": "wizard",
    "prompt_toolkit": "wizard",
    "requests": "system.network",
    "jinja2": "report.page",
    "msgspec": "report.content",
}
PRINTERS = {"cli", "terminal", "wizard"}
FRAMEWORKS = {
    "numpy": {"numpy"},
    "torch": {"torch"},
    "tensorflow": {"tensorflow"},
    "jax": {"jax", "jaxlib"},
    "cupy": {"cupy", "cupyx", "cupy_backends"},
    "mlx": {"mlx"},
    "scipy": {"scipy", "numpy"},
    "blas": {"numpy"},
}
NUMPY_TOO = ("gpt",)
"""Benchmarks whose kernels all take their first values from numpy, whose legacy generator is the same for ever."""

CHECKS = tuple(path.stem for path in resources.worker().glob("check_*.py"))
FOUND_IN_THE_ENVIRONMENT = dict.fromkeys(("signs", "matrices", "operands", *CHECKS), "numpy")
"""What a module of the worker may ask the environment for, in a function, when it is there."""


class Import(NamedTuple):
    module: str
    """Dotted and absolute; `from a import b` gives both `a` and `a.b`."""
    at_top: bool
    type_checking: bool


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def sources() -> dict[str, Path]:
    files = {path.relative_to(PACKAGE): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {
        ".".join(part for part in relative.with_suffix("").parts if part != "__init__") or "__init__": path
        for relative, path in files.items()
        if relative.parts[0] != "resources"
    }


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, in functions and under TYPE_CHECKING too, and importlib's with a constant name."""

    def walk(node: ast.AST, *, at_top: bool, checking: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inside = at_top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            under = checking or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, at_top, checking)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: imports are absolute"
                yield Import(child.module or "", at_top, checking)
                for alias in child.names:
                    yield Import(f"{child.module}.{alias.name}", at_top, checking)
            elif (
                isinstance(child, ast.Call)
                and ast.unparse(child.func) in ("__import__", "importlib.import_module", "import_module")
                and child.args
                and isinstance(child.args[0], ast.Constant)
            ):
                yield Import(str(child.args[0].value), at_top, checking)
            yield from walk(child, at_top=inside, checking=under)

    yield from walk(tree_of(path), at_top=True, checking=False)


def ours(path: Path) -> set[str]:
    """The modules of mambench that a file imports, by their names in the layers."""
    names = sources()
    found = set()
    for one in imports_of(path):
        if one.module == "mambench":
            found.add("__init__")
        elif one.module.startswith("mambench.") and (name := one.module.removeprefix("mambench.")) in names:
            found.add(name)
    return found


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("name", sources())
def test_a_room_imports_what_its_line_allows(name: str) -> None:
    if name == "__init__":
        return
    allowed = {top(name), "__init__", *MAY_IMPORT[top(name)].split()}
    assert {top(other) for other in ours(sources()[name])} <= allowed


def test_no_room_may_import_one_above_it() -> None:
    rooms = list(MAY_IMPORT)
    for number, room in enumerate(rooms):
        assert set(MAY_IMPORT[room].split()) <= set(rooms[:number]), room


def test_no_line_allows_what_nobody_needs() -> None:
    for room, allowed in MAY_IMPORT.items():
        modules = (path for name, path in sources().items() if top(name) == room)
        needed = {top(other) for path in modules for other in ours(path)}
        assert set(allowed.split()) <= needed, room


@pytest.mark.parametrize("folder", sorted({path.parent for path in sources().values()}), ids=lambda path: path.name)
def test_every_package_says_what_happens_in_it(folder: Path) -> None:
    said = ast.get_docstring(tree_of(folder / "__init__.py"))
    assert said is not None and len(said) > 30


def test_there_is_no_import_cycle() -> None:
    graph = {name: ours(path) - {name, "__init__"} for name, path in sources().items()}
    assert cycle_in(graph) == []


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph.get(name, ())):
            if found := visit(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def test_a_cycle_is_found() -> None:
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == ["a", "b", "c", "a"]


@pytest.mark.parametrize(("module", "importer"), ONLY_IMPORTERS.items())
def test_a_side_effect_has_one_importer(module: str, importer: str) -> None:
    users = {name for name, path in sources().items() if any(top(one.module) == module for one in imports_of(path))}
    assert users and all(name == importer or name.startswith(f"{importer}.") for name in users)


def test_cli_loads_only_the_standard_library_before_it_knows_the_command() -> None:
    at_top = {one.module for one in imports_of(PACKAGE / "cli" / "main.py") if one.at_top and not one.type_checking}
    others = {
        name
        for name in at_top
        if top(name) not in sys.stdlib_module_names
        and name not in ("mambench", "mambench.__version__", "mambench.system", "mambench.system.streams")
        and not name.startswith("mambench.errors")
    }
    assert not others


@pytest.mark.parametrize("name", sources())
def test_only_cli_exits(name: str) -> None:
    exits = [
        node.lineno
        for node in ast.walk(tree_of(sources()[name]))
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "exit", "quit"))
        or (isinstance(node, ast.Raise) and node.exc is not None and "SystemExit" in ast.unparse(node.exc))
    ]
    assert not exits or name in ("cli.main", "__main__")


@pytest.mark.parametrize("name", sources())
def test_only_what_talks_to_a_person_prints(name: str) -> None:
    prints = [call.lineno for call in calls(sources()[name]) if ast.unparse(call.func) == "print"]
    assert not prints or top(name) in PRINTERS


def everything() -> list[Path]:
    return [*sources().values(), *sorted(resources.root().rglob("*.py"))]


@pytest.mark.parametrize("path", everything(), ids=lambda path: path.name)
def test_no_command_goes_through_a_shell(path: Path) -> None:
    through = [
        call.lineno
        for call in calls(path)
        if ast.unparse(call.func) in ("os.system", "os.popen", "subprocess.getoutput")
        or any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in call.keywords)
    ]
    assert not through


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def worker_files() -> list[Path]:
    return sorted(resources.worker().glob("*.py"))


def kernel_files() -> list[Path]:
    return sorted(resources.benchmarks().glob("*/kernel_*.py"))


@pytest.mark.parametrize("path", worker_files(), ids=lambda path: path.name)
def test_the_worker_needs_only_itself_and_the_standard_library(path: Path) -> None:
    siblings = {file.stem for file in worker_files()}
    asked_for = FOUND_IN_THE_ENVIRONMENT.get(path.stem)
    tops = {top(one.module) for one in imports_of(path) if one.at_top or one.module != asked_for}
    assert tops <= siblings | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", kernel_files(), ids=lambda path: path.name)
def test_a_kernel_needs_only_its_framework_and_the_standard_library(path: Path) -> None:
    framework = FRAMEWORKS[path.stem.removeprefix("kernel_")]
    framework = framework | {"numpy"} if path.parent.name in NUMPY_TOO else framework
    tops = {top(one.module) for one in imports_of(path)}
    assert tops & framework, "a kernel that does not import its framework"
    assert tops <= framework | set(sys.stdlib_module_names)


def test_the_walk_sees_imports_in_functions_and_under_type_checking(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(
        "import a\nif TYPE_CHECKING:\n    from b import c\ndef f():\n    import d.e\n    importlib.import_module('g')\n"
    )
    assert set(imports_of(file)) == {
        Import("a", True, False),
        Import("b", True, True),
        Import("b.c", True, True),
        Import("d.e", False, False),
        Import("g", False, False),
    }
