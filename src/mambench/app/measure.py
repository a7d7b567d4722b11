"""Carry out a plan: keep every trial, show what was measured, whatever ends it."""

from __future__ import annotations

import functools
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mambench import __version__
from mambench.app.alone import alone, wait_for_other_homes
from mambench.app.context import Mambench
from mambench.app.saver import Saver
from mambench.environments import staging
from mambench.environments.prefix import Draft
from mambench.environments.provision import Environments
from mambench.environments.pypi.bootstrap import Agree
from mambench.errors import Interrupted
from mambench.machine import memory
from mambench.measurement import session
from mambench.model import Catalogue, Environment, Machine, Plan, Report, Stack
from mambench.system import addresses, awake, process

Prepared = Mapping[str, Environment | Draft]
"""What each stack was resolved to, by its name."""

Show = Callable[[Report, Path], None]


def measure(
    app: Mambench,
    plan: Plan,
    *,
    argv: Sequence[str],
    agree: Agree,
    show: Show,
    prepared: Prepared = MappingProxyType({}),
    wait: bool = True,
    stage: Path | None = None,
) -> Report:
    """Carry out a plan, keep every trial, show what was measured, whatever ends it.

    `agree` is asked before anything is downloaded; what is `prepared` already is not resolved again. Another run here
    is waited for, or refused with NothingMeasured. With `stage` workers run from copies below that folder. Raises
    ReportError, HomeError, UsageError, Interrupted.
    """
    if stage is not None:
        staging.require_usable(stage)
    words = tuple(addresses.without_credentials(word) if "://" in word else word for word in argv)
    command = " ".join(process.quoted(("mambench", *words), app.machine.platform))
    with alone(app, command, wait=wait), awake.kept_awake(app.environ):
        wait_for_other_homes(app, wait=wait)
        report = replace(empty_report(app.machine, plan, words, app.catalogue), launcher=app.launcher)
        if stage is not None:
            report = replace(report, settings={**report.settings, "staged": True})
        path = app.home.report_path(datetime.now(UTC), report.node, report.run_id)
        saver = Saver(path, app.machine)
        environments = provisioner(app, plan, agree)
        using = session.Collaborators(
            provisioner=_Provisioner(environments, prepared),
            measurer=app.runner(run_id=report.run_id, seed=plan.seed),
            confirm=agree,
            saver=saver,
            on_event=app.terminal.on_event,
            available_bytes=memory.available_bytes,
            examine=environments.examine,
            wait=functools.partial(_wait_for_turn, app, wait=wait),
        )
        copies = staging.stage(stage, home=app.home, run_id=report.run_id, on_event=app.terminal.on_event)
        with app.home.watched(), copies as staged:
            return _carried_out(app, plan, report, replace(using, stage=staged), saver, lambda kept: show(kept, path))


def _wait_for_turn(app: Mambench, *, wait: bool) -> None:
    app.home.require_there()
    if wait:
        wait_for_other_homes(app)


@dataclass(frozen=True)
class _Provisioner:
    """Every source, behind what was resolved before: what was agreed to is what gets installed."""

    environments: Environments
    prepared: Prepared

    def ready(self, stack: Stack) -> Environment | None:
        known = self.prepared.get(stack.spec.name) or self.environments.ready(stack.spec, stack.sources)
        return known if isinstance(known, Environment) else None

    def turn(self, stacks: Sequence[Stack]) -> AbstractContextManager[None]:
        return self.environments.turn([stack.spec.name for stack in stacks])

    def prepare(self, stack: Stack) -> Environment | Draft:
        return self.prepared.get(stack.spec.name) or self.environments.prepare(stack)

    def install(self, draft: Draft, stack: Stack) -> Environment:
        return self.environments.install(draft, stack)


def provisioner(app: Mambench, plan: Plan, agree: Agree) -> Environments:
    """Every source, as the plan's choices want them."""
    choices = plan.choices
    return app.environments(
        offline=choices.offline, channels=choices.channels, on_event=app.terminal.on_event, agree=agree
    )


def _carried_out(
    app: Mambench,
    plan: Plan,
    report: Report,
    using: session.Collaborators,
    saver: Saver,
    show: Callable[[Report], None],
) -> Report:
    try:
        report = session.execute(plan, report=report, machine=app.machine, using=using)
    except BaseException as error:
        app.terminal.stop_progress()
        if saver.report is not None and (saver.report.results or isinstance(error, Interrupted)):
            show(saver.report)
        raise
    app.terminal.stop_progress()
    show(report)
    if saver.problem is not None:
        raise saver.problem
    return report


def empty_report(machine: Machine, plan: Plan, argv: Sequence[str], catalogue: Catalogue) -> Report:
    """The report before anything is measured."""
    choices = plan.choices
    settings: dict[str, Any] = {
        "preset": choices.preset,
        "source": choices.source,
        "rounds": plan.rounds,
        "trials": sum(len(stack.trials) for stack in plan.stacks),
        "until_sure": choices.until_sure,
        "sizes": list(choices.sizes),
        "dtypes": list(choices.dtypes),
        "devices": list(choices.devices),
        "threads": list(choices.threads),
        "channels": [addresses.without_credentials(channel) for channel in choices.channels],
        "offline": choices.offline,
        "timeout_seconds": plan.timeout_seconds,
        "limits": asdict(plan.limits),
        "limits_of_largest": asdict(plan.limits_of_largest),
    }
    if plan.repeats:
        settings["repeats"] = plan.repeats
    return Report(
        run_id=uuid.uuid4().hex,
        mambench=__version__,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        finished=None,
        complete=False,
        argv=tuple(argv),
        seed=plan.seed,
        settings=settings,
        machine=replace(machine, hostname=machine.hostname or socket.gethostname()),
        benchmarks=tuple(benchmark.about for benchmark in plan.benchmarks.values()),
        warnings=(*(each.message for each in catalogue.broken), *plan.differences),
    )
