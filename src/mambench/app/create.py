"""Environments made without measuring anything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mambench.app.alone import alone
from mambench.app.context import Mambench
from mambench.app.measure import provisioner
from mambench.catalogue import plan as planning
from mambench.environments.integrity import remedy, some
from mambench.environments.prefix import Draft, look
from mambench.environments.provision import Environments
from mambench.environments.pypi.bootstrap import Agree
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import Choices, Environment, Reason, Stack


def create(app: Mambench, choices: Choices, *, agree: Agree) -> Iterator[Environment]:
    """Solve all, ask once, and give each environment as soon as it is ready.

    Raises UsageError, HomeError, ProvisionError, UnavailableError: the first one ends it.
    """
    app.home.prepare()
    plan = planning.build(choices, app.catalogue, app.machine)
    environments = provisioner(app, plan, agree)
    prepared = [(stack, _prepared(environments, stack)) for stack in plan.stacks]
    drafts = tuple(each for _, each in prepared if isinstance(each, Draft))
    if drafts and not agree(drafts):
        names = ", ".join(draft.spec.name for draft in drafts)
        raise UnavailableError(Reason.SOURCE, f"{names}: not downloaded, as you chose")
    # An install would disturb a run that is being measured; what is ready already waits for nobody.
    command = " ".join(("mambench env create", *choices.environments))
    with alone(app, command) if drafts else contextlib.nullcontext():
        for stack, each in prepared:
            yield _sound(environments, each) if isinstance(each, Environment) else environments.install(each, stack)


def _sound(environments: Environments, ready: Environment) -> Environment:
    """What was ready, unless a file of it is gone or cut. Raises ProvisionError."""
    assert ready.prefix is not None
    if words := environments.damage(look(ready.prefix), full=False):
        raise ProvisionError(f"{ready.key} is damaged: {some(words)}", remedy=remedy(ready.spec.name))
    return ready


def _prepared(environments: Environments, stack: Stack) -> Environment | Draft:
    if stack.failure is not None:
        raise UnavailableError(stack.failure.reason, f"{stack.spec.name}: {stack.failure.message}")
    return environments.prepare(stack)
