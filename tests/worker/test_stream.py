"""The event stream of the real worker: whole under any noise, with one end, never outliving its launcher."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import facts
import pytest
import wire

pytest.importorskip("numpy", reason="the check inside the worker needs numpy in the running interpreter")

PROMPT_SECONDS = 60.0
"""Far below what the kernels would go on for, far above what a busy machine needs."""

posix = pytest.mark.skipif(os.name != "posix", reason="needs fork")


def test_a_clean_round_has_every_event_in_order(serve):
    done = serve("clean")
    assert [e["event"] for e in done.events[:2]] == ["started", "ready"]
    assert [e["index"] for e in done.named("sample", "run")] == [0, 1, 2, 3, 4]
    names = ["freivalds_unforeseen", "freivalds", "exact_entries", "freivalds_flipped"]
    told = [e["name"] for e in done.named("check")]
    assert list(dict.fromkeys(told)) == names
    assert told.count("freivalds_unforeseen") in (1, 2) and len(told) == len(names) + told.count(names[0]) - 1
    assert len({e["seed"] for e in done.named("check")}) == len(told) - 1  # entries share the seed of their product
    assert all(e["ok"] and 0 <= e["error"] <= e["tolerance"] for e in done.named("check"))
    assert done.terminal["event"] == "finished"
    assert done.code == 0


def test_the_request_of_the_design_alone_is_enough(start, kernels, shipped):
    worker = start()
    params = {"m": 8, "n": 6, "k": 4, "dtype": "float64", "device": "cpu:0", "seed": 1, "threads": None}
    limits = {"warmups": 2, "min_runs": 3, "max_runs": 200, "max_seconds": 0.2, "target_spread": 0.01}
    operands = [{"name": "A", "rows": 8, "columns": 4}, {"name": "B", "rows": 4, "columns": 6}]
    benchmark = {"operands": operands, "result": {"name": "C", "rows": 8, "columns": 6}, "size": "8x6x4", "work": 384}
    files = {"kernel": str(kernels / "clean.py"), "check": str(shipped.with_name("check_matmul.py"))}
    whole = {"protocol": 2, **files, "params": params, **benchmark, **limits}
    worker.send(json.dumps(whole).encode() + b"\n")
    assert worker.finish().terminal["event"] == "finished"


def test_short_runs_are_batched_to_a_millisecond(serve):
    samples = serve("ticking").named("sample", "run")
    (loops,) = {e["loops"] for e in samples}
    assert 100 <= loops <= 120  # fewer where the wall clock of a busy machine says that they take longer
    assert all(e["seconds"] == pytest.approx(loops * 1e-5) for e in samples)


def test_times_go_on(serve):
    samples = serve("clean").named("sample", "run")
    ends = [e["at_seconds"] for e in samples]
    assert ends == sorted(ends)
    gaps = [later - earlier for earlier, later in itertools.pairwise(ends)]
    assert all(gap >= e["seconds"] for gap, e in zip(gaps, samples[1:], strict=True))


def test_fixed_loops_are_kept_and_no_warmup_is_forced(serve):
    done = serve("clean", loops=7, warmups=0)
    assert {e["loops"] for e in done.named("sample", "run")} == {7}
    assert done.named("sample", "warmup") == []


def test_nothing_a_kernel_or_its_children_print_reaches_the_stream(serve):
    done = serve("chatty")
    assert done.terminal["event"] == "finished"
    assert len(done.named("finished")) == 1
    assert "from a child" in done.log
    assert "half a line" in done.log


def test_a_kernel_that_reads_stdin_finds_it_empty_and_takes_nothing_from_the_worker(start, request_line):
    worker = start()
    watchdog = threading.Timer(30, worker.process.kill)
    watchdog.start()
    worker.send(request_line("reading"))
    done = worker.finish()
    watchdog.cancel()
    assert done.terminal["event"] == "finished"


def test_an_event_with_nan_is_a_mistake_of_ours_and_never_written():
    with pytest.raises(ValueError):
        wire._line("sample", {"seconds": float("nan")})


def test_output_is_ascii_json_without_nan(serve):
    done = serve("clean")
    assert done.stream.isascii()
    assert b"NaN" not in done.stream
    facts = done.named("ready")[0]["facts"]
    assert facts["broken"] is None
    assert facts["odd"] == 2.0 or facts["odd"] == "2.0"
    assert facts["list"] == [1, None]


def test_facts_name_python_the_library_and_its_threads(serve):
    done = serve("clean", threads=1, m=300, n=300, k=300)
    facts = done.named("ready")[0]["facts"]
    assert done.named("warning") == []
    assert facts["blas_version"][0].isdigit()
    assert {pool["user_api"] for pool in facts["threadpools"]} >= {"blas"}
    assert facts["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert facts["threads"] == 1
    assert facts["blas"] and facts["device_name"]
    assert done.terminal["facts"]["threads"] == 1
    assert done.terminal["cpu_seconds"] <= 1.5 * done.terminal["run_seconds"] + 0.1


def test_libraries_that_cannot_be_read_are_a_warning_and_a_traceback_in_the_log(serve, shipped, tmp_path):
    copy = shutil.copytree(shipped.parent, tmp_path / "worker")
    (copy / "threadpoolctl.py").write_text("def threadpool_info():\n    raise AttributeError('no such symbol')\n")
    done = serve("clean", script=copy / "worker.py")
    assert done.terminal["event"] == "finished"
    (warning,) = (each["message"] for each in done.named("warning"))
    assert "AttributeError: no such symbol" in warning
    assert "threadpoolctl.py" in done.log and "Traceback" in done.log


def test_a_kernel_that_names_its_library_is_not_given_numpys_threads():
    pool = {"user_api": "blas", "internal_api": "openblas", "num_threads": 64, "threading_layer": "pthreads"}
    assert facts._computing({"blas": "cublas"}, [pool])["threads"] is None
    assert facts._computing({"framework": "numpy"}, [pool])["threads"] == 64


@pytest.mark.parametrize(
    ("raises", "reason", "message"),
    [
        ("value", "raised", "ValueError: first line"),
        ("array", "raised", "TypeError"),
        ("memory", "out_of_memory", "memory"),
        ("framework memory", "out_of_memory", "CUDA out of memory"),
        ("xla memory", "out_of_memory", "RESOURCE_EXHAUSTED"),
        ("dtype", "dtype", "no float64 here"),
        ("device", "no_device", "there is no cuda:3"),
        ("slip", "raised", "KeyError"),
        ("exit", "raised", "ended the program"),
    ],
)
def test_what_a_kernel_raises_becomes_a_reason(serve, raises, reason, message):
    done = serve("raising", extra={"raises": raises})
    assert done.terminal["event"] == "failed"
    assert done.terminal["reason"] == reason
    assert message in done.terminal["message"]
    assert "\n" not in done.terminal["message"]
    assert "raising.py" in done.terminal["traceback"] or raises == "array"
    assert done.code == 1


def test_a_traceback_shows_the_kernels_lines(serve):
    assert "raise {" in serve("raising", extra={"raises": "value"}).terminal["traceback"]


def test_a_kernel_that_is_no_python_fails_with_its_line(serve, tmp_path):
    kernel = tmp_path / "unparsable.py"
    kernel.write_text("x = 1\ndef run(state)\n")
    end = serve(kernel).terminal
    assert end["reason"] == "raised"
    assert "SyntaxError" in end["message"] and "line 2" in end["traceback"]


@pytest.mark.parametrize("kernel", ["incomplete", "not_there"])
def test_a_kernel_that_cannot_be_loaded_fails_as_raised(serve, kernel):
    end = serve(kernel).terminal
    assert (end["event"], end["reason"]) == ("failed", "raised")
    assert kernel in end["message"] + end["traceback"]


@pytest.mark.parametrize("kernel", ["wrong", "nan", "zeros", "cropped", "stale", "stale_unflipped"])
def test_a_wrong_product_is_never_finished(serve, kernel):
    done = serve(kernel)
    assert done.terminal["event"] == "failed"
    assert done.terminal["reason"] == "wrong_result"
    assert done.named("sample", "run")


def test_a_stale_product_is_caught_after_a_sample_that_nobody_could_foresee(serve):
    checks = serve("stale").named("check")
    assert [(e["name"], e["ok"]) for e in checks] == [("freivalds_unforeseen", False)]


def test_a_kernel_that_leaves_its_operands_alone_is_refused(serve):
    end = serve("stale_unflipped").terminal
    assert end["reason"] == "wrong_result"
    assert "with the changes of sign that flip was asked for" in end["message"]


def test_a_nan_error_is_null_in_the_stream(serve):
    assert serve("nan").named("check")[0]["error"] is None


def test_the_matrices_of_one_setup_are_gone_before_the_next(serve):
    done = serve("set_up_anew", probe=True, max_run_seconds=60)
    assert done.terminal["event"] == "finished", done.terminal


def test_a_kernel_without_flip_is_refused(serve):
    end = serve("unflippable").terminal
    assert end["reason"] == "raised"
    assert "the kernel unflippable.py has no function named flip" in end["message"]


def test_where_no_operand_changes_no_flip_is_needed(serve):
    operands = [{"name": "A", "rows": 24, "columns": 16}, {"name": "B", "rows": 16, "columns": 20, "changes": None}]
    done = serve("unflippable", operands=operands)
    assert done.terminal["event"] == "finished", done.terminal
    assert {e["name"] for e in done.named("check")} >= {"freivalds", "freivalds_flipped"}


@pytest.mark.parametrize("readers", [0, 1, 2, 4])
def test_a_kernel_with_another_number_of_readers_is_told_which_are_asked_for(serve, readers):
    end = serve("miscounting", extra={"readers": readers}).terminal
    assert end["reason"] == "raised"
    assert f"result must give readers of A, B, C, not {readers} of them" in end["message"]


def test_an_environment_without_numpy_is_told_what_to_do(serve, tmp_path):
    kernel = tmp_path / "alone.py"
    functions = "".join(f"def {name}(*given): ...\n" for name in ("setup", "run", "result", "flip"))
    kernel.write_text(f"import sys\nsys.modules['numpy'] = None\n{functions}")
    end = serve(kernel).terminal
    assert end["reason"] == "raised"
    assert "needs numpy" in end["message"] and "add it to the packages" in end["message"]


def test_a_batch_is_measured_and_verified(serve):
    done = serve("batched", batch=3)
    assert done.terminal["event"] == "finished", done.terminal
    assert all(e["ok"] for e in done.named("check"))


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_wrong_product_of_a_batch_is_never_finished(serve, wrong):
    done = serve("batched", batch=3, extra={"wrong_product": wrong})
    assert done.terminal["reason"] == "wrong_result"
    assert [(e["name"], e["ok"]) for e in done.named("check")] == [("freivalds_unforeseen", False)]


def test_an_operand_of_another_shape_is_refused_with_its_name(serve):
    operands = [{"name": "A", "rows": 24, "columns": 17}, {"name": "B", "rows": 16, "columns": 20, "changes": 2}]
    end = serve("clean", operands=operands).terminal
    assert end["reason"] == "wrong_result"
    assert end["message"] == "rows 0 to 24 of A have shape (24, 16), not (24, 17)"


THIN = [
    {"name": "A", "rows": 1500, "columns": 1, "changes": 64},
    {"name": "B", "rows": 1, "columns": 1500, "changes": 2},
]


def test_a_result_that_is_far_larger_than_its_operands_may_take_longer_to_read(serve, tmp_path):
    """Its reader says nothing of what it costs, but takes as long for each value as those of the operands."""
    kernel = tmp_path / "thin.py"
    clean = Path(__file__).with_name("kernels") / "clean.py"
    kernel.write_text(
        "import runpy, time\n"
        f"globals().update(runpy.run_path({str(clean)!r}))\n"
        "def slowly(rows):\n"
        "    def read(start, stop):\n"
        "        block = rows(start, stop)\n"
        "        time.sleep(1e-7 * block.size)\n"
        "        return block\n"
        "    return read\n"
        "give = result\n"
        "def result(state):\n"
        "    return [slowly(rows) for rows in give(state)]\n"
    )
    done = serve(kernel, m=1500, n=1500, k=1, operands=THIN)
    assert done.terminal["event"] == "finished", done.terminal


def test_seconds_that_a_kernel_returns_are_taken_from_it(serve):
    assert {e["seconds"] for e in serve("device_clock").named("sample", "run")} == {0.25}


def test_a_hopeless_run_is_predicted_by_the_probe(serve):
    done = serve("slow", m=512, n=512, k=4096, probe=True, max_run_seconds=30, max_runs=3)
    probes = done.named("sample", "probe")
    assert [probe["predicted_seconds"] for probe in probes] == [pytest.approx(102.4)] * 3
    assert done.terminal["reason"] == "too_slow"
    assert "expected to take 102 s" in done.terminal["message"]
    assert "--max-run-seconds 154" in done.terminal["message"]
    assert done.named("ready") == []


def test_a_run_that_falls_off_a_cliff_is_predicted_by_a_larger_probe(serve):
    done = serve("cliff", m=512, n=512, k=4096, probe=True, max_run_seconds=15, max_runs=3)
    first, second, third = done.named("sample", "probe")
    assert first["predicted_seconds"] < 15 < second["predicted_seconds"] < third["predicted_seconds"]
    assert done.terminal["reason"] == "too_slow"
    assert done.named("ready") == []


def test_first_runs_that_load_and_compile_predict_nothing(serve):
    done = serve("compiling", m=512, n=512, k=512, probe=True, max_run_seconds=5, max_runs=3)
    assert done.terminal["event"] == "finished", done.terminal
    assert len(done.named("sample", "probe")) == 1


def test_small_products_that_are_slow_in_a_busy_moment_refuse_nothing(serve):
    done = serve("overhead", m=512, n=512, k=512, probe=True, max_run_seconds=20, max_runs=3)
    predicted = [probe["predicted_seconds"] for probe in done.named("sample", "probe")]
    assert predicted[0] > 20 > predicted[-1]
    assert done.terminal["event"] == "finished", done.terminal


def test_a_trial_over_its_budget_does_fewer_runs_with_a_warning(serve):
    done = serve("slow", m=64, n=64, k=512, probe=True, budget_seconds=0.7, warmups=2, min_runs=9, max_runs=9)
    assert done.terminal["event"] == "finished"
    assert len(done.named("sample", "run")) < 9
    assert "of 9 runs" in done.named("warning")[0]["message"]


def test_a_probe_below_the_limit_goes_on(serve):
    done = serve("clean", m=512, n=512, k=512, probe=True, max_run_seconds=60)
    assert done.named("sample", "probe")[0]["predicted_seconds"] < 60
    assert done.terminal["event"] == "finished"


def test_a_warmup_over_the_limit_ends_the_trial(serve):
    end = serve("slow", m=64, n=64, k=64, max_run_seconds=0.01).terminal
    assert end["reason"] == "too_slow"
    assert "took 0.025 s" in end["message"] and "--max-run-seconds" in end["message"]


@posix
def test_a_crash_leaves_no_terminal_event_and_a_signal(serve):
    done = serve("aborting")
    assert {e["event"] for e in done.events} == {"started", "ready"}
    assert done.code == -signal.SIGABRT
    assert "aborting.py" in done.log or "Abort" in done.log


@posix
def test_children_of_a_kernel_do_not_hold_the_pipe(serve):
    begin = time.monotonic()
    done = serve("forking")
    children = next(line for line in done.log.splitlines() if line.startswith("children")).split()[1:]
    try:
        assert done.terminal["event"] == "finished"
        assert time.monotonic() - begin < PROMPT_SECONDS
        assert all(Path(f"/proc/{child}").exists() for child in children if sys.platform == "linux")
    finally:
        for child in children:
            os.kill(int(child), signal.SIGKILL)


@posix
def test_a_forked_child_that_returns_says_nothing(serve):
    done = serve("returning_twice")
    assert "the child goes on" in done.log
    assert done.terminal["event"] == "finished"
    assert [e["event"] for e in done.events].count("started") == 1
    assert len(done.named("sample", "run")) == 5


@pytest.mark.parametrize("kernel", ["sleeping", "multiplying"])
def test_the_worker_ends_soon_after_its_stdin(start, request_line, seconds_until_exit, kernel):
    worker = start()
    worker.send(request_line(kernel, m=1500, n=1500, k=1500))
    worker.wait_for("ready")
    time.sleep(0.3)
    assert seconds_until_exit(worker) < PROMPT_SECONDS


def test_the_worker_ends_if_stdin_closes_before_a_request(start):
    worker = start()
    worker.close_stdin()
    done = worker.finish()
    assert done.terminal["reason"] == "protocol"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"protocol": 1}, "protocol 1 is not supported, only 2 is"),
        ({"check": None}, "check must"),
        ({"size": ""}, "size must"),
        ({"work": None}, "work must"),
        ({"work": "many"}, "work must"),
        ({"params": [1]}, "params must"),
        ({"operands": {"A": 1}}, "operands must be a list"),
        ({"operands": ["A"]}, "must be an object"),
        ({"operands": [{"rows": 8, "columns": 8}]}, "name must"),
        ({"operands": [{"name": "A", "rows": 0, "columns": 8}]}, "rows must"),
        ({"operands": [{"name": "A", "rows": 8, "columns": 1.5}]}, "columns must"),
        ({"operands": [{"name": "A", "rows": True, "columns": 8}]}, "rows must"),
        ({"operands": [{"name": "A", "rows": 8, "columns": 8, "changes": -1}]}, "changes must"),
        ({"operands": [{"name": "A", "rows": 8, "columns": 8, "random": 1}]}, "random must"),
        ({"operands": [{"name": "A", "rows": 8, "columns": 8, "symmetric": "x"}]}, "symmetric must"),
        ({"operands": [{"name": "A", "rows": 8, "columns": 9, "symmetric": True}]}, "A must have as many rows as"),
        ({"result": None}, "a result must be an object"),
        ({"result": {"name": "C", "rows": 8}}, "columns must"),
        ({"smaller": 3}, "smaller must be a list"),
        ({"smaller": [3]}, "a smaller size must have params"),
        ({"smaller": [{"work": 1.0}]}, "a smaller size must have params"),
        ({"smaller": [{"params": {"m": 3}}]}, "work must"),
        ({"smaller": [{"params": {"m": 3}, "work": 0}]}, "a smaller size must have work"),
        ({"smaller": [{"params": {"m": 0}, "work": 1.0}]}, "m must"),
        ({"smaller": [{"params": {"m": "x"}, "work": 1.0}]}, "m must"),
        ({"smaller": [], "probe": True}, "a probe needs smaller sizes"),
        ({"dtype": "int8"}, "dtype"),
        ({"device": "cpu"}, "device"),
        ({"device": "tpu:0"}, "device"),
        ({"threads": 0}, "threads"),
        ({"seed": -1}, "seed"),
        ({"warmups": -1}, "warmups"),
        ({"min_runs": 0}, "min_runs"),
        ({"min_runs": 9, "max_runs": 5}, "max_runs"),
        ({"max_seconds": None}, "max_seconds"),
        ({"max_seconds": -1}, "max_seconds"),
        ({"target_spread": "x"}, "target_spread"),
        ({"loops": 0}, "loops"),
        ({"probe": 1}, "probe"),
    ],
)
def test_a_bad_request_is_told_by_its_key(serve, changes, word):
    done = serve("clean", **changes)
    assert [e["event"] for e in done.events] == ["started", "failed"]
    assert done.terminal["reason"] == "protocol"
    assert word in done.terminal["message"]


@pytest.mark.parametrize(
    "line", [b"\n", b"nonsense\n", b"[]\n", b'{"protocol": 2}\n', b"\xff\xfe\n", b'{"protocol": 2, "ker']
)
def test_a_line_that_is_no_request_is_a_protocol_failure(start, line):
    worker = start()
    worker.send(line)
    if not line.endswith(b"\n"):
        worker.close_stdin()
    done = worker.finish()
    assert done.terminal["reason"] == "protocol"


def test_unknown_keys_are_ignored(serve):
    assert serve("clean", colour="blue").terminal["event"] == "finished"


def test_the_worker_leaves_no_byte_code_and_runs_with_e(start, request_line, shipped):
    before = sorted(path.name for path in shipped.parent.iterdir())
    worker = start(flags=("-E", "-X", "utf8", "-u"))
    worker.send(request_line("clean"))
    assert worker.finish().terminal["event"] == "finished"
    assert sorted(path.name for path in shipped.parent.iterdir()) == before


def test_events_come_at_most_ten_times_a_second(monkeypatch):
    now, written = [0.0], []
    monkeypatch.setattr(wire, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(
        wire,
        "os",
        SimpleNamespace(getpid=os.getpid, write=lambda _descriptor, data: (written.append(data), len(data))[1]),
    )
    out = wire.Wire(-1)
    for index in range(1000):
        now[0] = index / 100
        out.post("sample", index=index)
    out.emit("finished")
    assert 90 <= len(written) <= 102
    assert b"".join(written).count(b"\n") == 1001
    assert written[-1].endswith(b'{"event": "finished"}\n')
