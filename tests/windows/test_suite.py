"""The tests that need nothing but python, in the python of Windows."""

from __future__ import annotations

import pytest

from windows.computer import ROOT, Computer, windows_path

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("folder", ["unit", "worker"])
def test_the_tests_pass_on_windows(computer: Computer, folder: str):
    words = ["-p", "no:cacheprovider", "--no-header", "--tb=short", "-W", "ignore", "--rootdir", windows_path(ROOT)]
    done = computer.run("-B", "-m", "pytest", *words, windows_path(ROOT / "tests" / folder), patience=480.0)
    assert done.code == 0, done.out[-20000:] + done.err
