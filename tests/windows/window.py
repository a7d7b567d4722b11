"""A console window on a screen of its own: keys go in by xdotool, what it shows comes out as text and as a picture."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from windows.computer import Computer

PARTS = {"Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick", "identify": "imagemagick"}
"""Programs and the Debian packages that have them."""

PATIENCE_SECONDS = 150.0
"""A machine under load is slow, not wrong."""


class Window:
    """A Windows program in wine's console window of 80 x 25 letters; a context manager that ends it."""

    def __init__(self, computer: Computer, *words: str, home: str, pictures: Path) -> None:
        self._computer, self._words, self._home, self._pictures = computer, words, home, pictures
        self._display = ""

    def __enter__(self) -> Window:
        missing = sorted({package for program, package in PARTS.items() if shutil.which(program) is None})
        if missing:
            reason = f"Debian packages are missing: {' '.join(missing)}."
            pytest.fail(reason) if os.environ.get("MAMBENCH_TEST_WINDOWS") else pytest.skip(reason)
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]
        self._screen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._screen.stdout is not None
        self._display = f":{self._screen.stdout.readline().decode().strip()}"
        # A desktop of its own: the prefix's first one was made without a display, and shows no windows.
        desktop = f"/desktop=window{self._display[1:]},800x600"
        environ = {"WPY_DISPLAY": self._display, "MAMBENCH_HOME": self._home}
        null = subprocess.DEVNULL
        self._program = self._computer.start(
            "--run", "explorer", desktop, "wineconsole", *self._words, environ=environ, stdout=null, stderr=null
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._computer.program("screen", "--end", *self._words)
        for process in (self._program, self._screen):
            process.terminate()
            process.wait()

    def text(self) -> str | None:
        """What the window shows now; None when the program is gone."""
        done = self._computer.program("screen", *self._words)
        return done.out if done.code == 0 else None

    def wait(self, *signs: str) -> str:
        """Wait until it shows all of these, wherever its lines break, and give the whole text."""

        def shown(text: str | None) -> bool:
            return text is not None and all(sign in " ".join(text.split()) for sign in signs)

        return self._until(shown, f"to show {signs}")

    def wait_for_end(self) -> None:
        """Wait until the program is gone."""
        self._until(lambda text: text is None, "to end")

    def _until(self, reached: Callable[[str | None], bool], wanted: str) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached(text := self.text()):
            assert time.monotonic() < deadline, f"the window was {wanted}, and shows\n{text}"
            time.sleep(0.2)
        return text or ""

    def press(self, *keys: str) -> None:
        """Press keys, by xdotool's names for them."""
        for key in keys:
            self._tool("xdotool", "key", "--delay", "60", key)

    def type(self, text: str) -> None:
        """Type a text."""
        self._tool("xdotool", "type", "--delay", "60", text)

    def picture(self, name: str) -> Path:
        """Save what a person would see; fails if nothing can be seen."""
        self._pictures.mkdir(parents=True, exist_ok=True)
        path = self._pictures / f"{name}.png"
        self._tool("import", "-window", "root", str(path))
        colours = int(self._tool("identify", "-format", "%k", str(path)))
        assert colours > 2, f"{path} is blank"
        return path

    def _tool(self, *command: str) -> str:
        environ = {**os.environ, "DISPLAY": self._display}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        return done.stdout
