"""A lock file as a recipe: which source takes it, for which platform and python, and in which prefix."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import a_spec

from mambench.environments import locks
from mambench.environments.prefix import pins
from mambench.errors import MambenchError, ProvisionError, UnavailableError, UsageError

EXPLICIT = (
    "# by conda\n@EXPLICIT\r\nhttps://e.org/c/linux-64/python-3.12.7-0.conda\nhttps://e.org/c/noarch/a-1-0.conda\n"
)
PYLOCK = """\
lock-version = "1.0"
requires-python = ">=3.12.7"
[[packages]]
name = "numpy"
version = "2.4.5"
wheels = [{ url = "https://e.org/numpy-2.4.5-cp312-cp312-manylinux_2_28_x86_64.whl", hashes = { sha256 = "aa" } }]
"""
OTHERS = ["version: 6\n", "numpy==2.4.6\n", "{}", "", "[project]\nname = 'x'\n", "name: lab\ndependencies: [python]\n"]


def test_each_kind_has_its_source() -> None:
    assert locks.source_of(EXPLICIT, name="x") == "conda"
    assert locks.source_of(PYLOCK, name="x") == "pypi"


@pytest.mark.parametrize("text", OTHERS)
def test_other_kinds_are_refused_with_those_that_are_taken(text: str) -> None:
    with pytest.raises(UsageError, match=r"my\.lock is no lock file .*@EXPLICIT.*pylock\.toml") as caught:
        locks.source_of(text, name="my.lock")
    assert "uv export" in caught.value.remedy


def test_the_platform_is_that_of_the_packages() -> None:
    assert locks.python_of(EXPLICIT, "conda", "linux-64") == ""
    assert locks.python_of(PYLOCK, "pypi", "linux-64") == "==3.12.*"
    for text, source, words in (
        (EXPLICIT, "conda", "is for linux-64, this is win-64"),
        (PYLOCK, "pypi", "no wheel of numpy for win-64"),
    ):
        with pytest.raises(UnavailableError, match=words) as caught:
            locks.python_of(text, source, "win-64")  # type: ignore[arg-type]
        assert caught.value.reason == "platform"


def test_the_pythons_of_wheels_for_all_of_them_are_those_that_the_lock_file_takes() -> None:
    lock = PYLOCK.replace("cp312-cp312-manylinux_2_28_x86_64", "py3-none-any").replace(">=3.12.7", ">=3.11,<3.14")
    assert locks.python_of(lock, "pypi", "osx-arm64") == ">=3.11,<3.14"


def test_a_stack_made_of_a_lock_file_has_one_source_and_a_prefix_of_its_own() -> None:
    spec = a_spec()
    made = locks.with_lock(spec, "conda", EXPLICIT, python="", channels=["c"], variables={"A": "1"})
    assert made.sources == ("conda",) and made.conda is not None and spec.conda is not None
    assert (made.conda.channels, made.conda.variables.on("linux-64")) == (("c",), {"A": "1"})
    assert made.conda.lock.splitlines()[0] == "@EXPLICIT", "comments are no part of it"
    assert pins(made.conda) != pins(spec.conda) == spec.conda.packages
    other = locks.with_lock(spec, "conda", EXPLICIT.replace("a-1-0", "a-2-0"), python="")
    assert other.conda is not None and pins(other.conda) != pins(made.conda)
    assert other.conda.channels == spec.conda.channels
    pypi = locks.with_lock(spec, "pypi", PYLOCK, python="==3.12.*")
    assert pypi.sources == ("pypi",) and pypi.pypi is not None and pypi.pypi.python == "==3.12.*"
    assert locks.hosts(made) == locks.hosts(pypi) == "e.org"


def test_what_the_kernel_needs_has_to_be_there_in_whatever_version() -> None:
    locks.require_named(a_spec(), PYLOCK, "pypi", platform="linux-64")
    with pytest.raises(ProvisionError, match="names no numpy, which numpy-openblas needs"):
        locks.require_named(a_spec(), EXPLICIT, "conda", platform="linux-64")


@pytest.mark.parametrize("text", ["@EXPLICIT\n", "@EXPLICIT\nnonsense\n", 'lock-version = "1.0"\npackages = 3\n'])
def test_a_damaged_one_is_an_error_in_words(text: str) -> None:
    with pytest.raises(MambenchError) as caught:
        locks.python_of(text, locks.source_of(text, name="x"), "linux-64")
    assert caught.value.remedy


def test_a_page_leads_to_the_report_beside_it(tmp_path: Path) -> None:
    from mambench.report import library

    (tmp_path / "a.html").write_text("<html>")
    assert library.find(str(tmp_path / "a.html"), tmp_path) == tmp_path / "a.html"
    (tmp_path / "a.json").write_text("{}")
    assert library.find(str(tmp_path / "a.html"), tmp_path) == tmp_path / "a.json"
