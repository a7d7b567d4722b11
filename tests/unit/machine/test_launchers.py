"""Which launcher started this process, from the variables that each of them sets."""

from __future__ import annotations

import pytest

from mambench.machine.launchers import launcher_of
from mambench.model import Launcher

SLURM = {"SLURM_JOB_ID": "77", "SLURMD_NODENAME": "n1", "SLURM_NTASKS": "4"}
STEP = {**SLURM, "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_ID": "0"}
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "5"}


@pytest.mark.parametrize(
    ("environ", "launcher"),
    [
        (STEP, Launcher("slurm", "n1", rank=3, tasks=4, job="77")),
        # The batch script is one process, however many tasks its job may have.
        ({**SLURM, "SLURM_PROCID": "0"}, Launcher("slurm", "n1", job="77")),
        ({"SLURM_JOB_ID": "78"}, Launcher("slurm", "host", job="78")),  # a shell that salloc began
        ({**SLURM, "SLURM_ARRAY_TASK_ID": "0"}, Launcher("slurm", "n1", job="77", array_task="0")),
        (
            {**SLURM, "OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "8"},
            Launcher("slurm", "n1", rank=2, tasks=8, job="77"),
        ),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, Launcher("openmpi", "host", rank=1, tasks=2)),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, Launcher("mpich", "host", rank=1, tasks=2)),
        ({"PBS_JOBID": "5.server", "PBS_ARRAY_INDEX": "0"}, Launcher("pbs", "host", job="5.server", array_task="0")),
        ({"LSB_JOBID": "6", "LSB_JOBINDEX": "0"}, Launcher("lsf", "host", job="6")),
        ({"JOB_ID": "7", "SGE_TASK_ID": "undefined", "SGE_ROOT": "/sge"}, Launcher("gridengine", "host", job="7")),
        ({**POD, "NODE_NAME": "n9", "JOB_NAME": "bench"}, Launcher("kubernetes", "n9", rank=5, job="bench")),
        (POD, Launcher("kubernetes", "host", rank=5)),
    ],
)
def test_a_launcher_is_told_by_its_variables(environ: dict[str, str], launcher: Launcher) -> None:
    assert launcher_of(environ, hostname="host") == launcher


@pytest.mark.parametrize("environ", [{}, {"JOB_ID": "7"}, {"JOB_NAME": "x", "NODE_NAME": "y"}, {"HOSTNAME": "n1"}])
def test_what_any_program_may_set_is_no_launcher(environ: dict[str, str]) -> None:
    assert launcher_of(environ, hostname="host") is None


@pytest.mark.parametrize("text", ["", "-1", "x", "²", "0"])
def test_a_number_that_is_none_is_left_out(text: str) -> None:
    launcher = launcher_of({**STEP, "SLURM_STEP_NUM_TASKS": text, "SLURM_PROCID": text}, hostname="host")
    assert launcher is not None and (launcher.rank, launcher.tasks) == (0, None)
