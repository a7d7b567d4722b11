"""Keeps other devices busy with a trial's product while it is measured: a node under full load."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from mambench.errors import ProtocolError
from mambench.measurement import protocol
from mambench.model import Device, Limits
from mambench.system import process

MANY = 1_000_000
"""Runs, and seconds: a neighbour works until it is ended."""

TICK_SECONDS = 0.05


def endless(limits: Limits) -> Limits:
    """The limits of a worker that goes on until it is ended."""
    return replace(
        limits,
        warmups=1,
        warmup_seconds=0.0,
        min_runs=1,
        max_runs=MANY,
        max_seconds=MANY,
        target_spread=None,
        probe=False,
        max_run_seconds=None,
        budget_seconds=None,
    )


class Neighbours:
    """Workers by their device; `problem` says in words why one of them does not work."""

    def __init__(self) -> None:
        self._children: dict[Device, process.Child] = {}
        self._runs: dict[Device, int] = {}
        self.problem = ""

    def add(self, device: Device, child: process.Child) -> None:
        """One more that works, or will."""
        self._children[device], self._runs[device] = child, 0

    def wait(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Until each of them takes samples, so long at most."""
        until = clock() + seconds
        while not self.problem and not all(self._runs.values()):
            self._read(TICK_SECONDS)
            if not self.problem and clock() > until:
                idle = ", ".join(str(device) for device, runs in self._runs.items() if not runs)
                self.problem = f"{idle} did not begin to work within {seconds:g} s"

    def look(self) -> None:
        """Read what they say; one that has ended is a problem."""
        self._read(0)

    def close(self) -> None:
        """End them."""
        for child in self._children.values():
            child.close()

    def _read(self, timeout_seconds: float) -> None:
        for device, child in self._children.items():
            line = child.line(timeout_seconds)
            while line is not None and not self.problem:
                self._take(device, line)
                line = child.line(0)
            if not self.problem and child.returncode is not None:
                self.problem = f"{device} stopped working beside it"

    def _take(self, device: Device, line: bytes) -> None:
        try:
            event = protocol.parse(line)
        except ProtocolError as error:
            self.problem = f"the worker on {device} broke the protocol: {error}"
            return
        match event:
            case protocol.Sampled(phase="run"):
                self._runs[device] += 1
            case protocol.Failed():
                self.problem = f"{device} could not work beside it: {event.message}"
