"""A run among many: one line for each thing that a person must know, with the computer's name before it."""

from __future__ import annotations

from collections.abc import Callable

from mambench.model import Event, Note, Provisioning

WAITING = "waiting for "


class Brief:
    """Tells notes, and for whom it waits, once each; takes the place of the progress."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: set[str] = set()

    def take(self, event: Event) -> None:
        if isinstance(event, Note):
            self._once(event.message)
        elif isinstance(event, Provisioning) and event.phase.startswith(WAITING):
            self._once(f"{event.environment}: {event.phase}")

    def stop(self) -> None:
        """Nothing is drawn."""

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._say(line)
