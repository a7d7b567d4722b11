"""The environments of the home, and the caches behind them, held against what packages say of their files."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from mambench.analysis.words import counted
from mambench.app import installed
from mambench.app.alone import alone
from mambench.app.context import Mambench
from mambench.app.findings import Finding
from mambench.environments import integrity, prefix
from mambench.environments.provision import Environments
from mambench.environments.pypi.bootstrap import TOOLS
from mambench.errors import MambenchError


def check(app: Mambench, names: Collection[str], *, full: bool, repair: bool) -> Iterator[Finding]:
    """Look at the environments of these names, or at all, and at the caches; `repair` makes anew what is damaged.

    `full` looks at the content of files too, which takes the disk: not while something is measured. Raises UsageError,
    HomeError.
    """
    if repair:
        app.home.prepare()
    chosen = installed.named(app.home, names) if names else list(prefix.existing(app.home))
    command = " ".join(("mambench env check", *names))
    with alone(app, command, everywhere=repair) if full or repair else contextlib.nullcontext():
        environments = _environments(app)
        yield from _caches(environments, full=full, repair=repair)
        for entry in chosen:
            yield _looked_at(app, environments, entry, full=full, repair=repair)


def _environments(app: Mambench, channels: Collection[str] = (), *, offline: bool = True) -> Environments:
    return app.environments(
        offline=offline, channels=tuple(channels), on_event=app.terminal.on_event, agree=lambda _drafts: True
    )


def _caches(environments: Environments, *, full: bool, repair: bool) -> Iterator[Finding]:
    for source, package, words in list(environments.damaged_cache(full=full)):
        name = f"{package.name} {package.version} ({source} cache)"
        if repair:
            environments.forget(source, package)
            yield Finding(name, "ok", f"removed, as it was damaged: {words}")
        else:
            remedy = "`mambench env check --repair` removes it, and it is downloaded again when it is needed"
            yield Finding(name, "wrong", f"damaged: {words}", remedy)


def _looked_at(
    app: Mambench, environments: Environments, entry: prefix.Installed, *, full: bool, repair: bool
) -> Finding:
    if entry.marker is None:
        message = f"broken: {entry.problem}" if entry.problem else "unfinished"
        return Finding(entry.name, "note", message, "it is rebuilt when needed; `mambench doctor --clean` deletes it")
    name = f"{entry.name}@{entry.marker.source}"
    words = environments.damage(entry, full=full)
    if entry.moved_from:
        words = [f"it was made in {entry.moved_from}", *words]
    if not words:
        state = "unchanged" if full else "of the right size"
        return Finding(name, "ok", f"the files of its {counted(len(entry.packages()), 'package')} are all {state}")
    damage = integrity.some(words)
    if entry.moved_from and not repair:
        remedy = f"the next run makes it anew here, or `mambench env check {entry.name} --repair`"
        return Finding(name, "note", f"it was made in {entry.moved_from}", remedy)
    if not repair:
        return Finding(name, "wrong", f"damaged: {damage}", integrity.remedy(entry.name))
    spec = TOOLS if entry.name == TOOLS.name else app.catalogue.environments.get(entry.name)
    if spec is None:
        remedy = f"`mambench env remove {entry.name}`"
        return Finding(name, "wrong", f"damaged: {damage}; there is no recipe of this name any more", remedy)
    channels = entry.marker.channels if entry.marker.source == "conda" else ()
    try:
        _environments(app, channels, offline=False).repair(spec, entry)
    except MambenchError as error:
        return Finding(name, "wrong", f"damaged: {damage}; it could not be made anew: {error}", error.remedy)
    return Finding(name, "ok", f"made anew, as it was damaged: {damage}")
