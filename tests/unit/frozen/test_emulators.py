"""Which terminal emulators are tried."""

from __future__ import annotations

from pathlib import Path

from mambench.frozen import emulators


def test_terminals_are_those_that_are_installed_the_users_first(tmp_path: Path):
    for name in ("xterm", "x-terminal-emulator", "mine"):
        (tmp_path / name).touch(mode=0o755)
    emulated = list(emulators.terminals({"PATH": str(tmp_path), "TERMINAL": "mine --big"}))
    assert emulated == [["mine", "--big", "-e"], ["x-terminal-emulator", "-e"], ["xterm", "-e"]]
