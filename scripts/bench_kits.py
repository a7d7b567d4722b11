"""What making an environment from a kit costs beside making it from warm caches, on the same disk, in pairs.

Prints seconds and their ratios; judges nothing. Each pair is two fresh copies of homes: one with the kit and no
caches, one from which the environment was just removed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAMBENCH = [sys.executable, "-m", "mambench"]


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("--source", default="pypi", choices=["pypi", "conda"])
    parser.add_argument("--channel", default=None, help="of conda, its address")
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    words = [given.stack, "--source", given.source, *(["--channel", given.channel] if given.channel else [])]
    with tempfile.TemporaryDirectory() as folder:
        kit, warm = Path(folder) / "kit", Path(folder) / "warm"
        called(kit, "fetch", *words, "--yes")
        called(warm, "env", "create", *words, "--yes")
        ratios = []
        for pair in range(given.pairs):
            homes = [kit, warm] if pair % 2 else [warm, kit]
            seconds = {home: created(home, words, cold=home == kit) for home in homes}
            ratios.append(seconds[kit] / seconds[warm])
            print(f"kit {seconds[kit]:.2f} s, warm {seconds[warm]:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"{given.stack}@{given.source}: median ratio {statistics.median(ratios):.3f}")


def created(home: Path, words: list[str], *, cold: bool) -> float:
    """Seconds of `env create --offline`; `cold` is without caches."""
    shutil.rmtree(home / "envs", ignore_errors=True)
    for cache in ("cache", "mamba") if cold else ():
        shutil.rmtree(home / cache, ignore_errors=True)
    if not cold:  # its lock file is gone with the prefix, and needs nothing but the cache
        called(home, "env", "create", *words, "--yes")
        called(home, "env", "remove", words[0])
    os.sync()
    begin = time.monotonic()
    called(home, "env", "create", *words, "--yes", "--offline")
    return time.monotonic() - begin


def called(home: Path, *words: str) -> None:
    """mambench, to its end."""
    subprocess.run([*MAMBENCH, *words, "--home", str(home)], check=True, capture_output=True)


if __name__ == "__main__":
    main()
