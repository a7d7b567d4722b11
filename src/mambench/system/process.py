"""Start commands, stream them and time them out. The only importer of subprocess.

Every `Child` gets a session of its own and carries a mark, by which `mark` finds what it leaves behind.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mambench.system import ending, guard, mark
from mambench.system.capped_log import CappedLog
from mambench.system.clock import AwakeClock
from mambench.system.stillness import Stillness

_logger = logging.getLogger(__name__)

LARGEST_ANSWER = 64_000_000
"""Characters of what a command prints: a dry run of torch with CUDA has 0.5 million."""

_LONGEST_WORD = 300
_TICK_SECONDS = 0.25
_DRAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Finished:
    """How a command ended, with all that it printed."""

    returncode: int
    stdout: str
    stderr: str
    timed_out: bool = False
    stalled: bool = False
    """It was ended because nothing came for it to receive."""

    @property
    def killed(self) -> str:
        """How something else ended it, in words: a signal, or what Windows does to a program; "" if it ended itself."""
        by_system = self.returncode < 0 or self.returncode & 0xFFFFFFFF >= 0xC0000000
        return ending.describe_exit(self.returncode) if by_system else ""


class StartError(OSError):
    """A program that could not be started; nothing else that goes wrong around it is told as this."""


def start(
    command: Sequence[str], *, environ: Mapping[str, str], marked: str | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """A child as Popen's `options` describe it, on our own streams by default; `marked` is for `mark` to find.

    Raises StartError.
    """
    _logger.info("starting %s", shown(command))
    _restore_dll_directory()
    try:
        with mark.worn(marked):
            return subprocess.Popen(list(command), env=dict(environ), **options)
    except ValueError as error:  # a NUL in a word, a name of a variable with an equals sign
        raise StartError(errno.EINVAL, str(error), str(command[0])) from error
    except OSError as error:
        raise StartError(error.errno, error.strerror or str(error), error.filename or str(command[0])) from error


def start_detached(command: Sequence[str], *, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A program that may outlive us, on no streams of ours. Raises StartError."""
    null = subprocess.DEVNULL
    return start(command, environ=environ, stdin=null, stdout=null, stderr=null, start_new_session=True)


class Child:
    """A running command in a session of its own: lines out, lines in, and a kill that reaches its whole tree.

    Standard error goes to `log`, capped at 10 MB, and to `on_error_line`, which another thread calls. One that asks
    another program for something that is to outlive us hands its mark on to nobody (`hands_on`).
    Raises StartError.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        log: Path | None = None,
        on_error_line: Callable[[str], None] | None = None,
        hands_on: bool = True,
    ) -> None:
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._silent = False
        self._log = CappedLog(log) if log is not None else None
        self._on_error_line = on_error_line
        self._mark = mark.new()
        handed_on = {name: value for name, value in environ.items() if name != mark.NAME}
        if hands_on:
            handed_on[mark.NAME] = self._mark
        self._name = Path(command[0]).name
        try:
            self._process = start(
                command,
                environ=handed_on,
                marked=self._mark,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **_apart(),
            )
        except StartError as error:
            if self._log is not None:
                self._log.write(f"{error}\n".encode(errors="replace"))
                self._log.close()
            raise
        guard.tell(f"+{self._process.pid}")
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
        family = ending.family(self._process)
        if self.returncode is None and grace_seconds > 0:
            ending.signal_group(self._process, getattr(signal, "SIGTERM", 15))
            self.wait(grace_seconds)
        ending.kill_tree(self._process, family)
        self.close_input()
        self.wait(5.0)
        mark.sweep_after(self._mark)
        if self.returncode is not None:
            ending.clear_shared_memory(self._process.pid)
        self.drain()
        if self._log is not None:
            self._log.close()
        guard.tell(f"-{self._process.pid}")
        how = "still running" if self.returncode is None else ending.describe_exit(self.returncode)
        _logger.info("%s, process %d: %s", self._name, self._process.pid, how)


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    timeout_seconds: float | None = None,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    received_bytes: Callable[[], int | None] | None = None,
    grace_seconds: float = 0.0,
    hands_on: bool = True,
) -> Finished:
    """Run `command` to its end. Raises StartError, and what the callbacks raise.

    `on_line` gets every line of both streams, from other threads; `on_tick` is called 4 times a second. A child that
    computes nothing, and whose `received_bytes` stay the same, is ended, as `stillness` says; None: it waits for none.
    `hands_on` is that of `Child`.
    """
    output, errors = _Lines(on_line), _Lines(on_line)
    child = Child(command, environ=environ, cwd=cwd, log=log, on_error_line=errors.add, hands_on=hands_on)
    grace = grace_seconds
    stillness = Stillness(child.pid, received_bytes) if received_bytes is not None else None
    try:
        child.close_input()
        timed_out = _follow(child, output, timeout_seconds=timeout_seconds, on_tick=on_tick, stillness=stillness)
        grace = grace_seconds if child.returncode is None else 0.0
        child.drain()
        while (line := child.line(0)) is not None:
            output.add_bytes(line)
        returncode = child.returncode
    finally:
        child.close(grace_seconds=grace)
    stalled = stillness is not None and stillness.too_long
    return Finished(returncode if returncode is not None else -9, output.text, errors.text, timed_out, stalled)


def _follow(
    child: Child,
    output: _Lines,
    *,
    timeout_seconds: float | None,
    on_tick: Callable[[], None] | None,
    stillness: Stillness | None,
) -> bool:
    """Read a child until it ends, or is still for too long; gives whether it did not in time."""
    clock, ticked = AwakeClock(), 0.0
    while child.returncode is None:
        if (line := child.line(0.05)) is not None:
            output.add_bytes(line)
        now = clock.seconds()
        if on_tick is not None and now - ticked >= _TICK_SECONDS:
            ticked = now
            on_tick()
        if timeout_seconds is not None and now > timeout_seconds:
            return True
        if stillness is not None and stillness.look(now):
            return False
    return False


class _Lines:
    """What a stream said, told on as it comes; what comes after so much is not kept."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._lines: list[str] = []
        self._left = LARGEST_ANSWER
        self._on_line = on_line

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def add(self, line: str) -> None:
        if self._left > 0:
            self._lines.append(line)
            self._left -= len(line) + 1
        if self._on_line is not None:
            self._on_line(line)

    def add_bytes(self, line: bytes) -> None:
        self.add(line.decode(errors="replace").rstrip("\r\n"))


def shown(command: Sequence[str]) -> str:
    """A command in one line of a log, long words cut; the log takes logins out."""
    words = (" ".join(word.split("\n")) for word in command)
    return shlex.join(word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}..." for word in words)


def quoted(words: Sequence[str], platform: str) -> list[str]:
    """Each word as a person would type it: for cmd.exe on Windows, elsewhere for a POSIX shell. Never run."""
    return [_quoted_for_cmd(word) if platform.startswith("win-") else shlex.quote(word) for word in words]


def _quoted_for_cmd(word: str) -> str:
    """As a program takes its command line apart, and in quotes wherever cmd.exe would see more than a word."""
    text = subprocess.list2cmdline([word])
    return f'"{text}"' if set("&|<>^()%!") & set(text) and not text.startswith('"') else text


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
