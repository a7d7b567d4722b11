"""A whole `run` from nothing, killed at random points of each phase; from source or frozen, from either source."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from environments.house import REAL, House, valid
from mambench.environments import integrity, prefix
from promises import Cases
from standin.channel import LINKS, NUMPY_VERSION
from standin.server import ChannelServer, Fault

SECONDS = {"resolving": 1.6, "downloading": 1.2, "linking": 0.8, "marking": 0.2, "measuring": 2.0, "saving": 0.4}
"""The phases of a run, and about how long each takes."""

SIGNS = {
    "conda": {
        "downloading": "envs/*/conda-meta",
        "linking": "envs/*/conda-meta/*.json",
        "marking": "private/home/.conda/environments.txt",  # micromamba's last word
    },
    "pypi": {
        "downloading": "envs/*/pyvenv.cfg",
        "linking": "envs/*/lib/*/site-packages/numpy",
        "marking": "envs/*/lib/*/site-packages/numpy-*.dist-info/INSTALLER",  # uv's
    },
}
THEN = {"measuring": "results/*.json", "saving": "results/*"}
"""What in the home shows that a phase has begun; that of saving holds samples."""

SLOW = ("extract-delay=0.1", "link-delay=0.15")
CACHES = ("envs", "mamba", "cache")

Kill = Callable[["subprocess.Popen[str]", random.Random], None]


def kill(process: subprocess.Popen[str], _chance: random.Random) -> None:
    """The launcher alone."""
    process.send_signal(signal.SIGKILL)


def killed_anywhere(
    house: House, server: ChannelServer, source: str, times: int, cases: Cases, kill: Kill = kill
) -> Counter[str]:
    """Kill so many runs, in each phase in turn; every second six begin with nothing, the others with what was left.

    Gives the phases in which the kills fell.
    """
    house.offer("small", "python", "numpy", "toy-prefix", pypi=[f"numpy=={NUMPY_VERSION}"])
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": f"{server.url}/{LINKS}"}
    if REAL is None:
        house.use_micromamba(*SLOW)
    server.faults |= {"*python-3*": Fault(bytes_per_second=40e6), "*.whl": Fault(bytes_per_second=40e6)}
    words = house.words("small", source=source, channel=server.url)
    chance, fell = random.Random(times), Counter[str]()
    for each in range(times):
        if each // len(SECONDS) % 2 == 0:
            for folder in CACHES:
                shutil.rmtree(house.home / folder, ignore_errors=True)
        wanted = list(SECONDS)[each % len(SECONDS)]
        seconds = SECONDS[wanted] * chance.random()
        with cases.case(f"killed {seconds:.3f} s after {wanted} began"):
            since = time.time()
            begun = house.start(*words)
            while begun.poll() is None and not at_least(wanted, reached(house, source, since)):
                time.sleep(0.002)
            time.sleep(seconds)
            kill(begun, chance)
            begun.communicate()
            fell[reached(house, source, since)] += 1
            house.wait_until_alone()
            assert [wrong for made in house.prefixes() for wrong in wrong_in(made)] == []
            for report in (house.home / "results").glob("*.json"):
                if report.stat().st_mtime >= since:
                    valid(report)
    cases.none_fell()
    done = house.run("small", source=source, channel=server.url)
    assert done.code == 0, done.text
    assert house.row()["verified"]
    assert all(valid(report)["complete"] in (True, False) for report in (house.home / "results").glob("*.json"))
    return fell


def wrong_in(made: Path) -> list[object]:
    """What an environment that counts as ready lacks, and which of its files are not as its packages have them."""
    if (installed := prefix.look(made)).marker is None:
        return []
    packages = list(integrity.in_prefix(made))
    own = {made / name for name in installed.marker.own_files}
    damage = [(path, problem) for _, path, problem in integrity.damage(packages, full=True) if path not in own]
    return [*integrity.missing(installed.packages(), packages), *installed.own_damage(), *damage]


def reached(house: House, source: str, since: float) -> str:
    """The last phase of which a run that began at `since` shows a sign."""
    signs = SIGNS[source] | THEN
    begun = [phase for phase, sign in signs.items() if any(shows(phase, path, since) for path in house.home.glob(sign))]
    return begun[-1] if begun else "resolving"


def shows(phase: str, path: Path, since: float) -> bool:
    """Whether a file is a sign: made or changed since then; what has just gone is none."""
    try:
        return path.stat().st_ctime >= since and (phase != "saving" or b'"samples"' in path.read_bytes())
    except OSError:
        return False


def at_least(wanted: str, phase: str) -> bool:
    order = list(SECONDS)
    return order.index(phase) >= order.index(wanted)
