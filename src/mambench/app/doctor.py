"""What is wrong here and how to mend it: each finding with its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mambench.environments import prefix as prefixes
from mambench.environments.conda.bootstrap import Locator
from mambench.environments.conda.channels import unreachable_channel
from mambench.environments.conda.micromamba import Micromamba
from mambench.environments.pypi.bootstrap import find_uv
from mambench.environments.pypi.uv import VERSIONS, Uv
from mambench.environments.pypi.wheel import UvWheel
from mambench.errors import HomeError, MambenchError
from mambench.model import Catalogue, Machine
from mambench.system import addresses, files, log, resources
from mambench.system.home import Home

State = Literal["ok", "note", "wrong"]

SMALLEST_FREE_BYTES = 5_000_000_000
"""The four CPU stacks together take about so much (measured: 3.4 GB, caches included)."""

LONGEST_WINDOWS_HOME = 100
"""Windows' 260 characters, less the longest path inside an environment of TensorFlow (measured: 150)."""

LONGEST_CONDA_PREFIX = 255
"""conda packages hold a placeholder of 255 characters where the prefix is written into binaries."""

PREFIX_ROOM = 45
"""`/envs/<name>-<digest>` with the longest of our names."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` says what to do unless all is well."""

    name: str
    state: State
    message: str
    remedy: str = ""


def examine(
    place: Home,
    machine: Machine,
    catalogue: Catalogue,
    *,
    locator: Locator,
    environ: Mapping[str, str],
    channels: Iterable[str],
    offline: bool,
) -> list[Finding]:
    """All findings, in the order in which a person would ask."""
    findings = [*_home(place, machine), *_disk(place)]
    findings += _micromamba(place, machine, locator, environ)
    wheel = UvWheel(place, resources.uv(), platform=machine.platform, environ=environ)
    findings.append(_uv(place, machine, environ, wheel))
    if not offline:
        findings += _channels(machine, channels, environ)
    findings += [*_gpus(machine), *_leftovers(place), _log(place)]
    findings += [Finding("catalogue", "wrong", each.message, "correct it or delete it") for each in catalogue.broken]
    return findings


def as_dicts(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(finding) for finding in findings]


def _home(place: Home, machine: Machine) -> Iterator[Finding]:
    try:
        place.prepare()
    except HomeError as error:
        yield Finding("home", "wrong", str(error), error.remedy)
        return
    yield Finding("home", "ok", f"{place.root} can be written")
    problem = unsuitable(place.root, machine.platform)
    if problem is not None:
        yield problem


def unsuitable(root: Path, platform: str) -> Finding | None:
    """Why environments cannot live at this path, if they cannot."""
    length = len(str(root))
    shorter = "choose a shorter folder with --home DIR or MAMBENCH_HOME"
    if platform.startswith("win-"):
        if length > LONGEST_WINDOWS_HOME:
            return Finding("path", "wrong", f"the home's path has {length} characters, too many for Windows", shorter)
        if str(root).startswith("\\\\"):
            return Finding("path", "wrong", "the home is on a network drive, where conda environments break", shorter)
    if length + PREFIX_ROOM > LONGEST_CONDA_PREFIX:
        message = f"the home's path has {length} characters, too many to be written into conda packages"
        return Finding("path", "wrong", message, shorter)
    return None


def _disk(place: Home) -> Iterator[Finding]:
    free = files.free_bytes(place.root)
    message = f"{free / 1e9:.1f} GB free where the home is"
    if free < SMALLEST_FREE_BYTES:
        yield Finding("disk", "wrong", message, "free some space, or choose another --home: a stack takes 0.1 to 8 GB")
    else:
        yield Finding("disk", "ok", message)


def _micromamba(place: Home, machine: Machine, locator: Locator, environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        located = locator.present()
        if located is None:
            yield Finding("micromamba", "note", "not here yet: it is unpacked or downloaded when it is first needed")
            return
        tool = Micromamba(located.executable, place, platform=machine.platform, environ=environ, cuda_version=None)
        sha256 = f", SHA-256 {located.sha256}, verified" if located.sha256 else ", not verified: it is yours"
        yield Finding("micromamba", "ok", f"{tool.version()} ({located.origin}: {located.executable}{sha256})")
    except MambenchError as error:
        yield Finding("micromamba", "wrong", str(error), error.remedy or "stacks from pypi need none")


def _uv(place: Home, machine: Machine, environ: Mapping[str, str], wheel: UvWheel) -> Finding:
    found = find_uv(environ, kept=wheel.present)
    if found is None:
        return Finding("uv", "note", "not here: micromamba or the Python package index brings it when it is needed")
    if not found.exists():
        return Finding("uv", "wrong", f"uv is not here ({found})", "name one in MAMBENCH_UV")
    problem = Uv(found, place, platform=machine.platform, environ=environ, offline=True).problem()
    if problem is not None:
        return Finding("uv", "wrong", problem, f"install uv{VERSIONS}, or name one in MAMBENCH_UV")
    return Finding("uv", "ok", str(found))


def _channels(machine: Machine, channels: Iterable[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    proxies = [f"{name}={addresses.without_credentials(value)}" for name, value in environ.items() if _is_proxy(name)]
    through = f"through {', '.join(proxies)}" if proxies else "without a proxy"
    for channel in dict.fromkeys(channels):
        shown = addresses.without_credentials(channel)
        problem = unreachable_channel(channel, platform=machine.platform)
        if problem is None:
            yield Finding("channel", "ok", f"{shown} answers, {through}")
        else:
            yield Finding(
                "channel",
                "wrong",
                f"{shown}: {problem}, {through}",
                f"{problem.remedy}; or name a mirror with --channel",
            )


def _is_proxy(name: str) -> bool:
    return name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _gpus(machine: Machine) -> Iterator[Finding]:
    for gpu in machine.gpus:
        words = f"{gpu.name}"
        if gpu.kind == "cuda":
            words += (
                f", driver {gpu.driver}, CUDA up to {gpu.cuda_version}, compute capability {gpu.compute_capability}"
            )
        yield Finding("GPU", "ok", words)
    if not machine.gpus:
        yield Finding("GPU", "note", "none found: stacks for CUDA and Metal cannot run", "install the vendor's driver")
    for note in machine.notes:
        yield Finding("machine", "note", note)


def _log(place: Home) -> Finding:
    latest = log.latest(place.logs)
    if latest is None:
        return Finding("log", "ok", f"none yet; {place.logs} is where what goes wrong is written down")
    return Finding("log", "ok", f"what the last measurement or error left is in {latest}")


def _leftovers(place: Home) -> Iterator[Finding]:
    wrecks = [found.prefix.name for found in prefixes.existing(place) if found.marker is None]
    if wrecks:
        message = f"unfinished environments: {', '.join(wrecks)}"
        yield Finding(
            "leftovers", "note", message, "they are rebuilt when needed; `mambench env remove NAME` deletes them"
        )
    stale = place.stale()
    if stale:
        yield Finding("leftovers", "note", f"old temporary files: {len(stale)}", "the next run deletes them")
