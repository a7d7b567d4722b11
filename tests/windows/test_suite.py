"""The tests that need nothing but python, in the python of Windows."""

from __future__ import annotations

import pytest

from windows.computer import ROOT, Computer, windows_path

pytestmark = pytest.mark.timeout(600)


ROWS = "verified_row or standard_output or beside or plug_in or prints"
"""Of the end-to-end tests those that say most in a minute: what is measured, told, broken, and its exit codes."""


ALIKE = {
    "worker": ("test_check_exact.py", "test_fft.py", "test_solve.py", "test_gpt.py", "test_wrong_entry.py"),
    "unit": ("test_fleet.py", "test_many_reports.py", "cluster"),
}
"""Proofs by numpy alone and simulations, which are long and the same on every system; Slurm is not on Windows."""

PATIENCE_SECONDS = 840.0
"""On a busy machine."""


@pytest.mark.timeout(PATIENCE_SECONDS + 60)
@pytest.mark.parametrize("path", ["unit", "worker", "e2e/test_rows.py"])
def test_the_tests_pass_on_windows(computer: Computer, path: str):
    words = ["-p", "no:cacheprovider", "--no-header", "--tb=short", "-W", "ignore", "--rootdir", windows_path(ROOT)]
    if path.startswith("e2e"):
        words += ["-k", ROWS]
    for name in ALIKE.get(path, ()):
        words += ["--ignore-glob", f"*{name}"]
    done = computer.run("-B", "-m", "pytest", *words, windows_path(ROOT / "tests" / path), patience=PATIENCE_SECONDS)
    assert done.code == 0, done.out[-20000:] + done.err
