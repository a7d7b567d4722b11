"""A computer that measures does not fall asleep."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping

from mambench.system import process, windows


@contextlib.contextmanager
def kept_awake(environ: Mapping[str, str], *, system: str = sys.platform) -> Iterator[None]:
    """Hold off the sleep of an idle computer. (Linux: a desktop's own settings; servers do not sleep.)"""
    if system == "win32":
        windows.stay_awake(wanted=True)
        try:
            yield
        finally:
            windows.stay_awake(wanted=False)
    elif system == "darwin":
        with _caffeinated(environ):
            yield
    else:
        yield


@contextlib.contextmanager
def _caffeinated(environ: Mapping[str, str]) -> Iterator[None]:
    """macOS's own program against sleep, which ends with us, whatever ends us."""
    try:
        program = process.start_detached(["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())], environ=environ)
    except process.StartError:
        yield
        return
    with program:
        try:
            yield
        finally:
            program.terminate()
