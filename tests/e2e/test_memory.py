"""What cannot fit in the machine's memory is refused before anything is asked of a source or downloaded."""

from __future__ import annotations

from e2e.driver import Bench

RECIPE = """\
title = "a stack that cannot be made"
kernel = "clean"
devices = ["cpu"]
platforms = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"]
[conda]
channels = ["file:///nowhere"]
packages = ["python"]
"""


def test_where_no_row_fits_no_source_is_asked(alone: Bench):
    (alone.home / "environments").mkdir(parents=True)
    (alone.home / "environments" / "mine.toml").write_text(RECIPE)
    done = alone.call("run", "mine", "--size", "900000", "--yes")
    assert done.code == 3, done.text
    assert "is all that this machine has; try --size" in " ".join(done.err.split())
    reasons = {row["failure"]["reason"] for row in alone.report()["results"]}
    assert reasons == {"memory"}, "not that the channel is missing"


def test_a_row_that_fits_is_measured_beside_one_that_does_not(alone: Bench):
    done = alone.run("--size", "128,900000")
    assert done.code == 4, done.text
    reasons = {row["params"]["n"]: (row["failure"] or {}).get("reason") for row in alone.report()["results"]}
    assert reasons == {128: None, 900000: "memory"}
