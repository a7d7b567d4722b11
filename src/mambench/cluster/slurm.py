"""Asks sbatch, squeue, sacct, sinfo and scancel; the only module that knows their options and what they print.

All are asked for named fields, which every version tells alike. `squeue --json` of 22.05 tells every job of the cluster
whatever `--jobs` says (measured), later versions write other JSON, and a Slurm built without json-c writes none.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mambench.cluster import states
from mambench.cluster.job import Job
from mambench.cluster.states import State
from mambench.errors import SlurmError, UsageError
from mambench.system import process

ANSWER_SECONDS = 60.0
"""squeue takes 13 s to find out that nothing listens (measured with 22.05)."""

_FIELDS = "%T|%l|%M|%S|%P|%D|%N|%r"
_ACCOUNTED = "State%60,Timelimit,Elapsed,NodeList,Reason"
_SUBMITTED = re.compile(r"(\d+)(?:;(\S+))?")


class Silent(Exception):
    """Slurm did not answer; the message is its own."""


@dataclass(frozen=True)
class NodeState:
    """A node of a partition: whether a job can get it, and Slurm's words for why not."""

    name: str
    can_work: bool
    why: str = ""


class Slurm:
    """Slurm as it is set up here."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {**environ, "SLURM_TIME_FORMAT": "standard"}

    def require(self) -> None:
        """Raises UsageError where there is no Slurm."""
        if shutil.which("sbatch", path=self._environ.get("PATH")) is None:
            raise UsageError(
                "no sbatch here: Slurm's programs are not on the PATH",
                remedy="do this where jobs are submitted, such as a login node; `mambench slurm script` needs no Slurm",
            )

    def submit(self, script: Path) -> tuple[str, str]:
        """The id of the job, and its cluster where that is another one. Raises UsageError, SlurmError."""
        done = self._run(["sbatch", "--parsable", str(script)])
        if done.returncode == 0 and (match := _SUBMITTED.fullmatch(done.stdout.strip().rpartition("\n")[2])):
            return match[1], match[2] or ""
        raise _refused(done)

    def require_accepted(self, script: Path) -> None:
        """Raises UsageError where sbatch would refuse the script for good: before anything is downloaded for it."""
        done = self._run(["sbatch", "--test-only", str(script)])
        if done.returncode != 0 and states.refusal(done.stderr) is not None:
            raise _refused(done)

    def state(self, job: Job) -> State | None:
        """What Slurm knows of a job; None: nothing any more. Raises Silent."""
        wanted = ("--noheader", "--states=all", f"--format={_FIELDS}")
        done = self._run(["squeue", *_cluster(job), f"--jobs={job.id}", *wanted])
        if done.returncode != 0 and not states.is_unknown(done.stderr):
            raise Silent(words_of(done))
        lines = [line for line in done.stdout.splitlines() if "|" in line]
        return states.queued(lines[-1]) if lines and done.returncode == 0 else self._accounted(job)

    def _accounted(self, job: Job) -> State | None:
        """From the accounting, which many clusters do not have."""
        wanted = ("--allocations", "--noheader", "--parsable2", f"--format={_ACCOUNTED}")
        done = self._run(["sacct", *_cluster(job), f"--jobs={job.id}", *wanted])
        lines = [line for line in done.stdout.splitlines() if "|" in line]
        return states.accounted(lines[-1], name_of=_user_name) if lines and done.returncode == 0 else None

    def cancel(self, job: Job) -> None:
        """Raises SlurmError."""
        done = self._run(["scancel", *_cluster(job), job.id])
        if done.returncode != 0:
            raise SlurmError(f"Slurm did not cancel job {job.id}: {words_of(done)}", remedy="try again")

    def nodes(self, partition: str | None) -> list[NodeState]:
        """Those of a partition, or of the default one. Raises UsageError, SlurmError."""
        done = self._run(["sinfo", "--noheader", "--Node", "--format=%N|%P|%T|%E"])
        if done.returncode != 0:
            raise SlurmError(f"sinfo did not tell the nodes: {words_of(done)}", remedy=states.TRY_AGAIN)
        rows = [line.split("|", 3) for line in done.stdout.splitlines() if line.count("|") >= 3]
        partition = partition or self._environ.get("SBATCH_PARTITION")
        own = [row for row in rows if (row[1].rstrip("*") == partition if partition else row[1].endswith("*"))]
        if not own:
            names = ", ".join(dict.fromkeys(row[1].rstrip("*") for row in rows))
            which = f"no partition {partition}" if partition else "no default partition"
            raise UsageError(f"Slurm has {which}", remedy=f"name one with --partition: {names}")
        return [NodeState(*states.node(name.strip(), state, why)) for name, _, state, why in own]

    def _run(self, command: Sequence[str]) -> process.Finished:
        try:
            # A job inherits what sbatch has; where it runs on this computer, it must not end with us.
            return process.run(command, environ=self._environ, timeout_seconds=ANSWER_SECONDS, hands_on=False)
        except process.StartError as error:
            message = f"cannot run {command[0]}: {error.strerror}"
            raise UsageError(message, remedy="see that Slurm's programs are on the PATH") from error


def _cluster(job: Job) -> list[str]:
    return [f"--clusters={job.cluster}"] if job.cluster else []


def words_of(done: process.Finished) -> str:
    """What a program of Slurm complained of, in one line."""
    if done.timed_out:
        return f"no answer for {ANSWER_SECONDS:.0f} s"
    return states.complaint(done.stderr) or f"exit code {done.returncode}"


def _refused(done: process.Finished) -> UsageError | SlurmError:
    words = words_of(done)
    if states.is_silence(done.stderr) or done.timed_out:
        return SlurmError(f"Slurm does not answer: {words}", remedy=states.TRY_AGAIN)
    return UsageError(f"sbatch refused the job: {words}", remedy=states.refusal(done.stderr) or states.ASK)


def _user_name(uid: int) -> str:
    if sys.platform != "win32":
        import pwd

        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            pass
    return f"user {uid}"
