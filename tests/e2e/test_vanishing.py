"""The home goes away while it is used: a stick is pulled out, a server is gone, somebody removes the folder."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from e2e.driver import Bench, Done, told_in_plain_words, wait_for
from environments.house import mounted

pytestmark = [
    pytest.mark.promise("disks"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows holds what is open"),
]


@pytest.fixture(params=["removed", "unmounted"])
def taken(request: pytest.FixtureRequest, alone: Bench) -> Iterator[list[str]]:
    """The command that takes the home away."""
    if request.param == "removed":
        yield ["sh", "-c", 'rm -rf "$0" || rm -rf "$0"', str(alone.home)]  # something may be written meanwhile
        return
    shutil.rmtree(alone.home)
    for folder in mounted(alone.home, options="size=100m"):
        alone.install("clean")
        yield ["umount", "-l", str(folder)]


def told_as_gone(done: Done, bench: Bench, *, shown: str = "") -> None:
    """A plain sentence, the table of what was measured, and nothing of ours where the home was."""
    assert done.code == 5, done.text
    told_in_plain_words(done)
    assert f"{bench.home / 'results'} is gone" in done.err
    assert "Report:" not in done.out and "Page:" not in done.out
    assert shown in done.out
    bench.wait_until_alone()
    left = {path.name for path in bench.home.iterdir()} if bench.home.exists() else set()
    assert left <= {"cache", "envs"}  # uv makes its folders anew
    assert ("left by what was going on" in done.err) is bool(left)


@pytest.mark.parametrize("step", ["pip compile", pytest.param("venv", marks=pytest.mark.long), "pip sync"])
@pytest.mark.parametrize("words", [["run"], pytest.param(["env", "create"], marks=pytest.mark.long)], ids=" ".join)
def test_while_an_environment_is_made(alone: Bench, taken: list[str], step, words):
    alone.offer_package(uv=f'case "$*" in "{step}"*) {shlex.join(taken)};; esac')
    told_as_gone(alone.call(*words, "toy", "--yes"), alone)


def test_while_it_measures(alone: Bench, taken: list[str]):
    alone.install("clean", "prints")
    begun = alone.start("--rounds", "9")
    wait_for(lambda: list((alone.home / "results").glob("*.journal")))
    subprocess.run(taken, check=True)
    told_as_gone(begun.end(), alone, shown="toys (")


@pytest.mark.parametrize("save", [pytest.param(2, marks=pytest.mark.long), 3])
def test_while_it_saves(alone: Bench, taken: list[str], save):
    """In its journal, in the report at its end."""
    saving = alone.slow_down(save=save, seconds=1)
    begun = alone.start()
    wait_for(saving)
    subprocess.run(taken, check=True)
    told_as_gone(begun.end(), alone, shown="toys")
