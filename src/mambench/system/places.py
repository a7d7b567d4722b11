"""Folders that are not just on a disk of this computer: synced to a cloud, or on another machine."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath, PureWindowsPath

_ONEDRIVE = ("ONEDRIVE", "ONEDRIVECONSUMER", "ONEDRIVECOMMERCIAL")
_DRIVE_REMOTE = 4

_OF_ONE_COMPUTER = frozenset(
    ("apfs", "bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfs", "jfs", "msdos")
    + ("nilfs2", "ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "squashfs", "tmpfs", "ubifs", "vfat", "xfs", "zfs")
)
"""File systems that one computer has for itself. Any other may be seen by several: nfs4, lustre, gpfs, ceph, fuse.*"""


def synced_by(folder: PurePath, environ: Mapping[str, str], *, user: Path | None = None) -> str | None:
    """Which service copies what is written there, while it is measured; None if none is known.

    `user` is the home folder, whose desktop and documents macOS may keep in iCloud.
    """
    if isinstance(folder, PureWindowsPath):
        return _synced_on_windows(folder, environ)
    parts = folder.parts
    if "Mobile Documents" in parts:
        return "iCloud Drive"
    if "CloudStorage" in parts[:-1] and "Library" in parts:  # ~/Library/CloudStorage/<service>-<account>
        return parts[parts.index("CloudStorage") + 1].partition("-")[0]
    return "iCloud Drive" if user is not None and _kept_in_icloud(folder, user) else None


def _kept_in_icloud(folder: PurePath, user: Path) -> bool:
    cloud = user / "Library/Mobile Documents/com~apple~CloudDocs"
    return any(folder.is_relative_to(user / name) and (cloud / name).exists() for name in ("Desktop", "Documents"))


def _synced_on_windows(folder: PureWindowsPath, environ: Mapping[str, str]) -> str | None:
    roots = [PureWindowsPath(value) for name, value in environ.items() if name.upper() in _ONEDRIVE and value]
    names = [part.lower() for part in folder.parts]
    if any(folder.is_relative_to(root) for root in roots):
        return "OneDrive"
    if any(name == "onedrive" or name.startswith("onedrive - ") for name in names):
        return "OneDrive"
    return "iCloud Drive" if "iclouddrive" in names else None


def user_folder(environ: Mapping[str, str]) -> Path | None:
    """The user's home folder, as variables tell it."""
    return Path(environ["HOME"]) if environ.get("HOME") else None


def home_folder() -> Path | None:
    """The user's home folder; None for a user without a name and without HOME, as in a container."""
    with contextlib.suppress(RuntimeError):
        return Path.home()
    return None


def is_unc(folder: str) -> bool:
    r"""Whether a path of Windows names a share, `\\server\share`, and no drive."""
    return folder.startswith(("\\\\", "//")) and not folder.startswith("\\\\?\\")


def computer(name: str | None = None) -> str:
    """This computer's name, or another's, as a part of file names."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", platform.node() if name is None else name).strip("-.") or "unknown"


def is_shared(folder: Path) -> bool:
    """Whether other computers may see this folder too, by the type of its file system."""
    if sys.platform == "win32":
        return False
    kind = _file_system(folder)
    return kind != "" and kind not in _OF_ONE_COMPUTER


def _file_system(folder: Path) -> str:
    """Its type, "" where that cannot be found out."""
    import psutil

    path, kinds = Path(os.path.realpath(folder)), {}
    with contextlib.suppress(OSError, psutil.Error):
        kinds = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    return next((kinds[each] for each in (path, *path.parents) if each in kinds), "")


def own_disk(folder: Path) -> str:
    """What hides a folder from other computers, as a rule: a disk in memory, temporary files; "" for others."""
    kind = _file_system(folder)
    if kind in ("tmpfs", "ramfs"):
        return f"on a disk in memory ({kind})"
    path = Path(os.path.realpath(folder))
    temporary = any(path.is_relative_to(each) for each in ("/tmp", "/var/tmp", "/dev/shm"))
    return "among the temporary files of this computer" if temporary else ""


def is_remote(folder: Path) -> bool:
    """Whether Windows has this folder on another machine: a share, also one that has a drive's letter."""
    if sys.platform != "win32":
        return False
    import ctypes

    if is_unc(str(folder)):
        return True
    return int(ctypes.windll.kernel32.GetDriveTypeW(f"{folder.absolute().drive}\\")) == _DRIVE_REMOTE
