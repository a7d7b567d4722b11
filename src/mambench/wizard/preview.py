"""What a plan will do, found out before it is agreed to: every stack resolved, megabytes, disk, time, the command."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mambench.analysis.words import counted
from mambench.app.consent import UNPACKED_RATIO
from mambench.app.context import Mambench
from mambench.catalogue import feasibility
from mambench.environments import provision as environments
from mambench.environments.prefix import Draft
from mambench.errors import MambenchError
from mambench.model import Choices, Environment, Machine, Plan, Stack
from mambench.system import addresses, files
from mambench.terminal.table import megabytes
from mambench.wizard.estimate import Speeds, duration, plan_seconds
from mambench.wizard.offers import listed
from mambench.wizard.pages import Page, command_lines

Prepared = MutableMapping[str, Environment | Draft]
"""What each stack was resolved to, by its name."""


Agree = Callable[[tuple[Draft, ...]], bool]


class Sitting(Mambench):
    """An invocation that remembers what it resolved, so that what was agreed to is what gets installed."""

    def __init__(self, app: Mambench) -> None:
        super().__init__(app.home, environ=app.environ, terminal=app.terminal)
        self.prepared: Prepared = {}

    def environments(self, **named: Any) -> environments.Environments:
        """Every source, behind what was resolved already."""
        return _Remembering(super().environments(**named), self.prepared)


class _Remembering(environments.Environments):
    def __init__(self, inner: environments.Environments, prepared: Prepared) -> None:
        self._inner, self._prepared = inner, prepared

    def ready(self, *arguments: Any, **named: Any) -> Environment | None:
        return self._inner.ready(*arguments, **named)

    def prepare(self, stack: Stack) -> Environment | Draft:
        name = stack.spec.name
        if name not in self._prepared:
            self._prepared[name] = self._inner.prepare(stack)
        return self._prepared[name]

    def install(self, draft: Draft, stack: Stack) -> Environment:
        return self._inner.install(draft, stack)


@dataclass(frozen=True)
class Preview:
    """A plan with each stack resolved, or with what stands in its way."""

    plan: Plan
    prepared: Mapping[str, Environment | Draft]
    problems: Mapping[str, str]
    free_bytes: int
    impossible: bool
    """Whether every problem is one of this machine, which no network helps."""

    @property
    def download_bytes(self) -> int:
        """Of all stacks together."""
        return sum(one.download_bytes for one in self.prepared.values() if isinstance(one, Draft))

    @property
    def disk_bytes(self) -> int:
        """About what they will take, their archives included."""
        return self.download_bytes * UNPACKED_RATIO

    @property
    def all_ready(self) -> bool:
        """Whether nothing needs to be made."""
        return not self.problems and all(isinstance(one, Environment) for one in self.prepared.values())


def resolve(app: Sitting, plan: Plan, *, agree: Agree) -> Preview:
    """Ask every stack's source; what cannot be had is told, not raised. Raises HomeError, Interrupted.

    `agree` is asked before a tool is downloaded without which PyPI cannot be asked.
    """
    choices = plan.choices
    app.prepared.clear()
    every = app.environments(
        offline=choices.offline, channels=choices.channels, on_event=app.terminal.on_event, agree=agree
    )
    problems: dict[str, str] = {}
    impossible: dict[str, str] = {}
    try:
        for stack in plan.stacks:
            refused = feasibility.refused(stack, app.machine)
            if len(refused) == len(stack.trials):
                impossible[stack.spec.name] = refused[0][1].message
                continue
            try:
                every.prepare(stack)
            except MambenchError as error:
                problems[stack.spec.name] = f"{error}; {error.remedy}" if error.remedy else str(error)
    finally:
        app.terminal.stop_progress()
    return Preview(plan, dict(app.prepared), {**impossible, **problems}, files.free_bytes(app.home.root), not problems)


def plan_page(preview: Preview, *, machine: Machine, speeds: Speeds, command: Sequence[str], width: int) -> Page:
    """The plan as a page."""
    plan = preview.plan
    facts = [(stack.spec.name, _stack_words(preview, stack)) for stack in plan.stacks]
    facts.append(("", ""))
    if preview.download_bytes:
        facts.append(("download", megabytes(preview.download_bytes)))
    facts.append(("disk", _disk_words(preview)))
    facts.append(("measuring", f"{duration(_seconds(preview, machine, speeds))}: {_trial_words(plan)}"))
    facts += [("refused", words) for words in _refused_words(preview, machine)]
    column = max(len(name) for name, _ in facts) + 2
    continued = "" if machine.platform.startswith("win-") else " \\"
    facts.append(("the same", "\n".join(command_lines(command, width - column, continued=continued))))
    return Page("The plan", tuple(facts))


def _seconds(preview: Preview, machine: Machine, speeds: Speeds) -> float:
    able = tuple(stack for stack in preview.plan.stacks if stack.spec.name in preview.prepared)
    return plan_seconds(replace(preview.plan, stacks=able), machine, speeds)


def _stack_words(preview: Preview, stack: Stack) -> str:
    name = stack.spec.name
    if name in preview.problems:
        return f"cannot be measured: {preview.problems[name]}"
    found = preview.prepared[name]
    if isinstance(found, Environment):
        return f"ready, from {found.source} with python {found.version}"
    source = found.identity.source
    if not found.download_bytes:
        return f"to be made from {source}, its download in the cache or of unknown size"
    words = f"{megabytes(found.download_bytes)} to download from {source}, {counted(len(found.packages), 'package')}"
    return "; ".join([words, *found.warnings])


def _disk_words(preview: Preview) -> str:
    free = f"{megabytes(preview.free_bytes)} free"
    if not preview.download_bytes:
        return f"{free}, nothing to download"
    if preview.disk_bytes > preview.free_bytes:
        return f"about {megabytes(preview.disk_bytes)} needed, only {free}: too small"
    return f"about {megabytes(preview.disk_bytes)} needed, {free}"


def _trial_words(plan: Plan) -> str:
    trials = [trial for stack in plan.stacks for trial in stack.trials]
    sizes = listed(dict.fromkeys(trial.n for trial in trials))
    dtypes = listed(dict.fromkeys(trial.dtype for trial in trials))
    return f"{counted(len(trials), 'trial')}, n = {sizes}, {dtypes}, {counted(plan.rounds, 'round')} each"


def _refused_words(preview: Preview, machine: Machine) -> list[str]:
    """Rows without a number in stacks that have others; each reason once."""
    stacks = [stack for stack in preview.plan.stacks if stack.spec.name in preview.prepared]
    rows = {failure.message: trial for stack in stacks for trial, failure in feasibility.refused(stack, machine)}
    return [f"{trial.dtype} on {trial.device}: {message}" for message, trial in rows.items()]


def command_words(choices: Choices, *, home_option: str = "") -> list[str]:
    """The `mambench run ...` that does the same, each word quoted for a shell."""
    words = ["mambench", "run", *choices.environments, "--preset", choices.preset]
    several = {"--size": choices.sizes, "--dtype": choices.dtypes, "--threads": choices.threads}
    for option, values in several.items():
        words += [option, ",".join(str(value) for value in values)] if values else []
    words += ["--source", choices.source] if choices.source != "auto" else []
    for channel in choices.channels:
        words += ["--channel", addresses.without_credentials(channel)]
    words += ["--home", home_option] if home_option else []
    return [shlex.quote(word) for word in words]
