"""What a job gave: its reports, who is missing and why, how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_jobs import a_job, node_report

from mambench.cluster.collect import Outcome, outcome
from mambench.cluster.follow import Watch
from mambench.cluster.job import Absent, Job
from mambench.cluster.slurm import Silent
from mambench.cluster.states import State


class Says:
    def __init__(self, state: State | None | str) -> None:
        self._state = state

    def state(self, _job: Job) -> State | None:
        if isinstance(self._state, str):
            raise Silent(self._state)
        return self._state


def got(folder: Path, state: State | None | str, job: Job | None = None, **text: str) -> Outcome:
    """Of a job on n1 and n2, of which n1 has measured."""
    (folder / "results").mkdir()
    job = job or a_job(folder, nodes="n[1-2]", **text)
    node_report(folder / "results", "n1")
    return outcome(Watch(Says(state), job, folder / "results").look())


def sentences(outcome: Outcome) -> str:
    return " | ".join(told.words for told in outcome.sentences)


def test_a_node_that_failed_by_itself_says_why(tmp_path: Path):
    log = "1: n2: mambench: cannot write to /x: Permission denied\nsrun: error: n2: task 1: Exited with exit code 5\n"
    told = got(tmp_path, State("FAILED", "NonZeroExitCode"), log=log, ended="5\n")
    assert [(each.node, each.why) for each in told.missing] == [("n2", "cannot write to /x: Permission denied")]
    assert [path.name for path in told.reports] == ["20261129T120005Z-n1-00000012.json"]
    assert sentences(told) == ""


def test_a_job_that_was_ended_is_why_its_processes_were(tmp_path: Path):
    log = "srun: error: n2: task 1: Exited with exit code 143\n"
    told = got(tmp_path, State("TIMEOUT", time_limit="5:00"), log=log)
    assert told.missing[0].why == "the job was ended by Slurm at its time limit of 5:00"
    assert sentences(told) == "job 12 was ended by Slurm at its time limit of 5:00"


def test_the_jobs_own_word_counts_where_slurm_knows_nothing_any_more(tmp_path: Path):
    log = "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-29T12:30:00 DUE TO TIME LIMIT ***\n"
    assert "at its time limit" in sentences(got(tmp_path, None, log=log))


def test_nobody_knows_how_it_ended(tmp_path: Path):
    told = got(tmp_path, None)
    assert sentences(told) == "Slurm does not know job 12 any more, and the job left no word of its end"
    assert told.missing[0].why.startswith("its process left no report; see ")


def test_a_silent_slurm_is_told(tmp_path: Path):
    assert sentences(got(tmp_path, "connect failure")) == "Slurm does not answer (connect failure)"


def test_who_was_stopped_in_the_middle_for_a_reason_of_its_own_is_named(tmp_path: Path):
    job = a_job(tmp_path, nodes="n[1-3]", log="srun: error: Node failure on n3\n", ended="0\n")
    (tmp_path / "results").mkdir()
    node_report(tmp_path / "results", "n1")
    node_report(tmp_path / "results", "n2", complete=False)
    node_report(tmp_path / "results", "n3", complete=False)
    told = outcome(Watch(Says(State("COMPLETED")), job, tmp_path / "results").look())
    assert not told.missing
    assert sentences(told) == "n3 was stopped in the middle of measuring: the node failed, or Slurm lost touch with it"


def test_nodes_that_were_left_out_are_missing_too(tmp_path: Path):
    job = a_job(tmp_path, nodes="n[1-2]", absent=(Absent("n9", "Slurm says drained: bad fan"),))
    told = got(tmp_path, State("RUNNING", nodes="n[1-2]"), job)
    assert [(each.node, each.why) for each in told.missing] == [
        ("n9", "Slurm says drained: bad fan"),
        ("n2", "not begun"),
    ]


@pytest.mark.parametrize(("cancelled", "words"), [("2026-11-29T12:00:00Z", "mambench slurm cancel"), ("", "scancel")])
def test_who_cancelled_is_told_as_far_as_it_is_known(tmp_path: Path, cancelled: str, words: str):
    job = a_job(tmp_path, nodes="n[1-2]", cancelled=cancelled)
    assert words in sentences(got(tmp_path, State("CANCELLED"), job))


def test_a_first_node_that_could_write_nothing_is_told(tmp_path: Path):
    (tmp_path / "results").mkdir()
    job = a_job(tmp_path, nodes="")
    told = outcome(
        Watch(Says(State("FAILED", "RaisedSignal:53(Real-time_signal_19)")), job, tmp_path / "results").look()
    )
    assert "its first node could not write to" in sentences(told)
    assert told.missing
