"""A kit made, listed and verified: what stacks need on a computer without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mambench.analysis.words import counted
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
from mambench.environments.pypi.bootstrap import TOOLS_STACK
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import Destination, EnvironmentSpec, Note, Package, Provisioning, Reason, Stack
from mambench.system import files
from mambench.system.home import Home

PYTHON = "3.12"
"""Of another computer, where no python could be fetched for it."""

Agree = Callable[[tuple[Draft, ...]], bool]


@dataclass(frozen=True)
class Wanted:
    """Which stacks are fetched, for which computers, and where from."""

    stacks: tuple[str, ...]
    platforms: tuple[str, ...] = ()
    cuda_version: str | None = None
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
    with alone(app, " ".join(("mambench fetch", *wanted.stacks))):
        platforms = dict.fromkeys(wanted.platforms or (app.machine.platform,))
        fetches = [_Fetch(app, wanted, platform, specs, agree) for platform in platforms]
        drafts = tuple(draft for each in fetches for draft in each.drafts)
        if not agree(drafts):
            names = ", ".join(dict.fromkeys(draft.spec.name for draft in drafts))
            raise UnavailableError(Reason.SOURCE, f"{names}: not downloaded, as you chose")
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
        environments = self._environments(None if self._is_own else PYTHON)
        drafts = [environments.solve(self._stack(spec)) for spec in self._specs]
        if all(draft.identity.source == "conda" for draft in drafts):
            return drafts
        try:
            tools = environments.solve(TOOLS_STACK)
        except (UnavailableError, ProvisionError) as error:
            self._no_tools = str(error)
            return drafts
        environments = self._environments(python_version(tools.packages).rpartition(".")[0])
        return [
            tools,
            *(
                environments.solve(self._stack(draft.spec, only="pypi")) if draft.identity.source == "pypi" else draft
                for draft in drafts
            ),
        ]

    def carry_out(self) -> Iterator[Entry]:
        """Download what the kit has not yet; what cannot be taken along is told."""
        if any(draft.identity.source == "conda" for draft in self.drafts):
            self._bring("micromamba", self._bring_micromamba)
        if self._no_tools:
            self._bring("uv", self._bring_uv)
            versions = sorted({draft.identity.base_python for draft in self.drafts} - {""})
            self._say(
                f"no python is in the kit for {self._platform}, the computer needs python "
                f"{' and '.join(versions)} of its own ({self._no_tools})"
            )
        environments = self._environments(None)
        for draft in self.drafts:
            yield environments.fetch(draft, self._kit)

    def _bring(self, program: str, bring: Callable[[], None]) -> None:
        """A program that makes environments; the computer may have one of its own."""
        try:
            bring()
        except (UnavailableError, ProvisionError) as error:
            self._say(
                f"no {program} is in the kit for {self._platform}, the computer needs one of its own, named in "
                f"MAMBENCH_{program.upper()} ({error})"
            )

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
        if wheel.present() is None:
            wheel.fetch(wheel.locate(on_event), on_event)

    def _say(self, words: str) -> None:
        self._app.terminal.on_event(Note(words))

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
            words = "unchanged" if full else "of the right size"
            yield Finding(name, "ok", f"{counted(len(each.files), 'file')}, {words}")


def listed(home: Home) -> list[dict[str, Any]]:
    """What was fetched, for which computers, how big, and whether all of it is here."""
    kit, rows = Kit(home), []
    for each in kit.entries():
        if isinstance(each, Broken):
            row = dict.fromkeys(("source", "platform", "python", "fetched"), "")
            rows.append({"stack": each.file.stem, **row, "size_bytes": 0, "state": f"broken: {each.why}"})
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
            }
        )
    return rows
