"""Ctrl-C, SIGTERM, SIGHUP and a terminal that goes away: what was measured is saved, and nothing lives on."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from e2e.driver import Bench, Started, no_traceback, program, wait_for
from reports import valid

pytestmark = [pytest.mark.promise("killed"), pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")]

STOP_SECONDS = 2.0
"""1.5 s are promised; the rest is for a loaded machine."""

CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
PYTHON = [sys.executable, "-m", "mambench"]
"""Where modules are loaded one by one."""

PHASES = ["provisioning", "starting", "warmup", "run", "check", "between"]


@pytest.fixture
def standing_still(alone: Bench):
    """Give a function that starts a run and returns it standing still in a phase."""

    def begin(phase: str) -> Started:
        alone.install("clean", "slow")
        mark = alone.home / "mark"
        words = ["--rounds", "2"]
        if phase == "between":
            mark = alone.slow_down(save=2)
        if phase == "provisioning":
            alone.offer_package(uv=f'case "$*" in *compile*) : > "{mark}"; sleep 60;; esac')
            words.append("toy")
        begun = alone.start(*words, environ={"TOY_SLOW": phase, "TOY_MARK": str(mark)})
        wait_for(mark)
        time.sleep(0.1)
        return begun

    return begin


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("name", CODES)
def test_a_signal_ends_a_run_soon_and_keeps_what_was_measured(alone: Bench, standing_still, name, phase):
    begun = standing_still(phase)
    done = begun.stop(getattr(signal, name))
    assert done.code == CODES[name], done.text
    assert done.seconds < STOP_SECONDS
    alone.wait_until_alone(1.0)
    report = alone.report()
    assert report["complete"] is False
    assert report["finished"]
    kept = [row["status"] for row in report["results"]]
    assert kept == ([] if phase == "provisioning" else ["ok"])
    if kept:
        assert report["results"][0]["gflops"]["median"] > 0
        assert "GFLOPS" in done.out
    no_traceback(done)


def test_json_to_standard_output_stays_a_report_after_ctrl_c(alone: Bench):
    alone.install("clean", "slow")
    mark = alone.home / "mark"
    begun = alone.start("--json", "-", environ={"TOY_SLOW": "run", "TOY_MARK": str(mark)})
    wait_for(mark)
    done = begun.stop(signal.SIGINT)
    assert valid(done.out) == alone.report()
    assert done.code == 130


def test_a_second_ctrl_c_ends_a_slow_save_at_once(alone: Bench):
    alone.install("clean", "slow")
    saving, mark = alone.slow_down(save=3), alone.home / "mark"
    begun = alone.start(environ={"TOY_SLOW": "run", "TOY_MARK": str(mark)})
    wait_for(mark)
    begun.signal(signal.SIGINT)
    wait_for(saving)
    time.sleep(0.6)
    done = begun.stop(signal.SIGINT)
    assert done.code == 130
    assert done.seconds < 1.0
    assert [row["status"] for row in alone.report()["results"]] == ["ok"]
    assert [file.name for file in (alone.home / "results").iterdir() if file.name.startswith(".")] == []
    no_traceback(done)


def test_two_ctrl_c_within_a_moment_are_one(alone: Bench):
    alone.install("clean", "slow")
    saving, mark = alone.slow_down(save=3, seconds=0.5), alone.home / "mark"
    begun = alone.start(environ={"TOY_SLOW": "run", "TOY_MARK": str(mark)})
    wait_for(mark)
    begun.signal(signal.SIGINT)
    time.sleep(0.05)
    done = begun.stop(signal.SIGINT)
    assert saving.exists()
    assert done.code == 130
    assert alone.report()["finished"]


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.1, 0.2, 0.3])
def test_ctrl_c_at_the_very_start_ends_it(alone: Bench, seconds):
    """Before our first line runs, it is Python that tells of it; in a callback of an import it loses one, seldom."""
    for _ in range(2):
        begun = alone.start()
        time.sleep(seconds)
        done = begun.stop(signal.SIGINT)
        if done.code != 0:
            break
    by_python = "Fatal Python error: init" in done.err or done.err == "KeyboardInterrupt\n"
    assert done.code in (130, -signal.SIGINT) or by_python
    assert done.seconds < STOP_SECONDS


EARLY = ("mambench.cli", "mambench.errors", "mambench.system.streams", "mambench.cli.parser", "mambench.cli.invocation")
LATE = ("mambench.terminal.console", "mambench.app.context", "psutil", "mambench.app.measure")


@pytest.mark.parametrize("module", [*EARLY, *LATE])
def test_ctrl_c_while_modules_load_says_nothing_ugly(alone: Bench, module):
    folder = alone.cwd / "early"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class CtrlC:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            sys.meta_path.remove(self)\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, CtrlC())\n"
    )
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    done = alone.begin([*PYTHON, *alone.words()[len(program()) :]], environ={"PYTHONPATH": path}).end()
    assert done.code == 130, done.text
    no_traceback(done)


def test_a_run_under_nohup_outlives_the_hangup(alone: Bench):
    alone.install("clean", "slow")
    mark = alone.home / "mark"
    begun = alone.start(
        "--timeout", "6",  # on a busy machine the imports of the good one take seconds
        environ={"TOY_SLOW": "run", "TOY_MARK": str(mark)},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    wait_for(mark)
    done = begun.stop(signal.SIGHUP)
    assert done.code == 4, done.text
    assert alone.report()["complete"]


def test_a_terminal_that_goes_away_loses_nothing(alone: Bench):
    import pty

    alone.install("clean", "slow")
    mark = alone.home / "mark"
    ours, theirs = pty.openpty()

    def take_the_terminal() -> None:
        import fcntl
        import termios

        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    begun = alone.start(
        environ={"TOY_SLOW": "run", "TOY_MARK": str(mark), "TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=False, preexec_fn=take_the_terminal,
    )  # fmt: skip
    os.close(theirs)
    wait_for(mark)
    begin = time.monotonic()
    os.close(ours)
    code = begun.process.wait(20)
    assert time.monotonic() - begin < STOP_SECONDS
    assert code == 129
    report = alone.report()
    assert [row["status"] for row in report["results"]] == ["ok"]
    assert report["finished"] and not report["complete"]


def test_a_group_that_gets_ctrl_c_as_from_a_terminal_is_stopped_once(alone: Bench):
    """The key goes to the whole foreground group: the guard and the workers must not be in it or not mind."""
    alone.install("clean", "slow")
    mark = alone.home / "mark"
    begun = alone.start(environ={"TOY_SLOW": "run", "TOY_MARK": str(mark)})
    wait_for(mark)
    os.killpg(begun.process.pid, signal.SIGINT)
    done = begun.end()
    assert done.code == 130
    assert [row["status"] for row in alone.report()["results"]] == ["ok"]
    no_traceback(done)
