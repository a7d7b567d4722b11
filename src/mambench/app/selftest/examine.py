"""Every part that a measurement needs, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from mambench.analysis.words import counted
from mambench.app.context import Mambench
from mambench.app.findings import Finding, State
from mambench.app.selftest.micromamba import try_micromamba
from mambench.app.selftest.report import report_of, try_report
from mambench.app.selftest.worker import try_worker
from mambench.errors import MambenchError
from mambench.model import Report, Result
from mambench.system import resources


def examine(app: Mambench) -> tuple[list[Finding], Report]:
    """Try every part, and give what was found and the report that the worker's round made. Raises HomeError."""
    app.home.prepare()
    findings = [_tried("catalogue", lambda: _try_catalogue(app)), _tried("micromamba", lambda: try_micromamba(app))]
    results: list[Result] = []
    findings.append(_tried("worker", lambda: try_worker(app, results)))
    report = report_of(app, tuple(results))
    findings.append(_tried("report", lambda: try_report(app, report)))
    return findings, report


def _tried(name: str, look: Callable[[], tuple[State, str]]) -> Finding:
    """One part; whatever it raises is what is broken."""
    try:
        state, message = look()
        return Finding(name, state, message)
    except MambenchError as error:
        return Finding(name, "wrong", str(error), error.remedy)
    except Exception as error:
        return Finding(name, "wrong", f"{type(error).__name__}: {error}", "please report this")


def _try_catalogue(app: Mambench) -> tuple[State, str]:
    catalogue = app.catalogue
    if catalogue.broken:
        return "wrong", "; ".join(each.message for each in catalogue.broken)
    if not catalogue.benchmarks or not any(resources.environments().glob("*.toml")):
        return "wrong", f"nothing is in {resources.root()}"
    return "ok", f"{counted(len(catalogue.environments), 'stack')}, {counted(len(catalogue.benchmarks), 'benchmark')}"
