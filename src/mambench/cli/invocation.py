"""One command, carried out: its log, its home, and every way in which it can end."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from mambench import __version__
from mambench.errors import ExitCode, HomeGone, Interrupted, MambenchError
from mambench.system import streams, values

if TYPE_CHECKING:
    from mambench.system.home import Home
    from mambench.system.log import LogFile
    from mambench.terminal.console import Terminal

_logger = logging.getLogger(__name__)


def invoke(arguments: Namespace) -> int:
    """Carry out a command with its log, to which messages point; gives the exit code."""
    from mambench.system import log, supervision
    from mambench.terminal.console import Terminal

    streams.steady()
    quiet = getattr(arguments, "quiet", False)
    documents = [getattr(arguments, name, None) for name in ("json", "markdown", "csv", "csv_samples")]
    terminal = Terminal(quiet=quiet, table_to_stderr="-" in documents)
    if arguments.verbose and not quiet:
        terminal.be_plain()
    with (
        supervision.careful_umask(),
        log.opened(arguments.name, keep=arguments.keeps_log, verbose=arguments.verbose) as own_log,
    ):
        _logger.info("mambench %s, python %s on %s", __version__, sys.version.split()[0], sys.platform)
        _logger.info("arguments: %s", arguments.argv)
        code = _guarded(arguments, terminal, own_log)
        _logger.info("exit code %d", code)
        return code


def _guarded(arguments: Namespace, terminal: Terminal, own_log: LogFile) -> int:
    """Every way in which a command can end, as an exit code; no traceback reaches the screen."""
    try:  # imports as well: they take long enough for a Ctrl-C
        from mambench.app.homes import home_from

        home = home_from(arguments.home, os.environ)
        own_log.folder = home.logs
        code = _dispatch(arguments, terminal, home)
        if code in (ExitCode.NOTHING, ExitCode.NOT_OK) and own_log.path is not None:
            terminal.say(f"Log: {own_log.path}")
        return code
    except (Interrupted, KeyboardInterrupt) as error:
        terminal.stop_progress()
        _logger.info("%s", str(error) or "stopped by Ctrl-C")
        return error.exit_code if isinstance(error, Interrupted) else ExitCode.INTERRUPTED
    except MambenchError as error:
        return _told(error, terminal, own_log)
    except BrokenPipeError:  # whoever read our output has enough, as `head` has
        return ExitCode.OK
    except Exception as error:
        terminal.stop_progress()
        return _told_fault(error, own_log)


def _told(error: MambenchError, terminal: Terminal, own_log: LogFile) -> int:
    is_persons = error.exit_code in (ExitCode.USAGE, ExitCode.FILE)
    _logger.log(logging.INFO if is_persons else logging.ERROR, "ended by an error", exc_info=error)
    if error.exit_code != ExitCode.USAGE and not isinstance(error, HomeGone):
        error.log = error.log or own_log.path
    terminal.error(error)
    return error.exit_code


def _told_fault(error: Exception, own_log: LogFile) -> int:
    _logger.critical("a fault of mambench", exc_info=error)
    log = f"its traceback is in {own_log.path}" if own_log.path else "no log could be written, --verbose shows it"
    line = f"mambench: a fault of its own: {type(error).__name__}: {error}; {log}\n"
    streams.write(values.cleaned(line), sys.stderr)
    return ExitCode.OUR_FAULT


def _dispatch(arguments: Namespace, terminal: Terminal, home: Home) -> int:
    from mambench.app import homes, recovery
    from mambench.app.context import Mambench
    from mambench.frozen import start
    from mambench.system import supervision

    app = Mambench(home, environ=start.begin(os.environ), terminal=terminal)
    with supervision.supervised():
        if home.note:
            terminal.say(home.note)
        recovery.recover(app)
        if arguments.makes_environments:
            homes.require_suitable(home, app.machine.platform)
            homes.require_safe(home, terminal.say)
        return int(arguments.call(app, arguments))
