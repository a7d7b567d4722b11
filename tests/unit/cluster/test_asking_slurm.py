"""What Slurm's programs are asked, and what comes of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mambench.cluster.job import Absent, Job, Jobs
from mambench.cluster.script import Measurement, Request
from mambench.cluster.slurm import NodeState, Silent, Slurm
from mambench.cluster.states import State
from mambench.cluster.submit import Order, submit
from mambench.errors import SlurmError, UsageError
from mambench.system import process
from mambench.system.process import Finished

SILENT = Finished(1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
UNKNOWN = Finished(1, "", "slurm_load_jobs error: Invalid job id specified")
NO_ACCOUNTING = Finished(1, "", "Slurm accounting storage is disabled")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each program answers; `asked` has their command lines."""
    answers: dict[str, Any] = {"asked": []}

    def run(command: Sequence[str], **options: Any) -> Finished:
        assert options["hands_on"] is False and options["environ"]["SLURM_TIME_FORMAT"] == "standard"
        answers["asked"].append(list(command))
        answer = answers[command[0]]
        return answer.pop(0) if isinstance(answer, list) else answer

    monkeypatch.setattr(process, "run", run)
    return answers


def test_a_job_is_asked_of_squeue_alone_while_that_knows_it(programs: dict[str, Any]):
    programs["squeue"] = Finished(0, "RUNNING|1:00:00|0:02|2026-11-29T15:20:25|main|2|n[1-2]|None\n", "")
    state = Slurm({}).state(Job("12"))
    assert state is not None and state.nodes == "n[1-2]"
    ((program, *words),) = programs["asked"]
    assert program == "squeue" and "--jobs=12" in words and "--states=all" in words


def test_a_job_of_another_cluster_is_asked_of_that(programs: dict[str, Any]):
    programs["squeue"] = Finished(0, "CLUSTER: big\nRUNNING|1:00|0:02|N/A|main|2|n1|None\n", "")
    assert Slurm({}).state(Job("12", cluster="big")) is not None
    assert "--clusters=big" in programs["asked"][0]


def test_the_accounting_is_asked_when_squeue_has_forgotten(programs: dict[str, Any]):
    programs |= {"squeue": UNKNOWN, "sacct": Finished(0, "TIMEOUT|00:05:00|00:05:10|n[1-2]|None\n", "")}
    assert Slurm({}).state(Job("12")) == State("TIMEOUT", "", "n[1-2]", "00:05:00", "00:05:10")
    programs |= {"squeue": Finished(0, "", ""), "sacct": NO_ACCOUNTING}
    assert Slurm({}).state(Job("12")) is None


def test_silence_is_no_answer(programs: dict[str, Any]):
    programs["squeue"] = SILENT
    with pytest.raises(Silent, match=r"^Unable to contact slurm controller \(connect failure\)$"):
        Slurm({}).state(Job("12"))
    programs["squeue"] = Finished(-9, "", "", timed_out=True)
    with pytest.raises(Silent, match="no answer for 60 s"):
        Slurm({}).state(Job("12"))


NODES = "n1|main*|idle|none\nn2|main*|drained|bad fan | dust\nn3|gpu|mixed|none\n"


def test_the_nodes_of_a_partition_are_told_apart(programs: dict[str, Any]):
    programs["sinfo"] = Finished(0, NODES, "")
    expected = [NodeState("n1", True), NodeState("n2", False, "Slurm says drained: bad fan | dust")]
    assert Slurm({}).nodes(None) == expected == Slurm({}).nodes("main")
    assert [node.name for node in Slurm({}).nodes("gpu")] == ["n3"]
    assert [node.name for node in Slurm({"SBATCH_PARTITION": "gpu"}).nodes(None)] == ["n3"]
    with pytest.raises(UsageError, match="no partition none") as raised:
        Slurm({}).nodes("none")
    assert raised.value.remedy == "name one with --partition: main, gpu"


ORDER = Order(
    Request(2), Measurement(("mambench",), ("run", "draft"), "/h"), (Absent("n9", "down"),), "mambench slurm run"
)
MADE = Measurement(("mambench",), ("run", "made"), "/h")


def test_a_job_is_submitted_with_what_was_made_for_it(programs: dict[str, Any], tmp_path: Path):
    programs["sbatch"] = [
        Finished(0, "", "sbatch: Job 12 to start at ..."),
        Finished(0, "a site's own word\n12;big\n", ""),
    ]
    job = submit(Slurm({}), Jobs(tmp_path), ORDER, make=lambda: MADE)
    assert (job.id, job.cluster, job.nodes, job.absent) == ("12", "big", 2, ORDER.absent)
    assert Jobs(tmp_path).find("12") == job
    assert job.folder is not None and "run made" in (job.folder / "job.sh").read_text()
    assert [words[1] for words in programs["asked"]] == ["--test-only", "--parsable"]


def not_to_be_made() -> Measurement:
    raise AssertionError("environments are made for a job that is refused")


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([Finished(1, "", "sbatch: error: invalid partition specified: x")], UsageError),
        ([Finished(0, "", ""), Finished(1, "", "sbatch: error: invalid partition specified: x")], UsageError),
        ([Finished(1, "", "sbatch: error: something that --test-only alone says"), SILENT], SlurmError),
        ([Finished(0, "", ""), Finished(0, "nonsense", "")], UsageError),
    ],
)
def test_a_refusal_leaves_nothing(programs: dict[str, Any], tmp_path: Path, answers: list[Finished], error: type):
    programs["sbatch"] = list(answers)
    make = (lambda: MADE) if len(answers) > 1 else not_to_be_made
    with pytest.raises(error):
        submit(Slurm({}), Jobs(tmp_path), ORDER, make=make)
    assert not list(tmp_path.iterdir())


def test_a_cancel_that_fails_is_told(programs: dict[str, Any]):
    programs["scancel"] = Finished(1, "", "scancel: error: Kill job error on job id 12: Invalid job id specified")
    with pytest.raises(
        SlurmError, match="did not cancel job 12: Kill job error on job id 12: Invalid job id specified"
    ):
        Slurm({}).cancel(Job("12"))
    assert programs["asked"] == [["scancel", "12"]]
