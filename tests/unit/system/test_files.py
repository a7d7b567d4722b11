"""Files written whole or not at all, trees removed, sizes."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from builders import names

from mambench.system import files


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


class Scanned:
    """A step that a virus scanner is in the way of, some times."""

    def __init__(self, times: int, winerror: int = 32) -> None:
        self.left, self.winerror, self.calls = times, winerror, 0

    def __call__(self, *_arguments: object) -> str:
        self.calls += 1
        if self.calls <= self.left:
            error = PermissionError(13, "used by another process")
            error.winerror = self.winerror  # type: ignore[attr-defined]
            raise error
        return "done"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(files.time, "sleep", pauses.append)
    return pauses


@pytest.mark.parametrize("winerror", [5, 32])
def test_a_file_that_another_program_holds_is_tried_again(slept: list[float], winerror: int) -> None:
    assert files.Patience().spend(Scanned(3, winerror)) == "done"
    assert len(slept) == 3


def test_a_file_that_stays_held_is_an_error_after_two_seconds_in_all(slept: list[float]) -> None:
    patience = files.Patience()
    for _ in range(5):  # a tree of them is not waited for five times
        with pytest.raises(PermissionError):
            patience.spend(Scanned(10_000))
    assert files.HELD_SECONDS <= sum(slept) < files.HELD_SECONDS + 0.3


@pytest.mark.parametrize("winerror", [2, 112])
def test_another_error_is_told_at_once(slept: list[float], winerror: int) -> None:
    with pytest.raises(PermissionError):
        files.Patience().spend(Scanned(1, winerror))
    assert slept == []


def test_writing_and_removing_are_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    real_replace, real_unlink = os.replace, os.unlink
    for name, real in (("replace", real_replace), ("unlink", real_unlink)):
        scanned = Scanned(2)

        def step(*words: object, scanned: Scanned = scanned, real: object = real, **options: object) -> object:
            scanned()
            return real(*words, **options)  # type: ignore[operator]

        monkeypatch.setattr(os, name, step)
    files.write(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "new"
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_text("x")
    files.remove(tmp_path / "tree")
    assert names(tmp_path) == ["x"]
    assert slept


def test_a_folder_that_cannot_be_written_is_told_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tempfile on Windows takes the refusal for a taken name, and asks for others 2**31 times."""
    asked = []

    def refuse(name: str, *_rest: object) -> int:
        asked.append(name)
        raise FileExistsError(17, "File exists", name)

    assert tempfile.TMP_MAX <= 100
    monkeypatch.setattr(tempfile._os, "open", refuse)  # type: ignore[attr-defined]
    with pytest.raises(PermissionError, match="Permission denied"):
        files.write(tmp_path / "x", "x")
    with pytest.raises(PermissionError, match="Permission denied"):
        files.try_writing(tmp_path)
    assert len(asked) <= 2 * (100 + 1)
