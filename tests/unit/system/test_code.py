"""Worker and kernels are copied into the home, by the hash of what is in them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders import names

from mambench.errors import HomeError
from mambench.system import code, files
from mambench.system.home import Home


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "worker"
    (folder / "inner").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "worker.py").write_text("print(1)\n")
    (folder / "inner/check.py").write_text("x = 1\n")
    (folder / "__pycache__/worker.pyc").write_bytes(b"stale")
    return folder


def test_code_is_copied_without_byte_code(home: Home, source: Path) -> None:
    copy = code.copied(home, source)
    files = sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file())
    assert files == ["inner/check.py", "worker.py"]
    assert copy.parent == home.code
    assert names(home.code) == [copy.name]


def test_the_same_code_is_copied_once(home: Home, source: Path) -> None:
    first = code.copied(home, source)
    before = (first / "worker.py").stat()
    assert code.copied(home, source) == first
    assert (first / "worker.py").stat().st_ino == before.st_ino


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_other_code_gets_another_folder_and_the_first_stays(home: Home, source: Path, change: str) -> None:
    first = code.copied(home, source)
    if change == "content":
        (source / "worker.py").write_text("print(2)\n")
    elif change == "name":
        (source / "worker.py").rename(source / "other.py")
    else:
        (source / "more.py").write_text("")
    second = code.copied(home, source)
    assert second != first
    assert (first / "worker.py").read_text() == "print(1)\n"


PLANTED = ("json.py", "__pycache__/worker.cpython-311.pyc", "inner/fractions.py", "fractions/__init__.py")


@pytest.mark.parametrize("name", PLANTED)
def test_what_was_planted_beside_it_is_gone(home: Home, source: Path, name: str) -> None:
    copy = code.copied(home, source)
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"print(666)")
    assert code.copied(home, source) == copy
    there = sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*"))
    assert there == ["inner", "inner/check.py", "worker.py"]


@pytest.mark.skipif(os.name != "posix", reason="needs the right to make links")
@pytest.mark.parametrize("name", ["worker.py", "inner", "."])
def test_a_link_in_place_of_it_is_none(home: Home, source: Path, tmp_path: Path, name: str) -> None:
    copy, elsewhere = code.copied(home, source), tmp_path / "elsewhere"
    linked = copy / name
    linked.rename(elsewhere)
    linked.symlink_to(elsewhere)
    assert code.copied(home, source) == copy
    assert not copy.is_symlink() and not any(path.is_symlink() for path in copy.rglob("*"))


@pytest.mark.parametrize("damage", ["changed", "deleted", "replaced"])
def test_a_copy_that_was_tampered_with_is_repaired(home: Home, source: Path, damage: str) -> None:
    copy = code.copied(home, source)
    if damage == "changed":
        (copy / "worker.py").write_text("print(666)\n")
    elif damage == "deleted":
        (copy / "inner/check.py").unlink()
    else:
        files.remove(copy)
        copy.write_text("a file in its home")
    assert code.copied(home, source) == copy
    assert (copy / "worker.py").read_text() == "print(1)\n"
    assert (copy / "inner/check.py").read_text() == "x = 1\n"
    assert names(home.code) == [copy.name]


def test_code_that_cannot_be_copied_is_an_error_of_the_home(home: Home, source: Path) -> None:
    home.code.write_text("in the way")
    with pytest.raises(HomeError, match="cannot copy worker"):
        code.copied(home, source)


def test_many_that_copy_at_once_all_find_it_whole(home: Home, source: Path) -> None:
    for index in range(200):
        (source / f"more{index}.py").write_text("x = 1\n")
    with ThreadPoolExecutor(8) as pool:
        copies = set(pool.map(lambda _: code.copied(Home(home.root), source), range(8)))
    (copy,) = copies
    assert (copy / "worker.py").read_text() == "print(1)\n"
    assert names(home.code) == [copy.name]


def test_a_full_disk_leaves_no_half_copy(home: Home, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(HomeError, match="No space"):
        code.copied(home, source)
    assert names(home.code) == []
