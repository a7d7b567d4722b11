"""Where `--json` wants the report."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from mambench import errors
from mambench.app import copy
from mambench.app.pages import write_text

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no FIFOs, and links for administrators only")


def test_a_copy_is_tried_beforehand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert copy.copy_path(str(tmp_path / "copy.json")) == str(tmp_path / "copy.json")
    assert list(tmp_path.iterdir()) == []
    for wrong in (tmp_path, tmp_path / "missing" / "copy.json"):
        with pytest.raises(errors.UsageError):
            copy.copy_path(str(wrong))

    def refuse(**_options: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(errors.ReportError, match="Read-only file system"):
        copy.copy_path(str(tmp_path / "copy.json"))


@posix
@pytest.mark.parametrize("target", ["there.json", "new.json", "again"])
def test_a_link_stays_and_what_it_names_is_written(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "there.json").write_text("old")
    (tmp_path / "elsewhere" / "again").symlink_to("there.json")
    link = tmp_path / "link.json"
    link.symlink_to(Path("elsewhere", target))
    assert copy.copy_path(str(link)) == str(link)
    write_text(link, "new")
    assert link.is_symlink() and link.read_text() == "new"
    assert not link.resolve().is_symlink() and link.resolve().parent.name == "elsewhere"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@posix
def test_a_link_to_where_nothing_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "missing" / "copy.json")
    with pytest.raises(errors.UsageError, match="there is no folder"):
        copy.copy_path(str(tmp_path / "link.json"))
    (tmp_path / "loop.json").symlink_to("loop.json")
    with pytest.raises(errors.ReportError):
        copy.copy_path(str(tmp_path / "loop.json"))


@posix
def test_a_fifo_is_written_into(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert copy.copy_path(str(fifo)) == str(fifo)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    write_text(fifo, "x" * 300_000)  # more than a pipe holds
    reader.join(10)
    assert read == ["x" * 300_000] and fifo.is_fifo()


@posix
def test_a_device_keeps_its_place(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    for device in (Path(os.devnull), link):
        before = device.stat()
        assert copy.copy_path(str(device)) == str(device)
        write_text(device, "a report")
        assert device.stat() == before and device.is_char_device()
    assert link.is_symlink()


@posix
def test_what_the_shell_passes_as_a_file_is_written_into() -> None:
    """`--json >(gzip > report.json.gz)` names a pipe in /dev/fd."""
    reading, writing = os.pipe()
    try:
        path = Path(f"/dev/fd/{writing}")
        assert copy.copy_path(str(path)) == str(path)
        write_text(path, "a report")
        assert os.read(reading, 100) == b"a report"
    finally:
        os.close(reading)
        os.close(writing)


@posix
def test_a_full_device_is_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(errors.ReportError, match="No space left on device"):
        write_text(Path("/dev/full"), "a report")


@posix
def test_a_socket_is_no_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            listening.bind(str(tmp_path / "socket"))
        except OSError:
            pytest.skip("the folder's path is too long for a socket")
        with pytest.raises(errors.UsageError, match="it is no file"):
            copy.copy_path(str(tmp_path / "socket"))
