"""Several computers in one home on a file server that shows names late and whose locks lie."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.views import Views, ended, views, wait_for
from reports import valid

__all__ = ["views"]

RUN = ("run", "numpy-openblas", "--source", "pypi", "--size", "256", "--dtype", "float64", "--yes")
QUICK = (*RUN, "--preset", "quick", "--brief")
LONG = (*RUN, "--rounds", "40", "--brief")

OF_SHORT_LEASES = """
import sys
from mambench.system import leases
leases.LEASE_SECONDS, leases.HEARTBEAT_SECONDS = 5.0, 0.5
from mambench.cli.main import main
sys.exit(main())
"""
"""The program, for which a computer counts as gone after five seconds."""


def reports(views: Views) -> list[dict[str, Any]]:
    return [valid(path.read_text(encoding="utf-8")) for path in sorted((views.real / "results").glob("*.json"))]


def test_one_makes_what_is_missing_and_the_others_wait_and_use_it(views: Views) -> None:
    outcomes = [ended(each) for each in [views.start(node, *QUICK) for node in ("n1", "n2", "n3")]]
    assert [code for code, _ in outcomes] == [0, 0, 0], outcomes
    texts = [text for _, text in outcomes]
    assert sum("to download" in text for text in texts) == 1, texts
    assert sum("waiting for the mambench that makes numpy-openblas (pid " in text for text in texts) == 2, texts
    assert all(f"n{number}: 1 row ok, verified" in text for number, text in enumerate(texts, 1)), texts
    done = reports(views)
    assert sorted(each["machine"]["hostname"] for each in done) == ["n1", "n2", "n3"]
    assert {each["results"][0]["status"] for each in done} == {"ok"}
    assert len([each for each in (views.real / "envs").iterdir() if each.is_dir()]) == 1
    assert list((views.real / "mutexes").glob("*.present")) == []


def test_what_is_ready_is_used_by_all_at_once(views: Views) -> None:
    assert views.run("n1", "env", "create", "numpy-openblas", "--source", "pypi", "--yes")[0] == 0
    made = next((views.real / "envs").glob("*.lock")).stat().st_mtime_ns
    first = views.start("n1", *LONG)
    wait_for(views.real / "results", "*-n1-*.journal")
    code, text = views.run("n2", *QUICK, "--offline")
    assert code == 0 and "waiting" not in text, text
    assert first.poll() is None, "n1 was to measure meanwhile"
    assert next((views.real / "envs").glob("*.lock")).stat().st_mtime_ns == made


def test_another_computers_report_is_left_alone_while_it_measures(views: Views) -> None:
    assert views.run("n1", *QUICK)[0] == 0
    first = views.start("n1", *RUN, "--rounds", "5", "--preset", "quick", "--brief")
    journal = wait_for(views.real / "results", "*-n1-*.journal")
    for words in (("results",), ("doctor", "--offline"), ("env", "list")):
        assert views.run("n2", *words)[0] in (0, 4)
    assert journal.exists() and not json.loads(journal.with_suffix(".json").read_text())["results"]
    code, text = ended(first)
    assert code == 0, text
    (row,) = json.loads(journal.with_suffix(".json").read_text())["results"]
    assert len(row["rounds"]) == 5


@pytest.mark.parametrize(
    "words",
    [("env", "remove", "numpy-openblas"), ("results", "remove", "latest"), ("doctor", "--clean")],
)
def test_nothing_is_removed_while_another_computer_is_at_work(views: Views, words: tuple[str, ...]) -> None:
    assert views.run("n1", *QUICK)[0] == 0
    first = views.start("n1", *LONG)
    wait_for(views.real / "results", "*-n1-*.journal")
    code, text = views.run("n2", *words)
    assert code == 5 and "another mambench is at work in" in text, text
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGTERM)
    ended(first)
    code, text = views.run("n2", *words)
    assert code == 0, text


def test_a_computer_that_dies_while_it_makes_an_environment_is_followed_by_another(views: Views) -> None:
    program = (sys.executable, "-c", OF_SHORT_LEASES)
    first = views.start("n1", *QUICK, program=program)
    wait_for(views.real / "envs", "numpy-openblas-*/pyvenv.cfg")
    second = views.start("n2", *QUICK, program=program)
    os.killpg(first.pid, signal.SIGKILL)
    code, text = ended(second)
    assert code == 0 and "n2: 1 row ok, verified" in text, text
    assert [each["machine"]["hostname"] for each in reports(views) if each["results"]] == ["n2"]


def test_a_home_that_is_mounted_elsewhere_is_not_made_anew_under_the_others(views: Views) -> None:
    assert views.run("n1", *QUICK)[0] == 0
    first = views.start("n1", *LONG)
    wait_for(views.real / "results", "*-n1-*.journal")
    elsewhere = views.mount("n2")
    code, text = ended(views.start("n2", *QUICK, "--home", str(elsewhere)))
    assert code == 3 and "mount the home at the same path on every computer" in text, text
    assert first.poll() is None


def test_processes_of_a_launcher_name_their_files_and_say_one_line_each(views: Views, tmp_path: Path) -> None:
    assert views.run("n1", *QUICK)[0] == 0
    (tmp_path / "out").mkdir()
    words = ("--json", str(tmp_path / "out" / "%h-%j-%t.json"))
    started = []
    for rank in range(4):
        node = f"n{rank % 2 + 1}"
        slurm = {"SLURM_JOB_ID": "77", "SLURMD_NODENAME": node, "SLURM_PROCID": str(rank), "SLURM_STEP_NUM_TASKS": "4"}
        started.append(views.start(node, *RUN, "--preset", "quick", *words, **slurm))
    outcomes = [ended(each) for each in started]
    assert [code for code, _ in outcomes] == [0] * 4, outcomes
    lines = [text.split(" n")[-1] for _, text in outcomes]
    assert all("row ok, verified" in text and "┃" not in text and "round 1" not in text for _, text in outcomes), lines
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["n1-77-0.json", "n1-77-2.json", "n2-77-1.json", "n2-77-3.json"]
    launcher = valid((tmp_path / "out" / "n2-77-3.json").read_text(encoding="utf-8"))["launcher"]
    assert launcher == {"name": "slurm", "node": "n2", "rank": 3, "tasks": 4, "job": "77", "array_task": None}


HOLDS = """
import os, sys
from mambench.system import leases
leases.LEASE_SECONDS, leases.HEARTBEAT_SECONDS, leases.POLL_SECONDS = 4.0, 0.3, 0.02
lock, told, dies = leases.Lease(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND), int(sys.argv[3])
for turn in range(12):
    lock.acquire()
    os.write(told, b"in\\n")
    if turn == dies:
        os.write(told, b"dies\\n")
        os._exit(0)
    os.write(told, b"out\\n")
    lock.release()
"""
"""Takes a lock again and again, or dies with it."""


def test_a_lock_between_computers_has_one_holder_even_after_deaths(views: Views, tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.touch()
    script = (sys.executable, "-c", HOLDS, str(views.home / "x.mutex"), str(told))
    nodes = (("n1", -1), ("n2", 3), ("n1", 5), ("n2", -1), ("n3", -1))
    outcomes = [ended(each) for each in [views.start(node, program=(*script, str(dies))) for node, dies in nodes]]
    assert [code for code, _ in outcomes] == [0] * len(nodes), outcomes
    lines = told.read_text().split()
    assert lines[0::2] == ["in"] * (len(lines) // 2) and set(lines[1::2]) == {"out", "dies"}, "two held it at once"
    assert (lines.count("in"), lines.count("dies")) == (3 * 12 + 4 + 6, 2)
    left = ["x.mutex"] if lines[-1] == "dies" else []
    assert [each.name for each in views.real.iterdir()] == left, lines
