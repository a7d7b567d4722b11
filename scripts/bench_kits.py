"""What making an environment from a kit costs beside making it from warm caches, on the same disk, in pairs.

Prints seconds and their ratios; judges nothing. The kit is a copy at another path of a home that was fetched into; with
`--files-only` it is without its caches, as on a stick that has no links. From the other home the environment was just
removed.
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
    parser.add_argument("--files-only", action="store_true", help="without the caches")
    given = parser.parse_args()
    words = [given.stack, "--source", given.source, *(["--channel", given.channel] if given.channel else [])]
    with tempfile.TemporaryDirectory() as folder:
        fetched, kit, warm = (Path(folder) / name for name in ("fetched", "kit", "warm"))
        called(fetched, "fetch", *words, "--yes")
        shutil.copytree(fetched, kit, symlinks=True)
        shutil.rmtree(fetched)
        called(warm, "env", "create", *words, "--yes")
        ratios = []
        for pair in range(given.pairs):
            homes = [kit, warm] if pair % 2 else [warm, kit]
            seconds = {home: created(home, words, files_only=given.files_only and home == kit) for home in homes}
            ratios.append(seconds[kit] / seconds[warm])
            print(f"kit {seconds[kit]:.2f} s, warm {seconds[warm]:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"{given.stack}@{given.source}: median ratio {statistics.median(ratios):.3f}")


def created(home: Path, words: list[str], *, files_only: bool) -> float:
    """Seconds of `env create --offline`."""
    for prefix in (home / "envs").glob("*/"):
        shutil.rmtree(prefix)  # its lock file stays, as offline it is not solved anew
    for cache in ("cache", "mamba") if files_only else ():
        shutil.rmtree(home / cache, ignore_errors=True)
    os.sync()
    begin = time.monotonic()
    called(home, "env", "create", *words, "--yes", "--offline")
    return time.monotonic() - begin


def called(home: Path, *words: str) -> None:
    """mambench, to its end."""
    subprocess.run([*MAMBENCH, *words, "--home", str(home)], check=True, capture_output=True)


if __name__ == "__main__":
    main()
