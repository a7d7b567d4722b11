"""Whether a child waits for a network from which nothing comes."""

from __future__ import annotations

from collections.abc import Callable

from mambench.system import ending

SILENT_SECONDS = 55.0
"""So long a child may wait for a network; within a minute a person is told."""

_LOOK_SECONDS = 1.0
_BUSY_SHARE = 0.05


class Stillness:
    """For how long a child has neither received a byte nor computed."""

    def __init__(self, pid: int, received_bytes: Callable[[], int | None]) -> None:
        self._pid, self._received_bytes = pid, received_bytes
        self._since = self._looked = 0.0
        self._received: int | None = None
        self._cpu_seconds = 0.0
        self.too_long = False

    def look(self, now: float) -> bool:
        """Once a second, after so many; gives whether it was still for too long."""
        if now - self._looked < _LOOK_SECONDS:
            return False
        self._looked = now
        received = self._received_bytes()
        if received is None or received != self._received or self._computes(now):
            self._since, self._received, self._cpu_seconds = now, received, ending.cpu_seconds(self._pid)
        self.too_long = now - self._since > SILENT_SECONDS
        return self.too_long

    def _computes(self, now: float) -> bool:
        """More than what a program needs to look whether something has come."""
        return ending.cpu_seconds(self._pid) - self._cpu_seconds > _BUSY_SHARE * (now - self._since)
