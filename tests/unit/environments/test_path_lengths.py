"""Whether a stack's paths fit into what Windows takes; the paths of its packages are a recipe's or assumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import a_spec

from mambench.environments import path_lengths
from mambench.environments.conda import messages as conda_messages
from mambench.environments.path_lengths import longest, require_fitting
from mambench.environments.prefix import Draft, Identity, prefix_of
from mambench.environments.pypi import messages as pypi_messages
from mambench.errors import PathError, ProvisionError, UnavailableError
from mambench.model import CondaRecipe, Package, PypiRecipe, SourceName
from mambench.system.home import Home
from mambench.system.process import Finished

URL = "https://conda.anaconda.org/conda-forge/win-64/pytorch-2.13.0-cpu_mkl_py312_h0123456_100.conda"
TORCH = {"conda": Package("pytorch", "2.13.0", url=URL), "pypi": Package("torch", "2.13.0")}
SPEC = a_spec(
    conda=CondaRecipe(("conda-forge",), ("pytorch",), longest_paths={"pytorch": 171}),
    pypi=PypiRecipe(">=3.11", ("torch",), longest_paths={"torch": 171}),
)


def a_draft(source: SourceName, home: Home, *packages: Package) -> Draft:
    identity = Identity("torch-cpu", source, "win-64", ("torch",), (), "3.12")
    return Draft(SPEC, identity, prefix_of(home, identity), "", "", packages or (TORCH[source],))


def a_home(length: int) -> Home:
    return Home(Path("/" + "h" * (length - 1)), short=True)


def test_the_lock_files_longest_path_counts_where_it_will_lie() -> None:
    home = a_home(40)
    assert longest(a_draft("pypi", home), home) == len(f"{home.root}/e/0123456789/Lib/site-packages/") + 171
    cached = URL.replace("://", "/").removesuffix(".conda")
    assert longest(a_draft("conda", home), home) == len(f"{home.root}/p/{cached}/Lib/site-packages/") + 171
    many = a_draft("pypi", home, TORCH["pypi"], Package("numpy", "2.4.6"))
    assert longest(many, home) == longest(a_draft("pypi", home), home)


def test_one_character_decides_and_is_told_with_the_home_that_would_fit() -> None:
    fitting = longest(a_draft("pypi", a_home(40)), a_home(40))
    assert require_fitting(a_draft("pypi", a_home(40)), a_home(40), fitting)
    with pytest.raises(UnavailableError, match=rf"about {fitting + 1} .* takes {fitting}: .* up to 40 ") as caught:
        require_fitting(a_draft("pypi", a_home(41)), a_home(41), fitting)
    assert caught.value.reason == "source"
    assert "LongPathsEnabled" in caught.value.remedy
    with pytest.raises(UnavailableError, match="no home is short enough"):
        require_fitting(a_draft("conda", a_home(41)), a_home(41), 200)


def test_the_cache_counts_where_it_is_deeper_than_the_prefix() -> None:
    home = replace(a_home(40), short=False)
    shallow = replace(a_draft("pypi", home), prefix=home.root)
    assert longest(shallow, home) == len(f"{home.root}/cache/uv/archive-v0/0123456789abcdef/") + 171


def test_without_a_limit_everything_fits() -> None:
    home = a_home(200)
    assert require_fitting(a_draft("conda", home), home, None)


def test_short_names_are_for_windows() -> None:
    long, short = Home(Path("/h"), short=False), Home(Path("/h"), short=True)
    assert a_draft("pypi", long).prefix.parent == Path("/h/envs")
    assert a_draft("pypi", short).prefix == Path("/h/e") / a_draft("pypi", short).identity.digest
    assert (long.package_cache, long.uv_cache) == (Path("/h/mamba/pkgs"), Path("/h/cache/uv"))
    assert (short.package_cache, short.uv_cache) == (Path("/h/p"), Path("/h/u"))


def ended(stderr: str) -> Finished:
    return Finished(1, "", stderr)


@pytest.mark.parametrize(
    "said",
    [
        "failed to open file: The filename or extension is too long. (os error 206)",
        "failed to copy: The system cannot find the path specified. (os error 3)",
    ],
)
def test_an_installers_failure_of_this_kind_is_told_as_one(said: str) -> None:
    for failure in (
        pypi_messages.failure("install", ended(f"error: {said}"), None, offline=False),
        conda_messages.failure("install", ended(f"critical libmamba {said}"), {}, None),
    ):
        assert isinstance(failure, PathError)
        assert failure.remedy == path_lengths.REMEDY


def test_another_failure_is_not() -> None:
    failure = pypi_messages.failure("install", ended("error: Access is denied. (os error 5)"), None, offline=False)
    assert type(failure) is ProvisionError
