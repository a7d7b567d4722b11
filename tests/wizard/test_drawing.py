"""Bars, the live view, what a terminal can draw."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest
from builders import a_size
from rich.console import Console

from mambench.model import (
    CPU,
    Check,
    Measured,
    Provisioning,
    Result,
    Round,
    Sample,
    StackKey,
    Statistic,
    Trial,
    TrialFinished,
    TrialStarted,
)
from mambench.system import desktop
from mambench.terminal import console as terminal
from mambench.terminal import progress
from mambench.terminal.chart import bar, chart
from mambench.terminal.progress import Progress


def a_trial(stack: str = "numpy-openblas@pypi", dtype: str = "float64", n: int = 1000) -> Trial:
    return Trial("matmul", StackKey(stack), stack.partition("-")[0], CPU, dtype, a_size(n, dtype=dtype))


def a_result(stack: str, speed: float, dtype: str = "float64") -> Result:
    statistic = Statistic(speed, speed, None, None)
    check = Check("freivalds", 1e-15, 1e-13, True)
    measured = Round(0, 0, "2026-11-21T10:00:00Z", (), (Sample(1.0, 0.1),), {}, (check,), {}, "logs/x")
    return Result(a_trial(stack, dtype), "ok", (measured,), rate=statistic, seconds=statistic)


def test_a_bar_is_as_long_as_its_part():
    assert bar(1.0, 10, ascii_only=False) == "█" * 10
    assert bar(0.5, 10, ascii_only=True) == "#" * 5
    assert bar(0.25, 10, ascii_only=False) == "██▌"
    assert bar(0.0, 10, ascii_only=False) and bar(0.0, 10, ascii_only=True) == "#"
    assert len(bar(7.0, 10, ascii_only=False)) == 10


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_chart_has_a_bar_for_each_number_and_stays_inside(width: int):
    console = Console(file=io.StringIO(), width=width)
    failed = Result(a_trial("torch-cpu@pypi"), "failed")
    results = [
        a_result("numpy-openblas@pypi", 100.0), a_result("jax-cpu@pypi", 50.0), failed,
        a_result("jax-cpu@pypi", 1234.5, "float32"),
    ]  # fmt: skip
    lines = [line.plain for line in chart(results, console)]
    assert all(len(line) <= width for line in lines)
    fast, slow = (line for line in lines if line.endswith((" 100.0", " 50.00")))
    assert fast.count("█") in (2 * slow.count("█"), 2 * slow.count("█") + 1)
    assert [line for line in lines if "float" in line] == [
        "matmul, float64, n = 1000, cpu:0, GFLOPS", "matmul, float32, n = 1000, cpu:0, GFLOPS",
    ]  # fmt: skip
    assert chart([failed], console) == []


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_a_timed_run_is_never_redrawn_more_than_once_a_second(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    drawn: list[float] = []
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    shown = Progress(console)
    monkeypatch.setattr(progress.Live, "update", lambda *_a, **_n: drawn.append(clock.now))
    shown.take(TrialStarted(a_trial(), 0, 3, 0, 4))
    drawn.clear()
    for _ in range(200):
        clock.now += 0.05
        shown.take(Measured(a_trial(), "run", 5, clock.now, 3.0, 0.02))
    assert 9 <= len(drawn) <= 10
    assert min(after - before for before, after in zip(drawn, drawn[1:], strict=False)) >= 1.0
    shown.stop()


def test_the_live_view_sets_the_running_median_against_the_fastest(clock: Clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    shown = Progress(console)
    for round_index, speed in enumerate((300.0, 200.0)):
        shown.take(TrialFinished(a_result("jax-cpu@pypi", speed), round_index, 3))
    shown.take(TrialStarted(a_trial(), 1, 3, 0, 4))
    clock.now += 2
    shown.take(Measured(a_trial(), "run", 5, 2.0, 3.0, 0.02))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "round 2 of 3, trial 1 of 4" in text
    assert "100.0 GFLOPS" in text and "200.0 GFLOPS, the fastest so far" in text
    shown.stop()


def test_a_download_tells_bytes_speed_and_time_left(clock: Clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    shown = Progress(console)
    shown.take(Provisioning("jax-cpu", "downloading", 0, 100_000_000))
    clock.now += 2
    shown.take(Provisioning("jax-cpu", "downloading", 40_000_000, 100_000_000))
    assert "40 MB of 100 MB, 20 MB/s, about 3 s left" in console.file.getvalue()  # type: ignore[attr-defined]
    shown.stop()


def test_a_step_that_does_not_move_says_so(clock: Clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    shown = Progress(console)
    stalled = Provisioning("jax-cpu", "downloading", 40_000_000, 100_000_000, host="mirror.example.org")
    for event in (
        stalled,
        Provisioning("jax-cpu", "resolving", host="mirror.example.org"),
        Provisioning("a", "linking"),
    ):
        shown.take(event)
        clock.now += 12
        shown.take(event)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "40 MB of 100 MB, waiting for mirror.example.org, 12 s" in text
    assert "resolving, waiting for mirror.example.org, 12 s" in text
    assert "linking, 12 s" in text
    shown.stop()


@pytest.mark.parametrize("live", [True, False])
def test_without_a_live_view_no_step_is_silent_for_ten_seconds(clock: Clock, live: bool):
    console = Console(file=io.StringIO(), force_terminal=live, width=120, color_system=None)
    shown = Progress(console, live=not live)
    said: list[tuple[float, str]] = []
    for step in range(4 * 30):
        shown.take(Provisioning("jax-cpu", "downloading", min(step, 60) * 100_000, 90_000_000, host="mirror"))
        clock.now += 0.25
        said.append((clock.now, console.file.getvalue()))  # type: ignore[attr-defined]
    lines = said[-1][1].splitlines()
    assert lines[0] == "jax-cpu: downloading"
    assert lines[1].startswith("jax-cpu: downloading, 3.") and lines[1].endswith(" MB of 90 MB")
    assert re.fullmatch(r"jax-cpu: downloading, 6.0 MB of 90 MB, waiting for mirror, \d+ s", lines[-1])
    silent = [len({text for now, text in said if begin < now <= begin + 10}) for begin in range(100, 120)]
    assert min(silent) > 1, "ten seconds without a word"
    shown.stop()


def test_plain_progress_draws_nothing_over():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    shown = Progress(console, live=False)
    shown.take(TrialStarted(a_trial(), 0, 1, 0, 1))
    shown.take(Measured(a_trial(), "run", 5, 2.0, 3.0, 0.02))
    assert "trial 1 of 1" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]


class Stream(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "speaks"),
    [
        ({}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, True),
    ],
)
def test_the_locale_tells_whether_a_terminal_draws_unicode(environ: dict[str, str], speaks: bool):
    assert terminal.speaks_unicode(environ, Stream()) is speaks


def test_a_pipe_keeps_its_encoding():
    assert terminal.speaks_unicode({"LANG": "C"}, io.StringIO())


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_folder_is_opened_only_on_a_desktop(tmp_path: Path):
    assert not desktop.show(tmp_path, environ={"PATH": "/nowhere", "DISPLAY": ":0"}, system="linux")
    opener, told = tmp_path / "xdg-open", tmp_path / "told"
    opener.write_text(f'#!/bin/sh\necho "$1" > "{told}"\n')
    opener.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert not desktop.show(tmp_path, environ=environ, system="linux")
    assert desktop.show(tmp_path, environ={**environ, "WAYLAND_DISPLAY": "0"}, system="linux")
    import time

    for _ in range(200):
        if told.exists() and told.read_text().strip():
            break
        time.sleep(0.01)
    assert told.read_text().strip() == str(tmp_path)
