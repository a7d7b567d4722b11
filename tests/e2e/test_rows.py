"""What a run measures, how its failures are told, and the exit code of each outcome."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import sys
import venv
from pathlib import Path

import pytest

from e2e.driver import KERNELS, PATIENCE_SECONDS, Bench, no_traceback, program, wait_for
from mambench.analysis.rows import figure
from reports import valid

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def test_a_verified_row_end_to_end(alone: Bench):
    done = alone.run()
    assert done.code == 0, done.text
    report = alone.report()
    (row,) = report["results"]
    (one,) = row["rounds"]
    assert report["complete"] and report["finished"]
    assert (row["status"], row["verified"], row["failure"]) == ("ok", True, None)
    assert row["trial"] == "matmul/existing:toys/clean/cpu:0/float64/128x128x128/threads=default"
    names = ["freivalds_unforeseen", "freivalds", "exact_entries", "freivalds_flipped"]
    assert list(dict.fromkeys(check["name"] for check in one["checks"])) == names
    median = statistics.median(each["seconds"] / each["loops"] for each in one["samples"])
    assert row["seconds"]["median"] == pytest.approx(median, rel=1e-9)
    assert row["gflops"]["median"] == pytest.approx(2 * 128**3 * 1e-9 / row["seconds"]["median"], rel=1e-9)
    assert figure(row["gflops"]["median"]) in done.out
    assert (alone.home / one["log"]).is_file()
    no_traceback(done)


def test_three_rounds_have_an_interval_and_three_workers(alone: Bench):
    alone.install("clean", "prints")
    assert alone.run("--rounds", "3").code == 0
    rows = alone.report()["results"]
    assert [len(row["rounds"]) for row in rows] == [3, 3]
    every = [one["order"] for row in rows for one in row["rounds"] + row["disturbed_rounds"]]
    assert sorted(every) == list(range(len(every)))
    for row in rows:
        assert row["gflops"]["low"] < row["gflops"]["median"] < row["gflops"]["high"]
        assert len({len(one["samples"]) for one in row["rounds"]}) == 1


def test_json_to_standard_output_is_the_report_and_nothing_else(alone: Bench):
    done = alone.run("--json", "-")
    assert done.code == 0
    assert valid(done.out) == alone.report()
    assert "GFLOPS" in done.err


def test_json_to_a_file_is_the_same_report(alone: Bench):
    assert alone.run("--json", "copy.json").code == 0
    assert valid((alone.cwd / "copy.json").read_text()) == alone.report()


def test_quiet_says_nothing_but_the_table(alone: Bench):
    loud, quiet = alone.run(), alone.run("--quiet")
    assert "GFLOPS" in quiet.out
    assert quiet.err == ""
    assert loud.err != ""


def test_no_color_leaves_no_escape_even_on_a_terminal(alone: Bench):
    pexpect = pytest.importorskip("pexpect")
    for environ, coloured in (({"NO_COLOR": "1"}, False), ({}, True)):
        child = pexpect.spawn(
            alone.words()[0], alone.words()[1:], env={**alone.environ, "TERM": "xterm-256color", **environ},
            cwd=str(alone.cwd), timeout=30, dimensions=(40, 120),
        )  # fmt: skip
        shown = child.read().decode()
        child.close()
        assert child.exitstatus == 0
        colours = [code for code in shown.split("\x1b[")[1:] if code[:3].rstrip("m;") in ("31", "32", "33", "1;3")]
        assert bool(colours) is coloured


def test_nothing_is_downloaded_unasked_where_nobody_answers(alone: Bench):
    alone.offer_package()
    done = alone.begin(alone.words("toy", python=None)).end()
    assert done.code == 2, done.text
    assert "--yes" in done.err
    assert list((alone.home / "envs").iterdir()) == []
    no_traceback(done)


def test_with_yes_it_is_downloaded_and_then_ready(alone: Bench):
    alone.offer_package()
    made = alone.call("env", "create", "toy", "--yes")
    assert made.code == 0, made.text
    listed = json.loads(alone.call("list", "--json").out)
    assert {each["name"]: each["status"] for each in listed["environments"]}["toy"] == "ready"


@posix
def test_a_python_that_goes_away_between_rounds_is_a_failed_row_that_keeps_its_rounds(alone: Bench):
    made = alone.cwd / "lab"
    venv.create(made, symlinks=True, with_pip=False)
    numpy = Path(importlib.util.find_spec("numpy").origin).parents[1]
    (next(made.glob("lib/python*/site-packages")) / "numpy.pth").write_text(f"{numpy}\n")
    saving = alone.slow_down(save=2, seconds=2.0)
    begun = alone.begin(alone.words("--python", f"lab={made}", "--rounds", "3", python=None))
    wait_for(saving)
    (made / "bin").rename(made / "bin-moved")
    done = begun.end()
    assert done.code == 3, done.text
    (row,) = alone.report()["results"]
    assert (row["status"], row["failure"]["reason"], row["gflops"]) == ("failed", "crashed", None)
    assert "could not be started (No such file or directory" in row["failure"]["message"]
    assert [bool(one["samples"]) for one in row["rounds"]] == [True, False]
    assert "No such file" in (alone.home / row["failure"]["log"]).read_text()
    no_traceback(done)


@pytest.mark.promise("disks")
@linux
def test_a_full_disk_under_standard_error_ends_no_run(alone: Bench):
    with Path("/dev/full").open("w") as full:
        done = alone.begin(alone.words("--rounds", "2"), stderr=full).end()
    assert done.code == 0
    assert "GFLOPS" in done.out
    (row,) = alone.report()["results"]
    assert (row["status"], len(row["rounds"])) == ("ok", 2)


@posix
def test_what_was_measured_is_shown_when_an_error_ends_the_run(alone: Bench):
    alone.install("clean")
    patched = alone.cwd / "patched"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(
        "from mambench.measurement import runner\n"
        "from mambench.errors import HomeError\n"
        "real, calls = runner.Runner.measure, []\n"
        "def measure(*arguments, **options):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 2:\n"
        "        raise HomeError('the home is gone')\n"
        "    return real(*arguments, **options)\n"
        "runner.Runner.measure = measure\n"
    )
    done = alone.run("--rounds", "2", environ={"PYTHONPATH": str(patched)})
    assert done.code == 5, done.text
    assert "the home is gone" in done.err
    assert "GFLOPS" in done.out
    report = alone.report()
    assert [row["status"] for row in report["results"]] == ["ok"]
    assert report["finished"] and not report["complete"]


# --------------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run"],
        ["run", "no-such-stack"],
        ["run", "numpy-openblas", "--size", "0"],
        ["run", "numpy-openblas", "--size", "x"],
        ["run", "numpy-openblas", "--size", "²"],
        ["run", "numpy-openblas", "--dtype", "int8"],
        ["run", "numpy-openblas", "--preset", "fast"],
        ["run", "numpy-openblas", "--device", "tpu"],
        ["run", "numpy-openblas", "--timeout", "nan"],
        ["run", "numpy-openblas", "--rounds", "0"],
        ["run", "--python", "/no/such/python"],
        ["run", "--python", "x=/bin/true"],
        ["run", "--python", "x=/etc/passwd"],
        ["run", "--nonsense"],
        ["fly"],
        ["env"],
        ["env", "remove", "no-such-stack"],
        ["env", "path", "no-such-stack"],
        ["env", "exec", "no-such-stack", "--", "python"],
    ],
)
def test_what_does_not_exist_is_a_usage_error_with_a_next_step(alone: Bench, words):
    done = alone.begin([*program(), *words], environ={"MAMBENCH_HOME": str(alone.home)}).end()
    assert done.code == 2, done.text
    assert done.out == "" and done.err.strip()
    no_traceback(done)


def test_a_broken_plug_in_disables_itself_only(alone: Bench):
    folder = alone.home / "environments"
    folder.mkdir()
    (folder / "broken.toml").write_text("title = 'no kernel'\n")
    done = alone.run()
    assert done.code == 0
    assert "broken.toml" in "".join(alone.report()["warnings"])


def test_two_pythons_of_one_name_are_refused_and_not_mixed_up(alone: Bench):
    done = alone.run("--python", f"toys={sys.executable}")
    rows = [row["trial"] for report in alone.reports() for row in report["results"]]
    assert done.code == 2 or len(set(rows)) == len(rows) == 2, done.text


def test_clocks_and_load_are_noted_while_the_worker_works(alone: Bench):
    assert alone.run().code == 0
    conditions = alone.report()["results"][0]["rounds"][0]["conditions"]
    assert conditions["load_1min"] >= 0


def test_nothing_measured_is_three(alone: Bench):
    done = alone.run("--dtype", "tf32")
    assert done.code == 3, done.text
    assert alone.report()["results"][0]["status"] == "unavailable"


def test_a_failed_row_beside_a_good_one_is_four(alone: Bench):
    alone.install("clean", "raises")
    done = alone.run()
    assert done.code == 4, done.text
    assert [row["status"] for row in alone.report()["results"]] == ["ok", "failed"]


def test_a_named_dtype_that_does_not_exist_is_four(alone: Bench):
    done = alone.run("--dtype", "float64,float16")
    assert done.code == 4
    reasons = [row["failure"] and row["failure"]["reason"] for row in alone.report()["results"]]
    assert reasons == [None, "dtype"]


# ------------------------------------------------------------------------------------------ what really ran


def test_a_row_names_what_ran(alone: Bench):
    assert alone.run("--threads", "1").code == 0
    (row,) = alone.report()["results"]
    facts = row["rounds"][0]["facts"]
    assert facts["blas"] and facts["blas_version"] and facts["threadpools"]
    assert row["threads"] == {"requested": 1, "used": 1}
    assert not [warning for warning in row["warnings"] if "not proven" in warning]


@pytest.mark.promise("workers")
def test_more_threads_than_ran_are_a_failed_row(alone: Bench):
    """OpenBLAS takes no more threads than there are processors, or than it was built for."""
    assert alone.run("--threads", "1000").code == 3
    (row,) = alone.report()["results"]
    assert (row["status"], row["failure"]["reason"], row["verified"]) == ("failed", "mislabelled", False)
    assert f"asks for 1000 threads, {row['threads']['used']} ran" in row["failure"]["message"]


@pytest.mark.promise("workers")
def test_a_kernel_that_ignores_its_dtype_is_a_failed_row(alone: Bench):
    alone.install("always_double")
    assert alone.run("--dtype", "float64,float32").code == 4
    good, bad = alone.report()["results"]
    assert (good["status"], bad["status"], bad["failure"]["reason"]) == ("ok", "failed", "mislabelled")
    assert "asks for float32, the result is float64" in bad["failure"]["message"]


@pytest.mark.promise("workers")
def test_a_kernel_that_says_nothing_has_a_number_and_a_warning(alone: Bench):
    alone.install("secretive")
    assert alone.run().code == 0
    (row,) = alone.report()["results"]
    assert row["status"] == "ok"
    assert any("not proven: result's element type, result's device" in each for each in row["warnings"])


def test_cuda_numbers_gpus_as_the_driver_does_in_every_worker(alone: Bench):
    (alone.home / "benchmarks" / "matmul" / "clean.py").write_text(
        (KERNELS / "clean.py").read_text() + "\nimport os\nassert os.environ['CUDA_DEVICE_ORDER'] == 'PCI_BUS_ID'\n"
    )
    done = alone.run(environ={"CUDA_DEVICE_ORDER": "FASTEST_FIRST"})
    assert done.code == 0, done.text


# ------------------------------------------------------------------------------------- kernels that misbehave


@pytest.mark.promise("workers")
@posix
@pytest.mark.parametrize(
    ("kernel", "reason", "said"),
    [
        ("raises", "raised", "the toy is broken"),
        ("aborts", "crashed", "SIGABRT"),
        ("corrupts", "wrong_result", ""),
        ("eats_memory", "out_of_memory", "Unable to allocate"),
    ],
)
def test_a_kernel_that_fails_is_a_row_with_its_reason(alone: Bench, kernel, reason, said):
    alone.install(kernel, "clean")
    done = alone.run()
    assert done.code == 4
    bad, good = alone.report()["results"]
    assert (bad["status"], bad["failure"]["reason"]) == ("failed", reason)
    assert said in bad["failure"]["message"]
    log = (alone.home / bad["failure"]["log"]).read_text().splitlines()
    if reason not in ("crashed", "wrong_result"):
        assert log[0].startswith("Traceback") and f"{kernel}.py" in "".join(log)
        assert bad["failure"]["message"].startswith(log[-1])  # and where it was raised
    assert log
    assert (bad["seconds"], bad["gflops"], bad["verified"]) == (None, None, False)
    assert good["status"] == "ok"
    no_traceback(done)


@pytest.mark.promise("workers")
@posix
@pytest.mark.parametrize("kernel", ["hangs", "hangs_in_c"])
def test_a_kernel_that_hangs_is_timed_out(alone: Bench, kernel):
    alone.install(kernel, "clean")
    begun = alone.start("--timeout", "6")  # on a busy machine the imports of the good one take seconds
    wait_for(lambda: len(alone.living()) >= 3)
    done = begun.end()
    bad, good = alone.report()["results"]
    assert (bad["failure"]["reason"], good["status"], done.code) == ("timed_out", "ok", 4)
    assert "--timeout" in bad["failure"]["message"]
    assert done.seconds < 25


@pytest.mark.promise("workers")
def test_a_run_that_takes_no_time_is_a_failed_row_and_the_others_go_on(alone: Bench):
    alone.install("no_time", "clean")
    done = alone.run()
    assert done.code == 4, done.text
    failed, good = alone.report()["results"]
    assert (failed["status"], failed["failure"]["reason"], good["status"]) == ("failed", "protocol", "ok")
    assert "a time that no run can take" in done.out


@pytest.mark.promise("workers")
def test_a_kernel_that_prints_disturbs_nothing_and_is_in_the_log(alone: Bench):
    alone.install("prints")
    done = alone.run("--json", "-")
    assert done.code == 0, done.text
    row = valid(done.out)["results"][0]
    assert (row["status"], row["verified"]) == ("ok", True)
    assert len(row["rounds"][0]["samples"]) >= 5
    log = (alone.home / row["rounds"][0]["log"]).read_text()
    for said in ("printed by python", "written below python", "printed by a child"):
        assert said in log
        assert said not in done.out


@pytest.mark.promise("workers")
@linux
def test_a_grandchild_that_left_and_holds_the_pipes_holds_up_nothing(bench: Bench):
    bench.install("leaves_grandchild", "clean")
    begun = bench.start("--rounds", "2")
    done = begun.end()
    assert done.code == 0, done.text
    assert done.seconds < PATIENCE_SECONDS  # the grandchild would hold them for 600 s
    assert [len(row["rounds"]) for row in bench.report()["results"]] == [2, 2]
    bench.wait_until_alone()


@pytest.mark.promise("workers")
@linux
def test_what_a_kernel_leaves_behind_does_not_run_beside_the_next_round(bench: Bench):
    bench.install("leaves_grandchild", "slow")
    mark = bench.home / "mark"
    begun = bench.start(environ={"TOY_SLOW": "starting", "TOY_MARK": str(mark)})
    wait_for(mark)
    left = [each for each in bench.living() if "time.sleep(600)" in " ".join(each.cmdline())]
    begun.stop(15)
    assert left == []
