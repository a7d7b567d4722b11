"""Start, stream, time out and kill whole process trees. The only importer of subprocess.

Every child gets a session of its own and carries a mark in its environment, for `supervision`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mambench.system import supervision

LOG_BYTES = 10 * 1024 * 1024
"""A log stops growing here, whatever a framework prints."""

_logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.25
_DRAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Finished:
    """How a command ended, with all that it printed."""

    returncode: int
    stdout: str
    stderr: str
    timed_out: bool = False


class Child:
    """A running command in a session of its own: lines out, lines in, and a kill that reaches its whole tree.

    Standard error goes to `log`, capped at 10 MB, and to `on_error_line`, which another thread calls.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        log: Path | None = None,
        on_error_line: Callable[[str], None] | None = None,
    ) -> None:
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._silent = False
        self._log = _CappedLog(log) if log is not None else None
        self._on_error_line = on_error_line
        self._mark = supervision.new_mark()
        self._name = Path(command[0]).name
        _logger.info("starting %s", shown(command))
        _restore_dll_directory()
        try:
            self._process = subprocess.Popen(
                list(command),
                env={**environ, supervision.MARK: self._mark},
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **_apart(),
            )
        except OSError as error:
            if self._log is not None:
                self._log.write(f"{error}\n".encode(errors="replace"))
                self._log.close()
            raise
        supervision.tell_guard(f"+{self._process.pid}")
        assert self._process.stdout is not None and self._process.stderr is not None
        self._readers = (
            self._reader(self._process.stdout, self._lines.put),
            self._reader(self._process.stderr, self._error_line),
        )

    def _reader(self, stream: IO[bytes], consume: Callable[[bytes], None]) -> threading.Thread:
        """Hand each line to `consume`; an empty one says that no more comes."""

        def read() -> None:
            with contextlib.suppress(ValueError, OSError), stream:
                while line := stream.readline(1 << 21):
                    consume(line)
            consume(b"")

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def _error_line(self, line: bytes) -> None:
        if not line:
            return
        if self._log is not None:
            self._log.write(line)
        if self._on_error_line is not None:
            self._on_error_line(line.decode(errors="replace").rstrip())

    def note(self, text: str) -> None:
        """Add to the log what the child said elsewhere."""
        self._error_line(text.encode(errors="backslashreplace"))

    def send(self, line: bytes) -> None:
        """Write to the child's standard input, which stays open; a child that is gone is no error here."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def close_input(self) -> None:
        """Tell the child that no more comes."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def line(self, timeout_seconds: float = _TICK_SECONDS) -> bytes | None:
        """The next line of standard output; None when none came in time, or no more comes and the child ended."""
        if self._silent:
            self.wait(timeout_seconds)
            return None
        try:
            line = self._lines.get(timeout=timeout_seconds) if timeout_seconds > 0 else self._lines.get_nowait()
        except queue.Empty:
            return None
        self._silent = not line
        return line or None

    @property
    def returncode(self) -> int | None:
        """None while the child runs; negative: the signal that ended it."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """The child's process id, which is also its group's on POSIX."""
        return self._process.pid

    def drain(self) -> None:
        """Wait for the pipes to be read out, a second at most: a grandchild may hold them."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        for reader in self._readers:
            reader.join(max(0.0, deadline - time.monotonic()))

    def wait(self, timeout_seconds: float) -> int | None:
        """The exit code, or None if the child still runs after so long."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self, *, grace_seconds: float = 0.0) -> None:
        """End the child and all that it started; SIGTERM first where there is a grace."""
        if self.returncode is None and grace_seconds > 0:
            _signal_group(self._process, getattr(signal, "SIGTERM", 15))
            self.wait(grace_seconds)
        kill_tree(self._process)
        self.close_input()
        self.wait(5.0)
        supervision.sweep_after(self._mark)
        self.drain()
        if self._log is not None:
            self._log.close()
        supervision.tell_guard(f"-{self._process.pid}")
        ending = "still running" if self.returncode is None else describe_exit(self.returncode)
        _logger.info("%s, process %d: %s", self._name, self._process.pid, ending)


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    timeout_seconds: float | None = None,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    grace_seconds: float = 0.0,
) -> Finished:
    """Run `command` to its end. Raises OSError if it cannot be started.

    `on_line` gets every line of both streams, from other threads; `on_tick` is called 4 times a second.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    errors: list[str] = []
    output: list[str] = []

    def keep_error(line: str) -> None:
        errors.append(line)
        if on_line is not None:
            on_line(line)

    child = Child(command, environ=environ, cwd=cwd, log=log, on_error_line=keep_error)
    timed_out = False
    grace = grace_seconds
    try:
        child.close_input()
        ticked = time.monotonic()
        while child.returncode is None and not timed_out:
            if (line := child.line(0.05)) is not None:
                _keep_line(line, output, on_line)
            now = time.monotonic()
            if on_tick is not None and now - ticked >= _TICK_SECONDS:
                ticked = now
                on_tick()
            timed_out = deadline is not None and now > deadline
        grace = grace_seconds if child.returncode is None else 0.0
        child.drain()
        while (line := child.line(0)) is not None:
            _keep_line(line, output, on_line)
        returncode = child.returncode
    finally:
        child.close(grace_seconds=grace)
    return Finished(returncode if returncode is not None else -9, "\n".join(output), "\n".join(errors), timed_out)


def replace_self(command: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Run `command` on our own terminal, streams and group, and give its exit code."""
    _logger.info("starting %s", shown(command))
    _restore_dll_directory()
    previous = signal.signal(signal.SIGINT, lambda *_: None)  # SIG_IGN would be inherited: the child must hear it
    try:
        return subprocess.run(list(command), env=dict(environ), check=False).returncode
    finally:
        signal.signal(signal.SIGINT, previous)


def open_folder(folder: Path, *, environ: Mapping[str, str], system: str = sys.platform) -> bool:
    """Show a folder on the desktop, in a program that outlives us; False where there is no desktop."""
    if system == "win32":
        getattr(os, "startfile")(folder)  # noqa: B009  (mypy knows it on Windows only)
        return True
    if system == "darwin":
        opener = None if environ.get("SSH_CONNECTION") else shutil.which("open", path=environ.get("PATH"))
    else:
        desktop = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
        opener = shutil.which("xdg-open", path=environ.get("PATH")) if desktop else None
    if opener is None:
        return False
    null = subprocess.DEVNULL
    try:
        subprocess.Popen(
            [opener, str(folder)], env=dict(environ), stdin=null, stdout=null, stderr=null, start_new_session=True
        )
    except OSError:
        return False
    return True


def _keep_line(line: bytes, output: list[str], on_line: Callable[[str], None] | None) -> None:
    text = line.decode(errors="replace").rstrip("\r\n")
    output.append(text)
    if on_line is not None:
        on_line(text)


# ------------------------------------------------------------------------------------------------- killing


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a child, its group, and the descendants that left the group."""
    import psutil

    if process.poll() is not None:
        _signal_group(process, getattr(signal, "SIGKILL", 9))
        return
    descendants: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        descendants = psutil.Process(process.pid).children(recursive=True)
    _signal_group(process, getattr(signal, "SIGKILL", 9))
    for descendant in descendants:
        with contextlib.suppress(psutil.Error):
            descendant.kill()
    with contextlib.suppress(OSError):
        process.kill()


def _signal_group(process: subprocess.Popen[bytes], signum: int) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            if process.poll() is None:
                process.terminate()
        else:
            os.killpg(process.pid, signum)


def shown(command: Sequence[str]) -> str:
    """A command in one line of a log, long words cut; the log takes logins out."""
    words = (" ".join(word.split("\n")) for word in command)
    return shlex.join(word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}..." for word in words)


_LONGEST_WORD = 300


def quoted(words: Sequence[str], platform: str) -> list[str]:
    """Each word as a person would type it: for cmd.exe on Windows, elsewhere for a POSIX shell. Never run."""
    return [_quoted_for_cmd(word) if platform.startswith("win-") else shlex.quote(word) for word in words]


def _quoted_for_cmd(word: str) -> str:
    """As a program takes its command line apart, and in quotes wherever cmd.exe would see more than a word."""
    text = subprocess.list2cmdline([word])
    return f'"{text}"' if set("&|<>^()%!") & set(text) and not text.startswith('"') else text


def describe_exit(returncode: int) -> str:
    """An exit code in words: `killed by signal 9 (SIGKILL)`, `exit code 0xC0000005 (access violation)`."""
    if returncode < 0:
        try:
            return f"killed by signal {-returncode} ({signal.Signals(-returncode).name})"
        except ValueError:
            return f"killed by signal {-returncode}"
    status = _NT_STATUS.get(returncode & 0xFFFFFFFF)
    return f"exit code 0x{returncode & 0xFFFFFFFF:08X} ({status})" if status else f"exit code {returncode}"


_NT_STATUS = {
    0xC0000005: "access violation",
    0xC0000017: "out of memory",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL was not found",
    0xC0000139: "a DLL lacks an entry point",
    0xC0000142: "a DLL failed to initialise",
    0xC0000409: "stack buffer overrun",
}


def _apart() -> dict[str, Any]:
    """Popen's arguments that keep a child out of the reach of the terminal's Ctrl-C."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _restore_dll_directory() -> None:
    """Undo SetDllDirectoryW(<bundle>) of PyInstaller's bootloader, which children would inherit."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetDllDirectoryW(None)


class _CappedLog:
    """A log file that stops growing; a full disk is no reason to lose a measurement."""

    def __init__(self, path: Path) -> None:
        self._left = LOG_BYTES
        self._stream: IO[bytes] | None = None
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("ab")

    def write(self, line: bytes) -> None:
        if self._stream is None or self._left <= 0:
            return
        part = line[: self._left]
        self._left -= len(part)
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(part if self._left else part + b"\n[mambench: the log ends here, at 10 MB]\n")
            self._stream.flush()

    def close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
