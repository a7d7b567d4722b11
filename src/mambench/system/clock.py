"""A clock that stands still while this process does."""

from __future__ import annotations

import time

LONGEST_STEP_SECONDS = 1.0
"""Who waits looks several times a second, unless it was stopped itself (Ctrl-Z), starved, or asleep."""


class AwakeClock:
    """Seconds since it was made, of each step between two looks at most one: what waits has to look that often.

    A child in a session of its own is not stopped with us; its time has not run out because of that.
    """

    def __init__(self) -> None:
        self._seconds, self._looked = 0.0, time.monotonic()

    def seconds(self) -> float:
        now = time.monotonic()
        self._seconds += min(now - self._looked, LONGEST_STEP_SECONDS)
        self._looked = now
        return self._seconds
