"""What was typed before a question appeared is no answer to it; what a stream cannot show is no error."""

from __future__ import annotations

import builtins
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mambench.system import streams
from mambench.terminal.console import Terminal


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input, on which a line was typed; gives its descriptor."""
    pty = pytest.importorskip("pty")  # not on Windows

    keyboard, terminal = pty.openpty()
    with os.fdopen(terminal, encoding="utf-8") as stream:
        os.write(keyboard, b"no\n")
        assert has_input(terminal, seconds=5.0)
        monkeypatch.setattr(sys, "stdin", stream)
        yield terminal
    os.close(keyboard)


def has_input(descriptor: int, *, seconds: float = 0.0) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


def test_typed_too_early_is_dropped(typed: int) -> None:
    streams.drop_typed()
    assert not has_input(typed)


def test_confirm_takes_no_answer_from_before_the_question(typed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "input", lambda: os.read(typed, 100).decode() if has_input(typed) else "")
    assert Terminal(quiet=True).confirm("Go on?") is True


def test_answers_from_a_pipe_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"no\n")
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        streams.drop_typed()
        assert stream.readline() == "no\n"


def test_without_standard_input_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    streams.drop_typed()


class Terminal1252(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("kind", "platform", "written"),
    [
        (io.TextIOWrapper, "win32", "≤ é".encode()),
        (io.TextIOWrapper, "linux", b"\\u2264 \xe9"),
        (Terminal1252, "win32", b"\\u2264 \xe9"),
    ],
    ids=["a pipe on Windows", "a pipe elsewhere", "a terminal"],
)
def test_what_a_stream_cannot_show_is_no_error_and_a_pipe_on_windows_gets_utf8(
    monkeypatch: pytest.MonkeyPatch, kind: type[io.TextIOWrapper], platform: str, written: bytes
) -> None:
    content = io.BytesIO()
    stream = kind(content, encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", None)
    streams.steady(platform=platform)
    stream.write("≤ é")
    stream.flush()
    assert content.getvalue() == written


class Full(io.TextIOWrapper):
    """A file on a disk that is full, over its quota, or as large as files may be."""

    number = errno.ENOSPC

    def write(self, _text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO], ids=os.strerror)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_full_disk_ends_nothing_and_is_told_of_standard_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, number: int
) -> None:
    with Full((tmp_path / "full").open("wb"), encoding="utf-8") as stream:
        stream.number = number
        monkeypatch.setattr(sys, "stdout", None)
        monkeypatch.setattr(sys, "stderr", None)
        monkeypatch.setattr(sys, name, stream)
        terminal = Terminal()
        for _ in range(3):
            (terminal.output if name == "stdout" else terminal.messages).print("a line")
        lost = streams.flush()
        told = name == "stdout" and number not in streams.GONE
        assert (lost is not None and lost.errno == number) if told else lost is None
        os.write(stream.fileno(), b"nobody sees this")
    assert (tmp_path / "full").read_bytes() == b""
