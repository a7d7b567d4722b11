"""The frozen program's pure parts; the rest is tested in tests/frozen."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

import pytest

from mambench.environments import activation
from mambench.frozen import start as frozen


def test_terminals_are_those_that_are_here_the_users_first(tmp_path: Path):
    for name in ("xterm", "x-terminal-emulator", "mine"):
        (tmp_path / name).touch(mode=0o755)
    found = list(frozen.terminals({"PATH": str(tmp_path), "TERMINAL": "mine --big"}))
    assert found == [["mine", "--big", "-e"], ["x-terminal-emulator", "-e"], ["xterm", "-e"]]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (r"C:\Program Files\mambench", True),
        (r"c:\program files (x86)\a\b", True),
        (r"C:\Users\José\Desktop", False),
        (r"C:\Program Files of mine", False),
    ],
)
def test_program_files_are_no_place_for_a_home(folder: str, expected: bool):
    environ = {"ProgramFiles": r"C:\Program Files", "ProgramFiles(x86)": r"C:\Program Files (x86)"}
    assert frozen.is_program_files(PureWindowsPath(folder), environ) is expected


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_only_unused_bundles_of_ours_are_swept(tmp_path: Path):
    import fcntl

    dead = "_MEI7fffffffAbCdEf"
    (tmp_path / dead).mkdir()
    (tmp_path / dead / frozen.MARKER).touch()
    (tmp_path / "_MEI7ffffffeAbCdEf").mkdir()
    with (tmp_path / dead / frozen.MARKER).open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        frozen.sweep_bundles(tmp_path)
        assert (tmp_path / dead).is_dir()
    frozen.sweep_bundles(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["_MEI7ffffffeAbCdEf"]


def test_what_the_bootloader_changed_is_put_back():
    given = {"LD_LIBRARY_PATH": "/bundle:/mine", "LD_LIBRARY_PATH_ORIG": "/mine", "_PYI_ARCHIVE_FILE": "x", "A": "b"}
    assert activation.without_bundle(given, "/bundle") == {"LD_LIBRARY_PATH": "/mine", "A": "b"}
    assert activation.without_bundle({"LD_LIBRARY_PATH": "/bundle"}, "/bundle") == {}


def test_outside_a_frozen_program_nothing_happens():
    assert frozen.begin({"LD_LIBRARY_PATH_ORIG": "kept"}) == {"LD_LIBRARY_PATH_ORIG": "kept"}
    assert not frozen.is_one_file()
