"""Everything that can go wrong, each with the exit code that the command line gives it.

    MambenchError             1  our own fault, or anything without a better class
    |-- UsageError            2  the command line asks for what does not exist
    |-- ManifestError         2  a TOML file of the catalogue is broken: file, line, field
    |-- NothingMeasured       3  a run that does not wait for another one
    |-- SlurmError            3  Slurm does not answer, or refuses what it was asked
    |-- ReportError           5  a report could not be read or written
    |-- HomeError             5  the home cannot be used
    |   `-- HomeGone          5  it went away while it was used: everything ends
    |-- ProvisionError        4  an environment could not be made: in a measurement a row, and the others go on
    |   |-- NetworkError      4  what a network did; `auto` may try the other source
    |   `-- PathError         4  a path longer than the system takes; the same
    |-- UnavailableError      4  a stack cannot exist here: in a measurement an `unavailable` row
    `-- ProtocolError         1  a worker said something that is not in the protocol

    Interrupted             130  SIGINT, 143 SIGTERM, 129 SIGHUP: raised by the signal handlers, nothing else

A message says what happened and where; `remedy` says what to do next.
"""

from __future__ import annotations

import enum
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambench.model import Reason


class ExitCode(enum.IntEnum):
    """How the program ends: the one table of it, whose words `--help` prints. `env exec` gives its command's own."""

    words: str

    def __new__(cls, code: int, words: str) -> ExitCode:
        """A member is its number; its words are for people."""
        member = int.__new__(cls, code)
        member._value_, member.words = code, words
        return member

    OK = 0, "all is well"
    OUR_FAULT = 1, "a fault of mambench itself"
    USAGE = 2, "wrong usage, or a broken recipe"
    NOTHING = 3, "nothing could be measured"
    NOT_OK = 4, "something that was asked for is not ok"
    FILE = 5, "a report, the home or standard output could not be read or written"
    SLOWER = 6, "slower than asked for by --fail-slower"
    HUNG_UP = 129, "its terminal was closed"
    INTERRUPTED = 130, "stopped by Ctrl-C"
    TERMINATED = 143, "stopped by SIGTERM"


class MambenchError(Exception):
    """The root: `str(error)` is one line for a person, `remedy` the next step, `log` where more is written."""

    exit_code = ExitCode.OUR_FAULT

    def __init__(self, message: str, *, remedy: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.log = log


class UsageError(MambenchError):
    """The command line names something that does not exist or does not fit together."""

    exit_code = ExitCode.USAGE


class ManifestError(MambenchError):
    """A file of the catalogue is broken; the message carries file, line and field."""

    exit_code = ExitCode.USAGE


class NothingMeasured(MambenchError):
    """Another run is measuring here, and this one is not to wait."""

    exit_code = ExitCode.NOTHING


class SlurmError(MambenchError):
    """Slurm does not answer, or does not do what it was asked for."""

    exit_code = ExitCode.NOTHING


class ReportError(MambenchError):
    """A report could not be read or written."""

    exit_code = ExitCode.FILE


class HomeError(MambenchError):
    """The home cannot be created, written or locked."""

    exit_code = ExitCode.FILE


class HomeGone(HomeError):
    """The home was there and is gone: removed, unmounted, pulled out."""


class ProvisionError(MambenchError):
    """An environment could not be made; other stacks go on."""

    exit_code = ExitCode.NOT_OK


class NetworkError(ProvisionError):
    """A server could not be reached or broke off."""


class PathError(ProvisionError):
    """A path is longer than the system takes; another source may have shorter ones."""


class UnavailableError(MambenchError):
    """A stack cannot exist here; `reason` goes into the report."""

    exit_code = ExitCode.NOT_OK

    def __init__(self, reason: Reason, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class ProtocolError(MambenchError):
    """A line from a worker is not in the protocol."""


class Interrupted(KeyboardInterrupt):
    """A signal asked us to stop; raised in the main thread by the handlers of `supervision`."""

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """The exit code that a shell gives a program ended by this signal."""
        return 128 + self.signum
