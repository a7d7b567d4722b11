"""What killed runs measured, put into their reports."""

from __future__ import annotations

import contextlib

from mambench.app.alone import alone
from mambench.app.context import Mambench
from mambench.errors import MambenchError
from mambench.report import document, journal
from mambench.system import files


def recover(app: Mambench) -> None:
    """Complete the reports of runs that were killed from their journals, unless one is being measured now."""
    left = journal.left_in(app.home.results)
    if not left:
        return
    # Only a try: the journals are read beside their reports in any case, and the next command tries again.
    with contextlib.suppress(MambenchError), alone(app, "mambench", wait=False, everywhere=True):
        for report in left:
            with contextlib.suppress(OSError, MambenchError):
                files.write(report, document.text_of(document.load(report)))
                files.Patience().spend(journal.Journal(report).remove)
