"""How far each node of a job has come, from the reports that the nodes write into the home."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mambench.analysis.groups import natural
from mambench.analysis.words import counted
from mambench.cluster.hostlist import shortened
from mambench.cluster.job import STAMP, Job
from mambench.cluster.joblog import Fate
from mambench.report import document, journal, library
from mambench.system import contents

CLOCKS_DIFFER = timedelta(hours=1)
"""So far back the name of a node's report may be before the submission, by the node's own clock."""

FEW = 8
"""Nodes that are each told by name."""

_ROUND = re.compile(rb'"rounds": \[\{"index": (\d+)')


@dataclass(frozen=True)
class NodeReport:
    """A node's report as it stands; `round` is the latest one, counted from 1, 0 before any."""

    path: Path
    node: str
    finished: bool = False
    complete: bool = False
    round: int = 0
    rounds: int | None = None

    @property
    def progress(self) -> str:
        """In a word or two."""
        if self.finished:
            return "done" if self.complete else "stopped"
        return f"round {self.round}{f' of {self.rounds}' if self.rounds else ''}" if self.round else "begun"

    @property
    def words(self) -> str:
        """For a line of many nodes."""
        return f"{self.node} {self.progress}"


class Reports:
    """The reports of one job in a home, looked at again and again: what was read once is not read again."""

    def __init__(self, folder: Path, job: Job) -> None:
        self._folder, self._job = folder, job
        self._since = _since(job.submitted)
        self._others: set[Path] = set()
        self._ours: dict[Path, NodeReport] = {}
        self._offsets: dict[Path, int] = {}

    def look(self) -> dict[str, NodeReport]:
        """The newest report of each node, by the node."""
        for path in library.reports_in(self._folder):
            if path.name < self._since:
                break
            if path not in self._others:
                self._look_at(path)
        return {each.node: each for each in sorted(self._ours.values(), key=lambda each: each.path.name)}

    def _look_at(self, path: Path) -> None:
        known = self._ours.get(path)
        if known is not None and (known.finished or self._continues(path, known)):
            return
        with contextlib.suppress(OSError, ValueError):  # it is being written, or is none
            content = contents.json_in(contents.bytes_of(path, largest=document.LARGEST_BYTES))
            report = _node_report(path, content, self._job.id)
            if report is None:
                self._others.add(path)
            else:
                self._ours[path] = report = replace(report, round=known.round if known is not None else 0)
                if not report.finished:
                    self._continues(path, report)

    def _continues(self, path: Path, known: NodeReport) -> bool:
        """Read what its journal has grown by; False where it has none, as before the first round and after the last."""
        try:
            with path.with_suffix(journal.SUFFIX).open("rb") as stream:
                stream.seek(self._offsets.get(path, 0))
                text = stream.read()
                self._offsets[path] = stream.tell()
        except OSError:
            return False
        if seen := _ROUND.findall(text):
            self._ours[path] = replace(known, round=int(seen[-1]) + 1)
        return True


def _since(submitted: str) -> str:
    """Names of reports from then on are looked at; all of them where nobody knows when that was."""
    try:
        return f"{datetime.strptime(submitted[:16], STAMP).replace(tzinfo=UTC) - CLOCKS_DIFFER:{STAMP}}"
    except ValueError:
        return ""


def _node_report(path: Path, content: Any, job_id: str) -> NodeReport | None:
    """None for a report of something else."""
    launcher = content.get("launcher") if isinstance(content, dict) else None
    if not isinstance(launcher, dict) or launcher.get("job") != job_id or not isinstance(launcher.get("node"), str):
        return None
    settings = content.get("settings")
    rounds = settings.get("rounds") if isinstance(settings, dict) else None
    return NodeReport(
        path=path,
        node=launcher["node"],
        finished=content.get("finished") is not None,
        complete=content.get("complete") is True,
        rounds=rounds if isinstance(rounds, int) else None,
    )


def progress(reports: Mapping[str, NodeReport], nodes: Sequence[str], expected: int, fates: Mapping[str, Fate]) -> str:
    """How far the nodes are, in a line; of many only how many and who is behind."""
    failed = [name for name, fate in fates.items() if not fate.keeps_report]
    if nodes and len(nodes) <= FEW:
        return ", ".join(_word(name, reports, failed) for name in nodes)
    done = [each for each in reports.values() if each.finished]
    behind = sorted((each for each in reports.values() if not each.finished and each.node not in failed), key=_how_far)
    waiting = max(0, expected - len({*reports, *failed}))
    counts = [(len(done), "done"), (len(behind), "measuring"), (waiting, "not begun"), (len(failed), "failed")]
    line = f"{counted(expected, 'node')}: {', '.join(f'{number} {word}' for number, word in counts if number)}"
    if behind:
        return f"{line}; last: {shortened([each.words for each in behind], 3)}"
    return f"{line}; {shortened(failed, 3)} failed" if failed else line


def _how_far(report: NodeReport) -> tuple[int, list[str]]:
    return report.round, natural(report.node)


def _word(name: str, reports: Mapping[str, NodeReport], failed: Iterable[str]) -> str:
    if name in failed:
        return f"{name} failed"
    return reports[name].words if name in reports else f"{name} not begun"
