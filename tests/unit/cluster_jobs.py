"""A job's folder and the reports of its nodes, as small as they can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mambench.cluster.job import Job


def a_job(home: Path, *, nodes: str, log: str = "", ended: str = "", **changes: Any) -> Job:
    """Number 12, with what it wrote itself."""
    folder = home / "slurm" / "20261129T120000Z"
    folder.mkdir(parents=True)
    for name, text in (("nodes", nodes), ("job.log", log), ("ended", ended)):
        if text:
            (folder / name).write_text(text)
    return Job("12", folder, submitted=folder.name, nodes=2, **changes)


def node_report(results: Path, node: str, *, complete: bool = True) -> None:
    """As far as a job looks at it: a run that was stopped is finished, too."""
    content = {"launcher": {"job": "12", "node": node}, "settings": {"rounds": 5}, "complete": complete}
    text = json.dumps({**content, "finished": "2026-11-29T12:01:00Z"})
    (results / f"20261129T120005Z-{node}-00000012.json").write_text(text)
