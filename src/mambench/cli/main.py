"""Arguments -> calls; the only place that decides an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mambench import __version__
from mambench.errors import ExitCode, Interrupted, MambenchError, UsageError
from mambench.system import streams

if TYPE_CHECKING:
    from mambench.model import Report
    from mambench.system.home import Home
    from mambench.system.log import LogFile
    from mambench.terminal.console import Terminal

MAKES_ENVIRONMENTS = {"wizard", "run", "selftest", "env-create"}
"""Commands that refuse a home in which environments could not work."""

KEEPS_LOG = {*MAKES_ENVIRONMENTS, "env-remove"}
"""Commands whose log is kept even if nothing goes wrong."""

_EPILOGUE = f"""examples:
  mambench                                       ask what to measure
  mambench run numpy-openblas torch-cpu --preset quick
  mambench run --all --yes --json result.json    everything that can run here, unattended
  mambench list                                  what can run here, and why the rest cannot

Nothing leaves this computer. Everything is kept in one folder: --home, or MAMBENCH_HOME.

exit codes:
{"".join(f"  {code:<3}  {code.words}{chr(10)}" for code in ExitCode)}"""

_logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
    except SystemExit as ending:  # argparse, after --help and wrong usage
        code = int(ending.code or 0)
    finally:
        lost = streams.flush()
    if lost is not None and code == ExitCode.OK:
        streams.write(f"mambench: cannot write to standard output: {lost.strerror}\n", sys.stderr)
        return ExitCode.FILE
    return code


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        streams.write(f"mambench {__version__}\n", sys.stdout)
        return ExitCode.OK
    arguments = _parser().parse_args(words)
    arguments.argv = words
    return _logged(arguments)


def _logged(arguments: argparse.Namespace) -> int:
    """The command with its log, to which messages point."""
    from mambench.system import log
    from mambench.terminal.console import Terminal

    streams.steady()
    quiet = getattr(arguments, "quiet", False)
    terminal = Terminal(quiet=quiet, table_to_stderr=getattr(arguments, "json", None) == "-")
    if arguments.verbose and not quiet:
        terminal.be_plain()
    name = _name(arguments)
    with log.opened(name, keep=name in KEEPS_LOG, verbose=arguments.verbose) as own_log:
        _logger.info("mambench %s, python %s on %s", __version__, sys.version.split()[0], sys.platform)
        _logger.info("arguments: %s", arguments.argv)
        code = _guarded(arguments, terminal, own_log)
        _logger.info("exit code %d", code)
        return code


def _name(arguments: argparse.Namespace) -> str:
    """`wizard`, `run`, `env-create`."""
    verb = getattr(arguments, "verb", None)
    return f"{arguments.command}-{verb}" if verb else arguments.command or "wizard"


def _guarded(arguments: argparse.Namespace, terminal: Terminal, own_log: LogFile) -> int:
    """Every way in which a command can end, as an exit code; no traceback reaches the screen."""
    from mambench.app.context import home_from

    try:
        home = home_from(arguments.home, os.environ)
        own_log.folder = home.logs
        code = int(_dispatch(arguments, terminal, home))
        if code in (ExitCode.NOTHING, ExitCode.NOT_OK) and own_log.path is not None:
            terminal.say(f"Log: {own_log.path}")
        return code
    except (Interrupted, KeyboardInterrupt) as error:
        terminal.stop_progress()
        _logger.info("%s", str(error) or "stopped by Ctrl-C")
        return error.exit_code if isinstance(error, Interrupted) else ExitCode.INTERRUPTED
    except MambenchError as error:
        persons = error.exit_code in (ExitCode.USAGE, ExitCode.FILE)
        _logger.log(logging.INFO if persons else logging.ERROR, "ended by an error", exc_info=error)
        if error.exit_code != ExitCode.USAGE:
            error.log = error.log or own_log.path
        terminal.error(error)
        return error.exit_code
    except BrokenPipeError:
        return ExitCode.OK
    except Exception as error:
        terminal.stop_progress()
        _logger.critical("a fault of mambench", exc_info=error)
        log = f"its traceback is in {own_log.path}" if own_log.path else "no log could be written, --verbose shows it"
        streams.write(f"mambench: a fault of its own: {type(error).__name__}: {error}; {log}\n", sys.stderr)
        return ExitCode.OUR_FAULT


def _dispatch(arguments: argparse.Namespace, terminal: Terminal, home: Home) -> int:
    from mambench.app.context import Mambench, require_suitable
    from mambench.frozen import start
    from mambench.system import supervision

    environ = start.begin(os.environ)
    app = Mambench(home, environ=environ, terminal=terminal)
    with supervision.supervised():
        if app.home.note:
            app.terminal.say(app.home.note)
        app.recover()
        if _name(arguments) in MAKES_ENVIRONMENTS:
            require_suitable(app)
        if arguments.command is None:
            return _wizard(app, arguments)
        if arguments.command == "run":
            from mambench.cli.commands.run import run

            return exit_code(run(app, arguments), arguments)
        module, _, function = arguments.call.partition(".")
        return (
            getattr(importlib.import_module(f"mambench.cli.commands.{module}"), function)(app, arguments) or ExitCode.OK
        )


def _wizard(app: Any, arguments: argparse.Namespace) -> int:
    if not (app.terminal.interactive and sys.stdout.isatty()):
        raise UsageError(
            "without a terminal there is nobody to ask",
            remedy="say what to measure: mambench run NAME ...; `mambench list` has the names",
        )
    from mambench.wizard import start

    start.run(app, plain=arguments.plain or os.environ.get("TERM") == "dumb")
    return ExitCode.OK


def exit_code(report: Report, arguments: argparse.Namespace) -> ExitCode:
    """0 if every requested row is ok or excused, 3 if nothing could be measured, else 4."""
    if not any(result.status == "ok" for result in report.results):
        return ExitCode.NOTHING
    named = set(arguments.environments)
    for result in report.results:
        stack = result.trial.stack.name
        stack_named = stack in named or stack.startswith("existing:")
        if result.status == "failed":
            return ExitCode.NOT_OK
        if result.status == "unavailable" and result.failure is not None:
            reason = result.failure.reason
            dtype_excused = reason == "dtype" and result.trial.dtype not in arguments.dtype
            if stack_named and not dtype_excused:
                return ExitCode.NOT_OK
    return ExitCode.OK


# ------------------------------------------------------------------------------------------------- parser


class _Parser(argparse.ArgumentParser):
    """argparse with our exit code, and options that are written out: scripts outlive today's abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self._print_message(f"{self.prog}: {message}\n", sys.stderr)
        raise SystemExit(ExitCode.USAGE)

    def _print_message(self, message: str, file: Any = None) -> None:
        """argparse's own hides that help could not be written."""
        streams.write(message, file)


class _Several(argparse.Action):
    """An option that may stand several times and take commas."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        del parser, option_string
        words = [word for word in str(values).split(",") if word]
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *words])


def _channels(text: str) -> tuple[str, ...]:
    from mambench.environments.conda.channels import channels_in

    return channels_in(text, exists=lambda path: os.path.exists(os.path.expanduser(path)))


_CHANNELS: dict[str, Any] = {"metavar": "URL", "action": "extend", "type": _channels, "default": []}
"""`--channel` may stand several times and take commas, though a comma may be part of a URL or a folder's name."""


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
    verbose: dict[str, Any] = {"action": "store_true", "help": "show mambench's own log: commands, causes, tracebacks"}
    common.add_argument("--verbose", default=argparse.SUPPRESS, **verbose)
    parser.add_argument("--home", metavar="DIR", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--verbose", **verbose)
    parser.add_argument("--plain", action="store_true", help="ask in plain lines, for screen readers")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_run(commands, common)
    _add(commands, common, "list", "what can run here, and why the rest cannot", "inform.list_stacks", json=True)
    _add(commands, common, "info", "the machine, the program, the home", "inform.info", json=True)
    doctor = _add(commands, common, "doctor", "what is wrong here, and how to mend it", "inform.diagnose", json=True)
    doctor.add_argument("--channel", help="conda channels to try", **_CHANNELS)
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
    parser.add_argument("--max-run-seconds", metavar="SECONDS", help="for one product; what takes longer is too slow")
    parser.add_argument("--python", metavar="[NAME=]PATH", action="append", default=[], help="a python you have")
    _add_source(parser)
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument("--no-wait", action="store_true", help="refuse if another run is measuring here")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")
    parser.add_argument("--json", metavar="PATH", help="write the report there as well; - for standard output")


def _add_source(parser: Any) -> None:
    parser.add_argument("--source", default="auto", metavar="S", help="auto (default), conda, pypi")
    parser.add_argument("--channel", help="conda channels instead of the recipe's: names, URLs, folders", **_CHANNELS)
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
