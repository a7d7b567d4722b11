"""What mambench costs: its own time, its own memory, its environments against bare uv.

Prints figures beside their bounds; judges nothing. Pairs are interleaved and a ratio is the median of the pairs'.
Needs Linux, psutil (it comes with mambench), a home with a ready numpy-openblas, and for `environments` a network.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from mambench.environments.pypi import pipconfig

MAMBENCH = str(Path(sys.executable).with_name("mambench"))
STACK = "numpy-openblas"
PACKAGES = ("numpy==2.4.6",)
EXCLUDE_NEWER = "2026-11-15"


@dataclass
class Watched:
    """A run of mambench as seen from outside; its workers, or the uv processes that it starts."""

    wall_seconds: float = 0.0
    worker_seconds: list[float] = field(default_factory=list)
    launcher_cpu_seconds: list[float] = field(default_factory=list)
    """While each worker lived."""
    peak_bytes: int = 0
    output: str = ""


def main() -> None:
    """Measure what was asked for, all by default."""
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "time": own_time,
        "load": own_load,
        "environments": environments,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--home", required=True, help="a home in which numpy-openblas is ready")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--size", type=int, default=4096)
    arguments = parser.parse_args()
    for name in arguments.parts or parts:
        parts[name](arguments)


# ------------------------------------------------------------------------------------------ time and memory


def own_time(arguments: argparse.Namespace) -> None:
    """Wall time beside the workers', of one and of three of them."""
    alone, further = [], []
    for pair in range(2 * arguments.pairs):
        first, three = interleaved(pair, lambda: beside(arguments.home, 1), lambda: beside(arguments.home, 3))
        alone.append(first)
        further.append((three - first) / 2)
    tell("run: seconds beside its one worker", alone, "at most 0.6")
    tell("run: seconds for each further worker", further, "at most 0.15")


def beside(home: str, rounds: int) -> float:
    """Seconds of a run that no worker took."""
    seen = watched([MAMBENCH, *run_words(home, 256), "--rounds", str(rounds)])
    assert len(seen.worker_seconds) == rounds, seen
    return seen.wall_seconds - sum(seen.worker_seconds)


def own_load(arguments: argparse.Namespace) -> None:
    """The launcher's processor time while a worker measures, and its memory."""
    plain: list[float] = []
    drawn: list[float] = []
    peaks: list[float] = []
    command = [MAMBENCH, *run_words(arguments.home, arguments.size)]
    for pair in range(arguments.pairs):
        for seen, shares in zip(
            interleaved(pair, lambda: watched(command), lambda: watched(command, terminal=True)),
            (plain, drawn),
            strict=True,
        ):
            shares.append(100 * sum(seen.launcher_cpu_seconds) / sum(seen.worker_seconds))
            peaks.append(seen.peak_bytes / 2**20)
    tell("launcher: percent of a core while a worker lives, no terminal", plain, "at most 2")
    tell("launcher: percent of a core while a worker lives, on a terminal", drawn, "at most 2")
    tell("launcher: peak memory in MiB", peaks, "at most 61 (64 MB)")


def watched(command: list[str], *, terminal: bool = False) -> Watched:
    """Run mambench and look at it and its workers every 2 ms, through /proc."""
    seen, ours, theirs = Watched(), -1, subprocess.PIPE
    if terminal:
        ours, theirs = os.openpty()
    begin = time.monotonic()
    process = subprocess.Popen(
        command, stdin=theirs if terminal else subprocess.DEVNULL, stdout=theirs, stderr=theirs, text=True
    )
    if terminal:
        os.close(theirs)
        threading.Thread(target=read_all, args=(ours,), daemon=True).start()
    watcher = threading.Thread(target=watch, args=(process.pid, seen))
    watcher.start()
    process.communicate()
    seen.wall_seconds = time.monotonic() - begin
    watcher.join()
    assert process.returncode == 0, command
    return seen


def watch(pid: int, seen: Watched) -> None:
    """Follow the launcher's workers, one after the other, until it ends."""
    launcher = psutil.Process(pid)
    worker: int | None = None
    begun, cpu = 0.0, 0.0
    while True:
        try:
            used, peak = sum(launcher.cpu_times()[:2]), peak_bytes(pid)
        except (psutil.Error, OSError, ValueError):
            return
        seen.peak_bytes = max(peak, seen.peak_bytes)
        if worker is None and (worker := find_worker(pid)) is not None:
            begun, cpu = time.monotonic(), used
        elif worker is not None and has_ended(worker):
            seen.worker_seconds.append(time.monotonic() - begun)
            seen.launcher_cpu_seconds.append(used - cpu)
            worker = None
            time.sleep(0.01)
        time.sleep(0.002 if worker is None else 0.005)


def find_worker(pid: int) -> int | None:
    """The launcher's child that is a worker or a uv."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"/uv") or any(word.endswith(b"worker.py") for word in words):
                return int(child)
        except OSError:
            continue
    return None


def has_ended(pid: int) -> bool:
    """Whether it is gone or waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def peak_bytes(pid: int) -> int:
    """VmHWM."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise ValueError("it has ended")


def read_all(descriptor: int) -> None:
    """Play the terminal."""
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:
        pass


# --------------------------------------------------------------------------------------------- environments


def environments(arguments: argparse.Namespace) -> None:
    """An environment made by mambench against the three commands of uv, with the same cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for pair in range(2):  # also puts what the index serves into every cache on the way
            make(root / f"first-{pair}", None, by_mambench if pair else by_uv)
        for state, cache in (("warm", root / "first-1" / "cache" / "uv"), ("empty", None)):
            ratios, beyond, own = [], [], []
            for pair in range(arguments.pairs):
                by_us, by_them = root / f"{state}-{pair}-m", root / f"{state}-{pair}-u"
                mine, plain = interleaved(
                    pair,
                    functools.partial(make, by_us, cache, by_mambench),
                    functools.partial(make, by_them, cache, by_uv),
                )
                ratios.append(mine / plain)
                beyond.append(mine - 1.05 * plain)
                shutil.rmtree(by_us)
                own.append(beside_uv(by_us, cache))
                shutil.rmtree(by_us)
                shutil.rmtree(by_them)
            tell(f"env create, {state} cache: seconds over bare uv's", ratios, "see the next line")
            tell(f"env create, {state} cache: seconds beyond 1.05 times bare uv's", beyond, "at most 0.3")
            tell(f"env create, {state} cache: seconds beside its calls of uv", own, "no bound; less noisy")


def make(home: Path, cache: Path | None, by: Callable[[Path], None]) -> float:
    """Seconds to make the environment in a fresh home with a copy of the cache."""
    (home / "cache").mkdir(parents=True)
    if cache is not None:
        shutil.copytree(cache, home / "cache" / "uv", symlinks=True)
    os.sync()
    begin = time.monotonic()
    by(home)
    return time.monotonic() - begin


def beside_uv(home: Path, cache: Path | None) -> float:
    """Seconds of mambench's that no uv took."""
    seen = Watched()
    words = ["env", "create", STACK, "--source", "pypi", "--yes", "--home", str(home)]
    make(home, cache, lambda _home: vars(seen).update(vars(watched([MAMBENCH, *words]))))
    return seen.wall_seconds - sum(seen.worker_seconds)


def by_mambench(home: Path) -> None:
    """One command."""
    called("env", "create", STACK, "--source", "pypi", "--yes", "--home", str(home))


def by_uv(home: Path) -> None:
    """The same steps by hand, with the same index."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    index = pipconfig.uv_variables("linux-64", os.environ, site=Path(sys.prefix))
    environ = {**os.environ, **index, "UV_CACHE_DIR": str(home / "cache" / "uv"), "UV_NO_CONFIG": "1"}
    needed, lock, prefix = home / "requirements.in", home / "pylock.toml", home / "prefix"
    needed.write_text("\n".join(PACKAGES) + "\n")
    python = str(getattr(sys, "_base_executable", sys.executable))
    compiled = ["--format", "pylock.toml", "--output-file", str(lock), "--python", python]
    compiled += ["--only-binary", ":all:", "--exclude-newer", EXCLUDE_NEWER]
    for command in (
        ["pip", "compile", str(needed), *compiled],
        ["venv", "--no-project", "--python", python, str(prefix)],
        ["pip", "sync", "--preview-features", "pylock", "--python", str(prefix / "bin" / "python"), str(lock)],
    ):
        subprocess.run([uv, *command], check=True, capture_output=True, env=environ)


# --------------------------------------------------------------------------------------------------- common


def run_words(home: str, size: int) -> list[str]:
    """A short run of one row."""
    return ["run", STACK, "--home", home, "--preset", "quick", "--size", str(size), "--dtype", "float64", "--offline"]


def called(*words: str) -> str:
    """What mambench prints to standard output."""
    return subprocess.run([MAMBENCH, *words], check=True, capture_output=True, text=True).stdout


def interleaved(pair: int, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """Both, in changing order: a drift of the machine must not favour either."""
    if pair % 2:
        last = second()
        return first(), last
    return first(), second()


def tell(what: str, values: list[float], bound: str) -> None:
    """The median of the pairs, their range, the bound."""
    low, median, high = min(values), statistics.median(values), max(values)
    print(f"{what}: {median:.3f} ({low:.3f} .. {high:.3f}, {len(values)} pairs; {bound})", flush=True)


if __name__ == "__main__":
    main()
