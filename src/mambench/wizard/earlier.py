"""The speeds that earlier reports in the home saw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mambench.errors import ReportError
from mambench.report import document
from mambench.wizard.estimate import Speeds, learn

REPORTS_READ = 8
"""Earlier reports from which speeds are learnt, the latest."""

LARGEST_REPORT_BYTES = 20_000_000


def speeds_seen(folder: Path) -> Speeds:
    """What the reports in `folder` tell."""
    return learn(_reports(folder))


def _reports(folder: Path) -> Iterator[dict[str, object]]:
    """The latest reports that can be read."""
    try:
        files = sorted(folder.glob("*.json"), reverse=True)[:REPORTS_READ]
        small = [file for file in files if file.stat().st_size <= LARGEST_REPORT_BYTES]
    except OSError:
        return
    for file in small:
        with contextlib.suppress(ReportError):
            yield document.load(file)
