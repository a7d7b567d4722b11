"""A job that is followed: when that ends, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_jobs import a_job, node_report

from mambench.cluster import follow as following
from mambench.cluster.follow import Seen, Watch, follow
from mambench.cluster.job import Job
from mambench.cluster.slurm import Silent
from mambench.cluster.states import State
from mambench.errors import SlurmError

RUNNING, DONE, FAILED = State("RUNNING", nodes="n[1-2]"), State("COMPLETED"), State("FAILED", "NonZeroExitCode")


class Told:
    """Slurm, which says these things one after the other, the last for ever; time passes when somebody sleeps."""

    def __init__(self, *says: State | str | None) -> None:
        self._says, self.seconds, self.asked = list(says), 0.0, 0

    def state(self, _job: Job) -> State | None:
        self.asked += 1
        says = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        if isinstance(says, str):
            raise Silent(says)
        return says

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> float:
        return self.seconds


def followed(slurm: Told, job: Job, results: Path, lines: list[str] | None = None) -> Seen:
    told: list[str] = [] if lines is None else lines
    return follow(Watch(slurm, job, results), lambda seen: told.append(seen.line), sleep=slurm.sleep, now=slurm.now)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    (tmp_path / "results").mkdir()
    yield a_job(tmp_path, nodes="n[1-2]")


def test_it_ends_with_the_job_when_every_report_is_there(job: Job, tmp_path: Path):
    for name in ("n1", "n2"):
        node_report(tmp_path / "results", name)
    slurm, lines = Told(State("PENDING", "Resources"), RUNNING, DONE), []
    seen = followed(slurm, job, tmp_path / "results", lines)
    assert seen.state == DONE and set(seen.reports) == {"n1", "n2"}
    assert slurm.seconds < 10
    assert lines[0] == "waiting: its nodes are still at work for others" and lines[1] == "running: n1 done, n2 done"


def test_a_report_that_is_seen_late_is_waited_for(job: Job, tmp_path: Path):
    node_report(tmp_path / "results", "n1")
    slurm = Told(DONE)
    sleep = slurm.sleep

    def late(seconds: float) -> None:
        sleep(seconds)
        if slurm.seconds > 30:
            node_report(tmp_path / "results", "n2")

    slurm.sleep = late  # type: ignore[method-assign]
    lines: list[str] = []
    assert set(followed(slurm, job, tmp_path / "results", lines).reports) == {"n1", "n2"}
    assert lines[1] == "over; the report of n2 may be seen here within 60 s"
    assert 30 < slurm.seconds < 40


def test_that_waiting_ends_and_is_not_for_a_node_that_failed(job: Job, tmp_path: Path):
    slurm = Told(FAILED)
    assert not followed(slurm, job, tmp_path / "results").reports
    assert following.LATE_SECONDS <= slurm.seconds < following.LATE_SECONDS + 5
    assert job.folder is not None
    (job.folder / "job.log").write_text("srun: error: n[1-2]: tasks 0-1: Killed\n")
    slurm = Told(FAILED)
    followed(slurm, job, tmp_path / "results")
    assert slurm.seconds == 0


@pytest.mark.parametrize("name", ["CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL"])
def test_nothing_is_waited_for_when_slurm_ended_the_job(job: Job, tmp_path: Path, name: str):
    slurm = Told(State(name))
    followed(slurm, job, tmp_path / "results")
    assert slurm.seconds == 0


def test_a_silent_slurm_is_asked_again_and_the_job_tells_its_end_itself(job: Job, tmp_path: Path):
    slurm, lines = Told(RUNNING, "connect failure", "connect failure", RUNNING, "connect failure"), []
    sleep = slurm.sleep

    def ends(seconds: float) -> None:
        sleep(seconds)
        if slurm.asked == 6:
            assert job.folder is not None
            (job.folder / "ended").write_text("0\n")
            for name in ("n1", "n2"):
                node_report(tmp_path / "results", name)

    slurm.sleep = ends  # type: ignore[method-assign]
    seen = followed(slurm, job, tmp_path / "results", lines)
    assert seen.state is not None and seen.state.name == "COMPLETED" and slurm.asked == 7
    assert "Slurm does not answer, the job goes on without it (connect failure)" in lines[1]
    assert lines[1].startswith("running: ") and "answer" not in lines[3]


def test_a_slurm_that_stays_silent_is_given_up(job: Job, tmp_path: Path):
    slurm = Told(RUNNING, "connect failure")
    seen = followed(slurm, job, tmp_path / "results")
    assert seen.silence == "connect failure" and seen.state == RUNNING
    assert following.SILENCE_SECONDS < slurm.seconds < following.SILENCE_SECONDS + 60


def test_a_job_that_slurm_has_forgotten_ends_it(job: Job, tmp_path: Path):
    slurm = Told(None)
    assert followed(slurm, job, tmp_path / "results").state is None and slurm.seconds == 0


def test_a_job_that_will_not_start_is_given_up_once_the_reason_stays(job: Job, tmp_path: Path):
    stuck = State("PENDING", "PartitionTimeLimit")
    slurm = Told(stuck, State("PENDING", "Resources"), stuck)
    with pytest.raises(SlurmError, match="job 12 will not start by itself: .*time.*PartitionTimeLimit") as raised:
        followed(slurm, job, tmp_path / "results")
    assert "--time" in raised.value.remedy
    assert slurm.seconds >= 4 + following.STUCK_SECONDS


def test_slurmctld_is_asked_less_often_after_a_while(job: Job, tmp_path: Path):
    slurm = Told(*[RUNNING] * 90, State("CANCELLED"))
    followed(slurm, job, tmp_path / "results")
    assert slurm.seconds > 600
