"""A home full of what is no file, no text and no end: every command says so, and goes on with the rest."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from comparisons import a_comparison

from mambench.cli import main
from mambench.environments import prefix as prefixes
from mambench.report import document
from mambench.system import contents

pytestmark = [
    pytest.mark.promise("files"),
    pytest.mark.skipif(os.name != "posix", reason="Windows has no FIFOs, and no names of other bytes"),
]

LONGEST_SECONDS = 20.0
"""Of any command here, all of which take a second."""

STACK = 'title = "Mine"\nkernel = "numpy"\ndevices = ["cpu"]\nplatforms = ["linux-64", "osx-arm64"]\n'
SOUND = STACK + '[pypi]\npython = ">=3.10"\npackages = ["numpy"]\n'

TEXTS = {
    "nested": "title = " + "[" * 5000 + "]" * 5000,
    "digits": "title = " + "9" * 5000,
    "hexadecimal": "title = 0x" + "f" * 5000,
    "nul": SOUND.replace("Mine", "Mi\\u0000ne"),
    "parts": ".".join("a" * 50_000) + " = 1",
    "quoted-parts": ".".join(['"\\""'] * 20_000) + " = 1",
    "steering": SOUND.replace("Mine", "\\u001b[2J\\u009b31m\\u202e") + "\\u001b]0;owned\\u0007 = 1\n",
    "bytes": b"title = '\xff\xfe'",
    "empty": "",
}
MARKERS = {
    "no-key": "{}",
    "another": '{"digest": 1}',
    "nested": "[" * 100_000,
    "digits": "9" * 5000,
    "list": "[]",
    "half": '{"digest": "0", "name": "x", "source": "pypi", "python": "3.12", "created": "2026-11-21T10:00:00Z"}',
    "bytes": b"\xff",
}
REPORTS = {
    "nested": "[" * 100_000,
    "digits": '{"schema_version": ' + "9" * 5000 + "}",
    "table": '{"schema_version": 1, "results": {}}',
    "bytes": b"\xff",
}


def hostile(folder: Path, ending: str, texts: dict[str, Any]) -> None:
    """Each of the texts in a file, and what is no regular file, too large, and called by bytes that are no UTF-8."""
    for name, text in texts.items():
        (folder / f"{name}{ending}").write_bytes(text if isinstance(text, bytes) else text.encode())
    os.mkfifo(folder / f"fifo{ending}")
    (folder / f"zero{ending}").symlink_to("/dev/zero")
    (folder / f"loop{ending}").symlink_to(f"loop{ending}")
    (folder / f"folder{ending}").mkdir()
    with (folder / f"huge{ending}").open("wb") as file:
        file.truncate(10**9)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe" + ending.encode())).write_bytes(b"\xff")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    root = tmp_path / "home"
    for name in ("environments", "benchmarks", "results", "envs"):
        (root / name).mkdir(parents=True)
    hostile(root / "environments", ".toml", TEXTS)
    (root / "environments" / "sound.toml").write_text(SOUND)
    for number, (name, text) in enumerate(TEXTS.items()):
        benchmark = root / "benchmarks" / name
        benchmark.mkdir()
        (benchmark / "benchmark.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        assert number < 100
    (root / "benchmarks" / "fifo").mkdir()
    os.mkfifo(root / "benchmarks" / "fifo" / "benchmark.toml")
    hostile(root / "results", ".json", REPORTS)
    sound = root / "results" / "20261121T100000Z-host-01234567.json"
    sound.write_text(document.dumps(a_comparison()), encoding="utf-8")
    for name in ("nested", "digits", "bytes"):
        (root / "results" / f"{name}.journal").write_text("[" * 100_000)
    os.mkfifo(sound.with_name("other.journal"))
    for name, text in MARKERS.items():
        (root / "envs" / f"{name}-0123456789").mkdir()
        marker = root / "envs" / f"{name}-0123456789" / prefixes.MARKER
        marker.write_bytes(text if isinstance(text, bytes) else text.encode())
    for name in ("fifo-0123456789", os.fsdecode(b"\xff\xfe-0123456789")):
        (root / "envs" / name).mkdir()
        os.mkfifo(root / "envs" / name / prefixes.MARKER)
    os.mkfifo(root / "wizard.json")
    return root


def called(home: Path, *words: str, code: int = 0) -> None:
    begin = time.monotonic()
    assert main.main(["--home", str(home), *words]) == code
    assert time.monotonic() - begin < LONGEST_SECONDS


def test_stacks(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(home, "list", "--json")
    told = json.loads(capsys.readouterr().out)
    assert "sound" in {each["name"] for each in told["environments"]}
    assert "numpy-openblas" in {each["name"] for each in told["environments"]}
    broken = "\n".join(told["broken"])
    for name in (*TEXTS, "fifo", "zero", "loop", "folder", "huge"):
        assert f"broken: {home}/environments/{name}.toml" in broken
        assert name not in {each["name"] for each in told["environments"]}
    for why in (
        "it is nested too deeply", "Exceeds the limit", "more than 64 bits", "holds the character NUL",
        "line 1: a key of more than 100 parts", "it is not a regular file", "it has 1,000.0 MB", "utf-8",
    ):  # fmt: skip
        assert why in broken, why
    called(home, "list", "--benchmarks", "--json")
    told = json.loads(capsys.readouterr().out)
    assert "matmul" in {each["name"] for each in told["benchmarks"]}
    assert f"broken: {home}/benchmarks/fifo/benchmark.toml" in "\n".join(told["broken"])


def test_nothing_steers_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["list"], ["list", "--benchmarks"], ["env", "list"], ["results"]):
        called(home, *words)
    called(home, "doctor", "--offline", code=4)
    shown = capsys.readouterr()
    assert "sound" in shown.out and "broken: " in shown.err
    assert not set("\x1b\x07\x9b\u202e\0") & set(shown.out + shown.err)


def test_environments(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(home, "env", "list", "--json")
    capsys.readouterr()
    called(home, "doctor", "--offline", "--json", code=4)
    told = capsys.readouterr().out
    for name in (*MARKERS, "fifo"):
        assert f"broken: {name}-0123456789: {prefixes.MARKER}" in told, name
    assert f"broken: half-0123456789: {prefixes.MARKER}: 'base_python' is missing" in told
    called(home, "env", "exec", "sound", "--", "true", code=2)
    assert "sound is not installed" in " ".join(capsys.readouterr().err.split())


def test_reports(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(home, "results", "--json")
    told = json.loads(capsys.readouterr().out)
    assert [each["run_id"][:8] for each in told["results"]] == ["01234567"]
    broken = {Path(each["file"]).stem: each["message"] for each in told["problems"]}
    assert {*REPORTS, "fifo", "zero", "loop", "folder", "huge"} <= set(broken)
    assert all(message.startswith("broken: ") for message in broken.values())
    called(home, "history")
    called(home, "report", "01234567")
    called(home, "report", str(home / "results" / "huge.json"), code=5)


def test_a_file_is_read_as_far_as_it_went_at_first(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert contents.bytes_of(file, largest=100) == b"x" * 100
    with pytest.raises(OSError, match="at most"):
        contents.bytes_of(file, largest=99)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_is_refused_is_not_read(tmp_path: Path) -> None:
    import tracemalloc

    hostile(tmp_path, ".json", {})
    tracemalloc.start()
    for file in tmp_path.iterdir():
        with pytest.raises((OSError, ValueError)):
            contents.text_of(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
