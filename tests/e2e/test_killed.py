"""The launcher is killed, or several run at once: nothing lives on, and no file is damaged."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from e2e.driver import Bench, Started, no_traceback, program, wait_for
from promises import Cases
from reports import valid

pytestmark = [
    pytest.mark.promise("killed"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]

WHOLE_RUN_SECONDS = 2.0
"""Points at which to kill are spread over so long: before, during and after two rows of two rounds."""

A_WEEK_SECONDS = 7 * 24 * 3600


def lengths() -> list[object]:
    return [12, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]


def points(times: int) -> list[float]:
    """So many moments, in seconds, each by chance in its part of a run."""
    chance = random.Random(times)
    return [WHOLE_RUN_SECONDS * (each + chance.random()) / times for each in range(times)]


@pytest.mark.parametrize("times", lengths())
def test_killed_at_any_point_it_leaves_no_process_and_no_damage(bench: Bench, times, cases: Cases):
    bench.install("clean", "prints")
    for seconds in points(times):
        with cases.case(f"killed after {seconds:.3f} s"):
            begun = bench.start("--rounds", "2")
            time.sleep(seconds)
            begun.stop(signal.SIGKILL)
            bench.wait_until_alone(3.0)
            bench.reports()
    cases.none_fell()
    done = bench.run("--rounds", "2")
    assert done.code == 0, done.text
    last = bench.reports()[-1]
    assert last["complete"]
    assert [row["status"] for row in last["results"]] == ["ok", "ok"]


@pytest.mark.parametrize("times", lengths())
def test_interrupted_at_any_point_it_ends_with_its_code_and_a_report(alone: Bench, times, cases: Cases):
    """Python may swallow an exception that a signal handler raises in a callback: the run would go on."""
    alone.install("clean", "prints")
    for saved, seconds in enumerate(points(times)):
        with cases.case(f"stopped after {seconds:.3f} s"):
            begun = alone.start("--rounds", "2")
            wait_for(lambda saved=saved: len(list((alone.home / "results").glob("*.json"))) > saved)
            time.sleep(seconds)
            done = begun.stop(signal.SIGTERM)
            assert done.seconds < 2.0
            no_traceback(done)
            complete = alone.reports()[-1]["complete"]
            assert done.code == 143 or (complete and done.code in (0, -signal.SIGTERM)), done.text
            alone.wait_until_alone(1.0)
    cases.none_fell()
    assert not all(report["complete"] for report in alone.reports())


@pytest.mark.parametrize("phase", ["starting", "warmup", "run", "check"])
def test_killed_in_each_phase_it_takes_even_a_deaf_worker_along(bench: Bench, phase):
    bench.install("clean", "slow", "leaves_grandchild")
    mark = bench.home / "mark"
    begun = bench.start(environ={"TOY_SLOW": phase, "TOY_MARK": str(mark)})
    wait_for(mark)
    begun.stop(signal.SIGKILL)
    bench.wait_until_alone(3.0)
    (row,) = bench.report()["results"]
    assert row["status"] == "ok"


linux = pytest.mark.skipif(sys.platform != "linux", reason="macOS does not show what such a process keeps")


@pytest.fixture
def escaped(bench: Bench):
    """Where the number of a process without an environment is written, in a session of its own."""
    bench.install("escapes")
    file = bench.home / "escaped"
    bench.environ["TOY_ESCAPED"] = str(file)
    yield file
    with contextlib.suppress(psutil.Error):
        psutil.Process(int(file.read_text())).kill()


def guards(begun: Started) -> list[psutil.Process]:
    """The launcher's guard: the child that runs no worker."""
    children = psutil.Process(begun.process.pid).children()
    living = [each for each in children if each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in living if not any("worker.py" in word for word in each.cmdline())]


@linux
def test_what_cleared_its_environment_and_left_its_session_ends_with_its_round(bench: Bench, escaped: Path):
    done = bench.run()
    assert done.code == 0, done.text
    wait_for(lambda: not psutil.pid_exists(int(escaped.read_text())), seconds=3.0)  # until it is reaped


@linux
@pytest.mark.parametrize("first", ["launcher", "guard"])
def test_what_cleared_its_environment_and_left_its_session_ends_with_a_killed_launcher(
    bench: Bench, escaped: Path, first: str
):
    begun = bench.start(environ={"TOY_STAYS": "1"})
    wait_for(lambda: escaped.exists() and escaped.read_text())
    if first == "guard":
        (guard,) = guards(begun)
        guard.kill()
        wait_for(lambda: any(each.pid != guard.pid for each in guards(begun)))
    begun.stop(signal.SIGKILL)
    bench.wait_until_alone(3.0)
    wait_for(lambda: not psutil.pid_exists(int(escaped.read_text())), seconds=3.0)


@pytest.fixture
def command(bench: Bench):
    """Give a function that starts a shell's words by `env exec`."""
    bench.offer_package()
    assert bench.call("env", "create", "toy", "--yes").code == 0

    def begin(words: str, **options: object) -> Started:
        home = ["--home", str(bench.home)]
        return bench.begin([*program(), "env", "exec", *home, "toy", "--", "sh", "-c", words], **options)

    return begin


def test_what_env_exec_runs_ends_with_a_killed_launcher(bench: Bench, command):
    mark = bench.home / "mark"
    begun = command(f'sleep 600 & : > "{mark}"; wait')
    wait_for(mark)
    begun.stop(signal.SIGKILL)
    bench.wait_until_alone(3.0)


def test_what_a_command_of_env_exec_leaves_behind_by_itself_stays(bench: Bench, command):
    done = command("sleep 600 > /dev/null 2>&1 & echo $!").end()
    assert done.code == 0, done.text
    wait_for(lambda: len(bench.living()) == 1)  # the guard has ended, too
    assert [each.pid for each in bench.living()] == [int(done.out)]


@pytest.mark.parametrize("save", [2, 3, 4, 5])
def test_killed_while_saving_it_keeps_every_trial_before(bench: Bench, save):
    """The first save is the empty report, then one for each of three trials, then the whole report."""
    bench.install("clean", "prints", "corrupts")
    saving = bench.slow_down(save=save)
    begun = bench.start()
    wait_for(saving)
    begun.stop(signal.SIGKILL)
    bench.wait_until_alone(3.0)
    del bench.environ["PYTHONPATH"]
    assert bench.call("list").code == 0
    (file,) = [each for each in (bench.home / "results").iterdir() if not each.name.startswith(".")]
    report = valid(file.read_text(encoding="utf-8"))
    assert [row["status"] for row in report["results"]] == ["ok", "ok", "failed"][: save - 1]
    assert (report["complete"], report["finished"]) == (False, None)
    assert all(len(row["rounds"]) == 1 for row in report["results"])


def test_a_run_that_goes_on_is_not_taken_for_a_killed_one(alone: Bench):
    alone.install("clean", "prints")
    saving = alone.slow_down(save=3, seconds=8.0)
    begun = alone.start()
    wait_for(saving)
    left = [each.suffix for each in (alone.home / "results").iterdir()]
    assert alone.call("list", environ={"PYTHONPATH": None}).code == 0
    assert sorted(left) == sorted(each.suffix for each in (alone.home / "results").iterdir()) == [".journal", ".json"]
    assert begun.end().code == 0
    assert alone.report()["complete"]


def test_killed_while_a_worker_holds_the_interpreter_lock(bench: Bench):
    bench.install("hangs_in_c")
    begun = bench.start()
    bench.wait_for_deaf_worker()
    begun.stop(signal.SIGKILL)
    bench.wait_until_alone(3.0)


def test_killed_while_uv_works_it_leaves_no_uv_and_no_ready_wreck(bench: Bench):
    mark = bench.home / "mark"
    bench.offer_package(uv=f'case "$*" in *"pip sync"*) test -e "{mark}" || {{ : > "{mark}"; sleep 60; }};; esac')
    begun = bench.begin(bench.words("toy", "--yes", python=None))
    wait_for(mark)
    begun.stop(signal.SIGKILL)
    bench.wait_until_alone(3.0)
    assert bench.call("env", "path", "toy").code == 2
    again = bench.call("env", "create", "toy", "--yes")
    assert again.code == 0, again.text
    assert Path(bench.call("env", "path", "toy").out.strip()).is_dir()


def test_what_a_killed_run_left_half_written_does_not_stay_for_ever(bench: Bench):
    saving = bench.slow_down(save=1)
    begun = bench.start()
    wait_for(saving)
    begun.stop(signal.SIGKILL)
    bench.wait_until_alone(3.0)
    del bench.environ["PYTHONPATH"]
    (bench.home / "tmp" / "left-by-a-worker").mkdir()
    (bench.home / "code" / ".code-half").mkdir()
    left = [*(bench.home / "results").glob(".*"), bench.home / "tmp" / "left-by-a-worker"]
    left.append(bench.home / "code" / ".code-half")
    assert len(left) == 3
    long_ago = time.time() - A_WEEK_SECONDS
    for each in left:
        os.utime(each, (long_ago, long_ago))
    assert bench.run().code == 0
    assert [each.name for each in left if each.exists()] == []


@pytest.mark.promise("together")
def test_what_another_run_is_writing_is_left_alone(alone: Bench):
    saving = alone.slow_down(save=1, seconds=4.0)
    first = alone.start()
    wait_for(saving)
    del alone.environ["PYTHONPATH"]
    assert alone.run("--python", f"other={sys.executable}").code == 0
    assert first.end().code == 0
    assert all(report["complete"] for report in alone.reports())


@pytest.mark.promise("together")
@pytest.mark.parametrize("number", [4, pytest.param(20, marks=pytest.mark.long)])
def test_several_at_once_on_a_fresh_home_all_measure_one_after_the_other(alone: Bench, number, cases: Cases):
    begun = [alone.start() for _ in range(number)]
    for each in begun:
        with cases.case(f"pid {each.process.pid}"):
            done = each.end()
            assert done.code == 0, done.text
            no_traceback(done)
    cases.none_fell()
    spans = sorted((report["created"], report["finished"]) for report in alone.reports())
    assert len(spans) == number
    assert all(first[1] <= second[1] for first, second in itertools.pairwise(spans))


@pytest.fixture
def measuring(alone: Bench) -> Started:
    """A run that stands still while its worker runs."""
    alone.install("clean", "slow")
    mark = alone.home / "mark"
    begun = alone.start(environ={"TOY_SLOW": "run", "TOY_MARK": str(mark)})
    wait_for(mark)
    return begun


def waits(alone: Bench, command: list[str], **environ: str | None) -> tuple[Started, str]:
    """Start a command, wait until it waits, and give what it then said."""
    said = alone.cwd / "said"
    with said.open("w") as stream:
        begun = alone.begin(command, stderr=stream, environ=environ)
    wait_for(lambda: "waiting for" in said.read_text())
    return begun, said.read_text()


@pytest.mark.promise("together")
def test_a_second_run_waits_for_the_first_and_says_for_whom(alone: Bench, measuring: Started):
    second, said = waits(alone, alone.words())
    assert f"pid {measuring.process.pid}" in said
    assert "`mambench run" in said
    assert measuring.stop(signal.SIGTERM).code == 143
    done = second.end()
    assert done.code == 0, done.text
    first, last = alone.reports()
    assert first["finished"] <= last["results"][0]["rounds"][0]["started"]


@pytest.mark.promise("together")
def test_a_run_that_is_not_to_wait_refuses(alone: Bench, measuring: Started):
    refused = alone.run("--no-wait")
    assert refused.code == 3, refused.text
    assert f"pid {measuring.process.pid}" in refused.err
    assert "--no-wait" in refused.err
    assert refused.out == ""
    no_traceback(refused)
    assert measuring.stop(signal.SIGTERM).code == 143
    assert len(alone.reports()) == 1


@pytest.mark.promise("together")
def test_a_run_that_waits_can_be_stopped(alone: Bench, measuring: Started):
    second, _ = waits(alone, alone.words())
    assert second.stop(signal.SIGINT).code == 130
    assert measuring.stop(signal.SIGTERM).code == 143
    assert len(alone.reports()) == 1


@pytest.mark.promise("together")
def test_a_run_of_another_home_is_waited_for(alone: Bench, measuring: Started):
    other = alone.home.parent / "other"
    alone.install("clean", into=other)
    words = alone.words(home=other)
    refused = alone.begin([*words, "--no-wait"], environ={"MAMBENCH_OTHER_HOMES": None}).end()
    assert refused.code == 3, refused.text
    assert "the home " in refused.err
    waiting, said = waits(alone, words, MAMBENCH_OTHER_HOMES=None)
    assert "with the home" in said
    assert measuring.stop(signal.SIGTERM).code == 143
    assert waiting.end().code == 0


@pytest.mark.promise("together")
def test_what_is_being_measured_is_removed_after_the_run(alone: Bench):
    alone.offer_package()
    assert alone.call("env", "create", "toy", "--yes").code == 0
    saving = alone.slow_down(save=1)
    begun = alone.begin(alone.words("toy", python=None))
    wait_for(saving)
    del alone.environ["PYTHONPATH"]
    removal, said = waits(alone, [*program(), "env", "remove", "toy", "--home", str(alone.home)])
    assert f"pid {begun.process.pid}" in said
    assert alone.call("env", "path", "toy").code == 0
    assert begun.stop(signal.SIGTERM).code == 143
    assert removal.end().code == 0
    assert alone.call("env", "path", "toy").code == 2


@pytest.mark.promise("together")
def test_several_at_once_make_one_environment(alone: Bench):
    alone.offer_package(uv=f'echo "$1 $2" >> "{alone.cwd}/calls"')
    words = [*alone.words()[:1], "env", "create", "toy", "--yes", "--home", str(alone.home)]
    for each in [alone.begin(words) for _ in range(3)]:
        done = each.end()
        assert done.code == 0, done.text
        no_traceback(done)
    assert (alone.cwd / "calls").read_text().splitlines().count("pip sync") == 1
    assert len([each for each in (alone.home / "envs").iterdir() if each.is_dir()]) == 1


def test_a_report_is_never_half_there_while_it_is_written(alone: Bench):
    alone.install("clean", "prints")
    begun = alone.start("--rounds", "3")
    seen = 0
    while begun.process.poll() is None:
        for file in (alone.home / "results").glob("*.json"):
            valid(file.read_text(encoding="utf-8"))
            seen += 1
    assert begun.end().code == 0
    assert seen > 3
