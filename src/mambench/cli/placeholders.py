"""`%h` and the like in the path of an option: what differs between processes that one command line started."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mambench.errors import UsageError
from mambench.system import places

if TYPE_CHECKING:
    from mambench.model import Launcher

MEANINGS = {
    "h": "the node's name",
    "j": "the job's id",
    "t": "the rank of this process",
    "a": "the index in a job array",
}
"""As Slurm's own, but that `%h` is what `%N` is there."""


def filled(path: str | None, launcher: Launcher | None, *, hostname: str, option: str) -> str | None:
    """The path with its placeholders filled, and `%%` as `%`. Raises UsageError for one that nothing here tells."""
    if not path or "%" not in path:
        return path
    known: dict[str, str | None] = {"%": "%", "h": places.computer(launcher.node if launcher else hostname)}
    if launcher is not None:
        known |= {"j": launcher.job, "t": str(launcher.rank), "a": launcher.array_task}

    def value(match: re.Match[str]) -> str:
        letter = match[1]
        if (text := known.get(letter)) is None:
            who = f"{launcher.name} does not tell it" if launcher else "no scheduler or MPI started this process"
            raise UsageError(
                f"{option} {path}: %{letter} is {MEANINGS[letter]}, and {who}",
                remedy="%h is the node's name everywhere; %% is a per cent sign",
            )
        return text if letter == "%" else places.computer(text)

    return re.sub(f"%([%{''.join(MEANINGS)}])", value, path)
