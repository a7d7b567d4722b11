"""Follows a job to its end: asks Slurm how it is, and the home how far its nodes are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mambench.analysis.groups import natural
from mambench.cluster import joblog, nodes, states
from mambench.cluster.hostlist import expanded, shortened
from mambench.cluster.job import Job, current
from mambench.cluster.joblog import JobLog
from mambench.cluster.nodes import NodeReport, Reports
from mambench.cluster.slurm import Silent
from mambench.cluster.states import State
from mambench.errors import SlurmError

POLL_SECONDS, LATER_POLL_SECONDS = 2.0, 10.0
"""Between two questions to slurmctld: in the first minute, and later, as thousands may ask it."""

FIRST_SECONDS = 60.0

STUCK_SECONDS = 12.0
"""A reason to wait that no waiting changes is believed after so long: Slurm corrects some by itself."""

SILENCE_SECONDS = 900.0
"""A slurmctld that is restarted or moved is back by then."""

LATE_SECONDS = 60.0
"""After so long every node of a network file system sees a file (acdirmax of nfs(5))."""


class Asks(Protocol):
    """What is needed of `slurm.Slurm`."""

    def state(self, job: Job) -> State | None: ...


@dataclass(frozen=True)
class Seen:
    """A job at one moment: what Slurm says, what it wrote itself, and the reports of its nodes."""

    job: Job
    state: State | None
    log: JobLog
    reports: dict[str, NodeReport]
    silence: str = ""
    """Slurm's words where it did not answer."""

    @property
    def nodes(self) -> list[str]:
        """Its nodes, as far as they are known."""
        listed = self.log.nodes or (expanded(self.state.nodes) if self.state is not None else [])
        return list(listed or sorted(self.reports, key=natural))

    @property
    def expected(self) -> int:
        """How many reports there are to be."""
        return len(self.nodes) if self.log.nodes else max(self.job.nodes, len(self.nodes))

    @property
    def line(self) -> str:
        """All of it in a line, without the time."""
        if self.state is not None and self.state.is_waiting:
            told = states.waiting(self.state)
            return "; ".join(filter(None, (f"waiting: {told.words}" if told.words else "waiting", told.remedy)))
        if late := unseen(self):
            reports = "the report" if len(late) == 1 else "the reports"
            return f"over; {reports} of {shortened(late)} may be seen here within {LATE_SECONDS:.0f} s"
        name = self.state.name.lower() if self.state is not None else "running"
        how = "" if not self.silence else f"; Slurm does not answer, the job goes on without it ({self.silence})"
        return f"{name}: {nodes.progress(self.reports, self.nodes, self.expected, self.log.fates)}{how}"


class Watch:
    """Looks at a job."""

    def __init__(self, slurm: Asks, job: Job, results: Path) -> None:
        self._slurm, self._job = slurm, job
        self._reports = Reports(results, job)
        self._last: State | None = None

    def look(self) -> Seen:
        """What there is to see now. Where Slurm is silent, or has forgotten the job, what that wrote itself counts."""
        silence, self._job = "", current(self._job)
        try:
            state = self._slurm.state(self._job)
        except Silent as error:
            state, silence = None, str(error)
        log = joblog.of(self._job)
        if state is None:
            state = log.state or (self._last if silence else None)
        self._last = state
        return Seen(self._job, state, log, self._reports.look(), silence)


def follow(
    watch: Watch,
    tell: Callable[[Seen], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Seen:
    """Until the job is over, and the reports of the nodes that came to their end are to be seen.

    Or until Slurm has not answered for long. Raises SlurmError where the job will not start by itself.
    """
    begin, stuck_since, heard = now(), None, now()
    while True:
        seen = watch.look()
        tell(seen)
        moment = now()
        heard = heard if seen.silence else moment
        if seen.state is None and not seen.silence:
            return seen  # nobody knows it any more
        if seen.state is not None and seen.state.is_over:
            return _with_late_reports(watch, seen, tell, sleep=sleep, now=now)
        if moment - heard > SILENCE_SECONDS:
            return seen
        is_stuck = seen.state is not None and seen.state.is_waiting and states.waiting(seen.state).stuck
        stuck_since = (moment if stuck_since is None else stuck_since) if is_stuck else None
        if stuck_since is not None and moment - stuck_since >= STUCK_SECONDS:
            raise _will_not_start(seen)
        sleep(POLL_SECONDS if moment - begin < FIRST_SECONDS else LATER_POLL_SECONDS)


def _will_not_start(seen: Seen) -> SlurmError:
    assert seen.state is not None
    told = states.waiting(seen.state)
    reason = f" (Slurm: {seen.state.reason})"
    return SlurmError(f"job {seen.job.id} will not start by itself: {told.words}{reason}", remedy=told.remedy)


def unseen(seen: Seen) -> list[str]:
    """The nodes that came to their end and whose reports are not to be seen, or not whole, yet."""
    if seen.state is None or seen.state.name not in states.BY_ITSELF:
        return []
    failed = {name for name, fate in seen.log.fates.items() if not fate.keeps_report}
    whole = {name for name, report in seen.reports.items() if report.finished}
    return [name for name in seen.log.nodes if name not in failed | whole]


def _with_late_reports(
    watch: Watch, seen: Seen, tell: Callable[[Seen], None], *, sleep: Callable[[float], None], now: Callable[[], float]
) -> Seen:
    begin = now()
    while unseen(seen) and now() - begin < LATE_SECONDS:
        sleep(POLL_SECONDS)
        seen = watch.look()
        tell(seen)
    return seen
