"""`%h`, `%j`, `%t` and `%a` in paths: what differs between processes of one command line."""

from __future__ import annotations

import pytest

from mambench.cli.placeholders import filled
from mambench.errors import UsageError
from mambench.model import Launcher

SLURM = Launcher("slurm", "n1", rank=3, tasks=4, job="77")


def fill(path: str | None, launcher: Launcher | None = SLURM) -> str | None:
    return filled(path, launcher, hostname="login.example.org", option="--json")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/out/%h-%j.json", "/out/n1-77.json"),
        ("%t/%h/%%h-%t.json", "3/n1/%h-3.json"),
        ("100%.json", "100%.json"),
        ("%x-%.json", "%x-%.json"),
        ("-", "-"),
        (None, None),
    ],
)
def test_placeholders_are_filled_and_other_per_cents_stay(path: str | None, shown: str | None) -> None:
    assert fill(path) == shown


def test_without_a_launcher_only_the_name_of_the_computer_is_known() -> None:
    assert fill("%h.json", None) == "login.example.org.json"
    for letter in "jta":
        with pytest.raises(UsageError, match=f"%{letter} is .*no scheduler or MPI"):
            fill(f"%{letter}.json", None)
    with pytest.raises(UsageError, match="%a is the index in a job array, and slurm does not tell it"):
        fill("%a.json")


def test_no_value_leaves_its_folder() -> None:
    odd = Launcher("pbs", "../../etc", rank=0, job="5[3].server/x")
    assert fill("out/%h-%j.json", odd) == "out/etc-5-3-.server-x.json"
