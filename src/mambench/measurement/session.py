"""Plan -> Report: provision every stack, run the rounds, keep every trial; emits events, prints nothing."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from mambench.analysis import results as summary
from mambench.analysis.drift import drift
from mambench.analysis.sequential import is_sure
from mambench.analysis.warnings import disturbance
from mambench.catalogue import feasibility
from mambench.environments.prefix import Draft
from mambench.errors import HomeGone, MambenchError, UnavailableError
from mambench.measurement import labels, plausible
from mambench.measurement.orders import orders
from mambench.model import (
    BenchmarkSpec,
    Environment,
    Event,
    Failure,
    Gpu,
    Limits,
    Machine,
    OnEvent,
    Plan,
    Provisioned,
    Reason,
    Report,
    Result,
    Round,
    RowWarning,
    Stack,
    StackKey,
    Trial,
    TrialFinished,
    TrialStarted,
    WarningKind,
)

WARMUP_SECONDS_AFTER_DRIFT = 15.0
"""Processors and their coolers are near their steady state by then."""

_logger = logging.getLogger(__name__)


class Provisioner(Protocol):
    """What `environments.provision.Environments` does."""

    def ready(self, stack: Stack) -> Environment | None:
        """The environment, if it is ready."""

    def turn(self, stacks: Sequence[Stack]) -> AbstractContextManager[None]:
        """Held while environments are made: one computer makes those of a home that several use."""

    def prepare(self, stack: Stack) -> Environment | Draft:
        """A ready environment or the draft of one."""

    def install(self, draft: Draft, stack: Stack) -> Environment:
        """Build it."""


class Measurer(Protocol):
    """What `runner.Runner` does."""

    def measure(
        self,
        trial: Trial,
        environment: Environment,
        *,
        benchmark: BenchmarkSpec,
        limits: Limits,
        timeout_seconds: float,
        index: int,
        order: int,
        on_event: OnEvent,
    ) -> Round:
        """One round."""


class Saver(Protocol):
    """Keeps what was measured."""

    def save(self, report: Report) -> None:
        """Write the report whole: before the first trial and at the end."""

    def add(self, result: Result) -> None:
        """Keep what a trial's latest round gave, at a cost that does not grow with what was measured before."""


@dataclass(frozen=True)
class Collaborators:
    """All that a session needs from outside; tests hand in fakes."""

    provisioner: Provisioner
    measurer: Measurer
    confirm: Callable[[tuple[Draft, ...]], bool]
    """Asked once for all stacks, before anything is downloaded."""
    saver: Saver
    on_event: OnEvent
    available_bytes: Callable[[], int]
    examine: Callable[[Environment], str] = lambda _environment: ""
    """What is wrong with the files of an environment, if anything; asked when a framework did not load or crashed."""
    stage: Callable[[Environment], Environment] = lambda environment: environment
    """The environment from which workers run: as it is ready, or a copy of it. Raises ProvisionError."""
    wait: Callable[[], None] = lambda: None
    """Returns when nobody else measures on this machine; called before every trial. Raises HomeGone."""


@dataclass
class _Row:
    """A trial on its way: its environment, its rounds so far, or why it will have none."""

    trial: Trial
    stack: Stack
    machine: Machine
    environment: Environment | None = None
    rounds: tuple[Round, ...] = ()
    failure: Failure | None = None
    warnings: tuple[RowWarning, ...] = ()
    gpu: Gpu | None = None
    disturbed_rounds: tuple[Round, ...] = ()

    def result(self) -> Result:
        if not self.rounds:
            failure = self.failure or Failure("failed", Reason.RAISED, "it was not measured")
            return Result(self.trial, failure.status, failure=failure, warnings=self.warnings)
        result = summary.summarise(self.trial, self.rounds)
        packages = self.environment.packages if self.environment is not None else ()
        result = labels.checked(result, self.stack.spec, self.gpu, packages)
        result = plausible.checked(result, self.machine)
        warnings = tuple(dict.fromkeys((*self.warnings, *result.warnings)))
        return replace(result, warnings=warnings, disturbed_rounds=self.disturbed_rounds)


def execute(plan: Plan, *, report: Report, machine: Machine, using: Collaborators) -> Report:
    """Carry out the plan; `report` is the empty one to fill.

    Whatever ends it early, what was measured is saved before it is raised again; the saved report is then incomplete.
    """
    session = _Session(plan, report, machine, using)
    try:
        session.provision()
        session.run_rounds()
        session.complete = True
    finally:
        session.finish()
    return session.report


class _Session:
    def __init__(self, plan: Plan, report: Report, machine: Machine, using: Collaborators) -> None:
        self._plan, self._machine, self._using = plan, machine, using
        self.report = report
        self.complete = False
        self._rows = [
            _Row(
                trial,
                stack,
                machine,
                failure=stack.failure or feasibility.static_failure(trial, stack.spec, machine),
                gpu=feasibility.gpu_of(trial, machine),
            )
            for stack in plan.stacks
            for trial in stack.trials
        ]
        self._environments: dict[StackKey, Environment] = {}
        self._found_wrong: dict[StackKey, str] = {}

    # ------------------------------------------------------------------------------------- environments

    def provision(self) -> None:
        """Make every stack ready: what is ready is used, and who makes the rest does it alone."""
        missing = [stack for stack in self._plan.stacks if self._waiting(stack) and not self._use_ready(stack)]
        if missing:
            with self._using.provisioner.turn(missing):
                self._make(missing)
        for stack in self._plan.stacks:
            self._stage(stack)

    def _stage(self, stack: Stack) -> None:
        """Have its workers run from a copy, if there is to be one; the report is about what was copied."""
        rows = self._waiting(stack)
        if rows and (environment := rows[0].environment) is not None:
            staged = self._attempt(stack, partial(self._using.stage, environment))
            for row in rows:
                row.environment = staged if isinstance(staged, Environment) else environment

    def _use_ready(self, stack: Stack) -> bool:
        if (environment := self._using.provisioner.ready(stack)) is not None:
            self._use(stack, environment)
        return environment is not None

    def _make(self, stacks: Iterable[Stack]) -> None:
        """First find out what all of them need, ask once, then install."""
        drafts: list[tuple[Stack, Draft]] = []
        for stack in stacks:
            prepared = self._attempt(stack, partial(self._using.provisioner.prepare, stack))
            if isinstance(prepared, Environment):
                self._use(stack, prepared)
            elif prepared is not None:
                drafts.append((stack, prepared))
        if drafts and not self._using.confirm(tuple(draft for _, draft in drafts)):
            failure = Failure("unavailable", Reason.SOURCE, "its packages were not downloaded, as you chose")
            for stack, _ in drafts:
                self._give_up(stack, failure)
            drafts = []
        for stack, draft in drafts:
            installed = self._attempt(stack, partial(self._using.provisioner.install, draft, stack))
            if isinstance(installed, Environment):
                self._use(stack, installed)

    def _attempt(self, stack: Stack, step: Callable[[], Environment | Draft]) -> Environment | Draft | None:
        """What `step` gives; an error becomes the failure of the stack's rows, and the others go on."""
        try:
            return step()
        except HomeGone:
            raise
        except UnavailableError as error:
            _logger.info("%s is unavailable", stack.spec.name, exc_info=error)
            failure = Failure("unavailable", error.reason, _advice(error))
        except MambenchError as error:
            _logger.warning("%s could not be made", stack.spec.name, exc_info=error)
            log = str(error.log) if error.log is not None else None
            failure = Failure("failed", Reason.PROVISION, _advice(error), log)
        self._give_up(stack, failure)
        return None

    def _use(self, stack: Stack, environment: Environment) -> None:
        self._environments[environment.key] = environment
        for row in self._of(stack):
            row.trial = replace(row.trial, stack=environment.key)
            row.environment = environment
            row.warnings = tuple(RowWarning(WarningKind.ENVIRONMENT, text) for text in environment.warnings)
        self.report = replace(self.report, environments=tuple(self._environments.values()))
        self._emit(Provisioned(stack.spec.name, environment, None))

    def _give_up(self, stack: Stack, failure: Failure) -> None:
        for row in self._waiting(stack):
            row.failure = failure
        self._emit(Provisioned(stack.spec.name, None, failure))

    def _of(self, stack: Stack) -> list[_Row]:
        return [row for row in self._rows if row.stack is stack]

    def _waiting(self, stack: Stack) -> list[_Row]:
        return [row for row in self._of(stack) if row.failure is None]

    # ------------------------------------------------------------------------------------------- rounds

    def run_rounds(self) -> None:
        """A fresh worker for every trial, all trials in turn, each round in an order of its own."""
        self.save()
        order = 0
        started = [row for row in self._rows if self._runnable(row)]
        for index, turns in enumerate(orders(len(started), self._plan.rounds, seed=self._plan.seed)):
            rows = [started[turn] for turn in turns if self._runnable(started[turn])]
            for position, row in enumerate(rows):
                self._take_turn(row, index, order, position, len(rows))
                order += 1
            if self._plan.choices.until_sure and is_sure((row.result() for row in started), index + 1):
                break
        order = self._repeat_disturbed(order)
        self._answer_drift(order)

    def _take_turn(
        self, row: _Row, index: int, order: int, position: int, total: int, *, warmup_seconds: float = 0.0
    ) -> None:
        self._using.wait()
        self._emit(TrialStarted(row.trial, index, self._plan.rounds, position, total))
        self._measure(row, index, order, warmup_seconds)
        result = row.result()
        self._using.saver.add(result)
        self._emit(TrialFinished(result, index, self._plan.rounds))

    def _repeat_disturbed(self, order: int) -> int:
        """Once more what something disturbed, unless that was most of it: then another try would be no quieter.

        Gives the next order.
        """
        rounds = [(row, each) for row in self._rows for each in row.rounds]
        disturbed = [(row, each) for row, each in rounds if disturbance(each)]
        if 2 * len(disturbed) >= len(rounds):
            return order
        for position, (row, before) in enumerate(disturbed):
            if not self._runnable(row):
                continue
            self._take_turn(row, before.index, order, position, len(disturbed))
            order += 1
            again = row.rounds[-1]
            # By what disturbed it, never by its number; a failure counts in any case.
            better = again.failure is not None or not disturbance(again)
            row.rounds = tuple(each for each in row.rounds if each is not (before if better else again))
            row.disturbed_rounds = (*row.disturbed_rounds, before if better else again)
            text = f"round {before.index + 1} was disturbed: {disturbance(before)}"
            row.warnings = (*row.warnings, RowWarning(WarningKind.REPEATED, text))
        return order

    def _answer_drift(self, order: int) -> None:
        """Where speed drifted over the session, the first round once more after a long warmup; then what still does."""
        for device in dict.fromkeys(row.trial.device for row in self._rows):
            rows = [row for row in self._rows if row.trial.device == device and row.rounds]
            if (words := _drift_words(rows)) is None:
                continue
            waiting = [row for row in rows if self._runnable(row)]
            for position, row in enumerate(waiting):
                first, *others = sorted(row.rounds, key=lambda each: each.order)
                self._take_turn(
                    row, first.index, order, position, len(waiting), warmup_seconds=WARMUP_SECONDS_AFTER_DRIFT
                )
                order += 1
                row.rounds = (*others, row.rounds[-1])
                row.disturbed_rounds = (*row.disturbed_rounds, first)
                text = f"speed drifted over the session ({words}), above all in its first round"
                row.warnings = (*row.warnings, RowWarning(WarningKind.REPEATED, text))
            if (still := _drift_words(rows)) is not None:
                for row in rows:
                    row.warnings = (*row.warnings, RowWarning(WarningKind.DRIFT, still))

    def _runnable(self, row: _Row) -> bool:
        return row.environment is not None and row.failure is None and all(not each.failure for each in row.rounds)

    def _measure(self, row: _Row, index: int, order: int, warmup_seconds: float) -> None:
        assert row.environment is not None
        if index == 0 and (failure := self._too_big(row)) is not None:
            row.failure = failure
            return
        limits = repeated(self._plan.limits_of(row.trial), row.rounds)
        measured = self._using.measurer.measure(
            row.trial,
            row.environment,
            benchmark=self._plan.benchmarks[row.trial.benchmark],
            limits=replace(limits, warmup_seconds=max(limits.warmup_seconds, warmup_seconds)),
            timeout_seconds=self._plan.timeout_seconds,
            index=index,
            order=order,
            on_event=self._using.on_event,
        )
        row.rounds = (*row.rounds, self._examined(measured, self._environments[row.environment.key]))

    def _examined(self, measured: Round, environment: Environment) -> Round:
        """The round, with what is wrong with its environment where that may be why it failed."""
        failure = measured.failure
        suspicious = {Reason.CRASHED} if "ready_seconds" in measured.facts else {Reason.CRASHED, Reason.RAISED}
        if failure is None or failure.reason not in suspicious:
            return measured
        if environment.key not in self._found_wrong:
            self._found_wrong[environment.key] = self._using.examine(environment)
        words = self._found_wrong[environment.key]
        message = f"{failure.message}; {words}" if words else failure.message
        return replace(measured, failure=replace(failure, message=message))

    def _too_big(self, row: _Row) -> Failure | None:
        return feasibility.memory_failure(row.trial, available_bytes=self._using.available_bytes(), gpu=row.gpu)

    # ------------------------------------------------------------------------------------------- report

    def save(self) -> None:
        """Write the report as it stands: rows that have an outcome; at a complete end that is all of them."""
        rows = [row for row in self._rows if self.complete or row.rounds or row.failure is not None]
        self.report = replace(self.report, results=tuple(row.result() for row in rows))
        self._using.saver.save(self.report)

    def finish(self) -> None:
        """The last save."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self.report = replace(self.report, finished=now, complete=self.complete)
        self.save()

    def _emit(self, event: Event) -> None:
        self._using.on_event(event)


def _drift_words(rows: Iterable[_Row]) -> str | None:
    change = drift(row.result() for row in rows)
    if change is None:
        return None
    return f"runs took {abs(100 * math.expm1(change)):.0f} % {'longer' if change > 0 else 'less'} at its end"


def repeated(limits: Limits, rounds: tuple[Round, ...]) -> Limits:
    """The limits of the next round: only the first may stop on spread, the others repeat its count."""
    if not rounds:
        return limits
    first = rounds[0]
    count = len(first.samples)
    loops = round(statistics.median(sample.loops for sample in first.samples))
    return replace(
        limits,
        warmups=min(limits.warmups, len(first.warmup_seconds)),
        min_runs=count,
        max_runs=count,
        target_spread=None,
        loops=loops,
        probe=False,
        max_run_seconds=None,
        budget_seconds=None,
    )


def _advice(error: MambenchError) -> str:
    return f"{error}; {error.remedy}" if error.remedy else str(error)
