"""Which report a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.errors import ReportError
from mambench.report import library

FIRST, SECOND = "20261121T100000Z-host-0123abcd", "20261122T100000Z-a-host-0456abcd"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for stem in (SECOND, FIRST):
        (tmp_path / f"{stem}.json").write_text("{}")
        (tmp_path / f"{stem}.html").write_text("")
    (tmp_path / f".{SECOND}-x.json").write_text("half a file")
    return tmp_path


def test_reports_come_newest_first(folder: Path) -> None:
    assert [path.stem for path in library.reports_in(folder)] == [SECOND, FIRST]
    assert library.reports_in(folder / "missing") == []


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("latest", SECOND),
        (FIRST, FIRST),
        ("20261121", FIRST),
        ("0456", SECOND),
        ("0123abcd", FIRST),
        ("0123abcd00112233445566778899aabb", FIRST),
    ],
)
def test_a_name_is_latest_a_time_or_an_id(folder: Path, name: str, stem: str) -> None:
    assert library.find(name, folder) == folder / f"{stem}.json"


def test_a_path_is_itself_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    assert library.find(str(folder / f"{FIRST}.json"), tmp_path / "elsewhere") == folder / f"{FIRST}.json"


def test_a_name_that_several_or_none_have_is_an_error_of_reports(folder: Path) -> None:
    for name, words in (("2026", "2 reports fit"), ("", "no file"), ("nothing", "no file")):
        with pytest.raises(ReportError, match=words):
            library.find(name, folder)
    with pytest.raises(ReportError, match="nothing was measured yet"):
        library.find("latest", folder / "missing")
