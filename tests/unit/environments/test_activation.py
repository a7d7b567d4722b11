"""What a child's environment holds: for every platform, told on this one."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from mambench.environments.activation import (
    THREAD_VARIABLES,
    activated,
    allowed,
    inherited,
    python_in,
    search_path,
    with_path,
)

PLATFORMS = ("linux-64", "osx-arm64", "win-64")
PREFIX, PRIVATE, TEMPORARY = Path("/home-of-it/envs/x"), Path("/home-of-it/private"), Path("/home-of-it/tmp")

FORBIDDEN = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "CONDA_PREFIX",
    "CONDA_CHANNELS",
    "MAMBA_ROOT_PREFIX",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "XLA_FLAGS",
    "NVIDIA_TF32_OVERRIDE",
    "OPENBLAS_CORETYPE",
    "MKL_INTERFACE_LAYER",
    "_PYI_ARCHIVE_FILE",
    "_PYI_APPLICATION_HOME_DIR",
    "VIRTUAL_ENV",
    "SECRET_TOKEN",
)
KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_NUMERIC",
    "TZ",
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "ALL_PROXY",
    "all_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CUDA_VISIBLE_DEVICES",
    "SLURM_JOB_ID",
    "SLURM_CPUS_PER_TASK",
    *THREAD_VARIABLES,
)


def a_child(platform: str, environ: dict[str, str], **options: object) -> dict[str, str]:
    return activated(
        platform,
        environ,
        prefix=PREFIX,
        private=PRIVATE,
        temporary=TEMPORARY,
        **options,  # type: ignore[arg-type]
    )


def test_windows_search_path_has_the_order_of_libmamba() -> None:
    prefix = PureWindowsPath(r"C:\Users\José\My benchmarks\envs\x")
    assert search_path("win-64", prefix) == [
        r"C:\Users\José\My benchmarks\envs\x",
        r"C:\Users\José\My benchmarks\envs\x\Library\mingw-w64\bin",
        r"C:\Users\José\My benchmarks\envs\x\Library\usr\bin",
        r"C:\Users\José\My benchmarks\envs\x\Library\bin",
        r"C:\Users\José\My benchmarks\envs\x\Scripts",
        r"C:\Users\José\My benchmarks\envs\x\bin",
    ]


@pytest.mark.parametrize("platform", ["linux-64", "linux-aarch64", "osx-64", "osx-arm64"])
def test_elsewhere_the_search_path_is_bin(platform: str) -> None:
    assert search_path(platform, PurePosixPath("/a b/envs/x")) == ["/a b/envs/x/bin"]


def test_python_lies_at_the_top_of_a_conda_prefix_on_windows() -> None:
    assert python_in("win-64", Path("x"), source="conda") == Path("x/python.exe")
    assert python_in("win-64", Path("x"), source="pypi") == Path("x/Scripts/python.exe")
    assert python_in("linux-64", Path("x"), source="conda") == python_in("osx-64", Path("x"), source="pypi")
    assert python_in("linux-64", Path("x"), source="conda") == Path("x/bin/python")


@pytest.mark.parametrize("spelling", ["Path", "PATH", "path"])
def test_windows_keeps_the_one_name_that_path_has(spelling: str) -> None:
    child = with_path("win-64", {spelling: r"C:\Windows"}, ["a", "b"])
    assert child == {spelling: r"a;b;C:\Windows"}


def test_path_of_another_case_is_another_variable_on_posix() -> None:
    child = with_path("linux-64", {"Path": "mine", "PATH": "/usr/bin"}, ["/x/bin"])
    assert child == {"Path": "mine", "PATH": "/x/bin:/usr/bin"}


def test_an_absent_path_leaves_no_empty_entry() -> None:
    """An empty entry is the current folder."""
    assert with_path("linux-64", {}, ["/x/bin"]) == {"PATH": "/x/bin"}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_changes_a_measurement_does_not_reach_the_child(platform: str, name: str) -> None:
    assert name not in allowed(platform, {name: "x"})
    assert name not in a_child(platform, {name: "x"})


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", KEPT)
def test_the_system_proxies_and_limits_reach_the_child(platform: str, name: str) -> None:
    assert allowed(platform, {name: "x"}) == {name: "x"}


@pytest.mark.parametrize("name", ["SystemRoot", "ComSpec", "PATHEXT", "windir", "NUMBER_OF_PROCESSORS"])
def test_windows_variables_are_kept_in_any_case_and_only_there(name: str) -> None:
    assert allowed("win-64", {name: "x"}) == {name: "x"}
    assert allowed("linux-64", {name: "x"}) == {}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_private_folder_lies_inside_the_home(platform: str) -> None:
    outside = dict.fromkeys(
        (
            *("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "TMPDIR"),
            *("KERAS_HOME", "CUDA_CACHE_PATH", "CUPY_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"),
            "MPLCONFIGDIR",
        ),
        "/outside",
    )
    if platform == "win-64":
        outside |= dict.fromkeys(("USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP"), "/outside")
    child = a_child(platform, outside)
    for name in outside:
        assert Path(child[name]).is_relative_to("/home-of-it"), name
    assert Path(child["HOME"]) == PRIVATE / "home"
    assert child["TMPDIR"] == str(TEMPORARY)


def test_windows_has_its_own_names_for_home_and_temp() -> None:
    child = a_child("win-64", {})
    assert child["USERPROFILE"] == child["HOME"]
    assert child["TEMP"] == child["TMP"] == str(TEMPORARY)
    assert not {"USERPROFILE", "TEMP"} & a_child("linux-64", {}).keys()


def test_the_recipe_beats_the_user_and_path_comes_last() -> None:
    child = a_child("linux-64", {"PATH": "/usr/bin", "LANG": "C"}, variables={"LANG": "xx", "MKL_X": "1"})
    assert (child["LANG"], child["MKL_X"]) == ("xx", "1")
    assert child["PATH"] == "/home-of-it/envs/x/bin:/usr/bin"


def an_inherited(environ: dict[str, str]) -> dict[str, str]:
    return inherited(environ, private=PRIVATE, temporary=TEMPORARY)


def test_an_existing_python_keeps_the_users_environment_except_caches() -> None:
    child = an_inherited({"PYTHONUSERBASE": "/u", "HOME": "/me", "KERAS_HOME": "/me/.keras", "TMPDIR": "/t"})
    assert (child["PYTHONUSERBASE"], child["HOME"]) == ("/u", "/me")
    assert Path(child["KERAS_HOME"]) == PRIVATE / "cache/keras"
    assert child["TMPDIR"] == str(TEMPORARY)


def test_an_existing_python_gets_back_what_the_bootloader_replaced() -> None:
    child = an_inherited({"LD_LIBRARY_PATH": "/bundle:/mine", "LD_LIBRARY_PATH_ORIG": "/mine", "_PYI_X": "1"})
    assert child["LD_LIBRARY_PATH"] == "/mine"
    assert not {"LD_LIBRARY_PATH_ORIG", "_PYI_X"} & child.keys()


def test_a_library_path_that_only_the_bootloader_set_is_dropped() -> None:
    child = an_inherited({"LD_LIBRARY_PATH": "/bundle", "_PYI_APPLICATION_HOME_DIR": "/bundle"})
    assert "LD_LIBRARY_PATH" not in child


def test_a_library_path_of_the_user_stays_where_nothing_is_frozen() -> None:
    assert an_inherited({"LD_LIBRARY_PATH": "/mine"})["LD_LIBRARY_PATH"] == "/mine"
