"""The bar of a download that uv does silently."""

from __future__ import annotations

from pathlib import Path

from builders import a_spec

from mambench.environments.prefix import Draft, Identity
from mambench.environments.pypi.progress import DownloadProgress
from mambench.model import Package, Provisioning


def test_the_bar_counts_what_uv_unpacks_and_nothing_else(tmp_path: Path) -> None:
    packages = (Package("big-wheel", "1", size_bytes=1000), Package("small", "1", size_bytes=100))
    identity = Identity("toy", "pypi", "linux-64", (), (), "3.12")
    draft = Draft(a_spec(), identity, tmp_path / "prefix", "", "", packages)
    (tmp_path / ".tmpstale").mkdir()
    (tmp_path / ".tmpstale" / "x").write_bytes(bytes(5000))
    seen: list[Provisioning] = []
    progress = DownloadProgress(draft, tmp_path, seen.append)  # type: ignore[arg-type]

    def after(unpacked: int, *lines: str) -> tuple[str, int | None]:
        (tmp_path / ".tmpA").mkdir(exist_ok=True)
        (tmp_path / ".tmpA" / "file").write_bytes(bytes(unpacked))
        for line in lines:
            progress.line(line)
        for _ in range(4):
            progress.tick()
        return seen[-1].phase, seen[-1].done_bytes

    assert after(0) == ("downloading", 0)
    assert after(1800) == ("downloading", 500)
    assert after(0) == ("downloading", 500)  # it was moved away and is not reported yet
    assert after(0, " Downloaded Big_Wheel") == ("downloading", 1000)
    assert after(9000) == ("downloading", 1100)
    assert after(0, "Prepared 2 packages in 1s") == ("installing", 1100)
    assert {event.total_bytes for event in seen} == {1100}
