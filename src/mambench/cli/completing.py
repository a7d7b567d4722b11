"""The completion of each shell, by shtab from the parser: a new command or option is in it by itself.

A script holds commands, options and fixed values. Names that a home adds it asks of `mambench completion --words`
(`cli/words.py`) when they are wanted; the first program of that name on PATH answers, not one of the current folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import shtab

from mambench.catalogue.manifest import PLATFORMS
from mambench.catalogue.presets import PRESETS
from mambench.cli import words
from mambench.model import DTYPES, DeviceKind

_VALUES: Mapping[str, Sequence[str]] = {
    "--preset": tuple(PRESETS),
    "--dtype": tuple(DTYPES),
    "--device": tuple(DeviceKind),
    "--source": ("auto", "conda", "pypi"),
    "--gpus": ("all",),
    "--platform": PLATFORMS,
}
"""Of options whose values are known; argparse does not have them as choices where they may be joined by commas."""

_FROM_HOME = {
    "--benchmark": "benchmarks",
    "ENVIRONMENT": "stacks",
    "STACK": "stacks",
    "TRIAL": "stacks",
    "RESULT": "results",
    "REPORT": "results",
    "ID": "results",
}
"""What is asked of the program, by option, else by the word for the value in the help."""

_PATHS = {"PATH": shtab.FILE, "FILE": shtab.FILE, "[NAME=]PATH": shtab.FILE, "DIR": shtab.DIRECTORY}


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion of a command line for a shell; `parser` is changed by it."""
    for action in _actions(parser):
        _explain(action)
    text = shtab.complete(parser, shell).rstrip() + "\n"
    # shtab lets zsh complete the first of several names only.
    return text.replace('"(*)::', '"*:').replace('"(*):', '"*:') if shell == "zsh" else text


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _actions(each)


def _explain(action: Any) -> None:
    """Say what is offered for a value, as shtab wants to be told."""
    option, metavar = (action.option_strings or [""])[-1], str(action.metavar)
    if option in _VALUES:
        action.choices = _VALUES[option]
    elif kind := _FROM_HOME.get(option) or _FROM_HOME.get(metavar):
        action.complete = _asked(kind)
    elif metavar in _PATHS:
        action.complete = _PATHS[metavar]


def _asked(kind: str) -> dict[str, Any]:
    """How each shell asks the program; a report may be a file as well.

    shtab's own `cmd` would ask when zsh starts, not when the names are wanted.
    """
    name, command = f"_mambench_{kind}", f"mambench completion {words.OPTION} {kind}"
    bash, zsh, fish, powershell = _AND_FILES if kind == "results" else ("", "", "", "")
    wanted = 'Where-Object { $_ -like "$Word*" }'
    return {
        "bash": name,
        "zsh": f"{{compadd - \\$({command} 2>/dev/null){zsh}}}",
        "fish": f"({command} 2>/dev/null{fish})",
        "powershell": name,
        "preamble": {
            "bash": f'{name}() {{ compgen -W "$({command} 2>/dev/null)" -- "$1"{bash}; }}',
            "powershell": f"function {name} {{\n  param([string]$Word)\n  {command} 2>$null | {wanted}{powershell}\n}}",
        },
    }


_AND_FILES = (
    '; compgen -f -- "$1"',
    "; _files",
    "; __fish_complete_path (commandline -ct)",
    "; _shtab_powershell_compgen_files $Word",
)
"""In bash, zsh, fish and PowerShell."""
