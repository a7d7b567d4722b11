"""A command in our stead: on our own terminal, streams and group, until it ends."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

from mambench.system import process


def run(command: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Run `command` in the foreground and give its exit code. Raises StartError."""
    previous = signal.signal(signal.SIGINT, lambda *_: None)  # SIG_IGN would be inherited: the child must hear it
    try:
        with process.start(command, environ=environ) as child:
            try:
                return child.wait()
            except BaseException:  # a signal that asks us to end
                child.kill()
                raise
    finally:
        signal.signal(signal.SIGINT, previous)
