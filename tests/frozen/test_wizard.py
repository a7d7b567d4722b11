"""The one-file program's wizard in a terminal, key by key, to a finished table of both sources."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from frozen.conftest import MARK, Person
from frozen.test_measuring import CONDA, PYPI, channel, real_uv, rows
from wizard.driver import Screen

__all__ = ["channel"]  # a fixture

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

REMEMBERED = {"environments": ["from-conda", "from-pypi"], "preset": "quick", "sizes": [128], "dtypes": ["float64"]}


@pytest.fixture
def screen(one_file: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A terminal with the program in it, which remembers two small stacks."""
    monkeypatch.setenv("MAMBENCH_TEST_PROGRAM", str(one_file.program))
    one_file.home.mkdir(exist_ok=True)
    (one_file.home / "wizard.json").write_text(json.dumps(REMEMBERED))
    variables = {**one_file.environ, "MAMBENCH_UV": real_uv(), MARK: one_file.mark}
    opened = Screen(home=one_file.home, size=(100, 40), **variables)
    yield opened
    opened.close()


def prepared(person: Person, folder: Path) -> None:
    """One stack for each source."""
    person.offer_stack("from-conda", CONDA.format(channel=folder))
    person.offer_stack("from-pypi", PYPI)


@pytest.fixture
def stacks(one_file: Person, channel: Path) -> None:
    """Before the program starts."""
    prepared(one_file, channel)


@pytest.mark.usefixtures("stacks")
def test_from_the_first_screen_to_a_finished_table(one_file: Person, request: pytest.FixtureRequest):
    screen: Screen = request.getfixturevalue("screen")
    screen.wait("What next?", "Quit")
    screen.keys("Enter")
    screen.wait("What shall be measured?", "2 stacks ticked")
    screen.keys("Enter")
    screen.wait("How thoroughly?")
    screen.keys("Enter")
    screen.wait("Start?")
    screen.keys("y")
    screen.wait("Report:", "Quit", seconds=120.0, history=True)
    assert {row["environment"]: row["verified"] for row in rows(one_file)} == {
        "from-conda@conda": True,
        "from-pypi@pypi": True,
    }
    screen.keys("C-c")
    assert screen.code() in (0, 130)
    one_file.wait_until_alone()
    assert one_file.bundles() == []


@pytest.mark.usefixtures("stacks")
def test_a_closed_window_ends_the_wizard(one_file: Person, request: pytest.FixtureRequest):
    screen: Screen = request.getfixturevalue("screen")
    screen.wait("What next?", "Quit")
    screen.close()
    one_file.wait_until_alone()
    assert one_file.bundles() == []
