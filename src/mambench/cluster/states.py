"""Pure: what Slurm's states, reasons and complaints mean in plain words, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ACTIVE = {"CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"}
WAITING = {"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
"""States of a job that is not over. Source: the man page of squeue, JOB STATE CODES."""

BY_ITSELF = {"COMPLETED", "FAILED"}
"""States of a job whose script ran to its end."""

CAN_WORK = {
    "idle", "allocated", "mixed", "completing", "planned", "powered_down", "powering_down", "powering_up", "power_down",
    "power_up",
}  # fmt: skip
"""States of nodes, without the signs behind them. Source: the man page of sinfo, NODE STATE CODES."""

TRY_AGAIN = "see that slurmctld runs (`scontrol ping`), and try again"
ASK = "`sinfo` lists partitions and their limits; who runs the cluster knows the rest"


@dataclass(frozen=True)
class State:
    """A job as Slurm tells it; texts are Slurm's own."""

    name: str
    reason: str = ""
    nodes: str = ""
    time_limit: str = ""
    run_time: str = ""
    start: str = ""
    partition: str = ""
    asked_nodes: str = ""
    by: str = ""
    """Who cancelled it, where the accounting tells."""

    @property
    def is_over(self) -> bool:
        return self.name not in ACTIVE and self.name not in WAITING

    @property
    def is_waiting(self) -> bool:
        return self.name in WAITING


@dataclass(frozen=True)
class Told:
    """What happened, and the next step; `stuck`: it stays so until somebody does something."""

    words: str
    remedy: str = ""
    stuck: bool = False


def queued(line: str) -> State:
    """A line of squeue: state, limit, time, start, partition, number of nodes, nodes, reason."""
    name, limit, run_time, start, partition, count, nodes, reason = (line.strip().split("|", 7) + [""] * 7)[:8]
    return State(name, _known(reason), _known(nodes), _known(limit), run_time, _known(start), partition, count)


def accounted(line: str, *, name_of: Callable[[int], str]) -> State:
    """A line of sacct: state, limit, time, nodes, reason; `CANCELLED by 1000` tells a user's number."""
    name, limit, run_time, nodes, reason = (line.strip().split("|", 4) + [""] * 4)[:5]
    name, _, by = name.partition(" by ")
    who = name_of(int(by)) if by.strip().isdigit() else by.strip()
    return State(name.strip(), _known(reason), _known(nodes), _known(limit), run_time, by=who)


def _known(text: str) -> str:
    text = text.strip()
    return "" if text in ("None", "N/A", "(null)", "None assigned", "Unknown", "UNLIMITED") else text


# --------------------------------------------------------------------------------------------------- waiting

_SHORTER = "cancel it, and ask for less with --time, or for another --partition"
_FEWER = "cancel it, and ask for fewer --nodes, or for another --partition"
_RIGHTS = "cancel it, and name another with --account or --partition"
_HELD = "`scontrol release` lets it go"

WHY_WAITING: Mapping[str, Told] = {
    "Priority": Told("jobs of a higher priority come first"),
    "Resources": Told("its nodes are still at work for others"),
    "Dependency": Told("it waits for another job"),
    "BeginTime": Told("its --begin has not come yet"),
    "Reservation": Told("its reservation has not begun"),
    "Licenses": Told("a license is not free"),
    "Cleaning": Told("what an earlier job left on its nodes is being cleaned up"),
    "Prolog": Told("its nodes are being prepared"),
    "JobHeldUser": Told("it is held", _HELD, stuck=True),
    "JobHeldAdmin": Told("an administrator holds it", "ask who runs the cluster", stuck=True),
    "JobHoldMaxRequeue": Told("it could not be started several times, and is held", _HELD, stuck=True),
    "PartitionTimeLimit": Told("it asks for more time than its partition allows", _SHORTER, stuck=True),
    "PartitionNodeLimit": Told("it asks for more nodes than its partition allows", _FEWER, stuck=True),
    "PartitionConfig": Told("its partition cannot give what it asks for", _FEWER, stuck=True),
    "PartitionDown": Told("its partition is down", "wait until it is up, or name another --partition"),
    "PartitionInactive": Told("its partition starts no jobs now", "wait, or name another --partition"),
    "BadConstraints": Told("no nodes are as it asks for", "cancel it, and ask for something else", stuck=True),
    "InvalidAccount": Told("its account is not valid", _RIGHTS, stuck=True),
    "InvalidQOS": Told("its quality of service is not valid", "cancel it, and name another behind --", stuck=True),
    "AccountNotAllowed": Told("its account may not use its partition", _RIGHTS, stuck=True),
    "QOSNotAllowed": Told("its quality of service may not use its partition", _RIGHTS, stuck=True),
    "ReservationDeleted": Told("its reservation was deleted", "cancel it, and submit it again", stuck=True),
    "DependencyNeverSatisfied": Told("the job that it waits for did not end well", "cancel it", stuck=True),
    "NodeDown": Told("a node that it needs is down", "wait until it is up, or ask for others"),
    "ReqNodeNotAvail": Told("a node that it needs is down, drained or reserved", "wait, or ask for fewer --nodes"),
    "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions": Told(
        "nodes that it needs are down, drained or reserved", "wait, or ask for fewer --nodes"
    ),
}
"""By the reason. Source: the man page of squeue, JOB REASON CODES, and https://slurm.schedmd.com/job_reason_codes.html"""


def waiting(state: State) -> Told:
    """Why a job does not run yet."""
    reason = state.reason.strip("()")
    told = WHY_WAITING.get(reason) or WHY_WAITING.get(re.split(r"[,:(]", reason)[0])
    if told is not None:
        return told
    if reason.startswith(("QOS", "Assoc")):
        # Limits of one job never change by waiting, those of a user or a group do as their other jobs end.
        if "Wall" in reason or "TimeLimit" in reason:
            return Told(f"it asks for more time than a limit allows ({reason})", _SHORTER, stuck=True)
        if "PerJob" in reason or "PerNode" in reason:
            return Told(f"it asks for more than a limit allows ({reason})", _FEWER, stuck=True)
        return Told(f"a limit of its user or account is reached ({reason})", "wait until other jobs of theirs end")
    return Told(f"Slurm's reason is {reason}" if reason else "")


# ---------------------------------------------------------------------------------------------------- endings


def ending(state: State, *, by_us: bool = False) -> Told | None:
    """How a job ended, in words that follow `job 12`; None where it came to its end by itself."""
    limit = f" of {state.time_limit}" if state.time_limit else ""
    if state.name == "CANCELLED":
        who = (
            "by `mambench slurm cancel`"
            if by_us
            else f"by {state.by}"
            if state.by
            else "by scancel, or by Slurm itself"
        )
        return Told(f"was cancelled {who}", "submit it again for what is missing")
    endings = {
        "TIMEOUT": Told(
            f"was ended by Slurm at its time limit{limit}", "give it more with --time, or measure less: --preset quick"
        ),
        "OUT_OF_MEMORY": Told(
            "was ended by Slurm: it used more memory than it was given",
            "ask for all of each node with --exclusive, or for more with -- --mem=64G, or measure a smaller --size",
        ),
        "PREEMPTED": Told(
            "had to make way for a job of a higher priority", "submit it again, or to another --partition"
        ),
        "NODE_FAIL": Told(
            "was ended by Slurm as a node failed", "`sinfo -R` says what is known of it; submit it again"
        ),
        "BOOT_FAIL": Told("did not begin: its nodes did not start", "`sinfo -R` says what is known of them"),
        "DEADLINE": Told("was ended by Slurm at its --deadline", "give it a later one"),
        "REVOKED": Told("was taken by another cluster", "look for it there"),
    }
    return endings.get(state.name)


# ------------------------------------------------------------------------------------------------ complaints

_TIME = "--time is more than the partition allows, or is missing: `sinfo -o '%P %l'` lists limits"
_REFUSALS: Mapping[str, str] = {
    "invalid partition": "there is no such partition: `sinfo` lists them; name another with --partition",
    "no partition specified": "there is no default partition: `sinfo` lists them; name one with --partition",
    "invalid account": "`sacctmgr show associations user=$USER` lists your accounts; name one with --account",
    "invalid qos": "`sacctmgr show associations user=$USER` lists what you may use",
    "time limit": _TIME,
    "invalid --time": "--time takes minutes, or hours:minutes:seconds, or days-hours",
    "invalid time": "--time takes minutes, or hours:minutes:seconds, or days-hours",
    "node count specification": "ask for fewer --nodes: `sinfo` tells how many there are",
    "more processors requested": "ask for fewer --nodes: `sinfo` tells how many there are",
    "node configuration is not available": "no nodes are as it asks for: `sinfo -N -l` tells what there are",
    "policy": "a limit of your account is in the way: `sacctmgr show qos` and who runs the cluster know it",
    "not permitted to use this partition": "name another with --partition or --account",
    "access/permission denied": "name another with --partition or --account",
    "unrecognized option": "correct what stands behind --: `man sbatch` has its options",
    "invalid option": "correct what stands behind --: `man sbatch` has its options",
    "requires an argument": "correct what stands behind --: `man sbatch` has its options",
    "reservation": "`scontrol show reservations` lists them",
    "feature": "`sinfo -o '%N %f'` lists what nodes have",
    "gres": "`sinfo -o '%N %G'` lists what nodes have",
}  # fmt: skip
"""By a part of what sbatch says, in small letters."""

_SILENCE = (
    "unable to contact slurm controller", "socket timed out", "zero bytes were transmitted", "connection refused",
    "could not establish a configuration source", "slurm backup controller in standby", "authentication",
    "munge", "name resolution", "unable to connect", "communication",
)  # fmt: skip
_UNKNOWN = "invalid job id"
_NOISE = re.compile(r"^\S+?: (?:error|fatal|warning|info): |^(?:slurm_load_jobs|scancel|squeue|sbatch) error: ?", re.I)


def refusal(complaint_of_sbatch: str) -> str | None:
    """What to do about a refusal that would stay one; None for anything else."""
    text = complaint_of_sbatch.lower()
    return None if is_silence(text) else next((step for part, step in _REFUSALS.items() if part in text), None)


def is_silence(text: str) -> bool:
    """Whether a program could not speak to slurmctld."""
    return any(part in text.lower() for part in _SILENCE)


def is_unknown(text: str) -> bool:
    """Whether squeue does not know the job (any more)."""
    return _UNKNOWN in text.lower()


def complaint(text: str) -> str:
    """What a program of Slurm complained of, in one line."""
    lines = dict.fromkeys(_NOISE.sub("", line).strip() for line in text.splitlines())
    return "; ".join(line for line in lines if line and not line.startswith('Try "'))


def node(name: str, state: str, why: str) -> tuple[str, bool, str]:
    """Name, whether a job can get it, and why not: a node's state may have signs behind it, `*` if it is silent."""
    plain = state.strip().rstrip("*~#!%$@^-+")
    can = plain in CAN_WORK and "*" not in state
    reason = _known(why).removeprefix("none")
    silent = " and does not answer" if "*" in state else ""
    return name, can, "" if can else f"Slurm says {plain}{silent}{f': {reason}' if reason else ''}"
