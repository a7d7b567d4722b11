"""The programs of a desktop that show something for us: terminal emulators and notifiers."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Iterator, Mapping

from mambench.system import foreground

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


def terminals(environ: Mapping[str, str]) -> Iterator[list[str]]:
    """The terminal emulators that are installed, each as the start of a command line."""
    for name, *rest in TERMINALS:
        words = shlex.split(environ.get("TERMINAL", "")) if name == "$TERMINAL" else [name]
        if words and shutil.which(words[0], path=environ.get("PATH")):
            yield [*words, *rest]


def notify(text: str, environ: Mapping[str, str]) -> None:
    """Show a text through the first notifier that works."""
    for name, *rest in NOTIFIERS:
        with contextlib.suppress(OSError):
            program = shutil.which(name, path=environ.get("PATH"))
            if program and foreground.run([program, *rest, text], environ=environ) == 0:
                return
