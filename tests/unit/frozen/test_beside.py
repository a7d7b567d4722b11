"""Where a home beside the program may not be."""

from __future__ import annotations

from pathlib import PureWindowsPath

import pytest

from mambench.frozen import beside


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (r"C:\Program Files\mambench", True),
        (r"c:\program files (x86)\a\b", True),
        (r"C:\Users\José\Desktop", False),
        (r"C:\Program Files of mine", False),
    ],
)
def test_program_files_are_not_for_a_home(folder: str, expected: bool):
    environ = {"ProgramFiles": r"C:\Program Files", "ProgramFiles(x86)": r"C:\Program Files (x86)"}
    assert beside.is_program_files(PureWindowsPath(folder), environ) is expected
