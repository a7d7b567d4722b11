"""Carry out a plan: keep every trial, show what was measured, whatever ends it."""

from __future__ import annotations

import shlex
import socket
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mambench import __version__
from mambench.app.context import Mambench
from mambench.app.saver import Saver
from mambench.environments.prefix import Draft
from mambench.errors import Interrupted
from mambench.machine import memory
from mambench.measurement import session
from mambench.model import Catalogue, Machine, Plan, Report
from mambench.system import addresses


def measure(
    app: Mambench,
    plan: Plan,
    *,
    argv: Sequence[str],
    agree: Callable[[tuple[Draft, ...]], bool],
    show_it: Callable[[Report, Path], None],
    wait: bool = True,
) -> Report:
    """Carry out a plan, keep every trial, show what was measured, whatever ends it.

    `agree` is asked before anything is downloaded. Another run here is waited for, or refused with NothingMeasured.
    Raises ReportError, HomeError, Interrupted.
    """
    words = tuple(addresses.without_credentials(word) if "://" in word else word for word in argv)
    with app.alone(f"mambench {shlex.join(words)}", wait=wait):
        app.wait_for_other_homes(wait=wait)
        report = empty_report(app.machine, plan, words, app.catalogue)
        turn = app.wait_for_other_homes if wait else lambda: None
        return _measure(app, plan, report, agree=agree, show_it=show_it, turn=turn)


def _measure(
    app: Mambench,
    plan: Plan,
    report: Report,
    *,
    agree: Callable[[tuple[Draft, ...]], bool],
    show_it: Callable[[Report, Path], None],
    turn: Callable[[], None],
) -> Report:
    path = app.home.report_path(datetime.now(UTC), app.machine.hostname, report.run_id)
    saver = Saver(path, app.machine)
    using = session.Collaborators(
        provisioner=app.environments(
            offline=plan.choices.offline,
            channels=plan.choices.channels,
            on_event=app.terminal.on_event,
            agree=agree,
        ),
        measurer=app.runner(run_id=report.run_id, seed=plan.seed),
        confirm=agree,
        saver=saver,
        on_event=app.terminal.on_event,
        available_bytes=memory.available_bytes,
        wait=turn,
    )
    try:
        report = session.execute(plan, report=report, machine=app.machine, using=using)
    except BaseException as error:
        app.terminal.stop_progress()
        if saver.report is not None and (saver.report.results or isinstance(error, Interrupted)):
            show_it(saver.report, path)
        raise
    app.terminal.stop_progress()
    show_it(report, path)
    if saver.problem is not None:
        raise saver.problem
    return report


def empty_report(here: Machine, plan: Plan, argv: Sequence[str], catalogue: Catalogue) -> Report:
    """The report before anything is measured."""
    choices = plan.choices
    settings: dict[str, Any] = {
        "preset": choices.preset,
        "source": choices.source,
        "rounds": plan.rounds,
        "sizes": list(choices.sizes),
        "dtypes": list(choices.dtypes),
        "devices": list(choices.devices),
        "threads": list(choices.threads),
        "channels": [addresses.without_credentials(channel) for channel in choices.channels],
        "offline": choices.offline,
        "timeout_seconds": plan.timeout_seconds,
        "limits": asdict(plan.limits),
    }
    return Report(
        run_id=uuid.uuid4().hex,
        mambench=__version__,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        finished=None,
        complete=False,
        argv=tuple(argv),
        seed=plan.seed,
        settings=settings,
        machine=replace(here, hostname=here.hostname or socket.gethostname()),
        warnings=tuple(each.message for each in catalogue.broken),
    )
