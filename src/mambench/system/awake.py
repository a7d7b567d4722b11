"""A computer that measures does not fall asleep."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping

from mambench.system import process


@contextlib.contextmanager
def kept_awake(environ: Mapping[str, str]) -> Iterator[None]:
    """Hold off the sleep of an idle computer. (Linux: a desktop's own settings; servers do not sleep.)"""
    if sys.platform == "win32":
        from mambench.system import windows

        windows.stay_awake(wanted=True)
        try:
            yield
        finally:
            windows.stay_awake(wanted=False)
    elif sys.platform == "darwin":
        with contextlib.suppress(process.StartError):  # it ends with us, whatever ends us
            process.start_detached(["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())], environ=environ)
        yield
    else:
        yield
