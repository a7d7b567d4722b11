"""A lock between computers: a file that its holder touches, taken over when nobody did for long."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import time
from typing import Any

import filelock
import psutil

LEASE_SECONDS = 120.0
"""Without a sign of life for so long, as others count it, who may see it a minute late (acregmax of NFS)."""

HEARTBEAT_SECONDS = 10.0

POLL_SECONDS = 0.3
"""Hundreds of computers may ask one server."""


class Lease(filelock.SoftFileLease):
    """filelock's lease, but that a left one is taken over by renaming its file.

    The library exchanges two names for that, which NFS and Lustre cannot (renameat2 with RENAME_EXCHANGE).
    """

    _own_host: str | None = None
    """As the library writes it, with the namespace of process numbers."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(
            path, lease_duration=LEASE_SECONDS, heartbeat_interval=HEARTBEAT_SECONDS, poll_interval=POLL_SECONDS
        )
        self._seen: tuple[Any, float] = (None, 0.0)
        self.was_taken_over = False

    def acquire(
        self, timeout: float | None = None, poll_interval: float | None = None, **options: Any
    ) -> filelock.AcquireReturnProxy[Any]:
        """As filelock's. Raises filelock.Timeout, OSError."""
        seconds = self.timeout if timeout is None else timeout
        until = math.inf if seconds < 0 else time.monotonic() + seconds
        while True:
            try:
                proxy = super().acquire(max(0.0, min(1.0, until - time.monotonic())), poll_interval, **options)
            except filelock.Timeout:
                with contextlib.suppress(OSError):
                    self._take_over_what_was_left()
                if time.monotonic() >= until:
                    raise
            else:
                if (owner := self.owner) is not None:
                    Lease._own_host = owner.hostname
                return proxy

    def release(self, force: bool = False) -> None:
        """As filelock's, but by what the file server says of the lock's file.

        A client of NFS that was cut off believes for a minute that its file is there, and would delete the next
        holder's: who lists a folder asks the server. The library leaves a file whose number has changed, as FUSE may
        number files anew; by its token it is ours all the same.
        """
        token = self.token if self.is_locked else None
        if token is not None:
            with contextlib.suppress(OSError):
                os.listdir(os.path.dirname(self.lock_file))
                self.was_taken_over = not self._is_marked(token)
        super().release(force)
        if token is not None and self._is_marked(token):
            with contextlib.suppress(OSError):
                os.unlink(self.lock_file)

    def _is_marked(self, token: str) -> bool:
        owner = self.owner
        return owner is not None and owner.token == token

    def _take_over_what_was_left(self) -> None:
        owner, now = self.owner, time.monotonic()
        seen = (owner, os.stat(self.lock_file).st_mtime_ns)
        if self._seen[0] != seen:
            self._seen = seen, now
        if owner is None or not (self._is_dead(owner) or now - self._seen[1] >= LEASE_SECONDS):
            return
        aside = f"{self.lock_file}.{secrets.token_hex(4)}.left"
        os.rename(self.lock_file, aside)  # by one of all that wait
        if filelock.SoftFileLease(aside).owner != owner:  # another was faster and holds it by now
            with contextlib.suppress(FileExistsError):
                os.link(aside, self.lock_file)
        os.unlink(aside)

    def _is_dead(self, owner: filelock.OwnerRecord) -> bool:
        return owner.hostname == Lease._own_host and not psutil.pid_exists(owner.pid)
