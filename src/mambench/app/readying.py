"""The stacks of a measurement that is done elsewhere, made here once for all: what cannot be made here is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mambench.app.context import Mambench
from mambench.app.create import create
from mambench.catalogue import plan as planning
from mambench.environments.pypi.bootstrap import Agree
from mambench.errors import UnavailableError
from mambench.model import Choices, EnvironmentSpec, Plan, Reason


def planned(app: Mambench, choices: Choices, pythons: Sequence[EnvironmentSpec]) -> Plan:
    """What would be done here, for its mistakes and its stacks: other computers have other devices.

    Raises UsageError, ManifestError.
    """
    return planning.build(replace(choices, at_once=False), app.catalogue, app.machine, pythons)


def make_ready(app: Mambench, plan: Plan, *, agree: Agree) -> list[str]:
    """Make the stacks of a plan that are not ready; gives those that only a computer with their device can make.

    Raises UnavailableError for one that was named and can be nowhere, HomeError, ProvisionError.
    """
    choices = plan.choices
    environments = app.environments(offline=True)
    wanted, elsewhere = [], []
    for stack in plan.stacks:
        reason = stack.failure.reason if stack.failure is not None else None
        if stack.spec.python is not None or reason == Reason.KERNEL:
            continue
        if reason == Reason.NO_DEVICE:
            if environments.ready(stack.spec, stack.sources) is None:
                elsewhere.append(stack.spec.name)
        elif stack.failure is None:
            wanted.append(stack.spec.name)
        elif stack.spec.name in choices.environments:
            raise UnavailableError(stack.failure.reason, f"{stack.spec.name}: {stack.failure.message}")
    if wanted:
        own = Choices(
            environments=tuple(wanted),
            benchmarks=choices.benchmarks,
            source=choices.source,
            channels=choices.channels,
            offline=choices.offline,
        )
        for environment in create(app, own, agree=agree):
            app.terminal.stop_progress()
            app.terminal.say(f"{environment.key} is ready in {environment.prefix}")
    return elsewhere
