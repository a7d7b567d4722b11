"""The bootloader of the one-file form: a second process that unpacked us, passes signals on, and may be killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time

from mambench.frozen import bundle
from mambench.system import windows

_ORPHAN_SECONDS = 10.0
"""How long a program whose bootloader was killed may take to save what it has."""

_PR_SET_PDEATHSIG = 1


def end_with_it() -> None:
    """See to it that this process ends when the bootloader does."""
    parent = bundle.bootloader_of(bundle.folder())
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if parent is not None and os.getppid() != parent:  # it was gone before we asked
        _ask_to_end()
    threading.Thread(target=_end_after, args=(os.getppid(),), name="mambench-bootloader", daemon=True).start()


def _end_after(parent: int) -> None:
    """When the bootloader is gone, ask this process to end, and end it if it does not."""
    _wait_for_end(parent)
    _ask_to_end()
    time.sleep(_ORPHAN_SECONDS)
    os._exit(128 + signal.SIGTERM)


def _ask_to_end() -> None:
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)  # os.kill would end us there, with nothing saved
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def _wait_for_end(pid: int) -> None:
    """Return when the parent `pid` has ended, without waking up in between where the system can tell."""
    if sys.platform == "win32":
        windows.wait_for_end(pid)
        return
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "darwin":
            queue = select.kqueue()
            event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            queue.control([event], 1)
        elif sys.platform.startswith("linux"):
            select.select([os.pidfd_open(pid)], [], [])
    while os.getppid() == pid:
        time.sleep(0.5)
