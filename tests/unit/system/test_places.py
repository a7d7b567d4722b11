"""Which folders are synced to a cloud, and which lie on another machine."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from mambench.system import places


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        (r"C:\Users\José\OneDrive\Desktop", "OneDrive"),
        (r"D:\OneDrive - Firm\Downloads", "OneDrive"),
        (r"E:\Mine\tools", "OneDrive"),
        (r"C:\Users\José\iCloudDrive\x", "iCloud Drive"),
        (r"C:\Users\José\Downloads", None),
        (r"C:\OneDriveless", None),
    ],
)
def test_synced_folders_of_windows_are_known(folder: str, service: str | None) -> None:
    assert places.synced_by(PureWindowsPath(folder), {"OneDriveCommercial": r"E:\Mine", "OneDrive": ""}) == service


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("/Users/j/Library/Mobile Documents/com~apple~CloudDocs/x", "iCloud Drive"),
        ("/Users/j/Library/CloudStorage/OneDrive-Firm/x", "OneDrive"),
        ("/Users/j/Library/CloudStorage/Dropbox", "Dropbox"),
        ("/Users/j/Downloads", None),
        ("/home/j/OneDrive", None),
    ],
)
def test_synced_folders_of_macos_are_known(folder: str, service: str | None) -> None:
    assert places.synced_by(PurePosixPath(folder), {}) == service


@pytest.mark.skipif(sys.platform == "win32", reason="a rule of macOS, for paths of its kind")
def test_the_desktop_may_be_in_icloud(tmp_path: Path) -> None:
    desktop = tmp_path / "Desktop" / "mambench"
    assert places.synced_by(desktop, {}, user=tmp_path) is None
    (tmp_path / "Library/Mobile Documents/com~apple~CloudDocs/Desktop").mkdir(parents=True)
    assert places.synced_by(desktop, {}, user=tmp_path) == "iCloud Drive"
    assert places.synced_by(tmp_path / "Documents", {}, user=tmp_path) is None


@pytest.mark.parametrize(
    ("path", "unc"), [(r"\\server\share\x", True), ("//server/share", True), (r"\\?\C:\x", False), (r"C:\x", False)]
)
def test_a_share_is_told_from_a_drive(path: str, unc: bool) -> None:
    assert places.is_unc(path) is unc
