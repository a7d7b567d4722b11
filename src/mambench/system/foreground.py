"""A command in our stead: on our own terminal, streams and group, until it ends or we do."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

from mambench.system import ending, guard, process


def run(command: Sequence[str], *, environ: Mapping[str, str], umask: int = -1) -> int:
    """Run `command` in the foreground and give its exit code; what it leaves behind by itself stays.

    Raises StartError.
    """
    previous = signal.signal(signal.SIGINT, lambda *_: None)  # SIG_IGN would be inherited: the child must hear it
    try:
        with process.start(command, environ=environ, umask=umask) as child:
            guard.tell(f"+{child.pid}")
            try:
                return child.wait()
            except BaseException:  # a signal that asks us to end
                ending.kill_tree(child, ending.family(child))
                raise
            finally:
                guard.tell(f"-{child.pid}")
    finally:
        signal.signal(signal.SIGINT, previous)
