"""Whole runs, from source or frozen, from either source, killed at random points of each phase."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable

from environments.house import REAL, House
from phases import clear, damage, last_begun, points, reached
from promises import Cases
from reports import valid
from standin.channel import LINKS, NUMPY_VERSION
from standin.server import ChannelServer, Fault

SLOW = ("extract-delay=0.1", "link-delay=0.15")
DOWNLOADS = Fault(bytes_per_second=40e6)

Kill = Callable[["subprocess.Popen[str]", random.Random], None]


def kill_launcher(started: subprocess.Popen[str], _chance: random.Random) -> None:
    """The only process that a person started."""
    started.send_signal(signal.SIGKILL)


def killed_anywhere(
    house: House, server: ChannelServer, source: str, times: int, cases: Cases, kill: Kill = kill_launcher
) -> Counter[str]:
    """Kill so many runs, then let one end; gives how many kills fell in which phase."""
    house.offer("small", "python", "numpy", "toy-prefix", pypi=[f"numpy=={NUMPY_VERSION}"])
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": f"{server.url}/{LINKS}"}
    if REAL is None:
        house.use_micromamba(*SLOW)
    server.faults |= {"*python-3*": DOWNLOADS, "*.whl": DOWNLOADS}
    words = house.words("small", source=source, channel=server.url)
    results, chance, fell = house.home / "results", random.Random(times), Counter[str]()
    for point in points(chance, times):
        if point.afresh:
            clear(house.home)
        with cases.case(point):
            since = time.time()
            begun = house.start(*words)
            while begun.poll() is None and not reached(point.phase, house.home, source, since):
                time.sleep(0.01)
            time.sleep(point.seconds)
            kill(begun, chance)
            begun.communicate()
            fell[last_begun(house.home, source, since)] += 1
            house.wait_until_alone()
            assert damage(house.home / "envs") == []
            for report in results.glob("*.json"):
                if report.stat().st_mtime >= since:
                    valid(report.read_text(encoding="utf-8"))
    cases.none_fell()
    done = house.run("small", source=source, channel=server.url)
    assert done.code == 0, done.text
    assert house.row()["verified"]
    assert all(valid(report.read_text(encoding="utf-8")) for report in results.glob("*.json"))
    assert list(results.glob("*.journal")) == []
    return fell
