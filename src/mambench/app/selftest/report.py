"""The report, tried: what is written is what is read."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from mambench import __version__
from mambench.analysis.words import counted
from mambench.app.context import Mambench
from mambench.app.findings import State
from mambench.app.selftest.worker import ROUNDS
from mambench.model import SEED, Report, Result
from mambench.report import document
from mambench.system import files


def report_of(app: Mambench, results: tuple[Result, ...]) -> Report:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Report(
        run_id=uuid.uuid4().hex,
        mambench=__version__,
        created=now,
        finished=now,
        complete=True,
        argv=("selftest",),
        seed=SEED,
        settings={"preset": "quick", "source": "auto", "rounds": ROUNDS},
        machine=app.machine,
        results=results,
    )


def try_report(app: Mambench, report: Report) -> tuple[State, str]:
    with app.home.scratch() as folder:
        path = folder / "report.json"
        files.write(path, document.dumps(report))
        read = document.load(path)
    if read != json.loads(document.dumps(report)):
        return "wrong", "what was written is not what was read"
    return "ok", f"written and read, with {counted(len(report.results), 'row')}"
