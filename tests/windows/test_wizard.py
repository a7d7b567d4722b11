"""The wizard in a console window, as after a double-click: keys in, screens out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reports import valid
from windows.computer import FOLDER, Computer
from windows.conftest import House
from windows.window import Window

pytestmark = pytest.mark.timeout(900)

PICTURES = FOLDER / "pictures"
"""Kept for a look: what a test can read is not all that a person sees."""


def wizard(computer: Computer, home: str) -> Window:
    """Nobody's words: the program as a double-click starts it."""
    return Window(computer, computer.python, "-m", "mambench", home=home, pictures=PICTURES)


def test_key_by_key_to_a_verified_table(computer: Computer, house: House):
    before: set[Path] = set(house.reports())
    with wizard(computer, house.home) as window:
        window.wait("What next?", "Nothing leaves this computer", house.home)
        window.picture("1-menu")
        window.press("Return")
        window.wait("What shall be measured?", "1 stack ticked", "run by us under wine")
        for left in ("2 stacks ticked", "1 stack ticked, nothing to download"):
            window.type("/torch-cpu")
            window.wait("/torch-cpu_")
            window.press("space", "Escape")
            window.wait(left, "tensorflow-cpu")
        window.picture("2-pick")
        window.press("Return")
        window.wait("How thoroughly?")
        window.picture("3-preset")
        window.press("End", "Return")
        window.wait("Advanced settings")
        window.press("Return")
        window.wait("Rows and columns")
        window.type("256")
        window.press("Return")
        window.wait("Advanced settings", "256")
        window.press("End", "Return")
        window.wait("How thoroughly?", "n = 256")
        window.press("Home", "Return")
        window.wait("The plan", "Start?")
        window.picture("4-plan")
        window.press("y")
        window.wait("Report:", "Quit")
        window.picture("5-result")
        window.press("End", "Return")
        window.wait_for_end()
    (made,) = set(house.reports()) - before
    report = valid(made.read_text(encoding="utf-8"))
    assert report["complete"] is True
    assert {row["status"] for row in report["results"]} == {"ok"}


def test_ctrl_c_leaves_the_first_screen(computer: Computer, empty: str):
    with wizard(computer, empty) as window:
        window.wait("What next?")
        time.sleep(0.5)
        window.press("ctrl+c")
        window.wait_for_end()
    assert not list((computer.linux_path(empty)).glob("results/*"))
