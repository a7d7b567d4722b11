"""The one folder: files written whole or not at all, code copied by hash, locks, names."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mambench.errors import HomeError
from mambench.system import files
from mambench.system.home import Home


@pytest.fixture
def place(tmp_path: Path) -> Home:
    found = Home(tmp_path / "My bénchmarks")
    found.prepare()
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------------------------------------- writing


def test_a_file_is_written_in_utf8_with_the_newlines_given(tmp_path: Path) -> None:
    files.write(tmp_path / "x.json", "é\n")
    assert (tmp_path / "x.json").read_bytes() == "é\n".encode()
    assert names(tmp_path) == ["x.json"]


def test_a_file_has_the_mode_of_an_ordinary_one(tmp_path: Path) -> None:
    files.write(tmp_path / "x", "x")
    (tmp_path / "y").write_text("y")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == stat.S_IMODE((tmp_path / "y").stat().st_mode)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    files.write(tmp_path / "x", "old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space"):
        files.write(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert names(tmp_path) == ["x"]


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path / "x", "new")
    assert names(tmp_path) == []


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(tmp_path / "x", "old")
    seen = []
    real = os.replace

    def look_and_replace(source: str, target: Path) -> None:
        seen.append((tmp_path / "x").read_text())
        seen.append(Path(source).read_text())
        real(source, target)

    monkeypatch.setattr(os, "replace", look_and_replace)
    files.write(tmp_path / "x", "new" * 10_000)
    assert seen == ["old", "new" * 10_000]


# ------------------------------------------------------------------------------------------------ places


def test_every_path_lies_inside_the_home(place: Home) -> None:
    paths = [getattr(place, name) for name in dir(Home) if isinstance(getattr(Home, name), property)]
    assert len(paths) >= 10
    assert all(path.is_relative_to(place.root) and path != place.root for path in paths)
    assert len(set(paths)) == len(paths)


def test_prepare_makes_the_private_folders(place: Home) -> None:
    for folder in ("home", "cache", "config", "data", "state"):
        assert (place.private / folder).is_dir()
    assert place.temporary.is_dir()
    assert names(place.temporary) == []
    place.prepare()


@pytest.mark.parametrize("blocked", ["", "envs", "tmp", "private"])
def test_a_home_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path, blocked: str) -> None:
    root = tmp_path / "home"
    (root / blocked).parent.mkdir(exist_ok=True)
    (root / blocked).write_text("in the way")
    with pytest.raises(HomeError, match=str(root)) as caught:
        Home(root).prepare()
    assert caught.value.exit_code == 5
    assert "--home" in caught.value.remedy


@pytest.mark.parametrize(
    ("hostname", "shown"),
    [("node-7.cluster", "node-7.cluster"), ("José's PC", "Jos-s-PC"), ("../../etc", "etc"), ("", "unknown")],
)
def test_a_report_is_named_by_time_host_and_run(hostname: str, shown: str) -> None:
    created = datetime(2026, 11, 21, 10, 5, 0, tzinfo=UTC)
    path = Home(Path("h")).report_path(created, hostname, "0123456789abcdef")
    assert path == Path("h/results") / f"20261121T100500Z-{shown}-01234567.json"


def test_a_scratch_folder_is_gone_afterwards(place: Home) -> None:
    with place.scratch() as folder:
        (folder / "x").write_text("x")
        assert folder.parent == place.temporary
    assert names(place.temporary) == []


# ------------------------------------------------------------------------------------------------- locks


def test_a_lock_is_held_by_one_at_a_time(place: Home) -> None:
    inside: list[str] = []

    def other() -> None:
        with place.mutex("x"):
            inside.append("other")

    with place.mutex("x"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.15)
        inside.append("first")
    thread.join(10)
    assert inside == ["first", "other"]


def test_locks_of_other_names_do_not_wait(place: Home) -> None:
    with place.mutex("x"), place.mutex("y"):
        pass


def test_a_lock_is_free_again_after_an_error(place: Home) -> None:
    with pytest.raises(ValueError, match="no"), place.mutex("x"):
        raise ValueError("no")
    with place.mutex("x"):
        pass


def test_a_lock_that_cannot_be_made_is_an_error_of_the_home(place: Home) -> None:
    (place.mutexes).write_text("in the way")
    with pytest.raises(HomeError, match="cannot lock"), place.mutex("x"):
        pass


# -------------------------------------------------------------------------------------------------- code


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "worker"
    (folder / "inner").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "worker.py").write_text("print(1)\n")
    (folder / "inner/check.py").write_text("x = 1\n")
    (folder / "__pycache__/worker.pyc").write_bytes(b"stale")
    return folder


def test_code_is_copied_without_byte_code(place: Home, code: Path) -> None:
    copy = place.copy_code(code)
    files = sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file())
    assert files == ["inner/check.py", "worker.py"]
    assert copy.parent == place.code
    assert names(place.code) == [copy.name]


def test_the_same_code_is_copied_once(place: Home, code: Path) -> None:
    first = place.copy_code(code)
    before = (first / "worker.py").stat()
    assert place.copy_code(code) == first
    assert (first / "worker.py").stat().st_ino == before.st_ino


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_other_code_gets_another_folder_and_the_first_stays(place: Home, code: Path, change: str) -> None:
    first = place.copy_code(code)
    if change == "content":
        (code / "worker.py").write_text("print(2)\n")
    elif change == "name":
        (code / "worker.py").rename(code / "other.py")
    else:
        (code / "more.py").write_text("")
    second = place.copy_code(code)
    assert second != first
    assert (first / "worker.py").read_text() == "print(1)\n"


@pytest.mark.parametrize("damage", ["changed", "deleted", "replaced"])
def test_a_copy_that_was_tampered_with_is_repaired(place: Home, code: Path, damage: str) -> None:
    copy = place.copy_code(code)
    if damage == "changed":
        (copy / "worker.py").write_text("print(666)\n")
    elif damage == "deleted":
        (copy / "inner/check.py").unlink()
    else:
        files.remove(copy)
        copy.write_text("a file in its place")
    assert place.copy_code(code) == copy
    assert (copy / "worker.py").read_text() == "print(1)\n"
    assert (copy / "inner/check.py").read_text() == "x = 1\n"
    assert names(place.code) == [copy.name]


def test_code_that_cannot_be_copied_is_an_error_of_the_home(place: Home, code: Path) -> None:
    place.code.write_text("in the way")
    with pytest.raises(HomeError, match="cannot copy worker"):
        place.copy_code(code)


def test_many_that_copy_at_once_all_find_it_whole(place: Home, code: Path) -> None:
    for index in range(200):
        (code / f"more{index}.py").write_text("x = 1\n")
    with ThreadPoolExecutor(8) as pool:
        copies = set(pool.map(lambda _: Home(place.root).copy_code(code), range(8)))
    (copy,) = copies
    assert (copy / "worker.py").read_text() == "print(1)\n"
    assert names(place.code) == [copy.name]


def test_a_full_disk_leaves_no_half_copy(place: Home, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(HomeError, match="No space"):
        place.copy_code(code)
    assert names(place.code) == []


# ---------------------------------------------------------------------------------------------- removing


def test_a_tree_is_removed_with_what_is_read_only(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/file").write_text("x")
    for path in (tree / "a/b/file", tree / "a/b", tree / "a"):
        path.chmod(0o400 if path.is_file() else 0o500)
    files.remove(tree)
    assert not tree.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may list every folder")
def test_a_tree_is_removed_with_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "tree/closed/deeper").mkdir(parents=True)
    (tmp_path / "tree/closed/deeper/file").write_text("x")
    (tmp_path / "tree/closed/deeper").chmod(0)
    (tmp_path / "tree/closed").chmod(0)
    files.remove(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_a_link_is_removed_and_not_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files.remove(tmp_path / "link")
    assert names(tmp_path) == ["real"]
    assert (tmp_path / "real/file").exists()


def test_what_is_not_there_is_removed_already(tmp_path: Path) -> None:
    files.remove(tmp_path / "nothing")


def test_the_size_of_a_tree_counts_links_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").write_bytes(b"x" * 10)
    assert files.tree_bytes(tmp_path) == 1010


def test_free_space_is_told_for_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    assert files.free_bytes(tmp_path / "not/yet/there") > 0


def test_what_becomes_free_has_no_link_that_stays(tmp_path: Path) -> None:
    for name in ("a", "b", "cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "own").write_bytes(b"x" * 10)
    (tmp_path / "a" / "twice").write_bytes(b"x" * 100)
    (tmp_path / "a" / "again").hardlink_to(tmp_path / "a" / "twice")
    (tmp_path / "a" / "shared").write_bytes(b"x" * 1000)
    (tmp_path / "cache" / "shared").hardlink_to(tmp_path / "a" / "shared")
    (tmp_path / "b" / "shared").hardlink_to(tmp_path / "a" / "shared")
    a, b, cache = (files.files_in(tmp_path / name) for name in ("a", "b", "cache"))
    assert files.freed_bytes(a) == 110
    assert files.freed_bytes(b, cache) == 0
    assert files.freed_bytes(a, b, cache) == 1110
    assert files.freed_bytes() == files.freed_bytes(files.files_in(tmp_path / "nothing")) == 0
