"""The window of a double-clicked program: taken over, opened where there is none, held open until it was read."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mambench.frozen import bundle, emulators
from mambench.system import files, foreground

WINDOW = "MAMBENCH_WINDOW"
"""Set for the program in a terminal window that was opened for it; a path in it is deleted as a sign of life."""

NO_TERMINAL = (
    "mambench talks in a terminal window, and found no program that opens one. "
    "Install xterm, or open a terminal and type:\n"
)

_SIGN_OF_LIFE_SECONDS = 10.0

_own_window = False


def take_over() -> None:
    """Learn whether a window was opened for us; the file that waits for our sign of life goes."""
    global _own_window
    sign = os.environ.pop(WINDOW, "")
    if os.path.isabs(sign):
        with contextlib.suppress(OSError):
            os.unlink(sign)
    _own_window = bool(sign)
    if sys.platform == "win32":
        from mambench.system import windows

        windows.speak_utf8()


def owns_console() -> bool:
    """Whether the window closes when we end, so that the last lines would never be read."""
    if sys.platform == "win32":
        from mambench.system import windows

        return windows.processes_on_console() <= (2 if bundle.is_one_file() else 1)
    return _own_window


def hold() -> None:
    """Wait for Enter where the window closes when we end."""
    if not owns_console() or not _is_terminal(sys.stdin):
        return
    with contextlib.suppress(KeyboardInterrupt, OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.write("\nPress Enter to close")
        sys.stderr.flush()
        sys.stdin.readline()


def needed(environ: Mapping[str, str]) -> bool:
    """Linux: started from a desktop, without arguments, and with no terminal on any stream."""
    if not sys.platform.startswith("linux") or _own_window:
        return False
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return False
    return not any(_is_terminal(stream) for stream in (sys.stdin, sys.stdout, sys.stderr))


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def run_in_one(environ: Mapping[str, str], message_folder: Callable[[Mapping[str, str]], Path]) -> int:
    """Start ourselves in the first terminal emulator that opens, else leave a message."""
    environ = {**environ, "PYINSTALLER_RESET_ENVIRONMENT": "1"}
    for terminal in emulators.terminals(environ):
        descriptor, sign = tempfile.mkstemp(prefix="mambench-window-")
        os.close(descriptor)
        command = [*terminal, "/usr/bin/env", f"{WINDOW}={sign}", sys.executable]
        with contextlib.suppress(OSError):
            code = foreground.run(command, environ=environ)
            if _gave_sign(Path(sign), seconds=_SIGN_OF_LIFE_SECONDS if code == 0 else 0.0):
                return 0
        Path(sign).unlink(missing_ok=True)
    text = f"{NO_TERMINAL}{shlex.quote(sys.executable)}\n"
    sys.stderr.write(f"mambench: {text}")
    with contextlib.suppress(Exception):  # a message that cannot be left must not hide the one that can
        _leave_message(message_folder(environ), text)
    emulators.notify(text, environ)
    return 2


def _gave_sign(sign: Path, *, seconds: float) -> bool:
    """Some terminal emulators return at once, long before what they start does."""
    deadline = time.monotonic() + seconds
    while sign.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _leave_message(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "no-terminal.txt", text)
