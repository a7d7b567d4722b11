"""What is said before anything is downloaded: sizes that nobody told are told as unknown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import a_spec

from mambench.app.consent import confirm
from mambench.environments.prefix import Draft, Identity
from mambench.errors import HomeError
from mambench.model import Package
from mambench.system import files


def a_draft(*sizes: int | None, missing: tuple[Package, ...] | None = None) -> Draft:
    identity = Identity("numpy-openblas", "pypi", "linux-64", (), (), "3.12")
    packages = tuple(Package(f"package-{number}", "1", size_bytes=size) for number, size in enumerate(sizes))
    return Draft(a_spec(), identity, Path("prefix"), "", "", packages, missing=missing)


def said(draft: Draft, monkeypatch: pytest.MonkeyPatch, *, free_bytes: int = 50_000_000_000) -> str:
    monkeypatch.setattr(files, "free_bytes", lambda _path: free_bytes)
    lines: list[str] = []
    app: Any = SimpleNamespace(home=SimpleNamespace(root=Path("home")), terminal=SimpleNamespace(say=lines.append))
    assert confirm(app, (draft,), yes=True)
    return lines[-1].partition(": ")[2]


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        ((17_000_000,), "17 MB to download, about 85 MB on disk (50.0 GB free)"),
        ((), "nothing to download"),
        (
            (None,),
            "a download of unknown size (1 of 1 package), whether it fits on the disk cannot be told (50.0 GB free)",
        ),
        (
            (12_000_000, None, 5_000_000),
            "at least 17 MB to download (the size of 1 of 3 packages is unknown), "
            "whether it fits on the disk cannot be told (50.0 GB free)",
        ),
    ],
)
def test_an_unknown_size_is_not_told_as_nothing(
    sizes: tuple[int | None, ...], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(a_draft(*sizes), monkeypatch) == line


def test_what_is_in_the_cache_needs_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(a_draft(None, missing=()), monkeypatch) == "nothing to download"


def test_what_is_known_already_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HomeError, match="need about 85 MB of disk, 80 MB are free"):
        said(a_draft(17_000_000, None), monkeypatch, free_bytes=80_000_000)
