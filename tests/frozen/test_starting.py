"""It starts wherever it lies and whatever surrounds it."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from frozen.conftest import STRANGE, Forms, Person, make_person
from mambench import __version__


def test_it_says_its_version(person: Person):
    assert person.run("--version").out == f"mambench {__version__}\n"
    assert not person.home.exists()


def test_info_knows_the_home_beside_the_program(person: Person):
    content = json.loads(person.run("info", "--json").out)
    assert content["frozen"] is True
    assert content["home"] == str(person.home)
    assert content["home_note"] == ""
    assert content["micromamba"] == "2.8.1, carried"
    assert not person.home.exists(), "looking leaves nothing behind"


def test_it_helps_shells_to_complete_and_leaves_nothing_behind(person: Person):
    script = person.run("completion", "bash")
    assert script.code == 0 and "complete -o bashdefault -F _shtab_mambench mambench" in script.out
    names = person.run("completion", "--words", "stacks")
    assert (names.code, names.err) == (0, "") and "numpy-openblas" in names.out.split()
    assert not person.home.exists()


def test_selftest_passes(person: Person):
    done = person.run("selftest")
    assert done.code == 0, done.text
    assert "PASS" in done.out
    assert "made an environment of one package" in done.text
    assert "measured and verified a result" in done.text
    assert "written and read, with 1 row" in done.text


def test_selftest_without_any_python_says_what_it_could_not_try(one_file: Person):
    done = one_file.run("selftest", environ={"PATH": "/nowhere"})
    assert done.code == 0, done.text
    assert "no python 3.9 or later is here" in done.text


def test_selftest_tells_what_is_broken(forms: Forms, tmp_path: Path):
    person = make_person(forms.put("folder", tmp_path / "programs"), tmp_path)
    (person.program.parent / "_internal/mambench/resources/selftest/mambench-selftest-1.0-0.tar.bz2").write_bytes(b"")
    done = person.run("selftest")
    assert done.code == 1
    assert "FAIL: micromamba" in done.out


@pytest.mark.promise("surroundings")
@pytest.mark.parametrize("form", ["one file", "folder"])
def test_a_strange_path(forms: Forms, form: str, tmp_path: Path):
    person = make_person(forms.put(form, tmp_path / STRANGE), tmp_path)
    done = person.run("selftest", environ={"LANG": None})
    assert done.code == 0, done.text
    assert (person.home / "code").is_dir()


@pytest.mark.promise("surroundings")
def test_without_home(person: Person):
    done = person.run("selftest", environ={"HOME": None, "LANG": None, "TERM": None})
    assert done.code == 0, done.text


@pytest.mark.promise("surroundings")
def test_hostile_variables(person: Person, tmp_path: Path):
    poison = tmp_path / "poison"
    poison.mkdir()
    for name in ("libssl.so.3", "libcrypto.so.3", "libpython3.11.so.1.0", "libbz2.so.1.0"):
        (poison / name).write_text("no library\n")
    (poison / "json.py").write_text("raise SystemExit('this json is not for you')\n")
    hostile = {"PYTHONPATH": str(poison), "PYTHONHOME": str(poison), "PYTHONSTARTUP": str(poison / "json.py")}
    done = person.run("selftest", environ=hostile)
    assert done.code == 0, done.text
    done = person.run("info", "--json", environ={"LD_LIBRARY_PATH": str(poison)})
    assert done.code == 0, done.text


def test_the_users_library_path_reaches_a_python_of_the_user(person: Person, tmp_path: Path):
    spy = tmp_path / "python3"
    spy.write_text(f"#!/bin/sh\necho \"$LD_LIBRARY_PATH\" >> '{tmp_path}/seen'\nexit 1\n")
    spy.chmod(0o755)
    for given in ("/opt/of the user", None):
        person.run("run", "--python", str(spy), environ={"LD_LIBRARY_PATH": given})
    assert (tmp_path / "seen").read_text() == "/opt/of the user\n\n"


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A tmpfs at `folder`, or the test is skipped."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.promise("disks")
@pytest.mark.parametrize("form", ["one file", "folder"])
def test_in_a_read_only_folder_it_uses_the_data_folder_and_says_so(forms: Forms, form: str, tmp_path: Path):
    place = tmp_path / "mounted image"
    with mounted(place):
        person = make_person(forms.put(form, place), tmp_path)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        content = json.loads((done := person.run("info", "--json")).out)
        assert content["home"] == str(tmp_path / "user/.local/share/mambench")
        assert "cannot be written" in content["home_note"] and "data folder" in content["home_note"]
        assert "data folder" in done.text
        assert person.run("selftest").code == 0


@pytest.mark.promise("disks")
@pytest.mark.parametrize("size", ["64k", "4m"])
def test_a_full_temporary_folder_ends_it(one_file: Person, size: str):
    """The words are the bootloader's own; the README says what they mean."""
    with mounted(one_file.temporary, "-o", f"size={size}"):
        done = one_file.run("info")
        assert done.code != 0
        assert "Failed to extract" in done.err


def test_the_folder_form_needs_no_temporary_folder(forms: Forms, tmp_path: Path):
    person = make_person(forms.put("folder", tmp_path / "programs"), tmp_path)
    with mounted(person.temporary, "-o", "size=4k"):
        assert person.run("info").code == 0


@pytest.mark.promise("surroundings")
def test_a_path_that_is_too_long_is_refused_with_the_remedy(one_file: Person, tmp_path: Path):
    long = tmp_path / "/".join(["a long name of a folder"] * 12)
    done = one_file.run("run", "numpy-openblas", "--home", str(long))
    assert done.code == 5
    assert "characters, too many" in done.text and "--home DIR" in done.text
    assert not long.exists()


def test_the_archive_holds_the_folder_and_all_licences(forms: Forms):
    with tarfile.open(forms.packed) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"mambench", "mambench.desktop", "LICENSE.txt", "share/man/man1/mambench.1"} <= names
    assert {"licenses/micromamba/micromamba-LICENSE.txt", "licenses/micromamba/toy-LICENSE"} <= names
    ours = ("python", "rich", "questionary", "requests", "psutil", "shtab")
    assert {f"licenses/{name}.txt" for name in ours} <= names
    assert "_internal/mambench/resources/mm/linux-64-micromamba-2.8.1-0.tar.bz2" in names


def test_it_holds_nothing_that_may_not_be_passed_on(forms: Forms):
    found = [path.name for path in (forms.folder / "_internal").rglob("*")]
    assert not [name for name in found if name.startswith(("libreadline", "libtcl", "uv-", "libstdc++"))]
    assert os.access(forms.folder / "_internal" / ".mambench", os.X_OK)
