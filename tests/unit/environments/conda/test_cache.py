"""micromamba's package cache: which archives grow in it and go, what holds URLs."""

from __future__ import annotations

from pathlib import Path

from mambench.environments.conda.cache import archives, file_names, remove_archives, written_urls
from mambench.model import Package

TOY = Package("toy", "1", url="https://example.org/c/toy-1-0.conda", size_bytes=7)


def test_archives_are_found_by_name_and_only_they_are_removed(tmp_path: Path) -> None:
    inside = tmp_path / "deeper" / "toy-1-0.conda"
    inside.parent.mkdir()
    for file in (inside, tmp_path / "other.conda"):
        file.write_text("x")
    assert file_names([TOY]) == {"toy-1-0.conda": 7}
    assert list(archives(tmp_path, {"toy-1-0.conda"})) == [inside]
    remove_archives(tmp_path, [TOY])
    assert not inside.exists() and (tmp_path / "other.conda").exists()


def test_the_files_that_hold_urls_are_in_the_cache_and_in_the_prefix(tmp_path: Path) -> None:
    cache, prefix = tmp_path / "pkgs", tmp_path / "prefix"
    names = (cache / "urls.txt", cache / "toy" / "info" / "repodata_record.json", prefix / "conda-meta" / "toy.json")
    for file in names:
        file.parent.mkdir(parents=True)
        file.write_text("x")
    assert set(written_urls(cache, prefix)) == set(names)
