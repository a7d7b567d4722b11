"""`mambench slurm` with a real Slurm: jobs that end well, and every way in which they do not."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.slurm import Slurm, missing_parts
from e2e.driver import Bench, Done, Started, no_traceback, program, wait_for

pytest.importorskip("numpy", reason="the toy kernels and the check in the worker need numpy")

NODES = 4
SECONDS = 120.0
"""For a whole job: nodes of one computer measure one after the other."""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """MAMBENCH_TEST_SLURM=1 turns a missing part into a failure."""
    if (missing := missing_parts()) and os.environ.get("MAMBENCH_TEST_SLURM"):
        pytest.fail(missing)
    elif missing:
        pytest.skip(missing)
    started = Slurm(tmp_path_factory.mktemp("slurm"), NODES)
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def bench(slurm: Slurm, tmp_path: Path) -> Iterator[Bench]:
    """A home whose path a script must quote, on a cluster whose nodes are all free."""
    made = Bench(tmp_path)
    made.home = tmp_path / "50% 'home'"
    made.install("clean")
    made.environ |= {**slurm.environ, "TOY_GATE": str(tmp_path / "gate")}
    yield made
    made.end_all()
    slurm.resume()


def words(bench: Bench, *more: str, nodes: str = "2", verb: str = "run") -> list[str]:
    measured = ["--python", f"toys={sys.executable}", "--preset", "quick", "--size", "128", "--dtype", "float64"]
    return [*program(), "slurm", verb, *measured, "--nodes", nodes, "--home", str(bench.home), *more]


def measured(bench: Bench, *more: str, nodes: str = "2") -> Done:
    done = bench.begin(words(bench, *more, nodes=nodes)).end(seconds=SECONDS)
    no_traceback(done)
    return done


def begun(bench: Bench, *more: str) -> tuple[Started, str]:
    """A job that is followed, whose first node has measured a round and waits in the second; and its id."""
    bench.install("waits")
    started = bench.begin(words(bench, "--rounds", "2", *more))
    try:
        wait_for(Path(bench.environ["TOY_GATE"]).with_suffix(".waits"), seconds=SECONDS)
    except AssertionError:
        started.process.kill()
        raise AssertionError(started.end().text + job_log(bench)) from None
    return started, record(bench)["id"]


def go_on(bench: Bench) -> None:
    """Nobody waits any more."""
    Path(bench.environ["TOY_GATE"]).touch()


def job_log(bench: Bench) -> str:
    return "".join(path.read_text(errors="replace") for path in (bench.home / "slurm").glob("*/job.log"))


def record(bench: Bench) -> dict[str, Any]:
    """Of the latest job."""
    content: dict[str, Any] = json.loads(sorted((bench.home / "slurm").glob("*/job.json"))[-1].read_text())
    return content


def ended(started: Started) -> Done:
    done = started.end(seconds=SECONDS)
    no_traceback(done)
    return done


def said(done: Done) -> str:
    """Without the line breaks of a console."""
    return " ".join(done.text.split())


def test_four_nodes_measure_and_the_table_has_each(bench: Bench):
    done = measured(bench, "--exclusive", "--", "--comment", 'it\'s "quoted" # not a comment', nodes="4")
    assert done.code == 0, done.text
    reports = bench.reports()
    assert sorted(report["launcher"]["node"] for report in reports) == ["n1", "n2", "n3", "n4"]
    assert {report["launcher"]["tasks"] for report in reports} == {4}
    assert {report["launcher"]["job"] for report in reports} == {record(bench)["id"]}
    assert all(report["complete"] and report["settings"]["offline"] for report in reports)
    assert "4 nodes" in done.out and "missing" not in done.out  # one may be slow on a busy computer
    assert "4 nodes" in done.err and "without --exclusive" not in done.err
    folder = Path(record(bench)["folder"])
    assert {path.name for path in folder.iterdir()} == {"job.sh", "job.json", "job.log", "nodes", "ended"}
    assert not list((bench.home / "results").glob("*.html"))


def test_a_node_slowed_by_a_cpu_limit_is_found(bench: Bench, slurm: Slurm):
    assert (os.cpu_count() or 1) > 1
    slurm.end_daemon("n4")
    with cpu_limit(0.1) as group:
        inside = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group)]
        slurm.start_node("n4", before=inside)
        slurm.resume()
        try:
            amount = ["--python", f"toys={sys.executable}", "--size", "1024", "--dtype", "float64", "--rounds", "3"]
            command = [*program(), "slurm", "run", *amount, "--preset", "quick", "--nodes", "4", "--fail-slower", "20%"]
            done = bench.begin([*command, "--home", str(bench.home)]).end(seconds=2 * SECONDS)
        finally:
            slurm.end_daemon("n4")
            slurm.start_node("n4")
    assert done.code == 6, done.text
    assert "n4: slow on cpu:0" in done.out and not re.search("n[123]: slow", done.out), done.text
    assert "usable cores 1" in said(done), done.text


@contextlib.contextmanager
def cpu_limit(cores: float) -> Iterator[Path]:
    """A control group, v1 or v2, whose processes have so much time of the processor together."""
    root = Path("/sys/fs/cgroup")
    first = (root / "cgroup.controllers").exists()
    group = (root if first else root / "cpu") / f"mambench-test-{os.getpid()}"
    group.mkdir()
    try:
        limit = {"cpu.max": f"{cores * 1e5:.0f} 100000"} if first else {"cpu.cfs_quota_us": f"{cores * 1e5:.0f}"}
        for name, text in limit.items():
            (group / name).write_text(text)
        yield group
        wait_for_empty(group)
    finally:
        group.rmdir()


def wait_for_empty(group: Path) -> None:
    begin = time.monotonic()
    while (group / "cgroup.procs").read_text().strip():
        assert time.monotonic() - begin < SECONDS, f"{group} has processes"
        time.sleep(0.1)


def test_a_comment_for_sbatch_arrives_as_it_was_typed(bench: Bench, slurm: Slurm):
    comment = 'it\'s "quoted" # not a comment'
    done = measured(bench, "--no-follow", "--", f"--comment={comment}", "--begin", "now+1hour")
    assert done.code == 0, done.text
    job = record(bench)["id"]
    assert comment in slurm.call("scontrol", "-o", "show", "job", job)
    assert f"mambench slurm cancel {job} --home" in said(done)


def test_a_drained_node_is_left_out_and_named(bench: Bench, slurm: Slurm):
    started, _ = begun(bench)
    slurm.call("scontrol", "update", "nodename=n2,n3", "state=drain", "reason=bad fan")
    go_on(bench)
    done = ended(started)
    assert done.code == 0, done.text  # Slurm lets what runs there come to its end
    done = measured(bench, "--no-follow", nodes="all")
    assert done.code == 0, done.text
    assert "n2 is left out: Slurm says drained: bad fan" in said(done)
    assert record(bench)["nodes"] == NODES - 2
    (status,) = json.loads(bench.call("slurm", "status", "--json").out)["jobs"]
    assert {"node": "n3", "why": "Slurm says drained: bad fan"} in status["missing"]


def test_a_node_that_fails_is_told_and_the_others_are_shown(bench: Bench, slurm: Slurm):
    started, job = begun(bench)
    slurm.fail_node("n2")
    go_on(bench)
    try:
        done = ended(started)
    finally:
        slurm.start_node("n2")
    assert done.code in (0, 4), done.text
    assert re.search(r"n2(: missing| was stopped in the middle of measuring): the node failed", said(done)), done.text
    assert job in said(done) and "GFLOPS" in done.out


def test_a_job_that_we_cancel_shows_what_there_is(bench: Bench):
    started, job = begun(bench)
    done = bench.call("slurm", "cancel")
    assert done.code == 0 and f"job {job} is cancelled" in said(done)
    done = ended(started)
    assert done.code in (3, 4), done.text
    assert f"job {job} was cancelled by `mambench slurm cancel`" in said(done)
    assert ": not complete: " in said(done) and ": missing: " in said(done)


def test_a_job_that_somebody_else_cancels_is_told_so(bench: Bench, slurm: Slurm):
    started, job = begun(bench)
    slurm.call("scancel", job)
    done = ended(started)
    assert done.code in (3, 4), done.text
    assert f"job {job} was cancelled by scancel, or by Slurm itself" in said(done)
    (report,) = bench.reports()
    assert not report["complete"] and report["results"]


def test_a_job_at_its_time_limit_names_the_option(bench: Bench, slurm: Slurm):
    started, job = begun(bench, "--time", "30")
    slurm.call("scontrol", "update", f"jobid={job}", "EndTime=now+1")
    done = ended(started)
    assert done.code in (3, 4), done.text
    assert f"job {job} was ended by Slurm at its time limit" in said(done) and "--time" in said(done)


@pytest.mark.parametrize(
    ("more", "nodes", "words_of_slurm", "step"),
    [
        (["--partition", "nowhere"], "2", "invalid partition specified: nowhere", "`sinfo` lists them"),
        ([], "9", "Requested node configuration is not available", "sinfo"),
        (["--time", "soon"], "2", "Invalid --time specification", "--time takes minutes"),
        (["--", "--no-such-option"], "2", "unrecognized option '--no-such-option'", "what stands behind --"),
    ],
)
def test_what_sbatch_refuses_is_told_before_anything_is_made(
    bench: Bench, more: list[str], nodes: str, words_of_slurm: str, step: str
):
    done = measured(bench, *more, nodes=nodes)
    assert done.code == 2, done.text
    assert words_of_slurm in said(done) and step in said(done)
    assert not list((bench.home / "slurm").iterdir())


def test_a_job_that_cannot_start_is_left_with_its_reason(bench: Bench, slurm: Slurm):
    done = measured(bench, "--partition", "short", "--time", "30")
    job = record(bench)["id"]
    assert done.code == 3, done.text
    assert f"job {job} will not start by itself: it asks for more time than its partition allows" in said(done)
    assert f"mambench slurm cancel {job}" in said(done)
    assert slurm.job_state(job) == "PENDING"
    done = bench.call("slurm", "status", job)
    assert done.code == 0 and "more time than its partition allows" in said(done)


def test_the_job_goes_on_when_its_terminal_is_closed(bench: Bench, slurm: Slurm):
    started, job = begun(bench)
    done = started.stop(signal.SIGHUP)
    assert done.code == 129, done.text
    assert f"job {job} goes on without it" in said(done)
    assert slurm.job_state(job) == "RUNNING"


def test_the_job_goes_on_after_ctrl_c(bench: Bench, slurm: Slurm):
    started, job = begun(bench)
    done = started.stop(signal.SIGINT)
    assert done.code == 130, done.text
    assert f"job {job} goes on without it" in said(done) and f"mambench slurm collect {job} --home" in said(done)
    assert slurm.job_state(job) == "RUNNING"
    (status,) = json.loads(bench.call("slurm", "status", job, "--json").out)["jobs"]
    assert (status["id"], status["state"], len(status["reports"])) == (job, "RUNNING", 1)
    assert status["reports"][0]["round"] >= 1 and not status["reports"][0]["finished"]
    go_on(bench)
    done = bench.begin([*program(), "slurm", "collect", "--follow", "--home", str(bench.home)]).end(seconds=SECONDS)
    assert done.code == 0, done.text
    assert "2 nodes: nothing failed" in said(done)


def test_a_controller_that_is_gone_does_not_hide_the_end(bench: Bench, slurm: Slurm):
    started, job = begun(bench)
    slurm.end_daemon("slurmctld")
    go_on(bench)
    try:
        done = ended(started)
        assert done.code == 0, done.text
        assert "2 nodes: nothing failed" in said(done)
    finally:
        slurm.forget_all()
    done = bench.call("slurm", "collect", job)
    assert done.code == 0, done.text
    assert "2 nodes: nothing failed" in said(done)


def test_a_node_that_does_not_see_the_home_says_so(bench: Bench, slurm: Slurm):
    hidden = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{bench.home.parent}" && exec "$@"', "sh"]
    if subprocess.run([*hidden[:-2], "sh", "true"], check=False).returncode != 0:
        pytest.skip("this computer mounts nothing for tests")
    bench.home.mkdir(exist_ok=True)
    slurm.end_daemon("n4")
    slurm.start_node("n4", before=hidden)
    try:
        slurm.resume()
        done = measured(bench, "--", "--nodelist=n1,n4")
        assert done.code == 4, done.text
        assert f"n4: missing: this node does not see {bench.home}" in said(done)
        assert "1 node" in said(done)
    finally:
        slurm.end_daemon("n4")
        slurm.start_node("n4")


def test_without_slurm_there_is_only_the_script(bench: Bench, slurm: Slurm):
    nowhere = {"PATH": str(Path(sys.executable).parent), "SLURM_CONF": None}
    done = bench.begin(words(bench), environ=nowhere).end()
    assert done.code == 2 and "no sbatch here" in said(done) and "mambench slurm script" in said(done)
    done = bench.begin(words(bench, "--nodes", "all", verb="script"), environ=nowhere).end()
    assert done.code == 2 and "no sbatch here" in said(done)
    done = bench.begin(words(bench, verb="script"), environ=nowhere).end()
    assert done.code == 0, done.text
    assert not (bench.home / "slurm").exists()
    (bench.cwd / "job.sh").write_text(done.out)
    job = submitted_by_hand(bench, "job.sh")
    slurm.wait_for(lambda: slurm.job_state(job) in ("COMPLETED", "FAILED"), "the end of the job", seconds=SECONDS)
    done = bench.call("slurm", "collect", job)
    assert done.code == 0, done.text
    assert "2 nodes: nothing failed" in said(done)


def submitted_by_hand(bench: Bench, script: str) -> str:
    done = subprocess.run(
        ["sbatch", "--parsable", script], cwd=bench.cwd, env=bench.environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


FAR = """\
title = "of another device"
kernel = "mlx"
devices = ["metal"]
platforms = ["linux-64", "linux-aarch64"]
[pypi]
python = ">=3.9,<3.20"
packages = ["mlx"]
"""


def test_environments_are_made_once_before_the_job(bench: Bench):
    bench.home = bench.home.with_name("fresh")
    (bench.home / "environments").mkdir(parents=True)
    (bench.home / "environments" / "far.toml").write_text(FAR)
    options = ["--nodes", "2", "--source", "pypi", "--preset", "quick", "--size", "128", "--dtype", "float64"]
    command = [*program(), "slurm", "run", "--home", str(bench.home), *options, "numpy-openblas"]
    done = bench.begin(command).end(seconds=SECONDS)
    assert done.code == 2 and "add --yes" in said(done)  # nobody is there to ask
    assert not list((bench.home / "slurm").iterdir())
    done = bench.begin([*command, "--yes"]).end(seconds=SECONDS)
    assert done.code == 0, done.text
    assert "numpy-openblas@pypi is ready" in said(done)
    assert [set(report["environments"]) for report in bench.reports()] == [{"numpy-openblas@pypi"}] * 2
    script = (Path(record(bench)["folder"]) / "job.sh").read_text()
    assert "--offline" in script and "--yes" not in script
    done = bench.begin([*command, "far", "--no-follow"]).end(seconds=SECONDS)
    assert done.code == 2 and "far: the first node makes it, as this computer has no device for it" in said(done)
    done = bench.begin([*command, "far", "--no-follow", "--yes"]).end(seconds=SECONDS)
    assert done.code == 0, done.text
    script = (Path(record(bench)["folder"]) / "job.sh").read_text()
    assert "--offline" not in script and "--yes" in script
