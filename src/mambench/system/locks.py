"""A lock that its file is: between processes of one computer by the operating system, between computers by the file.

On a file system that several computers see, the operating system's locks may end at one computer's border, or not be
there at all (NFS with `nolock` or `local_lock`, Lustre without `flock`). There a lock is a file that is created
exclusively and touched every ten seconds, which every computer sees; one that nobody touched for so long is taken over.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.system import places

if TYPE_CHECKING:
    import filelock


def lock(path: Path) -> filelock.BaseFileLock:
    """The lock at this path, of the kind that its file system needs; ends with its process, however that ends."""
    if is_shared(path.parent):
        from mambench.system.leases import Lease

        return Lease(path)
    import filelock

    return filelock.FileLock(path)


def was_lost(held: filelock.BaseFileLock) -> bool:
    """Whether another computer took a released lock over before: we gave no sign of life for too long."""
    return getattr(held, "was_taken_over", False) or getattr(held, "compromise", None) is not None


@functools.cache
def is_shared(folder: Path) -> bool:
    """Whether other computers may see this folder too; asked once."""
    return places.is_shared(folder)
