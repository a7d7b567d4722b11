"""What started this process beside others, told by the variables that schedulers and MPIs set. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mambench.model import Launcher


@dataclass(frozen=True)
class _Kind:
    """The names of a launcher's variables; of several the first that is set counts."""

    name: str
    job: tuple[str, ...] = ()
    rank: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    array_task: tuple[str, ...] = ()
    no_array: str = ""
    """The index of a job that is no array."""
    tells: str = ""
    """Set by this launcher alone; empty: the id of the job is."""


SCHEDULERS = (
    # SLURM_NTASKS is the job's, of which the batch script is none: tasks are those of the step that srun began.
    _Kind("slurm", ("SLURM_JOB_ID",), ("SLURM_PROCID",), ("SLURM_STEP_NUM_TASKS",), ("SLURMD_NODENAME",),
          ("SLURM_ARRAY_TASK_ID",)),
    _Kind("flux", ("FLUX_JOB_ID",), ("FLUX_TASK_RANK",), ("FLUX_JOB_SIZE",)),
    _Kind("pbs", ("PBS_JOBID",), array_task=("PBS_ARRAY_INDEX", "PBS_ARRAYID")),
    _Kind("lsf", ("LSB_JOBID",), array_task=("LSB_JOBINDEX",), no_array="0"),
    _Kind("gridengine", ("JOB_ID",), array_task=("SGE_TASK_ID",), no_array="undefined", tells="SGE_ROOT"),
    # A pod sees its node's name and its Job's where its manifest asks for them; the index of an indexed Job it sees.
    _Kind("kubernetes", ("JOB_NAME",), ("JOB_COMPLETION_INDEX",), node=("NODE_NAME",),
          tells="KUBERNETES_SERVICE_HOST"),
)  # fmt: skip

MPIS = (
    _Kind("openmpi", rank=("OMPI_COMM_WORLD_RANK",), tasks=("OMPI_COMM_WORLD_SIZE",)),
    _Kind("mvapich", rank=("MV2_COMM_WORLD_RANK",), tasks=("MV2_COMM_WORLD_SIZE",)),
    _Kind("pals", rank=("PALS_RANKID",)),
    _Kind("mpich", rank=("PMI_RANK",), tasks=("PMI_SIZE",)),  # and Intel MPI, and what else speaks PMI
    _Kind("pmix", rank=("PMIX_RANK",)),
)
"""Within a scheduler's job they tell rank and number, else all there is."""


def launcher_of(environ: Mapping[str, str], *, hostname: str) -> Launcher | None:
    """The launcher of this process; None where a person or a plain script started it."""
    scheduler = next((kind for kind in SCHEDULERS if (kind.tells or kind.job[0]) in environ), None)
    mpi = next((kind for kind in MPIS if any(name in environ for name in kind.rank)), None)
    kinds = [kind for kind in (mpi, scheduler) if kind is not None]
    if not kinds:
        return None
    return Launcher(
        name=kinds[-1].name,
        node=next(_values(environ, kinds, "node"), hostname),
        rank=next(_numbers(environ, kinds, "rank"), 0),
        tasks=next((number for number in _numbers(environ, kinds, "tasks") if number > 0), None),
        job=next(_values(environ, kinds, "job"), None),
        array_task=next((text for text in _values(environ, kinds, "array_task") if text != kinds[-1].no_array), None),
    )


def _values(environ: Mapping[str, str], kinds: list[_Kind], field_name: str) -> Iterator[str]:
    names = (name for kind in kinds for name in getattr(kind, field_name))
    return (environ[name] for name in names if environ.get(name))


def _numbers(environ: Mapping[str, str], kinds: list[_Kind], field_name: str) -> Iterator[int]:
    return (int(text) for text in _values(environ, kinds, field_name) if text.isascii() and text.isdigit())
