"""Killed or interrupted at any point: no process lives on, the prefix is never half there, the next run works."""

from __future__ import annotations

import random
import re
import signal
import time
from pathlib import Path

import pytest

from environments.house import REAL, House, finish, needs_standin, wait_for
from promises import Cases
from standin.server import ChannelServer, Fault

pytestmark = pytest.mark.promise("killed")

SLOW = ("extract-delay=0.3", "link-delay=0.25")
WHOLE_SECONDS = 4.5 if REAL is None else 2.0
"""Points at which to kill are spread over so long: from before the solving to after the last package."""


def lengths() -> list[object]:
    return [10, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]


@pytest.mark.parametrize("times", lengths())
def test_killed_at_any_point_it_is_made_whole_by_the_next_run(
    house: House, server: ChannelServer, times: int, cases: Cases
):
    house.offer("small", "python", "toy-bz2", "toy-entry", "toy-prefix")
    words = ["env", "create", "small", "--source", "conda", "--channel", server.url, "--yes"]
    if REAL is None:
        house.use_micromamba(*SLOW)
    server.faults["*python-3*"] = Fault(bytes_per_second=40e6)
    chance = random.Random(times)
    for each in range(times):
        seconds = WHOLE_SECONDS * (each + chance.random()) / times
        if each % 3 == 0:
            house.call("env", "remove", "--all")
        with cases.case(f"killed after {seconds:.3f} s"):
            begun = house.start(*words)
            time.sleep(seconds)
            begun.send_signal(signal.SIGKILL)
            begun.communicate()
            house.wait_until_alone()
            ready = house.call("env", "path", "small")
            if ready.code == 0:
                assert works(house)
                house.call("env", "remove", "small")
    cases.none_fell()
    house.use_micromamba()
    server.faults.clear()
    done = house.call(*words)
    assert done.code == 0, done.text
    assert works(house)


def works(house: House) -> bool:
    """Whether the environment holds all that its lock names."""
    (prefix,) = house.prefixes()
    lock = prefix.with_suffix(".lock").read_text().splitlines()[1:]
    stems = {re.sub(r"(\.conda|\.tar\.bz2)$", "", line.partition("#")[0].rpartition("/")[2]) for line in lock}
    assert {path.stem for path in (prefix / "conda-meta").glob("*.json")} == stems
    entry = house.call("env", "exec", "small", "--", "toy-entry")
    return "toy-entry in" in entry.out and entry.code == 0


def growing(house: House) -> bool:
    return bool(house.archives())


def extracting(house: House) -> bool:
    return bool(list((house.home / "mamba" / "pkgs").glob("**/python-3*/lib")))


def linking(house: House) -> bool:
    return bool(list((house.home / "envs").glob("*/conda-meta/*.json")))


def solving(house: House) -> bool:
    return bool(house.calls())


PHASES = {
    "solving": (solving, ("solve-delay=5",), None),
    "downloading": (growing, (), Fault(bytes_per_second=1e6)),
    "extracting": (extracting, ("extract-delay=5",), None),
    "linking": (linking, ("link-delay=3",), None),
}


@needs_standin
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_each_phase(house: House, server: ChannelServer, phase: str, number: signal.Signals):
    reached, knobs, fault = PHASES[phase]
    house.use_micromamba(*knobs)
    if fault is not None:
        server.faults["*python-3*"] = fault
    house.offer("small", "python", "toy-bz2")
    begun = house.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    wait_for(lambda: reached(house))
    time.sleep(0.2)
    begun.send_signal(number)
    done = finish(begun)
    assert done.code == 128 + number, done.text
    assert done.seconds < 2
    house.wait_until_alone(1.0)
    assert house.prefixes() == []
    assert leftovers(house) == []


def test_interrupted_download_of_any_micromamba(house: House, server: ChannelServer):
    server.faults["*python-3*"] = Fault(bytes_per_second=1e6)
    house.offer("small", "python", "toy-bz2")
    begun = house.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    wait_for(lambda: growing(house))
    time.sleep(0.2)
    begun.send_signal(signal.SIGINT)
    done = finish(begun)
    assert done.code == 130, done.text
    assert done.seconds < 2
    house.wait_until_alone(1.0)
    assert house.prefixes() == []
    assert leftovers(house) == []


def test_interrupted_run_keeps_a_report(house: House, server: ChannelServer):
    server.faults["*python-3*"] = Fault(bytes_per_second=1e6)
    words = ["run", "numpy-openblas", "--source", "conda", "--channel", server.url, "--preset", "quick", "--yes"]
    begun = house.start(*words)
    wait_for(lambda: growing(house))
    begun.send_signal(signal.SIGINT)
    done = finish(begun)
    assert done.code == 130, done.text
    assert house.report()["complete"] is False


def test_waiting_for_another_mambench_can_be_interrupted(house: House, server: ChannelServer):
    server.faults["*python-3*"] = Fault(bytes_per_second=1e6)
    house.offer("small", "python")
    words = ["env", "create", "small", "--source", "conda", "--channel", server.url, "--yes"]
    first = house.start(*words)
    wait_for(lambda: growing(house))
    second = house.start(*words)
    wait_for(lambda: len(house.calls()) == 3)
    time.sleep(1.0)
    second.send_signal(signal.SIGINT)
    done = finish(second)
    assert done.code == 130
    assert done.seconds < 2
    assert first.poll() is None
    server.faults.clear()
    first.send_signal(signal.SIGINT)
    assert finish(first).seconds < 2


def leftovers(house: House) -> list[Path]:
    """What lies in the home's folder for temporary files, micromamba's own empty ones apart."""
    found = (house.home / "tmp").iterdir()
    return [path for path in found if not (path.name.startswith("mamba") and path.stat().st_size == 0)]
