"""Everything that can go wrong, each with the exit code that the command line gives it.

    MambenchError             1  our own fault, or anything without a better class
    |-- UsageError            2  the command line asks for what does not exist
    |-- ManifestError         2  a TOML file of the catalogue is broken: file, line, field
    |-- NothingMeasured       3  a run that does not wait for another one
    |-- ReportError           5  a report could not be read or written
    |-- HomeError             5  the home cannot be used
    |-- ProvisionError           an environment could not be made: a row, never an exit of its own
    |   `-- NetworkError         what a network did; `auto` may try the other source
    |-- UnavailableError         a stack cannot exist here: an `unavailable` row
    `-- ProtocolError            a worker said something that is not in the protocol

    Interrupted             130  SIGINT, 143 SIGTERM, 129 SIGHUP: raised by the signal handlers, nothing else

A message says what happened and where; `remedy` says what to do next.
"""

from __future__ import annotations

import signal
from pathlib import Path


class MambenchError(Exception):
    """The root: `str(error)` is one line for a person, `remedy` the next step, `log` where more is written."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.log = log


class UsageError(MambenchError):
    """The command line names something that does not exist or does not fit together."""

    exit_code = 2


class ManifestError(MambenchError):
    """A file of the catalogue is broken; the message carries file, line and field."""

    exit_code = 2


class NothingMeasured(MambenchError):
    """Another run is measuring here, and this one is not to wait."""

    exit_code = 3


class ReportError(MambenchError):
    """A report could not be read or written."""

    exit_code = 5


class HomeError(MambenchError):
    """The home cannot be created, written or locked."""

    exit_code = 5


class ProvisionError(MambenchError):
    """An environment could not be made; other stacks go on."""


class NetworkError(ProvisionError):
    """A server could not be reached or broke off."""


class UnavailableError(MambenchError):
    """A stack cannot exist here; `reason` is one of the report's reasons for `unavailable`."""

    def __init__(self, reason: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class ProtocolError(MambenchError):
    """A line from a worker is not in the protocol."""


class Interrupted(KeyboardInterrupt):
    """A signal asked us to stop; raised in the main thread by the handlers of `process`."""

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """The exit code that a shell gives a program ended by this signal."""
        return 128 + self.signum
