"""A kit made, listed and verified: what stacks need on a computer without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mambench.analysis.words import counted
from mambench.app import consent
from mambench.app.alone import alone
from mambench.app.context import Mambench
from mambench.app.findings import Finding
from mambench.catalogue import feasibility
from mambench.catalogue import plan as planning
from mambench.environments.conda.source import python_version
from mambench.environments.integrity import some
from mambench.environments.kit import Broken, Entry, Kit
from mambench.environments.prefix import Draft
from mambench.environments.provision import Environments
from mambench.environments.pypi.bootstrap import TOOLS_STACK, Agree, find_uv
from mambench.environments.pypi.uv import fits
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import Destination, EnvironmentSpec, Note, Package, Provisioning, Reason, Stack
from mambench.system import files
from mambench.system.home import Home

PYTHONS = ("3.12", "3.13", "3.11", "3.14", "3.10")
"""Of another computer for which no python could be fetched, the likeliest first."""


@dataclass(frozen=True)
class Wanted:
    """Which stacks are fetched, for which computers, and where from."""

    stacks: tuple[str, ...]
    platforms: tuple[str, ...] = ()
    cuda_version: str | None = None
    python: str | None = None
    source: str = "auto"
    channels: tuple[str, ...] = ()


def fetch(app: Mambench, wanted: Wanted, *, agree: Agree) -> Iterator[Entry]:
    """Solve all, ask once, then download; gives each entry of the kit as soon as it is whole.

    Raises UsageError, HomeError, ProvisionError, UnavailableError, NetworkError: the first one ends it.
    """
    app.home.prepare()
    if files.has_no_links(app.home.temporary):
        raise ProvisionError(
            f"the disk of {app.home.root} has no symbolic links, as FAT and exFAT, and package managers need them",
            remedy="fetch into a home on another disk with --home DIR, and copy its folder here",
        )
    specs = [planning.known_stack(name, app.catalogue) for name in dict.fromkeys(wanted.stacks)]
    turn = app.environments(offline=True, on_event=app.terminal.on_event).turn(wanted.stacks)
    with alone(app, " ".join(("mambench fetch", *wanted.stacks))), turn:
        platforms = dict.fromkeys(wanted.platforms or (app.machine.platform,))
        fetches = [_Fetch(app, wanted, platform, specs, agree) for platform in platforms]
        drafts = tuple(draft for each in fetches for draft in each.drafts)
        consent.require(agree, drafts)
        for each in fetches:
            yield from each.carry_out()


class _Fetch:
    """What is fetched for the computers of one platform."""

    def __init__(
        self, app: Mambench, wanted: Wanted, platform: str, specs: Sequence[EnvironmentSpec], agree: Agree
    ) -> None:
        self._app, self._wanted, self._specs, self._agree = app, wanted, specs, agree
        self._platform, self._is_own = platform, platform == app.machine.platform
        self._cuda_version = wanted.cuda_version or self._usual_cuda()
        self._kit, self._no_tools = Kit(app.home), ""
        self.drafts = [replace(draft, missing=self._missing(draft)) for draft in self._solved()]

    def _solved(self) -> list[Draft]:
        """Today's versions, of a python and uv too where a stack needs them."""
        usual = next((python for python in PYTHONS if self._carries(python, self._specs)), PYTHONS[0])
        environments = self._environments(self._wanted.python or (None if self._is_own else usual))
        drafts = [self._solve(environments, spec) for spec in self._specs]
        if all(draft.identity.source == "conda" for draft in drafts):
            return drafts
        if self._wanted.python is not None:
            self._no_tools = "it has that python"
            return drafts
        try:
            tools = environments.solve(TOOLS_STACK)
        except (UnavailableError, ProvisionError) as error:
            self._no_tools = str(error)
            return drafts
        python = python_version(tools.packages).rpartition(".")[0]
        if not self._carries(python, [draft.spec for draft in drafts if draft.identity.source == "pypi"]):
            self._no_tools = f"uv and python {python} are in it"
            return [tools, *drafts]
        environments = self._environments(python)
        again = (draft.identity.source == "pypi" for draft in drafts)
        return [
            tools,
            *(
                self._solve(environments, draft.spec, only="pypi") if anew else draft
                for draft, anew in zip(drafts, again, strict=True)
            ),
        ]

    def _solve(self, environments: Environments, spec: EnvironmentSpec, *, only: str = "auto") -> Draft:
        """Raises UnavailableError, ProvisionError, which name the stack and the platform."""
        stack = self._stack(spec, only=only)
        try:
            return environments.solve(stack)
        except (UnavailableError, ProvisionError) as error:
            error.args = (f"{spec.name} for {self._platform}: {error}",)
            raise

    @staticmethod
    def _carries(python: str, specs: Sequence[EnvironmentSpec]) -> bool:
        """Whether it fits all of the stacks that come from PyPI."""
        return all(fits(f"{python}.99", spec.pypi.python) for spec in specs if spec.pypi is not None)

    def carry_out(self) -> Iterator[Entry]:
        """Download what the kit has not yet; what cannot be taken along is told."""
        needs: dict[str, list[str]] = {"conda": [], "pypi": []}
        if any(draft.identity.source == "conda" for draft in self.drafts):
            needs["conda"] += self._without("micromamba", self._bring_micromamba)
        if self._no_tools:
            needs["pypi"] += self._without("uv", self._bring_uv)
        environments = self._environments(None)
        for draft in self.drafts:
            source, python = draft.identity.source, draft.identity.base_python
            without = [f"python {python}"] if source == "pypi" and self._no_tools else []
            yield environments.fetch(draft, self._kit, needs=[*needs[source], *without])

    def _without(self, program: str, bring: Callable[[], None]) -> list[str]:
        """The program, if it could not be brought: the computer may have one of its own."""
        try:
            bring()
        except (UnavailableError, ProvisionError) as error:
            self._app.terminal.on_event(Note(f"no {program} for {self._platform} could be fetched: {error}"))
            return [program]
        return []

    def _bring_micromamba(self) -> None:
        locator = self._app.micromamba(offline=False, taken_to=self._platform)
        if self._is_own and locator.carried():
            return

        def on_bytes(done: int, total: int | None) -> None:
            event = Provisioning("micromamba", f"downloading that of {self._platform}", done, total, host=locator.host)
            self._app.terminal.on_event(event)

        locator.locate(on_bytes)

    def _bring_uv(self) -> None:
        wheel, on_event = self._app.uv_wheel(taken_to=self._platform), self._app.terminal.on_event
        own = find_uv(self._app.environ) if self._is_own else None
        if wheel.present() is None and not (own is not None and wheel.keep(own)):
            wheel.fetch(wheel.locate(on_event), on_event)

    def _stack(self, spec: EnvironmentSpec, *, only: str = "auto") -> Stack:
        """Raises UnavailableError where it does not exist for such a computer."""
        if self._platform not in spec.platforms:
            text = f"{spec.name} exists for {', '.join(spec.platforms)}, not for {self._platform}"
            raise UnavailableError(Reason.PLATFORM, text)
        if self._cuda_version and (problem := feasibility.cuda_problem(spec, self._cuda_version)):
            raise UnavailableError(Reason.NO_DEVICE, problem)
        known = feasibility.sources_on(spec, self._platform)
        sources = tuple(source for source in known if {only, self._wanted.source} <= {source, "auto"})
        if not sources:
            raise UnavailableError(
                Reason.SOURCE,
                f"{self._wanted.source} has no {spec.name} for {self._platform}",
                remedy=f"leave out --source: it comes from {' or '.join(known)}" if known else "",
            )
        return Stack(spec, sources, ())

    def _usual_cuda(self) -> str | None:
        """That of the driver here; for another computer, the oldest that all stacks can run with."""
        if self._is_own and (own := next((gpu.cuda_version for gpu in self._app.machine.gpus if gpu.cuda_version), "")):
            return own
        needed = [spec.cuda.version for spec in self._specs if spec.cuda is not None]
        return max(needed, key=feasibility.version, default=None)

    def _environments(self, python: str | None) -> Environments:
        return self._app.environments(
            offline=False,
            channels=self._wanted.channels,
            on_event=self._app.terminal.on_event,
            agree=self._agree,
            destination=Destination(self._platform, self._cuda_version, python),
        )

    def _missing(self, draft: Draft) -> tuple[Package, ...]:
        return tuple(package for package in draft.packages if self._kit.path_of(package) is None)


def findings(kit: Kit, *, full: bool) -> Iterator[Finding]:
    """Whether each entry is whole; `full` looks into the files."""
    for each in kit.entries():
        if isinstance(each, Broken):
            yield Finding(each.file.name, "wrong", f"broken: {each.why}", "delete it and fetch its stack again")
            continue
        name = f"{each.key} for {each.identity.platform}"
        damaged = [f"{path} {problem}" for path, problem in kit.damage(each, full=full)]
        if damaged:
            remedy = f"`mambench fetch {each.identity.name}` fetches it again; or copy the kit anew"
            yield Finding(name, "wrong", f"damaged: {some(damaged)}", remedy)
        else:
            words = f"{counted(len(each.files), 'file')}, {'unchanged' if full else 'of the right size'}"
            needs = f"the computer needs {' and '.join(each.needs)} of its own" if each.needs else ""
            yield Finding(name, "note" if needs else "ok", words, needs)


def listed(home: Home) -> list[dict[str, Any]]:
    """What was fetched, for which computers, how big, and whether all of it is here."""
    kit, rows = Kit(home), []
    for each in kit.entries():
        if isinstance(each, Broken):
            row = dict.fromkeys(("source", "platform", "python", "fetched"), "")
            rows.append({"stack": each.file.stem, **row, "size_bytes": 0, "state": f"broken: {each.why}", "needs": []})
            continue
        lacking = len(list(kit.damage(each, full=False)))
        rows.append(
            {
                "stack": each.identity.name,
                "source": each.identity.source,
                "platform": each.identity.platform,
                "python": each.python,
                "fetched": each.created,
                "size_bytes": each.size_bytes,
                "state": f"lacks {counted(lacking, 'file')}" if lacking else "whole",
                "needs": list(each.needs),
            }
        )
    return rows


def fetched(app: Mambench) -> set[str]:
    """The stacks that the kit has for this platform."""
    entries = (each for each in Kit(app.home).entries() if isinstance(each, Entry))
    return {each.identity.name for each in entries if each.identity.platform == app.machine.platform}
