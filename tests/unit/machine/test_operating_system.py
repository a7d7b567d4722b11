"""How an operating system is named, to a person and to conda."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from fake_computer import tree

from mambench.machine import calls
from mambench.machine.operating_system import conda_platform, firmware, kernel_release, os_words


@pytest.mark.parametrize(
    ("system", "architecture", "expected"),
    [
        ("Linux", "x86_64", "linux-64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Linux", "arm64", "linux-aarch64"),
        ("Linux", "ppc64le", "linux-ppc64le"),
        ("Darwin", "x86_64", "osx-64"),
        ("Darwin", "arm64", "osx-arm64"),
        ("Windows", "AMD64", "win-64"),
        ("Windows", "ARM64", "win-arm64"),
        ("FreeBSD", "amd64", "freebsd-64"),
    ],
)
def test_platforms_are_named_as_conda_names_them(system: str, architecture: str, expected: str) -> None:
    assert conda_platform(system, architecture) == expected


def test_linux_is_named_with_its_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, {"proc/sys/kernel/osrelease": "6.1.0-18-amd64\n"})
    pretty = {"PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: pretty)
    assert os_words("Linux", root=tmp_path) == "Debian GNU/Linux 12 (bookworm), kernel 6.1"


def test_linux_without_os_release_still_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, str]:
        raise OSError("no os-release")

    tree(tmp_path, {"proc/sys/kernel/osrelease": "5.15\n"})
    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    assert os_words("Linux", root=tmp_path) == "Linux, kernel 5.15"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"CurrentBuildNumber": "22631", "ProductName": "Windows 10 Pro", "DisplayVersion": "23H2"},
            "Windows 11 23H2 (22631)",
        ),
        ({"CurrentBuildNumber": "19045", "DisplayVersion": "22H2"}, "Windows 10 22H2 (19045)"),
        (
            {"CurrentBuildNumber": "20348", "ProductName": "Windows Server 2022 Standard"},
            "Windows Server 2022 Standard (20348)",
        ),
    ],
)
def test_windows_is_named_by_its_build(values: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "registry", lambda _key, name: values.get(name))
    assert os_words("Windows") == expected


def test_macos_is_named_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    assert os_words("Darwin") == "macOS 15.1"


def test_the_kernel_of_linux_is_told_whole(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/sys/kernel/osrelease": "5.14.0-427.31.1.el9_4.x86_64\n"})
    assert kernel_release("Linux", root=tmp_path) == "5.14.0-427.31.1.el9_4.x86_64"


@pytest.mark.parametrize(("update", "expected"), [(4317, "10.0.22631.4317"), (None, "10.0.22631")])
def test_the_kernel_of_windows_has_the_number_of_its_update(
    update: int | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "version", lambda: "10.0.22631")
    monkeypatch.setattr(calls, "registry", lambda _key, name: update if name == "UBR" else None)
    assert kernel_release("Windows") == expected


def test_the_kernel_of_others_is_what_python_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "release", lambda: "24.1.0")
    assert kernel_release("Darwin") == "24.1.0"
    monkeypatch.setattr(platform, "release", lambda: "")
    assert kernel_release("Darwin") is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"version": "2.19.1\n", "date": "06/04/2024\n"}, "2.19.1 (06/04/2024)"),
        ({"version": "2.19.1\n"}, "2.19.1"),
        ({"version": "\n", "date": "06/04/2024\n"}, None),
        ({}, None),
    ],
)
def test_firmware_of_linux_is_the_bios(tmp_path: Path, told: dict[str, str], expected: str | None) -> None:
    tree(tmp_path, {f"sys/class/dmi/id/bios_{name}": text for name, text in told.items()})
    assert firmware("Linux", root=tmp_path) == expected


def test_firmware_of_windows_is_in_its_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"BIOSVersion": "P3.40", "BIOSReleaseDate": "01/18/2024"}
    keys = []
    monkeypatch.setattr(calls, "registry", lambda key, name: keys.append(key) or told.get(name))
    assert firmware("Windows") == "P3.40 (01/18/2024)"
    assert set(keys) == {r"HARDWARE\DESCRIPTION\System\BIOS"}
    monkeypatch.setattr(calls, "registry", lambda _key, _name: None)
    assert firmware("Windows") is None and firmware("Darwin") is None
