"""One at a time: whoever measures or removes in a home does so alone, and waits or refuses while another is at it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from mambench.app.context import Mambench
from mambench.errors import HomeError, NothingMeasured
from mambench.model import Note
from mambench.system import mutex, other_homes, presence
from mambench.system.home import Home


@contextlib.contextmanager
def alone(
    app: Mambench, command: str, *, wait: bool = True, sweep: bool = True, everywhere: bool = False
) -> Iterator[None]:
    """While `command` is the only one that measures or removes in this home; says for whom it waits.

    On this computer, or `everywhere`: in a home of several computers that is refused while others are at work in it.
    What stopped runs left is deleted first (`sweep`). Raises HomeError, and NothingMeasured where it is not to wait.
    """
    once_for_each = functools.cache(functools.partial(_on_wait, app, wait))
    with mutex.held(app.home, mutex.measuring(app.home), f"`{command}`", on_wait=once_for_each):
        if sweep:
            app.home.sweep()
        with nobody_else(app.home) if everywhere and app.home.node else contextlib.nullcontext():
            yield


@contextlib.contextmanager
def nobody_else(home: Home) -> Iterator[None]:
    """While no other mambench is at work in the home, here or elsewhere. Raises HomeError where one is."""
    with presence.alone(home.mutexes) as is_so:
        if not is_so:
            raise HomeError(f"another mambench is at work in {home.root}", remedy="try again when it has ended")
        yield


def wait_for_other_homes(app: Mambench, *, wait: bool = True) -> None:
    """Return when no run of another home measures on our cores. Raises NothingMeasured."""
    if not other_homes.ignored(app.environ):
        other_homes.wait(app.home, functools.partial(_on_wait, app, wait))


def _on_wait(app: Mambench, wait: bool, who: str) -> None:
    if not wait:
        raise NothingMeasured(
            f"{who} is at work; two runs at once would measure each other",
            remedy="try again when it has ended, or leave out --no-wait",
        )
    app.terminal.on_event(Note(f"waiting for {who} to end"))
