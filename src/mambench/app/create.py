"""Environments made without measuring anything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mambench.app import consent
from mambench.app.alone import alone
from mambench.app.context import Mambench
from mambench.app.measure import provisioner
from mambench.catalogue import plan as planning
from mambench.environments import locks
from mambench.environments.integrity import remedy, some
from mambench.environments.prefix import Draft, look
from mambench.environments.provision import Environments
from mambench.environments.pypi.bootstrap import Agree
from mambench.errors import ProvisionError, UnavailableError, UsageError
from mambench.model import Choices, Environment, Plan, Reason, Stack
from mambench.system import contents


def create(app: Mambench, choices: Choices, *, agree: Agree, lock: Path | None = None) -> Iterator[Environment]:
    """Solve all, ask once, and give each environment as soon as it is ready.

    With a lock file the only stack is made of that, in a prefix of its own.

    Raises UsageError, HomeError, ProvisionError, UnavailableError: the first one ends it.
    """
    app.home.prepare()
    plan = planning.build(choices, app.catalogue, app.machine)
    environments = provisioner(app, plan, agree)
    stacks = plan.stacks if lock is None else [_locked(app, plan, lock)]
    command = " ".join(("mambench env create", *choices.environments))
    with contextlib.ExitStack() as held:
        if app.home.node and not all(environments.ready(stack.spec, stack.sources) for stack in stacks):
            held.enter_context(alone(app, command))
            held.enter_context(environments.turn(stack.spec.name for stack in stacks))
        prepared = [(stack, _prepared(environments, stack)) for stack in stacks]
        drafts = tuple(each for _, each in prepared if isinstance(each, Draft))
        consent.require(agree, drafts)
        # An install would disturb a run that is being measured; what is ready already waits for nobody.
        if drafts and not app.home.node:
            held.enter_context(alone(app, command))
        for stack, each in prepared:
            yield _sound(environments, each) if isinstance(each, Environment) else environments.install(each, stack)


def _locked(app: Mambench, plan: Plan, file: Path) -> Stack:
    """The only stack of a plan, made of a lock file. Raises UsageError, UnavailableError, ProvisionError."""
    if len(plan.stacks) != 1:
        raise UsageError("--lock makes one environment", remedy="name one stack")
    (stack,), platform = plan.stacks, app.machine.platform
    try:
        text = contents.text_of(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"--lock {file}: {contents.words(error)}", remedy="name a lock file") from error
    source = locks.source_of(text, name=str(file))
    if plan.choices.source not in ("auto", source):
        raise UsageError(f"{file} is for {source}", remedy=f"leave out --source {plan.choices.source}")
    try:
        spec = locks.with_lock(stack.spec, source, text, python=locks.python_of(text, source, platform))
        locks.require_named(stack.spec, text, source, platform=platform)
    except (ProvisionError, UnavailableError) as error:
        error.args = (f"{file}: {error}",)
        raise
    return replace(stack, spec=spec, sources=(source,))


def _sound(environments: Environments, ready: Environment) -> Environment:
    """What was ready, unless a file of it is gone or cut. Raises ProvisionError."""
    assert ready.prefix is not None
    if words := environments.damage(look(ready.prefix), full=False):
        raise ProvisionError(f"{ready.key} is damaged: {some(words)}", remedy=remedy(ready.spec.name))
    return ready


def _prepared(environments: Environments, stack: Stack) -> Environment | Draft:
    if stack.failure is not None and stack.failure.reason != Reason.KERNEL:  # which no environment needs
        raise UnavailableError(stack.failure.reason, f"{stack.spec.name}: {stack.failure.message}")
    return environments.prepare(stack)
