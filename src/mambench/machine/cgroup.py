"""What control groups (v1 and v2) leave to this process of memory and processor time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mambench.machine.readings import read_number, read_text, smallest


def _folders(root: Path, system: str, controller: str) -> Iterator[Path]:
    """Our own group and those above it, in v1 and v2: each of them may set a limit.

    In a container the path in /proc may be the host's while the mount begins at our group, so folders that do
    not exist are passed over and the mount itself always counts.
    """
    if system != "Linux":
        return
    mount = root / "sys/fs/cgroup"
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        names, _, path = line.partition(":")[2].partition(":")
        if not names:
            mounts = [mount, mount / "unified"]
        elif controller in names.split(","):
            mounts = list(dict.fromkeys([mount / names, mount / controller]))
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for top in mounts:
            folders = (top.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))
            yield from (folder for folder in folders if folder.is_dir())


def _folder_memory_limit(folder: Path) -> int | None:
    """v2: `memory.max`, and `memory.high`, above which a process crawls; v1: `memory.limit_in_bytes`."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    return smallest(*(read_number(folder / name) for name in names))


def memory_limit(root: Path, system: str) -> int | None:
    """Bytes that we may use at most; None where no group says so."""
    return smallest(*(_folder_memory_limit(folder) for folder in _folders(root, system, "memory")))


def headrooms(root: Path, system: str) -> Iterator[int]:
    """Bytes that are left in each group with a limit."""
    for folder in _folders(root, system, "memory"):
        limit = _folder_memory_limit(folder)
        names = ("memory.current", "memory.usage_in_bytes")
        used = smallest(*(read_number(folder / name) for name in names))
        if limit is not None and used is not None:
            yield limit - max(0, used - _inactive_file(folder))


def _inactive_file(folder: Path) -> int:
    """Page cache that the kernel gives up first, of a group and those below it; v1 has a total of its own."""
    lines = (line.split() for line in (read_text(folder / "memory.stat") or "").splitlines())
    values = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
    return values.get("total_inactive_file", values.get("inactive_file", 0))


def cpu_quota(root: Path, system: str) -> float | None:
    """Processor time per time, in cores."""
    quotas = [_folder_cpu_quota(folder) for folder in _folders(root, system, "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def quota_periods(root: Path, system: str) -> tuple[int, int] | None:
    """Periods of the quota so far and those in which it stopped us, where one is set; v1 and v2 name them alike."""
    counts = [counted for folder in _folders(root, system, "cpu") if (counted := _folder_periods(folder))]
    return max(counts, key=lambda count: count[1], default=None)


def _folder_periods(folder: Path) -> tuple[int, int] | None:
    if _folder_cpu_quota(folder) is None:
        return None
    lines = (line.split() for line in (read_text(folder / "cpu.stat") or "").splitlines())
    values = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
    if "nr_periods" not in values or "nr_throttled" not in values:
        return None
    return values["nr_periods"], values["nr_throttled"]


def _folder_cpu_quota(folder: Path) -> float | None:
    words = (read_text(folder / "cpu.max") or "").split()
    if len(words) == 2 and all(word.isdecimal() for word in words):
        quota, period = float(words[0]), float(words[1])
    else:
        quota = read_number(folder / "cpu.cfs_quota_us") or 0
        period = read_number(folder / "cpu.cfs_period_us") or 0
    return quota / period if quota > 0 and period > 0 else None
