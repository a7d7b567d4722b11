"""Three states of a stack: run by us on the system, under wine, never."""

from __future__ import annotations

import pytest
from builders import a_spec

from mambench.catalogue.manifest import load_catalogue
from mambench.catalogue.tested import Evidence, evidence
from mambench.system import resources

SPEC = a_spec(tested_on={"linux-64": "2026-11-21", "win-64": "2026-11-27 under wine"})


@pytest.mark.parametrize(
    ("platform", "found", "words"),
    [
        ("linux-64", Evidence("run", "2026-11-21"), "run by us on 2026-11-21"),
        ("win-64", Evidence("wine", "2026-11-27"), "run by us under wine on 2026-11-27"),
        ("osx-arm64", Evidence("never"), "never run by us"),
    ],
)
def test_a_platform_has_its_own_state_and_date(platform: str, found: Evidence, words: str) -> None:
    assert evidence(SPEC, platform) == found
    assert evidence(SPEC, platform).words == words


def test_true_and_false_of_a_users_own_recipe_are_understood() -> None:
    assert evidence(a_spec(tested=True), "linux-64") == Evidence("run")
    assert evidence(a_spec(tested=True), "linux-64").words == ""
    assert evidence(a_spec(tested=False), "linux-64") == Evidence("never")


def test_ours_say_nothing_of_a_system_where_they_do_not_exist() -> None:
    nowhere = resources.root() / "nowhere"
    ours = load_catalogue((resources.benchmarks(), resources.environments()), (nowhere, nowhere)).environments
    assert [spec.name for spec in ours.values() if not set(spec.tested_on) <= set(spec.platforms)] == []
    assert not any(spec.tested and not spec.tested_on for spec in ours.values())
