"""What a plan will do, found out before it is agreed to: every stack resolved, megabytes, disk, time, the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mambench.analysis.words import counted
from mambench.app.consent import disk_bytes, disk_words, download_words
from mambench.app.context import Mambench
from mambench.app.measure import Prepared, provisioner
from mambench.catalogue import feasibility
from mambench.environments.prefix import Draft
from mambench.environments.pypi.bootstrap import Agree
from mambench.errors import MambenchError
from mambench.model import DEFAULT_BENCHMARK, Choices, Environment, Machine, Plan, Stack, Trial
from mambench.system import addresses, files, process
from mambench.terminal.table import megabytes
from mambench.wizard.estimate import Speeds, duration, plan_seconds
from mambench.wizard.offers import listed, without
from mambench.wizard.pages import Page, command_lines


@dataclass(frozen=True)
class Preview:
    """A plan with each stack resolved, or with what stands in its way."""

    plan: Plan
    prepared: Prepared
    problems: Mapping[str, str]
    free_bytes: int
    impossible: bool
    """Whether every problem is one of this machine, which no network helps."""

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """Those that have to be made."""
        return tuple(each for each in self.prepared.values() if isinstance(each, Draft))

    @property
    def disk_bytes(self) -> int:
        """About what they will take, their archives included."""
        return disk_bytes(self.drafts)

    @property
    def all_ready(self) -> bool:
        """Whether nothing needs to be made."""
        return not self.problems and all(isinstance(each, Environment) for each in self.prepared.values())


def resolve(app: Mambench, plan: Plan, *, agree: Agree) -> Preview:
    """Ask every stack's source; what cannot be made is told, not raised. Raises HomeError, Interrupted.

    `agree` is asked before a tool is downloaded without which PyPI cannot be asked.
    """
    environments = provisioner(app, plan, agree)
    prepared: dict[str, Environment | Draft] = {}
    problems: dict[str, str] = {}
    impossible: dict[str, str] = {}
    try:
        for stack in plan.stacks:
            name = stack.spec.name
            refused = feasibility.refused(stack, app.machine)
            if len(refused) == len(stack.trials):
                impossible[name] = refused[0][1].message
                continue
            try:
                prepared[name] = environments.prepare(stack)
            except MambenchError as error:
                problems[name] = f"{error}; {error.remedy}" if error.remedy else str(error)
    finally:
        app.terminal.stop_progress()
    return Preview(plan, prepared, {**impossible, **problems}, files.free_bytes(app.home.root), not problems)


def plan_page(preview: Preview, *, machine: Machine, speeds: Speeds, command: Sequence[str], width: int) -> Page:
    """The plan as a page."""
    plan = preview.plan
    facts = [(stack.spec.name, _stack_words(preview, stack) + _without(preview, stack)) for stack in plan.stacks]
    facts.append(("", ""))
    if any(draft.downloads for draft in preview.drafts):
        facts.append(("download", download_words(preview.drafts).replace(" to download", "")))
    facts.append(("disk", _disk_words(preview)))
    facts.append(("measuring", f"{duration(_seconds(preview, machine, speeds))}: {_trial_words(plan)}"))
    facts += [("refused", words) for words in _refused_words(preview, machine)]
    column = max(len(name) for name, _ in facts) + 2
    facts.append(("the same", "\n".join(_command_lines(command, width - column, machine.platform))))
    return Page("The plan", tuple(facts))


def _command_lines(command: Sequence[str], width: int, platform: str) -> list[str]:
    """Lines to copy; on Windows cmd.exe and PowerShell have no sign in common for a command that goes on."""
    continued = "" if platform.startswith("win-") else " \\"
    return command_lines(process.quoted(command, platform), width, continued=continued)


def _seconds(preview: Preview, machine: Machine, speeds: Speeds) -> float:
    able = tuple(stack for stack in preview.plan.stacks if stack.spec.name in preview.prepared)
    return plan_seconds(replace(preview.plan, stacks=able), machine, speeds)


def _stack_words(preview: Preview, stack: Stack) -> str:
    name = stack.spec.name
    if name in preview.problems:
        return f"cannot be measured: {preview.problems[name]}"
    prepared = preview.prepared[name]
    if isinstance(prepared, Environment):
        return f"ready, from {prepared.source} with python {prepared.version}"
    source = prepared.identity.source
    if not prepared.downloads:
        return f"to be made from {source}, its packages are in the cache"
    words = f"{download_words([prepared])} from {source}, {counted(len(prepared.packages), 'package')}"
    return "; ".join([words, *prepared.warnings])


def _without(preview: Preview, stack: Stack) -> str:
    return without(stack, preview.plan.benchmarks) if stack.spec.name in preview.prepared else ""


def _disk_words(preview: Preview) -> str:
    free = f"{megabytes(preview.free_bytes)} free"
    if not any(draft.downloads for draft in preview.drafts):
        return f"{free}, nothing to download"
    if preview.disk_bytes > preview.free_bytes:
        return f"about {megabytes(preview.disk_bytes)} needed, only {free}: too small"
    if any(draft.unsized for draft in preview.drafts):
        return disk_words(preview.drafts, preview.free_bytes)
    return f"about {megabytes(preview.disk_bytes)} needed, {free}"


def _trial_words(plan: Plan) -> str:
    trials = [trial for stack in plan.stacks for trial in stack.trials]
    dtypes = listed(dict.fromkeys(trial.dtype for trial in trials))
    return f"{counted(len(trials), 'trial')}, {_size_words(trials)}, {dtypes}, {counted(plan.rounds, 'round')} each"


def _size_words(trials: Sequence[Trial]) -> str:
    """`n = 512, 1024` of the matrix product alone; else each benchmark with its own."""
    names = list(dict.fromkeys(trial.benchmark for trial in trials))
    told = []
    for name in names:
        sizes = dict.fromkeys(trial.size for trial in trials if trial.benchmark == name)
        plain = all(size.words.startswith("n = ") for size in sizes)
        words = f"n = {listed(size.label for size in sizes)}" if plain else listed(size.words for size in sizes)
        told.append(f"{name} {words}" if names != [DEFAULT_BENCHMARK] else words)
    return "; ".join(told)


def _refused_words(preview: Preview, machine: Machine) -> list[str]:
    """Rows without a number in stacks that have others; each reason once."""
    stacks = [stack for stack in preview.plan.stacks if stack.spec.name in preview.prepared]
    rows = {failure.message: trial for stack in stacks for trial, failure in feasibility.refused(stack, machine)}
    return [f"{trial.dtype} on {trial.device}: {message}" for message, trial in rows.items()]


def command_words(choices: Choices, *, home: Path | None = None) -> list[str]:
    """The `mambench run ...` that does the same; a login in a channel is left out."""
    words = ["mambench", "run", *choices.environments, "--preset", choices.preset]
    several: dict[str, Sequence[object]] = {
        "--benchmark": () if choices.benchmarks == (DEFAULT_BENCHMARK,) else choices.benchmarks,
        "--size": choices.sizes,
        "--dtype": choices.dtypes,
        "--threads": choices.threads,
    }
    for option, values in several.items():
        words += [option, ",".join(str(value) for value in values)] if values else []
    words += ["--source", choices.source] if choices.source != "auto" else []
    for channel in choices.channels:
        words += ["--channel", addresses.without_credentials(channel)]
    words += ["--home", str(home)] if home is not None else []
    return words
