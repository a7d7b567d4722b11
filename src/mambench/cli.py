"""Arguments -> calls; the only place that decides an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mambench import __version__, streams

if TYPE_CHECKING:
    from mambench.model import Report

OK, OUR_FAULT, USAGE, NOTHING, NOT_OK = 0, 1, 2, 3, 4

MAKES_ENVIRONMENTS = {None, "run", "selftest"}
"""Commands that refuse a home in which environments could not work; None is the wizard."""

_EPILOGUE = """examples:
  mambench                                       ask what to measure
  mambench run numpy-openblas torch-cpu --preset quick
  mambench run --all --yes --json result.json    everything that can run here, unattended
  mambench list                                  what can run here, and why the rest cannot

Nothing leaves this computer. Everything is kept in one folder: --home, or MAMBENCH_HOME.
exit codes: 0 all is well, 1 a fault of mambench, 2 usage, 3 nothing measured, 4 a row is not ok, 5 a file"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        print(f"mambench {__version__}")
        return OK
    try:
        arguments = _parser().parse_args(words)
        arguments.argv = words
        return _guarded(arguments)
    finally:
        streams.flush()


def _guarded(arguments: argparse.Namespace) -> int:
    """Every way in which a command can end, as an exit code; no traceback reaches the screen."""
    from mambench.errors import Interrupted, MambenchError
    from mambench.terminal import Terminal

    streams.steady()
    json_wanted = getattr(arguments, "json", None)
    terminal = Terminal(quiet=getattr(arguments, "quiet", False), table_to_stderr=json_wanted == "-")
    try:
        return int(_dispatch(arguments, terminal))
    except Interrupted as error:
        terminal.stop_progress()
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except MambenchError as error:
        terminal.error(error)
        return error.exit_code
    except BrokenPipeError:
        return OK
    except Exception as error:
        terminal.stop_progress()
        return _own_fault(error, arguments)


def _dispatch(arguments: argparse.Namespace, terminal: Any) -> int:
    from mambench import frozen, supervision
    from mambench.application import Mambench, home_from, require_suitable

    environ = frozen.begin(os.environ)
    app = Mambench(home_from(arguments.home, environ), environ=environ, terminal=terminal)
    with supervision.supervised():
        if app.home.note:
            terminal.say(app.home.note)
        if arguments.command in MAKES_ENVIRONMENTS or getattr(arguments, "verb", None) == "create":
            require_suitable(app)
        if arguments.command is None:
            return _wizard(app, arguments)
        if arguments.command == "run":
            from mambench.commands.run import run

            return exit_code(run(app, arguments), arguments)
        module, _, function = arguments.call.partition(".")
        return getattr(importlib.import_module(f"mambench.commands.{module}"), function)(app, arguments) or OK


def _wizard(app: Any, arguments: argparse.Namespace) -> int:
    if not (app.terminal.interactive and sys.stdout.isatty()):
        from mambench.errors import UsageError

        raise UsageError(
            "without a terminal there is nobody to ask",
            remedy="say what to measure: mambench run NAME ...; `mambench list` has the names",
        )
    from mambench.wizard import start

    start.run(app, plain=arguments.plain or os.environ.get("TERM") == "dumb")
    return OK


def exit_code(report: Report, arguments: argparse.Namespace) -> int:
    """0 if every requested row is ok or excused, 3 if nothing could be measured, else 4."""
    if not any(result.status == "ok" for result in report.results):
        return NOTHING
    named = set(arguments.environments)
    for result in report.results:
        stack = result.trial.environment.partition("@")[0]
        stack_named = stack in named or stack.startswith("existing:")
        if result.status == "failed":
            return NOT_OK
        if result.status == "unavailable" and result.failure is not None:
            reason = result.failure.reason
            dtype_excused = reason == "dtype" and result.trial.dtype not in arguments.dtype
            if stack_named and not dtype_excused:
                return NOT_OK
    return OK


def _own_fault(error: Exception, arguments: argparse.Namespace) -> int:
    import tempfile
    import traceback
    from pathlib import Path

    place = "its traceback could not be written"
    try:
        from mambench.application import home_from

        logs = home_from(arguments.home, os.environ).logs
        logs.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix="fault-", suffix=".log", dir=logs)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            traceback.print_exception(error, file=stream)
        place = f"its traceback is in {Path(name)}"
    except Exception as second:
        place += f" ({type(second).__name__})"
    print(f"mambench: a fault of its own: {type(error).__name__}: {error}; {place}", file=sys.stderr)
    return OUR_FAULT


# ------------------------------------------------------------------------------------------------- parser


class _Parser(argparse.ArgumentParser):
    """argparse with our exit code, and the nearest names for a wrong command."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(USAGE)


class _Several(argparse.Action):
    """An option that may stand several times and take commas."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        del parser, option_string
        words = [word for word in str(values).split(",") if word]
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *words])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mambench",
        description="Measures matrix multiplication in isolated environments and verifies every product.",
        epilog=_EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mambench {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="the one folder that holds everything")
    parser.add_argument("--home", metavar="DIR", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--plain", action="store_true", help="ask in plain lines, for screen readers")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_run(commands, common)
    _add(commands, common, "list", "what can run here, and why the rest cannot", "inform.list_stacks", json=True)
    _add(commands, common, "info", "the machine, the program, the home", "inform.info", json=True)
    doctor = _add(commands, common, "doctor", "what is wrong here, and how to mend it", "inform.diagnose", json=True)
    doctor.add_argument("--channel", metavar="URL", action="append", default=[], help="a conda channel to try")
    doctor.add_argument("--offline", action="store_true", help="use no network")
    _add(commands, common, "selftest", "whether this program works here, without a network", "selftest.selftest")
    _add_env(commands, common)
    return parser


def _add(commands: Any, common: Any, name: str, text: str, call: str, *, json: bool = False, example: str = "") -> Any:
    parser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        parents=[common],
        epilog=f"example: {example or f'mambench {name}'}",
    )
    parser.set_defaults(call=call)
    if json:
        parser.add_argument("--json", action="store_true", help="one JSON document to standard output")
    return parser


def _add_run(commands: Any, common: Any) -> None:
    parser = _add(
        commands, common, "run", "measure stacks and show a table", "run.run",
        example="mambench run numpy-openblas jax-cpu --preset quick --yes --json result.json",
    )  # fmt: skip
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help="names from `mambench list`")
    parser.add_argument("--all", action="store_true", help="every stack that can run here")
    parser.add_argument("--preset", default="standard", metavar="NAME", help="quick, standard (default), thorough")
    several: dict[str, Any] = {"action": _Several, "default": []}
    parser.add_argument("--size", metavar="N", help="rows and columns of the matrices", **several)
    parser.add_argument("--dtype", metavar="D", help="float64, float32, tf32, float16, bfloat16", **several)
    parser.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1, metal", **several)
    parser.add_argument("--threads", metavar="N", help="threads of the CPU", **several)
    parser.add_argument("--rounds", metavar="R", help="fresh processes for each trial")
    parser.add_argument("--timeout", metavar="SECONDS", help="for one worker, imports included")
    parser.add_argument("--python", metavar="[NAME=]PATH", action="append", default=[], help="a python you have")
    _add_source(parser)
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")
    parser.add_argument("--json", metavar="PATH", help="write the report there as well; - for standard output")


def _add_source(parser: Any) -> None:
    parser.add_argument("--source", default="auto", metavar="S", help="auto (default), conda, pypi")
    parser.add_argument(  # a comma may be part of a URL or a folder's name
        "--channel", metavar="URL", action="append", default=[],
        help="a conda channel instead of the recipe's; for several, repeat it",
    )  # fmt: skip
    parser.add_argument("--offline", action="store_true", help="use no network")


def _add_env(commands: Any, common: Any) -> None:
    parser = commands.add_parser("env", help="the environments in the home", epilog="example: mambench env list")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    _add(
        verbs,
        common,
        "list",
        "what is installed, with sizes",
        "env.list_installed",
        json=True,
        example="mambench env list",
    )
    create = _add(
        verbs, common, "create", "make environments without measuring", "env.create",
        example="mambench env create numpy-openblas --yes",
    )  # fmt: skip
    create.add_argument("environments", nargs="+", metavar="ENVIRONMENT")
    _add_source(create)
    create.add_argument("--yes", action="store_true", help="download without asking")
    create.add_argument("--quiet", action="store_true", help="no progress")
    remove = _add(verbs, common, "remove", "delete environments", "env.remove", example="mambench env remove jax-cpu")
    remove.add_argument("environments", nargs="*", metavar="ENVIRONMENT")
    remove.add_argument("--all", action="store_true", help="all of them, and the caches")
    path = _add(
        verbs, common, "path", "print an environment's folder", "env.path", example="mambench env path numpy-mkl"
    )
    path.add_argument("environment", metavar="ENVIRONMENT")
    execute = _add(
        verbs, common, "exec", "run a command in an environment", "env.execute",
        example="mambench env exec numpy-mkl -- python mine.py",
    )  # fmt: skip
    execute.add_argument("environment", metavar="ENVIRONMENT")
    execute.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- COMMAND")
