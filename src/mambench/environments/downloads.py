"""What a lock file would have downloaded, asked for before anything is: sizes, and what is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mambench.environments import integrity
from mambench.environments.prefix import Draft
from mambench.errors import UnavailableError
from mambench.model import OnEvent, Package, Provisioning, Reason
from mambench.system import addresses, network
from mambench.system.faults import Fault


def asked_for(draft: Draft, urls: Mapping[Package, str], on_event: OnEvent, *, offline: bool) -> Draft:
    """The draft with the sizes of what is missing; `urls` are those of its packages, logins included.

    Raises UnavailableError, which names what can be downloaded no more.
    """
    missing = {package: urls[package] for package in draft.downloads if package in urls}
    if hidden := [package for package, url in missing.items() if addresses.STARS in url]:
        raise UnavailableError(
            Reason.SOURCE,
            f"its lock file has no login or token for {addresses.hosts_of(missing[each] for each in hidden)}, as a "
            f"report holds none, and these need it: {_named(hidden)}",
            remedy="put the login or token into a copy of the lock file, and `mambench env create NAME --lock FILE`",
        )
    if offline:
        if absent := [package for package, url in missing.items() if addresses.local_path(url) is None]:
            raise UnavailableError(
                Reason.OFFLINE, f"not here yet: {_named(absent)}", remedy="run once without --offline"
            )
        return draft
    on_event(Provisioning(draft.spec.name, "asking for packages", host=addresses.hosts_of(missing.values())))
    answers = network.heads(missing.values())
    gone = {package: why for package, url in missing.items() if isinstance(why := answers.get(url), Fault)}
    if gone:
        first = next(iter(gone.values()))
        raise UnavailableError(
            Reason.SOURCE,
            f"cannot be downloaded: {_named(list(gone))} ({first.words})",
            remedy=f"{first.remedy}; or use a copy of the home that has it",
        )
    sizes = {package: size for package, url in missing.items() if isinstance(size := answers.get(url), int)}
    return replace(
        draft,
        missing=tuple(replace(each, size_bytes=each.size_bytes or sizes.get(each)) for each in draft.downloads),
    )


def _named(packages: Sequence[Package]) -> str:
    return integrity.some([" ".join(filter(None, (each.name, each.version, each.build))) for each in packages])
