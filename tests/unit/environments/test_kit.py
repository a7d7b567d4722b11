"""What a kit says of itself, and what it makes of an entry that is damaged. tests/environments makes real ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from builders import a_spec

from mambench.environments import kit as kits
from mambench.environments.kit import Broken, Entry, Kit
from mambench.environments.prefix import Draft, Identity
from mambench.errors import ProvisionError
from mambench.model import Package
from mambench.system.home import Home

CONTENT = b"a wheel"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(Home(tmp_path / "home"))


def identity(name: str = "numpy-openblas", python: str = "3.12") -> Identity:
    return Identity(name, "pypi", "linux-64", ("numpy==2.4.6",), (), python)


def fetched(kit: Kit, tmp_path: Path, *, python: str = "3.12", sha256: str | None = SHA256) -> Entry:
    (tmp_path / "wheels").mkdir(exist_ok=True)
    wheel = tmp_path / "wheels" / "numpy-2.4.6+x-py3-none-any.whl"
    wheel.write_bytes(CONTENT)
    package = Package("numpy", "2.4.6", url=wheel.as_uri(), sha256=sha256, size_bytes=len(CONTENT))
    draft = Draft(a_spec(), identity(python=python), tmp_path, "", "the lock", (package,))
    kit.folder.mkdir(parents=True, exist_ok=True)
    return kit.fetch(draft, [wheel.as_uri()], lambda _event: None, lock_file="the lock")


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_what_was_fetched_is_there_with_its_hash(kit: Kit, tmp_path: Path, sha256: str | None) -> None:
    entry = fetched(kit, tmp_path, sha256=sha256)
    assert kit.entry(identity()) == entry
    assert [(file.sha256, file.size_bytes) for file in entry.files] == [(SHA256, len(CONTENT))]
    assert list(kit.damage(entry)) == []
    (package,) = (Package("numpy", "2.4.6", url=path.as_uri(), sha256=sha256) for path in tmp_path.glob("wheels/*"))
    path = kit.path_of(package)
    assert path is not None and path.read_bytes() == CONTENT
    path.write_bytes(b"a wheal")
    with pytest.raises(ProvisionError, match="numpy-2.4.6.* has another content"):
        kit.require_whole(entry)


def test_it_is_for_whichever_python_and_for_no_other_recipe(kit: Kit, tmp_path: Path) -> None:
    fetched(kit, tmp_path)
    entry = kit.entry(identity(python=""))
    assert entry is not None and entry.python == "3.12"
    assert kit.entry(Identity("numpy-openblas", "pypi", "win-64", ("numpy==2.4.6",), (), "")) is None
    assert kit.entry(Identity("numpy-openblas", "pypi", "linux-64", ("numpy==2.4.7",), (), "")) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda entry: entry.pop("lock_file"), "'lock_file' is missing"),
        (lambda entry: entry.update(files=[{"path": "../../x", "sha256": "a", "size_bytes": 1}]), "no file of a kit"),
        (lambda entry: entry.update(files=[{"path": "ab/..", "sha256": "a", "size_bytes": 1}]), "no file of a kit"),
        (lambda entry: entry.update(created="today"), "today"),
        (lambda entry: entry["identity"].update(source="npm"), "none of conda, pypi"),
    ],
)
def test_a_broken_entry_is_named_and_the_others_stay(kit: Kit, tmp_path: Path, change: Any, why: str) -> None:
    fetched(kit, tmp_path)
    (file,) = kit.folder.glob("*.json")
    content = json.loads(file.read_text())
    other = json.loads(file.read_text().replace("numpy-openblas", "other"))
    del other["sha256"]
    file.with_name("other-1.json").write_text(json.dumps({**other, "sha256": kits._digest(other)}))
    change(content)
    del content["sha256"]
    file.write_text(json.dumps({**content, "sha256": kits._digest(content)}))
    broken, whole = kit.entries()
    assert isinstance(broken, Broken) and why in broken.why
    assert isinstance(whole, Entry)
    assert kit.unneeded() == [], "what the broken one needs may be deleted"
    with pytest.raises(ProvisionError, match="broken"):
        kit.entry(identity())
    assert kit.entry(identity("other")) == whole


def test_an_entry_in_which_a_byte_was_changed_is_broken(kit: Kit, tmp_path: Path) -> None:
    fetched(kit, tmp_path)
    (file,) = kit.folder.glob("*.json")
    file.write_text(file.read_text().replace("the lock", "the lokc"))
    (broken,) = kit.entries()
    assert isinstance(broken, Broken) and broken.why == "it was changed since it was fetched"


@pytest.mark.parametrize("url", [None, "", "file:///kit/", "file:///kit/..", "file:///kit/a%2F..%2Fb"])
def test_a_package_without_a_plain_file_name_is_in_no_kit(kit: Kit, url: str | None) -> None:
    assert kit.path_of(Package("a", "1", url=url, sha256="a" * 64)) is None


def test_what_no_entry_names_is_known(kit: Kit, tmp_path: Path) -> None:
    fetched(kit, tmp_path)
    assert kit.unneeded() == []
    left = kit.folder / "packages" / "abc" / "x.whl.part"
    left.parent.mkdir()
    left.touch()
    assert kit.unneeded() == [left]
