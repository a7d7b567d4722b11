"""What only the downloaded program does: its home beside it, its window, its temporary folder, its parent.

PyInstaller's bootloader is a second process in the one-file form. It unpacks the program into `_MEI<its process
id><random>`, starts us, passes signals on, and deletes the folder when we end. Whatever kills it leaves both to us.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from mambench.environments import activation
from mambench.system import resources

HOME_NAME = "mambench-home"
MARKER = ".mambench"
"""In each of our bundles, and the first file that is unpacked (specs/mambench.spec)."""

WINDOW = "MAMBENCH_WINDOW"
"""Set for the program in a terminal window that was opened for it; a path in it is deleted as a sign of life."""

TERMINALS = (
    ("$TERMINAL", "-e"),
    ("xdg-terminal-exec",),
    ("x-terminal-emulator", "-e"),
    ("xterm", "-e"),
)
"""The user's own choice, the desktop's default, Debian's default and one fallback, each with what stands before a
command in its command line."""

NOTIFIERS = (("notify-send", "--app-name=mambench", "mambench"), ("xmessage", "-timeout", "30"))
"""The desktop's own, and one fallback for a bare X server."""

NO_TERMINAL = (
    "mambench talks in a terminal window, and found no program that opens one. "
    "Install xterm, or open a terminal and type:\n"
)

_SIGN_OF_LIFE_SECONDS = 10.0
_UNPACKING_SECONDS = 30.0
"""A bundle so young may still be on its way from its bootloader to its program."""

_ORPHAN_SECONDS = 10.0
"""How long a program whose bootloader was killed may take to save what it has."""

_PR_SET_PDEATHSIG = 1

_own_window = False


def bundle() -> Path:
    """The folder that holds the program's own files."""
    return Path(getattr(sys, "_MEIPASS", ""))


def is_one_file() -> bool:
    """Whether this is the one-file form, which runs from a temporary folder."""
    return resources.is_frozen() and bundle().name.startswith("_MEI")


# ------------------------------------------------------------------------------------------------ its life


def run(main: Callable[[], int], *, message_folder: Callable[[Mapping[str, str]], Path]) -> int:
    """A frozen program from start to end: finds or keeps a window, and runs `main`.

    `message_folder` is where a message is left for a person whom no window reaches.
    """
    global _own_window
    _own_window = _take_window_sign()
    _speak_utf8()
    if len(sys.argv) == 1 and _needs_window(os.environ):
        return _run_in_window(activation.without_bundle(os.environ, str(bundle())), message_folder)
    try:
        return main()
    finally:
        _hold_window()


def begin(environ: Mapping[str, str]) -> dict[str, str]:
    """Prepare for work; gives the user's environment, without what the bootloader put into it."""
    if not resources.is_frozen():
        return dict(environ)
    if is_one_file():
        _claim_bundle()
        end_with_bootloader()
        sweep_bundles(bundle().parent)
    return activation.without_bundle(environ, str(bundle()))


# ------------------------------------------------------------------------------------------------- the home


def home_beside() -> tuple[Path | None, str]:
    """`mambench-home` beside the program, or None and why not, in words for the first screen."""
    folder = _beside(Path(sys.executable))
    problem = _unfit(folder)
    if problem is None:
        return folder / HOME_NAME, ""
    return None, f"{folder} {problem}, so everything is kept in your data folder"


def _beside(executable: Path) -> Path:
    """Where the home goes: with the program, on macOS beside the program's folder, which may be replaced whole."""
    if sys.platform == "darwin" and not is_one_file():
        return executable.parent.parent
    return executable.parent


def _unfit(folder: Path) -> str | None:
    if "AppTranslocation" in folder.parts:
        return "is a read-only copy that macOS made"
    if sys.platform == "win32" and is_program_files(PureWindowsPath(folder), os.environ):
        return "is for programs only"
    home = folder / HOME_NAME
    try:
        with tempfile.TemporaryFile(dir=home if home.exists() else folder):
            return None
    except OSError as error:
        return f"cannot be written ({error.strerror})"


def is_program_files(folder: PurePath, environ: Mapping[str, str]) -> bool:
    """Whether Windows gives this folder to installed programs, where only administrators write."""
    names = ("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "WINDIR")
    roots = [type(folder)(value) for name, value in environ.items() if name.upper() in names and value]
    return any(folder.is_relative_to(root) for root in roots)


# ------------------------------------------------------------------------------------- bootloader and bundle


def end_with_bootloader() -> None:
    """See to it that this process ends when the bootloader does. (Windows: the job object.)"""
    if sys.platform == "win32":
        return
    bootloader = _bootloader_of(bundle())
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if bootloader is not None and os.getppid() != bootloader:  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Thread(target=_end_after, args=(os.getppid(),), name="mambench-bootloader", daemon=True).start()


def _bootloader_of(folder: Path) -> int | None:
    """The process that unpacked a bundle, from its name (PyInstaller 6.22); None for a name of another form."""
    found = re.fullmatch(r"_MEI([0-9a-f]{8}).{6}", folder.name)
    return int(found[1], 16) if found else None


def _end_after(parent: int) -> None:
    """When the bootloader is gone, ask this process to end, and end it if it does not."""
    _wait_for_end(parent)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHAN_SECONDS)
    os._exit(128 + signal.SIGTERM)


def _wait_for_end(pid: int) -> None:
    """Return when the parent `pid` has ended, without waking up in between where the system can tell."""
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "darwin":
            queue = select.kqueue()
            event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            queue.control([event], 1)
        elif sys.platform.startswith("linux"):
            select.select([os.pidfd_open(pid)], [], [])
    while os.getppid() == pid:
        time.sleep(0.5)


_claim: Any = None


def _claim_bundle() -> None:
    """Lock our marker for as long as we live, so that nobody sweeps the bundle. (Windows: open files do that.)"""
    global _claim
    if sys.platform == "win32":
        return
    import fcntl

    with contextlib.suppress(OSError):
        _claim = (bundle() / MARKER).open("rb")
        fcntl.flock(_claim, fcntl.LOCK_SH | fcntl.LOCK_NB)


def sweep_bundles(folder: Path) -> None:
    """Delete the bundles of ours that killed programs left in a temporary folder and that nobody uses."""
    for left in folder.glob("_MEI*"):
        with contextlib.suppress(OSError):
            if left != bundle() and _is_ours(left) and not _in_use(left):
                _delete_bundle(left)


def _is_ours(left: Path) -> bool:
    """Whether a folder is a bundle of this program and this user; never a link."""
    status = left.lstat()
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return mine and left.is_dir() and not left.is_symlink() and (left / MARKER).is_file()


def _in_use(left: Path) -> bool:
    """Whether a program holds its lock, or its bootloader lives and may still be unpacking."""
    if sys.platform == "win32":
        return False  # see _delete_bundle
    import fcntl

    with (left / MARKER).open("rb") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return _bootloader_lives(left) and time.time() - left.stat().st_mtime < _UNPACKING_SECONDS


def _bootloader_lives(left: Path) -> bool:
    bootloader = _bootloader_of(left)
    try:
        os.kill(bootloader or os.getpid(), 0)
    except (OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _delete_bundle(left: Path) -> None:
    """On Windows a folder with an open file in it cannot be renamed: that is the test whether it is in use."""
    if sys.platform == "win32":
        left = left.rename(left.with_name(f"{left.name}.old"))
    shutil.rmtree(left, ignore_errors=True)


# -------------------------------------------------------------------------------------------------- its window


def owns_console() -> bool:
    """Whether the window closes when we end, so that the last lines would never be read."""
    if sys.platform == "win32":
        from mambench.system import windows

        return windows.processes_on_console() <= (2 if is_one_file() else 1)
    return _own_window


def _hold_window() -> None:
    if not owns_console() or not _is_terminal(sys.stdin):
        return
    with contextlib.suppress(KeyboardInterrupt, OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.write("\nPress Enter to close")
        sys.stderr.flush()
        sys.stdin.readline()


def _speak_utf8() -> None:
    """Windows: letters and escape sequences as everywhere else; a pipe gets UTF-8 too."""
    if sys.platform != "win32":
        return
    from mambench.system import windows

    windows.speak_utf8()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _take_window_sign() -> bool:
    """Whether a window was opened for us; the file that waits for our sign of life goes."""
    sign = os.environ.pop(WINDOW, "")
    if os.path.isabs(sign):
        with contextlib.suppress(OSError):
            os.unlink(sign)
    return bool(sign)


def _needs_window(environ: Mapping[str, str]) -> bool:
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


def _run_in_window(environ: Mapping[str, str], message_folder: Callable[[Mapping[str, str]], Path]) -> int:
    """Start ourselves in the first terminal emulator that opens, else leave a message."""
    from mambench.system import foreground

    environ = {**environ, "PYINSTALLER_RESET_ENVIRONMENT": "1"}
    for terminal in terminals(environ):
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
    _notify(text, environ)
    return 2


def terminals(environ: Mapping[str, str]) -> Iterator[list[str]]:
    """The terminal emulators that are here, each as the start of a command line."""
    for name, *rest in TERMINALS:
        words = shlex.split(environ.get("TERMINAL", "")) if name == "$TERMINAL" else [name]
        if words and shutil.which(words[0], path=environ.get("PATH")):
            yield [*words, *rest]


def _gave_sign(sign: Path, *, seconds: float) -> bool:
    """Some terminal emulators return at once, long before what they start does."""
    deadline = time.monotonic() + seconds
    while sign.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _leave_message(folder: Path, text: str) -> None:
    from mambench.system import files

    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "no-terminal.txt", text)


def _notify(text: str, environ: Mapping[str, str]) -> None:
    """Show a text through the first notifier that works."""
    from mambench.system import foreground

    for name, *rest in NOTIFIERS:
        with contextlib.suppress(OSError):
            here = shutil.which(name, path=environ.get("PATH"))
            if here and foreground.run([here, *rest, text], environ=environ) == 0:
                return
