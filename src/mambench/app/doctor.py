"""What is wrong here and how to fix it: each finding with its remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from mambench.analysis.words import counted
from mambench.app import homes
from mambench.app.context import Mambench
from mambench.app.facts import gpu_words
from mambench.app.fetching import findings as kit_findings
from mambench.app.findings import Finding
from mambench.environments import prefix
from mambench.environments.conda.channels import unreachable_channel
from mambench.environments.conda.micromamba import Micromamba
from mambench.environments.kit import Entry, Kit
from mambench.environments.pypi.bootstrap import present_uv
from mambench.environments.pypi.uv import VERSIONS, Uv
from mambench.errors import HomeError, MambenchError
from mambench.model import Catalogue, Machine
from mambench.system import addresses, files, log, long_paths, places, presence
from mambench.system.home import Home

SMALLEST_FREE_BYTES = 5_000_000_000
"""The four CPU stacks together take about so much (measured: 3.4 GB, caches included)."""


def examine(app: Mambench, *, channels: Sequence[str], offline: bool) -> list[Finding]:
    """All findings, in the order in which a person would ask; without `channels` the recipes' are tried."""
    findings = [*_home(app), *_disk(app.home), *_micromamba(app), _uv(app)]
    if not offline:
        findings += _channels(app, channels or _recipes_channels(app.catalogue))
    findings += [*_gpus(app.machine), *_kit(app.home), *_leftovers(app.home), _log(app.home)]
    findings += [
        Finding("catalogue", "wrong", each.message, "correct it or delete it") for each in app.catalogue.broken
    ]
    return findings


def _recipes_channels(catalogue: Catalogue) -> list[str]:
    recipes = [spec.conda for spec in catalogue.environments.values() if spec.conda is not None]
    return [channel for recipe in recipes for channel in recipe.channels]


def _home(app: Mambench) -> Iterator[Finding]:
    try:
        app.home.prepare()
    except HomeError as error:
        yield Finding("home", "wrong", str(error), error.remedy)
        return
    yield Finding("home", "ok", f"{app.home.root} can be written")
    if app.home.node:
        yield Finding("home", "ok", "other computers may use it too: its file system is not one of a local disk")
    root, limit = app.home.root, long_paths.longest()
    problem = homes.unsuitable(root, app.machine.platform, path_limit=limit, remote=places.is_remote(root))
    yield from (each for each in (problem, homes.synced(root, app.environ), homes.shared(app.home)) if each is not None)
    if files.has_no_links(app.home.temporary):
        message = "its disk has no symbolic links, as FAT and exFAT: no environment can be made here"
        yield Finding("home", "wrong", message, "choose a folder on another disk with --home DIR or MAMBENCH_HOME")
    if limit is not None and problem is None:
        message = f"Windows takes paths of {limit} characters here (LongPathsEnabled is not 1)"
        yield Finding("long paths", "note", message, "stacks with longer ones, such as torch, need a short --home")


def _disk(home: Home) -> Iterator[Finding]:
    free = files.free_bytes(home.root)
    message = f"{free / 1e9:.1f} GB free where the home is"
    if free < SMALLEST_FREE_BYTES:
        yield Finding("disk", "wrong", message, "free some space, or choose another --home: a stack takes 0.1 to 8 GB")
    else:
        yield Finding("disk", "ok", message)


def _micromamba(app: Mambench) -> Iterator[Finding]:
    try:
        located = app.micromamba(offline=True).present()
        if located is None:
            yield Finding("micromamba", "note", "not here yet: it is unpacked or downloaded when it is first needed")
            return
        tool = Micromamba(
            located.executable, app.home, platform=app.machine.platform, environ=app.environ, cuda_version=None
        )
        sha256 = f", SHA-256 {located.sha256}, verified" if located.sha256 else ", not verified"
        yield Finding("micromamba", "ok", f"{tool.version()} ({located.origin}: {located.executable}{sha256})")
    except MambenchError as error:
        yield Finding("micromamba", "wrong", str(error), error.remedy or "stacks from PyPI do not need it")


def _uv(app: Mambench) -> Finding:
    platform, environ = app.machine.platform, app.environ
    executable = present_uv(app.home, platform=platform, environ=environ)
    if executable is None:
        return Finding("uv", "note", "not here: micromamba or the Python package index brings it when it is needed")
    if not executable.exists():
        return Finding("uv", "wrong", f"uv is not here ({executable})", "name one in MAMBENCH_UV")
    problem = Uv(executable, app.home, platform=platform, environ=environ, offline=True).problem()
    if problem is not None:
        return Finding("uv", "wrong", problem, f"install uv{VERSIONS}, or name one in MAMBENCH_UV")
    return Finding("uv", "ok", str(executable))


def _channels(app: Mambench, channels: Iterable[str]) -> Iterator[Finding]:
    proxies = [
        f"{name}={addresses.setting_without_credentials(value)}"
        for name, value in app.environ.items()
        if _is_proxy(name)
    ]
    through = f"through {', '.join(proxies)}" if proxies else "without a proxy"
    for channel in dict.fromkeys(channels):
        shown = addresses.without_credentials(channel)
        problem = unreachable_channel(channel, platform=app.machine.platform)
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
        yield Finding("GPU", "ok", gpu_words(gpu, capability=True))
    if not machine.gpus:
        yield Finding("GPU", "note", "none found: stacks for CUDA and Metal cannot run", "install the vendor's driver")
    for note in machine.notes:
        yield Finding("machine", "note", note)


def _log(home: Home) -> Finding:
    latest = log.latest(home.logs)
    if latest is None:
        return Finding("log", "ok", f"none yet; errors are logged in {home.logs}")
    return Finding("log", "ok", f"the latest is {latest}")


def _kit(home: Home) -> Iterator[Finding]:
    kit = Kit(home)
    wrong = [finding for finding in kit_findings(kit, full=False) if finding.state == "wrong"]
    yield from (Finding("kit", "wrong", f"{each.name}: {each.message}", each.remedy) for each in wrong)
    entries = [each for each in kit.entries() if isinstance(each, Entry)]
    if entries and not wrong:
        platforms = ", ".join(sorted({entry.identity.platform for entry in entries}))
        stacks = counted(len({entry.identity.name for entry in entries}), "stack")
        yield Finding("kit", "ok", f"{stacks} for {platforms}; `mambench fetch --check` looks into the files")
    if size := sum(files.tree_bytes(path) for path in kit.unneeded()):
        message = f"{size / 1e6:.1f} MB of the kit that no stack needs: of a stopped fetch or earlier versions"
        yield Finding("leftovers", "note", message, "`mambench doctor --clean` deletes them")


def _leftovers(home: Home) -> Iterator[Finding]:
    remedy = "they are rebuilt when needed; `mambench env remove NAME` or `mambench doctor --clean` deletes them"
    wrecks = [entry for entry in prefix.existing(home) if entry.marker is None]
    for entry in prefix.existing(home):
        if entry.moved_from:
            message = f"{entry.name} was made in {entry.moved_from}"
            yield Finding("leftovers", "note", message, "the next run that needs it makes it anew here")
    unfinished = [entry.prefix.name for entry in wrecks if not entry.problem]
    if unfinished:
        yield Finding("leftovers", "note", f"unfinished environments: {', '.join(unfinished)}", remedy)
    for entry in wrecks:
        if entry.problem:
            yield Finding("leftovers", "note", f"broken: {entry.prefix.name}: {entry.problem}", remedy)
    with contextlib.suppress(OSError), presence.alone(home.mutexes) as alone:
        left = home.leftovers(alone=alone)
        if size := files.freed_bytes(*map(files.files_in, left)):  # micromamba leaves empty ones every time
            message = f"left by runs that were stopped: {size / 1e6:.1f} MB ({len(left)} files and folders)"
            yield Finding("leftovers", "note", message, "the next run deletes them, or `mambench doctor --clean`")
