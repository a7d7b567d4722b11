"""`mambench`, `python -m mambench`, and where the frozen program starts."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is not loaded for `--version`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def main() -> int:
    """Run the command line; a frozen program minds its window, too."""
    if sys.argv[1:] == ["--version"]:  # scripts ask it often: nothing else is loaded
        from mambench import __version__

        try:
            sys.stdout.write(f"mambench {__version__}\n")
            sys.stdout.flush()
            return 0
        except (OSError, AttributeError):  # cli tells what is the matter with standard output
            pass
    _end_at_signals()
    frozen = getattr(sys, "frozen", False)
    if not frozen:
        _take_modules_from_the_installation()
    from mambench.cli import main as cli

    if not frozen:
        return cli.main()
    from mambench.frozen import start

    return start.run(cli.main, message_folder=_home)


def _end_at_signals() -> None:
    """At once, without a word, while nothing runs yet that could be lost: `supervised` answers them later.

    Of Ctrl-C an exception would come out of an import, or be told and lost in a callback of one. SIGTERM would end any
    other process, but the first of a container, to which the kernel gives only what has a handler (pid_namespaces(7)).
    """
    try:
        import signal

        # Not where a shell's `&` has it ignored.
        for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            if signal.getsignal(number) is usual:
                signal.signal(number, lambda number, _frame: os._exit(128 + number))
    except KeyboardInterrupt:
        os._exit(130)


def _take_modules_from_the_installation() -> None:
    """No module from the current folder, where `python -m` looks first, and none of PYTHONPATH's in place of ours."""
    installed = _real(os.path.dirname(os.path.dirname(__file__)))  # where our own lie, the rest of it is ours as well
    entries = sys.path[:]
    if not sys.flags.safe_path and entries and _real(entries[0]) != installed:
        del entries[0]
    named = {_real(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    last = [entry for entry in entries if _real(entry) in named - {installed}]
    sys.path[:] = [*(entry for entry in entries if entry not in last), *last]


def _real(entry: str) -> str:
    try:
        return os.path.realpath(entry)
    except OSError:  # the current folder was deleted
        return entry


def _home(environ: Mapping[str, str]) -> Path:
    from mambench.app.homes import home_from

    return home_from(None, environ).root


if __name__ == "__main__":
    sys.exit(main())
