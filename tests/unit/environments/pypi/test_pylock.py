"""What a pylock.toml names, and that no login is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.environments.pypi.pylock import (
    is_same,
    made_with,
    packages_in,
    portable,
    pythons_of,
    urls_in,
    without_wheels,
)
from mambench.environments.pypi.target import Target

LOCK = """\
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11"

[[packages]]
name = "numpy"
version = "2.4.6"
index = "https://example.org/simple"
wheels = [{ url = "https://me:secret@example.org/numpy.whl", size = 123, hashes = { sha256 = "aa" } }]

[[packages]]
name = "source-only"
version = "1.0"
sdist = { url = "https://example.org/source.tar.gz", hashes = { sha256 = "bb" } }

[[packages]]
name = "torch"
version = "2.13.0+cpu"
archive = { path = "/wheels/torch 1.whl", hashes = { sha256 = "cc" } }

[[packages]]
name = "bare"
"""


def test_the_packages_of_a_lock_have_all_that_it_tells() -> None:
    numpy, source, torch, bare = packages_in(LOCK)
    assert (numpy.name, numpy.version, numpy.size_bytes, numpy.sha256) == ("numpy", "2.4.6", 123, "aa")
    assert numpy.channel == "https://example.org/simple"
    assert (source.url, source.size_bytes, source.sha256) == ("https://example.org/source.tar.gz", None, "bb")
    assert (torch.version, torch.url) == ("2.13.0+cpu", Path("/wheels/torch 1.whl").resolve().as_uri())
    assert (bare.version, bare.url) == ("", None)


def test_packages_show_no_login_but_sizes_are_asked_with_it() -> None:
    assert packages_in(LOCK)[0].url == "https://***@example.org/numpy.whl"
    assert urls_in(LOCK) == [
        "https://me:secret@example.org/numpy.whl",
        "https://example.org/source.tar.gz",
        None,
        None,
    ]


def test_a_lock_without_packages_has_none() -> None:
    assert packages_in('lock-version = "1.0"') == ()


def a_lock(*wheels: str, python: str = ">=3.11.7", **more: str) -> str:
    lines = ['lock-version = "1.0"', f'requires-python = "{python}"', "[[packages]]", 'name = "toy"', 'version = "1"']
    lines += [f'{name} = "{text}"' for name, text in more.items()]
    files = (f'{{ url = "https://example.org/{wheel}", hashes = {{ sha256 = "aa" }} }}' for wheel in wheels)
    return "\n".join([*lines, f"wheels = [{', '.join(files)}]"]) + "\n"


def test_any_patch_version_of_its_python_will_do() -> None:
    lock = a_lock("toy-1-cp311-cp311-manylinux_2_28_x86_64.whl")
    assert 'requires-python = ">=3.11"' in portable(lock)
    assert portable(portable(lock)) == portable(lock)
    assert (made_with(lock), made_with(portable(lock))) == ("3.11.7", "")
    assert is_same(lock, portable(lock)) and not is_same(lock, LOCK)
    kept = a_lock("toy-1-py3-none-any.whl", python=">=3.10,<3.13")
    assert portable(kept) == kept


@pytest.mark.parametrize(
    ("wheels", "platform", "pythons"),
    [
        (("toy-1-cp311-cp311-manylinux_2_28_x86_64.whl",), "linux-64", ["3.11"]),
        (("toy-1-cp311-cp311-manylinux_2_28_x86_64.whl",), "linux-aarch64", []),
        (("toy-1-cp311-cp311-win_amd64.whl", "toy-1-cp312-cp312-macosx_11_0_arm64.whl"), "osx-arm64", ["3.12"]),
        (("toy-1-cp310-cp310-win_amd64.whl",), "win-64", []),
        (("toy-1-cp39-abi3-macosx_11_0_universal2.whl",), "osx-64", [f"3.{minor}" for minor in range(11, 20)]),
        (("toy-1-py3-none-any.whl",), "win-64", [f"3.{minor}" for minor in range(11, 20)]),
        (("toy-1-cp311-cp311-musllinux_1_2_x86_64.whl",), "linux-64", []),
        (("toy-1.tar.gz",), "linux-64", []),
    ],
)
def test_the_pythons_of_a_lock_are_those_of_its_wheels(
    wheels: tuple[str, ...], platform: str, pythons: list[str]
) -> None:
    lock = a_lock(*wheels)
    assert pythons_of(lock, platform) == pythons
    assert without_wheels(lock, platform) == ([] if pythons or "cp310" in wheels[0] else ["toy"])


def test_of_several_wheels_the_one_for_the_target_is_told() -> None:
    lock = a_lock("toy-1-cp311-cp311-win_amd64.whl", "toy-1-cp311-cp311-manylinux_2_28_x86_64.whl")
    (package,) = packages_in(lock, Target("linux-64", "3.11"))
    assert package.url == "https://example.org/toy-1-cp311-cp311-manylinux_2_28_x86_64.whl"


@pytest.mark.parametrize(("platform", "count"), [("win-64", 1), ("linux-64", 0), ("osx-arm64", 0)])
def test_what_is_for_another_platform_is_no_package_of_this(platform: str, count: int) -> None:
    lock = a_lock("toy-1-py3-none-any.whl", marker="sys_platform == 'win32' and python_version >= '3.11'")
    assert len(packages_in(lock, Target(platform, "3.11"))) == count
