"""Damaged environments: told with the way out, found in prefixes and caches, made anew; both sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from environments.house import House
from mambench.system import files
from standin.channel import NUMPY_VERSION

pytestmark = pytest.mark.promise("environments")

REPAIR = "`mambench env check {} --repair` makes it anew"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with numpy's wheel: all that pypi is asked for."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), f"numpy=={NUMPY_VERSION}"], check=True)
    return folder


@pytest.fixture(params=["conda", "pypi"])
def made(request: pytest.FixtureRequest, house: House, wheels: Path) -> House:
    """A ready stack with numpy from either source, called `mine`."""
    packages = ("python", f"numpy={NUMPY_VERSION}")
    house.offer("mine", *(packages if request.param == "conda" else ()), pypi=[f"numpy=={NUMPY_VERSION}"])
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    assert create(house, request.param).code == 0
    house.source = request.param  # type: ignore[attr-defined]
    return house


def create(house: House, source: str, *more: str):
    return house.call("env", "create", "mine", "--source", source, "--channel", house.channel, "--yes", *more)


def numpy_in(house: House) -> Path:
    (prefix,) = house.prefixes()
    return next(prefix.glob("lib/python*/site-packages/numpy"))


def core(house: House) -> Path:
    return next((numpy_in(house) / "_core").glob("_multiarray_umath*.so"))


def edit(file: Path) -> None:
    """Some bytes, in place: through every link."""
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2)
        stream.write(b"damaged!" * 64)


def lose_library(house: House) -> None:
    core(house).unlink()


def cut_library(house: House) -> None:
    with core(house).open("r+b") as stream:
        stream.truncate(5000)


def lose_package(house: House) -> None:
    shutil.rmtree(numpy_in(house))


def replace_python(house: House) -> None:
    python = house.prefixes()[0] / "bin" / "python"
    python.unlink()
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)


def edit_library(house: House) -> None:
    edit(core(house))


DAMAGE: dict[Callable[[House], None], tuple[str, str]] = {
    lose_library: ("is gone", "is gone"),
    cut_library: ("has 5000 bytes instead of", "has 5000 bytes instead of"),
    lose_package: ("is gone and", "is gone and"),
    replace_python: ("bin/python was replaced", "bin/python was replaced"),
    edit_library: ("", "has another content"),
}
"""What is done to an environment, and what is told of it without and with --full."""


def kinds(*short: Callable[[House], None]) -> list[object]:
    """All kinds of damage, those apart from the `short` ones in long runs only."""
    return [pytest.param(each, id=each.__name__, marks=() if each in short else pytest.mark.long) for each in DAMAGE]


@pytest.mark.parametrize("damage", kinds(cut_library))
def test_damage_is_found_told_and_repaired(made: House, damage: Callable[[House], None]):
    damage(made)
    for words, option in zip(DAMAGE[damage], ((), ("--full",)), strict=True):
        done = made.call("env", "check", "mine", *option)
        assert done.code == (4 if words else 0), done.text
        assert words in done.text and (REPAIR.format("mine") in done.text or not words)
    again = create(made, made.source)
    if DAMAGE[damage][0]:
        assert again.code == 4 and "is damaged" in again.text and REPAIR.format("mine") in again.text
    repaired = made.call("env", "check", "mine", "--full", "--repair")
    assert repaired.code == 0 and "made anew, as it was damaged" in repaired.text, repaired.text
    whole = made.call("env", "check", "--full")
    assert whole.code == 0 and "are all unchanged" in whole.text


def test_it_is_made_anew_from_its_lock_file_and_not_solved_again(made: House):
    solved, empty = len(made.calls("--dry-run")), made.folder / "empty"
    empty.mkdir()
    made.environ["UV_FIND_LINKS"] = str(empty)
    replace_python(made)
    repaired = made.call("env", "check", "mine", "--repair")
    assert repaired.code == 0 and "made anew" in repaired.text, repaired.text
    assert len(made.calls("--dry-run")) == solved
    assert made.call("env", "check", "--full").code == 0


@pytest.mark.parametrize("damage", kinds(lose_library))
def test_a_row_that_damage_made_fail_names_the_way_out(made: House, damage: Callable[[House], None]):
    damage(made)
    done = made.run("mine", source=made.source)
    row = made.row()
    if row["status"] == "ok":  # the bytes that were edited may be of what is never run
        assert damage is edit_library
        return
    assert done.code == 3
    assert row["failure"]["reason"] in ("raised", "crashed"), row["failure"]
    assert "its environment is damaged: " in row["failure"]["message"]
    assert REPAIR.format("mine") in row["failure"]["message"]


@pytest.mark.long
def test_what_is_linked_to_a_damaged_cache_does_not_come_back_damaged(made: House):
    edit_library(made)
    cached = made.call("env", "check", "mine", "--full")
    assert f"numpy {NUMPY_VERSION} ({made.source} cache)" in cached.text, "prefixes are linked to the cache"
    assert made.call("env", "remove", "mine").code == 0
    assert create(made, made.source).code == 0
    assert made.call("env", "check", "--full").code == 0


@pytest.mark.long
def test_a_damaged_cache_alone_is_found_and_emptied(made: House):
    edit_library(made)
    assert made.call("env", "remove", "mine").code == 0
    found = made.call("env", "check", "--full")
    assert found.code == 4 and "it is downloaded again when it is needed" in found.text
    assert made.call("env", "check", "--full", "--repair").code == 0
    assert "no environment is installed" in made.call("env", "check", "--full").text


@pytest.mark.long
def test_another_version_under_the_same_name_is_no_number(made: House):
    version = numpy_in(made) / "version.py"
    content = version.read_text().replace(NUMPY_VERSION, "2.3.0")
    version.unlink()
    version.write_text(content)
    made.run("mine", source=made.source)
    failure = made.row()["failure"]
    assert failure["reason"] == "mislabelled"
    assert f"numpy {NUMPY_VERSION} was installed" in failure["message"] and "2.3.0 ran" in failure["message"]


@pytest.mark.long
def test_a_file_that_cannot_be_read_does_not_end_the_check(made: House):
    core(made).unlink()
    core_folder = numpy_in(made) / "_core"
    os.mkfifo(core_folder / "pipe")
    record = next(made.prefixes()[0].glob("conda-meta/numpy*.json"), None) or next(
        made.prefixes()[0].glob("lib/python*/site-packages/numpy-*/RECORD")
    )
    record.unlink()
    os.mkfifo(record)
    done = made.call("env", "check", "--full")
    assert done.code == 4 and "is no file" in done.text


# ---------------------------------------------------------------------------------- what stopped runs leave


def test_a_stopped_download_of_a_wheel_is_swept_by_the_next_command_or_cleaned(made: House):
    left = made.home / "cache" / "uv" / ".tmpAbCdEf" / "half"  # as a uv that was killed leaves it
    for words in (("env", "remove", "mine"), ("doctor", "--clean")):
        left.parent.mkdir(parents=True)
        left.write_bytes(bytes(8_000_000))
        before = files.tree_bytes(made.home)
        done = made.call(*words)
        assert done.code == 0, done.text
        assert not left.exists()
    told = re.search(r"\(([\d,]+) bytes\)", done.text)
    assert told is not None
    freed = int(told[1].replace(",", ""))
    assert freed >= 8_000_000
    assert abs(before - files.tree_bytes(made.home) - freed) < 2000  # of notes and logs
    assert create(made, made.source).code == 0
    assert made.call("doctor", "--clean").code == 0
    assert made.call("env", "check", "--full").code == 0
    assert made.call("env", "exec", "mine", "--", "python", "-c", "import numpy").code == 0


# ------------------------------------------------------------------------------------- what a digest means

OVERRIDES = {
    "UV_OVERRIDE": "numpy==2.3.0\n",
    "UV_EXCLUDE": "numpy\n",
    "UV_CONSTRAINT": "numpy==2.3.0\n",
    "UV_CONFIG_FILE": 'override-dependencies = ["numpy==2.3.0"]\n[pip]\nno-index = true\nfind-links = ["/nowhere"]\n',
}


def test_the_users_settings_of_uv_change_no_package(house: House, wheels: Path):
    for name, content in OVERRIDES.items():
        file = house.folder / name
        file.write_text(content)
        house.environ[name] = str(file)
    project = '[project]\nname = "x"\nversion = "1"\n[tool.uv]\noverride-dependencies = ["numpy==2.3.0"]\n'
    (house.cwd / "pyproject.toml").write_text(project)
    (house.cwd / "uv.toml").write_text('override-dependencies = ["numpy==2.3.0"]\n')
    house.environ |= {"UV_WORKING_DIR": "/nowhere", "UV_OFFLINE": "1", "UV_HTTP_TIMEOUT": "0", "UV_PROJECT": "/nowhere"}
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    house.offer("mine", pypi=[f"numpy=={NUMPY_VERSION}"])
    assert create(house, "pypi").code == 0
    (prefix,) = house.prefixes()
    (info,) = prefix.glob("lib/python*/site-packages/numpy-*.dist-info")
    assert info.name == f"numpy-{NUMPY_VERSION}.dist-info"


@pytest.mark.long
def test_a_lock_file_of_other_packages_is_refused_offline(house: House, wheels: Path):
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    house.offer("mine", pypi=[f"numpy=={NUMPY_VERSION}"])
    assert create(house, "pypi").code == 0
    (prefix,) = house.prefixes()
    lock = prefix.with_suffix(".lock")
    shutil.rmtree(prefix)
    lock.write_text(lock.read_text().replace(NUMPY_VERSION, "2.3.0"))
    done = create(house, "pypi", "--offline")
    assert done.code == 4 and f"numpy=={NUMPY_VERSION} (resolved: 2.3.0)" in done.text
    assert house.prefixes() == []
