"""A home on a real NFS server, and two computers in it: Linux kernels of their own, which `nfs.py` starts.

With MAMBENCH_TEST_NFS=1 only: they take a quarter of an hour, and need packages that nothing else does.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cluster import nfs
from cluster.nfs import Ended, Guest, Net, Running
from cluster.test_shared_homes import OF_SHORT_LEASES
from reports import valid

MOUNTS = {"v42": "vers=4.2", "v3": "vers=3,nosharecache", "late": "vers=3,nolock,nosharecache,actimeo=60"}
"""Each sees the same export; by default for 3 to 60 s what was known of a file, and for 30 to 60 s of a folder."""

STACK = ("numpy-openblas", "--source", "pypi")
RUN = ("run", *STACK, "--size", "256", "--dtype", "float64", "--yes", "--offline", "--brief")
QUICK = (*RUN, "--preset", "quick")
LONG = (*RUN, "--rounds", "40")

PROGRAM = (sys.executable, "-m", "mambench")
OF_SHORT = (sys.executable, "-c", OF_SHORT_LEASES)

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MAMBENCH_TEST_NFS"), reason="a real NFS: MAMBENCH_TEST_NFS=1 runs it"),
    pytest.mark.timeout(900),
]

_numbers = itertools.count()


class Shared:
    """A home in the export, as the clients see it through one kind of mount."""

    def __init__(self, net: Net, mount: str) -> None:
        self.net, name = net, f"home-{next(_numbers)}"
        self.home, self.on_server = f"/mnt/{mount}/{name}", f"/export/{name}"
        net.server.ask(["cp", "-r", "/rig/kit", self.on_server])

    def start(self, guest: Guest, *words: str, program: Sequence[str] = PROGRAM) -> Running:
        """`mambench` on that computer, in the home."""
        return guest.start(["env", f"MAMBENCH_HOME={self.home}", "MAMBENCH_OTHER_HOMES=ignore", *program, *words])

    def run(self, guest: Guest, *words: str, program: Sequence[str] = PROGRAM) -> tuple[int, str]:
        """The same, to its end: the exit code and all that it printed."""
        return told(self.start(guest, *words, program=program).wait())

    def wait_for(self, pattern: str) -> str:
        """Until such a file lies in the home."""
        return self.net.server.wait_for(f"{self.on_server}/{pattern}")

    def names(self, pattern: str) -> list[str]:
        """The names of such files in the home, as the server has them."""
        paths = self.net.server.run(["bash", "-c", f"compgen -G '{self.on_server}/{pattern}'"]).out.split()
        return sorted(Path(path).name for path in paths)

    def reports(self) -> list[dict[str, Any]]:
        """All reports in the home, valid ones."""
        paths = [f"{self.on_server}/results/{name}" for name in self.names("results/*.json")]
        return [valid(self.net.server.ask(["cat", path])) for path in paths]


def told(ended: Ended) -> tuple[int, str]:
    """The exit code and what was printed, each run of blanks as one."""
    return ended.code, " ".join((ended.err + ended.out).split())


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """The computers, and what an offline run needs at /rig/kit."""
    assert not (problem := nfs.missing()), problem
    with nfs.net() as started:
        kit = tmp_path_factory.mktemp("kit")
        environ = {**os.environ, "MAMBENCH_OTHER_HOMES": "ignore"}
        fetch = [*PROGRAM, "fetch", *STACK, "--yes", "--home", str(kit)]
        subprocess.run(fetch, env=environ, check=True, capture_output=True)
        for name in ("kit", "tools"):
            shutil.copytree(kit / name, started.shared / "kit" / name)
        for mount, options in MOUNTS.items():
            started.mount(f"/mnt/{mount}", options)
        yield started


@pytest.fixture(params=MOUNTS)
def shared(net: Net, request: pytest.FixtureRequest) -> Shared:
    """A home for each kind of mount."""
    return Shared(net, request.param)


@pytest.fixture
def home(net: Net) -> Shared:
    """A home on NFS 4.2."""
    return Shared(net, "v42")


def test_one_makes_what_is_missing_and_the_other_waits_and_uses_it(shared: Shared) -> None:
    outcomes = [told(each.wait()) for each in [shared.start(guest, *QUICK) for guest in shared.net.clients]]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    texts = [text for _, text in outcomes]
    assert sum("waiting for the mambench that makes numpy-openblas (pid " in text for text in texts) == 1, texts
    assert sum("nothing to download" in text for text in texts) == 1, texts
    assert all(f"{name}: 1 row ok, verified" in text for name, text in zip("ab", texts, strict=True)), texts
    reports = shared.reports()
    assert sorted(each["machine"]["hostname"] for each in reports) == ["a", "b"]
    assert {(each["complete"], each["results"][0]["verified"]) for each in reports} == {(True, True)}
    assert shared.names("mutexes/*.present") == shared.names("mutexes/*.mutex") == []


def test_an_environment_that_was_just_looked_for_in_vain_is_used_once_another_computer_made_it(shared: Shared) -> None:
    a, b = shared.net.clients
    first = shared.start(a, "env", "create", *STACK, "--yes", "--offline")
    prefix = Path(shared.wait_for("envs/numpy-openblas-*/pyvenv.cfg")).parent.name
    marker = f"{shared.home}/envs/{prefix}/mambench-marker.json"
    assert b.run(["test", "-e", marker]).code == 1
    assert first.wait().code == 0
    assert b.run(["test", "-e", marker]).code == 1, "nothing is late here: this test shows nothing"
    code, text = shared.run(b, *QUICK)
    assert code == 0 and "nothing to download" not in text and "b: 1 row ok, verified" in text, text


def test_what_another_computer_removed_is_made_anew(shared: Shared) -> None:
    a, b = shared.net.clients
    assert shared.run(a, *QUICK)[0] == 0
    code, text = shared.run(b, "env", "remove", "numpy-openblas")
    assert code == 0, text
    assert shared.names("envs/*/") == []
    code, text = shared.run(a, *QUICK)
    assert code == 0 and "a: 1 row ok, verified" in text, text
    code, text = shared.run(b, "env", "check", "--full")
    assert code == 0 and "ok" in text, text


def test_nothing_is_removed_while_another_computer_measures(home: Shared) -> None:
    a, b = home.net.clients
    assert home.run(a, *QUICK)[0] == 0
    first = home.start(a, *LONG)
    home.wait_for("results/*-a-*.journal")
    for words in (("env", "remove", "numpy-openblas"), ("results", "remove", "latest"), ("doctor", "--clean")):
        code, text = home.run(b, *words)
        assert code == 5 and "another mambench is at work in" in text, text
    assert home.run(b, "env", "check")[0] == 0
    code, text = home.run(b, *QUICK)
    assert code == 0 and "waiting" not in text, text
    assert not first.is_over, "a was to measure meanwhile"
    first.signal("TERM")
    assert first.wait().code == 143
    code, text = home.run(b, "env", "remove", "numpy-openblas")
    assert code == 0, text


def test_the_other_computers_results_are_listed_at_once(home: Shared) -> None:
    a, b = home.net.clients
    assert home.run(b, "results")[0] == 0
    for guest, other in ((a, b), (b, a)):
        assert home.run(guest, *QUICK)[0] == 0
        newest = max(home.reports(), key=lambda report: str(report["created"]))["run_id"][:8]
        assert newest in home.run(other, "results")[1]
    code, text = home.run(a, "report", newest, "--json")
    assert code == 0 and json.loads(text)["machine"]["hostname"] == "b"


def test_a_computer_goes_on_where_the_maker_was_killed(shared: Shared) -> None:
    a, b = shared.net.clients
    first = shared.start(a, *QUICK, program=OF_SHORT)
    shared.wait_for("envs/numpy-openblas-*/pyvenv.cfg")
    second = shared.start(b, *QUICK, program=OF_SHORT)
    first.signal("KILL")
    code, text = told(second.wait())
    assert code == 0 and "b: 1 row ok, verified" in text, text
    assert [each["machine"]["hostname"] for each in shared.reports() if each["results"]] == ["b"]


def test_the_next_run_of_a_computer_does_not_wait_for_its_own_killed_one(home: Shared) -> None:
    a = home.net.a
    first = home.start(a, *QUICK)
    home.wait_for("envs/numpy-openblas-*/pyvenv.cfg")
    first.signal("KILL")
    first.wait()
    second = home.start(a, *QUICK)
    code, text = told(second.wait(timeout_seconds=100))
    assert code == 0 and "a: 1 row ok, verified" in text, text


def test_a_computer_whose_network_was_cut_does_not_go_on_as_if_it_held_the_lock(home: Shared) -> None:
    a, b = home.net.clients
    first = home.start(a, *QUICK, program=OF_SHORT)
    home.wait_for("envs/numpy-openblas-*/pyvenv.cfg")
    with home.net.cut_off(a):
        code, text = home.run(b, *QUICK, program=OF_SHORT)
    assert code == 0 and "b: 1 row ok, verified" in text, text
    code, text = told(first.wait())
    assert code != 0 and "another computer took over" in text, text
    code, text = home.run(b, "env", "check", "--full")
    assert code == 0, text


def test_runs_outlast_a_restart_of_the_server(home: Shared) -> None:
    assert home.run(home.net.a, "env", "create", *STACK, "--yes", "--offline")[0] == 0
    started = [home.start(guest, *RUN, "--preset", "quick", "--rounds", "5") for guest in home.net.clients]
    for name in "ab":
        home.wait_for(f"results/*-{name}-*.journal")
    home.net.server.ask(["sh", "-c", "rpc.nfsd 0 && sleep 5 && rpc.nfsd 8"])
    outcomes = [told(each.wait()) for each in started]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    assert [len(each["results"][0]["rounds"]) for each in home.reports()] == [5, 5]
