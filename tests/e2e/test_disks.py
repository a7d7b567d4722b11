"""Disks that cannot do all that others can: no hard links, no symbolic links, small and capital letters the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from e2e.driver import Bench, Done, mounted_exfat, program, told_in_plain_words, wait_for
from footprint import needs_strace, refused

pytestmark = [
    pytest.mark.promise("disks"),
    pytest.mark.skipif(sys.platform == "win32", reason="what Windows' own disks cannot do is no surprise there"),
]


@pytest.fixture
def stick(alone: Bench) -> Iterator[Path]:
    """A home on an exFAT."""
    for folder in mounted_exfat(alone.cwd / "stick"):
        alone.home = folder / "home"
        alone.install("clean", "prints")
        yield folder


def told_to_have_no_links(done: Done, bench: Bench) -> None:
    """Before anything was resolved."""
    assert done.code == 4, done.text
    told_in_plain_words(done)
    assert f"the disk of {bench.home} has no symbolic links" in done.err and "--home DIR" in done.err
    assert list((bench.home / "envs").iterdir()) == []


@needs_strace
def test_without_hard_links_an_environment_is_made_and_found_whole(alone: Bench):
    alone.offer_package()
    for words in (["env", "create", "toy", "--yes"], ["env", "check"]):
        done = alone.begin(refused([*program(), *words, "--home", str(alone.home)], "link", "linkat")).end()
        assert done.code == 0, done.text


@needs_strace
def test_without_symbolic_links_a_python_that_is_there_is_measured(alone: Bench):
    alone.offer_package()
    done = alone.begin(refused(alone.words(), "symlink", "symlinkat")).end()
    assert done.code == 0, done.text
    for command in (["env", "create"], ["fetch"]):
        words = [*program(), *command, "toy", "--yes", "--home", str(alone.home)]
        told_to_have_no_links(alone.begin(refused(words, "symlink", "symlinkat")).end(), alone)


@pytest.mark.long
@pytest.mark.usefixtures("stick")
def test_on_a_stick_a_python_that_is_there_is_measured(alone: Bench):
    alone.offer_package()
    done = alone.run("--python", f"TOYS={sys.executable}")
    assert done.code == 0, done.text
    assert len(alone.report()["results"]) == 4
    told_to_have_no_links(alone.call("env", "create", "toy", "--yes"), alone)
    done = alone.call("doctor", "--offline")
    assert "no symbolic links" in " ".join(done.text.split())


@pytest.mark.long
@pytest.mark.usefixtures("stick")
def test_on_a_stick_names_in_other_letters_are_told(alone: Bench):
    alone.offer_package()
    recipe = alone.home / "environments" / "toy.toml"
    assert recipe.with_name("TOY.toml").exists()
    assert alone.call("list").code == 0
    done = alone.call("env", "create", "TOY", "--yes")
    assert done.code == 2 and "there is no stack 'TOY'" in done.err, done.text
    recipe.rename(recipe.with_name("TOY.toml"))
    done = alone.call("list")
    assert done.code == 0 and "cannot be a name" in done.text, done.text


@pytest.mark.long
def test_a_stick_that_is_pulled_out(alone: Bench, stick: Path):
    (server,) = (each for each in psutil.process_iter(["cmdline"]) if str(stick) in (each.info["cmdline"] or ()))
    begun = alone.start("--rounds", "9")
    wait_for(lambda: list((alone.home / "results").glob("*.journal")))
    server.kill()
    done = begun.end()
    assert done.code == 5, done.text
    told_in_plain_words(done)
    assert f"{alone.home / 'results'} is gone" in done.err
    assert "toys (" in done.out
