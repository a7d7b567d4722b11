"""What lies in prefixes and caches, held against what packages say: damage of every kind, in both records."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mambench.environments.conda import integrity as conda
from mambench.environments.integrity import PackageOnDisk, damage, missing
from mambench.environments.pypi import integrity as pypi
from mambench.model import Package

FILES = {"toy/__init__.py": b"import toy.fast\n", "toy/fast.so": bytes(1000), "toy/empty.py": b""}


def wheel_in(site: Path, name: str = "toy", version: str = "1.0", files: dict[str, bytes] = FILES) -> Path:
    """A package as uv lays it out; gives its .dist-info."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"{info.name}/RECORD,,", "toy/__pycache__/fast.pyc,,"]
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    (info / "RECORD").write_text("\n".join(lines) + "\n")
    return info


def entries(files: dict[str, bytes]) -> list[dict[str, object]]:
    return [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        for path, content in files.items()
    ]


def conda_in(prefix: Path, files: dict[str, bytes] = FILES) -> Path:
    """A package as micromamba links it; gives its record. The prefix was written into one of its files."""
    for path, content in files.items():
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).write_bytes(content)
    (prefix / "where").write_text(f"in {prefix}")
    in_prefix = hashlib.sha256((prefix / "where").read_bytes()).hexdigest()
    (prefix / "link").symlink_to("where")
    paths = [
        *entries(files),
        {**entries({"where": b"in /placeholder"})[0], "sha256_in_prefix": in_prefix},
        {"_path": "link", "path_type": "softlink", "sha256": "0" * 64, "size_in_bytes": 5},
        {"_path": "toy/__pycache__/fast.pyc", "path_type": "pyc_file"},
    ]
    record = prefix / "conda-meta" / "toy-1.0-py_0.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"name": "toy", "paths_data": {"paths": paths}}))
    return record


def cached_in(cache: Path, files: dict[str, bytes] = FILES) -> Path:
    """A package as micromamba extracts it."""
    folder = cache / "https" / "example.org" / "noarch" / "toy-1.0-py_0"
    for path, content in {**files, "info/paths.json": json.dumps({"paths": entries(files)}).encode()}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


class Kind:
    """One of the four places; `root` is where its files lie."""

    def __init__(self, root: Path, record: Path, read: Callable[[], Iterable[PackageOnDisk]]) -> None:
        self.root, self.record, self.read = root, record, read

    def damage(self, *, full: bool = False) -> list[str]:
        return [f"{path.name} {problem}" for _, path, problem in damage(self.read(), full=full)]


@pytest.fixture(params=["venv", "uv's cache", "conda", "conda's cache"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    if request.param == "venv":
        site = tmp_path / "lib" / "python3.12" / "site-packages"
        return Kind(site, wheel_in(site) / "RECORD", lambda: pypi.in_prefix(tmp_path))
    if request.param == "uv's cache":
        folder = tmp_path / "archive-v0" / "0123456789abcdef"
        return Kind(folder, wheel_in(folder) / "RECORD", lambda: pypi.in_cache(tmp_path))
    if request.param == "conda":
        if os.name != "posix":
            pytest.skip("links need a privilege there")
        return Kind(tmp_path, conda_in(tmp_path), lambda: conda.in_prefix(tmp_path))
    folder = cached_in(tmp_path)
    return Kind(folder, folder / "info" / "paths.json", lambda: conda.in_cache(tmp_path))


def test_what_is_whole_is_found_whole(kind: Kind) -> None:
    (package,) = kind.read()
    assert (package.name, package.version) == ("toy", "1.0")
    assert kind.damage(full=True) == []


def test_byte_code_that_python_wrote_is_no_damage(kind: Kind) -> None:
    (kind.root / "toy" / "__pycache__").mkdir()
    (kind.root / "toy" / "__pycache__" / "fast.pyc").write_bytes(b"of today")
    assert kind.damage(full=True) == []


def test_a_file_that_is_gone_or_cut_or_no_file_is_found(kind: Kind) -> None:
    (kind.root / "toy" / "fast.so").write_bytes(bytes(10))
    (kind.root / "toy" / "__init__.py").unlink()
    (kind.root / "toy" / "empty.py").unlink()
    (kind.root / "toy" / "empty.py").mkdir()
    assert kind.damage() == ["__init__.py is gone", "fast.so has 10 bytes instead of 1000", "empty.py is no file"]


def test_a_folder_that_is_gone_takes_its_files_with_it(kind: Kind) -> None:
    (kind.root / "toy").rename(kind.root / "elsewhere")
    assert kind.damage() == ["__init__.py is gone", "fast.so is gone", "empty.py is gone"]


def test_an_edit_of_the_same_size_is_found_by_content_only(kind: Kind) -> None:
    (kind.root / "toy" / "fast.so").write_bytes(bytes(999) + b"1")
    assert kind.damage() == []
    assert kind.damage(full=True) == ["fast.so has another content"]


@pytest.mark.parametrize(
    "content",
    [b"", b'{"paths": [1], "paths_data": {"paths": [1]}}', b"\xff\xfe", b"a,b\n", b"[" * 100_000, b"a,sha256=!,x\n"],
)
def test_a_broken_record_is_damage_itself(kind: Kind, content: bytes) -> None:
    kind.record.write_bytes(content)
    assert kind.damage() == [f"{kind.record.name} is broken"]


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_the_prefix_in_a_file_and_links_count_as_they_are_in_the_prefix(tmp_path: Path) -> None:
    conda_in(tmp_path)
    (tmp_path / "where").write_text("in another")
    (tmp_path / "link").unlink()
    found = [f"{path.name} {problem}" for _, path, problem in damage(conda.in_prefix(tmp_path), full=True)]
    assert found == ["where has another content", "link is gone"]


def test_a_file_of_two_packages_may_be_as_either_has_it(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    wheel_in(site, "first", files={"shared.py": b"first"})
    wheel_in(site, "second", files={"shared.py": b"the second"})
    assert not list(damage(pypi.in_prefix(tmp_path), full=True))
    (site / "shared.py").write_bytes(b"a third one")
    assert len(list(damage(pypi.in_prefix(tmp_path), full=True))) == 1


def test_a_package_that_is_gone_or_of_another_version_is_told(tmp_path: Path) -> None:
    site = tmp_path / "Lib" / "site-packages"
    wheel_in(site, "nvidia_cublas_cu12", "12.8")
    wanted = Package("numpy", "2.4.6"), Package("nvidia-cublas-cu12", "12.9")
    assert missing(wanted, pypi.in_prefix(tmp_path)) == [
        "numpy 2.4.6 is gone",
        "nvidia-cublas-cu12 is 12.8 instead of 12.9",
    ]


def test_an_extracted_package_goes_with_its_archive(tmp_path: Path) -> None:
    folder = cached_in(tmp_path)
    archive = folder.with_name(f"{folder.name}.conda")
    archive.write_bytes(b"an archive")
    (package,) = conda.in_cache(tmp_path)
    conda.remove_from_cache(package)
    assert not folder.exists() and not archive.exists()
