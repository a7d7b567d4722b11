"""Words in, an exit code out; the only place that decides how the program ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mambench import __version__
from mambench.errors import ExitCode
from mambench.system import streams


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
    except SystemExit as ending:  # argparse, after --help and wrong usage
        code = int(ending.code or 0)
    except KeyboardInterrupt:  # while the first modules load: later ones are within what tells it in the log
        code = ExitCode.INTERRUPTED
    finally:
        lost = streams.flush()
    if lost is not None and code in (ExitCode.OK, ExitCode.NOTHING, ExitCode.NOT_OK):
        streams.write(f"mambench: cannot write to standard output: {lost.strerror}\n", sys.stderr)
        return ExitCode.FILE
    return code


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        streams.write(f"mambench {__version__}\n", sys.stdout)
        return ExitCode.OK
    if words[:2] == ["completion", "--words"]:
        from mambench.cli.words import write

        return write("".join(words[2:]))
    from mambench.cli.parser import parser

    arguments = parser().parse_args(words)
    arguments.argv = words
    from mambench.cli.invocation import invoke  # not for `--help`: it loads what keeps the log

    return invoke(arguments)
