"""What a job's own log tells; lines of srun and slurmstepd are those of Slurm 22.05.8."""

from __future__ import annotations

import pytest

from mambench.cluster.joblog import ending, fates

NODES = ("n1", "n2", "n3", "n4")

LOG = """\
srun: cluster configuration lacks support for cpu binding
3: mambench: this node does not see /shared/mb
0: n1: 1 row ok, verified; numpy-mkl, matmul float64 on cpu:0, n = 256: 49.37 GFLOPS
1: n2: mambench: cannot write to /shared/mb: Read-only file system; choose another folder
srun: error: n4: task 3: Exited with exit code 5
srun: error: n2: task 1: Exited with exit code 5
srun: error: n3: task 2: Exited with exit code 4
"""


def test_a_node_is_known_by_the_last_word_of_its_task():
    told = fates(LOG, NODES)
    assert told["n4"].words == "this node does not see /shared/mb" and not told["n4"].keeps_report
    assert told["n2"].words.startswith("cannot write to /shared/mb") and not told["n2"].keeps_report
    assert told["n3"].keeps_report and "n1" not in told


@pytest.mark.parametrize(
    ("line", "names", "words"),
    [
        ("srun: error: n[1-3]: tasks 0-2: Exited with exit code 143", {"n1", "n2", "n3"}, "stopped by SIGTERM"),
        ("srun: error: n[1,4]: tasks 0,3: Killed", {"n1", "n4"}, "it was killed"),
        ("srun: error: n2: task 1: Out Of Memory", {"n2"}, "it ran out of memory"),
        ("srun: error: n2: task 1: Exited with exit code 137", {"n2"}, "it was killed"),
        ("srun: error: n2: task 1: Exited with exit code 77", {"n2"}, "its process ended with exit code 77"),
        ("srun: error: n2: task 1: Segmentation fault", {"n2"}, "Segmentation fault"),
        ("srun: error: Node failure on n2", {"n2"}, "the node failed, or Slurm lost touch with it"),
        ("srun: error: Node failure on n[2-3]", {"n2", "n3"}, "the node failed, or Slurm lost touch with it"),
    ],
)
def test_each_end_of_a_task_has_words(line: str, names: set[str], words: str):
    told = fates(line, NODES)
    assert set(told) == names and {fate.words for fate in told.values()} == {words}
    assert not any(fate.keeps_report for fate in told.values())


@pytest.mark.parametrize(
    ("log", "ended", "state"),
    [
        ("", "", None),
        ("", "0\n", "COMPLETED"),
        ("", "4\n", "FAILED"),
        ("slurmstepd-n1: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-29T15:27:45 DUE TO TIME LIMIT ***", "", "TIMEOUT"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-29T15:22:34 ***", "", "CANCELLED"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-29T15:22:34 DUE TO PREEMPTION ***", "", "PREEMPTED"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-29T15:22:34 DUE TO NODE FAILURE, SEE SLURMCTLD "
         "LOG FOR DETAILS ***", "", "NODE_FAIL"),
        ("0: slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2026-11-29T15:22:34 ***", "0", "COMPLETED"),
    ],
)  # fmt: skip
def test_a_job_leaves_word_of_its_end(log: str, ended: str, state: str | None):
    told = ending(log, ended)
    assert (told and told.name) == state
