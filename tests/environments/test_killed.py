"""Killed or interrupted at any point: no process lives on, the prefix is never half there, the next run works."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from environments.house import House, finish, needs_standin, wait_for
from environments.kills import killed_anywhere
from phases import ORDER
from promises import Cases
from standin.server import ChannelServer, Fault

pytestmark = pytest.mark.promise("killed")


def lengths() -> list[object]:
    return [8, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]


@pytest.mark.parametrize("source", ["conda", "pypi"])
@pytest.mark.parametrize("times", lengths())
def test_killed_at_any_point_it_leaves_no_process_and_no_damage(
    house: House, server: ChannelServer, source: str, times: int, cases: Cases
):
    fell = killed_anywhere(house, server, source, times, cases)
    assert times < 200 or all(fell[phase] > 5 for phase in ORDER), fell


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
