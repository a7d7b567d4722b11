"""Prefixes: what makes two of them the same, and what makes one a wreck."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import a_spec

from mambench.environments import activation
from mambench.environments import prefix as prefixes
from mambench.environments.integrity import PackageOnDisk, RecordedFile
from mambench.environments.prefix import MARKER, Draft, Identity
from mambench.errors import ProvisionError
from mambench.model import EnvironmentSpec, Package
from mambench.system.home import Home

IDENTITY = Identity("numpy-mkl", "pypi", "linux-64", ("numpy==2.4.6", "scipy==1.16"), ("main", "other"), "3.12")
SPEC = a_spec("numpy-mkl")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare()
    return made


def found(*versions: str) -> list[PackageOnDisk]:
    """What lies in a prefix, such as `numpy 2.4.6`."""
    nowhere = Path("nowhere")
    return [PackageOnDisk(*words.split(), nowhere, nowhere, list) for words in versions]


HELD = found("numpy 2.4.6", "scipy 1.16")


def a_draft(home: Home, spec: EnvironmentSpec = SPEC, identity: Identity = IDENTITY) -> Draft:
    packages = (Package("numpy", "2.4.6", sha256="a" * 64, size_bytes=10), Package("scipy", "1.16"))
    prefix = prefixes.prefix_of(home, identity)
    base = home.root / "base-python"
    base.write_text("a base python")
    return Draft(spec, identity, prefix, str(base), "the lock, with a login", packages, ("a warning",))


def installed(home: Home) -> Path:
    """A prefix as a source leaves it, with a python, marked as finished."""
    draft = a_draft(home)
    python = activation.python_in("linux-64", draft.prefix, source="pypi")
    python.parent.mkdir(parents=True)
    python.write_text("a python")
    prefixes.finish(draft, version="3.12.7", lock_file="the lock", on_disk=HELD)
    return draft.prefix


def ready(prefix: Path, identity: Identity = IDENTITY) -> Any:
    return prefixes.ready(SPEC, identity, prefix)


# ---------------------------------------------------------------------------------------------- identity


@pytest.mark.parametrize(
    "same",
    [
        replace(IDENTITY, packages=("scipy==1.16", "numpy==2.4.6")),
        replace(IDENTITY, packages=("NumPy == 2.4.6", " scipy==1.16")),
        replace(IDENTITY, name="another-name"),
    ],
)
def test_order_spelling_and_name_do_not_change_the_digest(same: Identity) -> None:
    assert same.digest == IDENTITY.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, packages=("numpy==2.4.7", "scipy==1.16")),
        replace(IDENTITY, packages=("numpy==2.4.6",)),
        replace(IDENTITY, channels=("other", "main")),
        replace(IDENTITY, platform="linux-aarch64"),
        replace(IDENTITY, source="conda"),
        replace(IDENTITY, base_python="3.13"),
    ],
)
def test_whatever_changes_what_is_installed_changes_the_digest(other: Identity) -> None:
    assert other.digest != IDENTITY.digest


def test_the_digest_is_the_same_in_every_version_of_mambench() -> None:
    """Otherwise an update would build every environment again."""
    assert IDENTITY.digest == "eccfef8ae5"
    assert prefixes.prefix_of(Home(Path("h"), short=False), IDENTITY) == Path("h/envs") / f"numpy-mkl-{IDENTITY.digest}"


def test_a_title_is_no_part_of_the_identity(home: Home) -> None:
    prefix = installed(home)
    renamed = replace(SPEC, title="Another title")
    environment = prefixes.ready(renamed, IDENTITY, prefix)
    assert environment is not None
    assert environment.spec.title == "Another title"


# ------------------------------------------------------------------------------------------------ marker


def test_a_finished_prefix_is_ready_with_all_that_is_known_of_it(home: Home) -> None:
    environment = ready(installed(home))
    assert (str(environment.key), environment.version, environment.lock_file) == (
        "numpy-mkl@pypi",
        "3.12.7",
        "the lock",
    )
    assert environment.packages == a_draft(home).packages
    assert environment.channels == IDENTITY.channels
    assert environment.warnings == ("a warning",)
    assert environment.python.exists()


def test_what_was_made_equals_what_is_found_later(home: Home) -> None:
    draft = a_draft(home)
    draft.prefix.mkdir()
    made = prefixes.finish(draft, version="3.12.7", lock_file="the lock", on_disk=HELD)
    made.python.parent.mkdir()
    made.python.write_text("a python")
    assert ready(draft.prefix) == made


def test_only_the_lock_file_is_kept(home: Home) -> None:
    prefix = installed(home)
    text = prefixes.lock_path(prefix).read_text() + (prefix / MARKER).read_text()
    assert "login" not in text


def test_the_marker_is_written_last(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = a_draft(home)
    draft.prefix.mkdir()
    real, replaced = os.replace, []

    def note(source: str, target: Path) -> None:
        replaced.append(Path(target).name)
        real(source, target)

    monkeypatch.setattr(os, "replace", note)
    prefixes.finish(draft, version="3.12.7", lock_file="x", on_disk=HELD)
    assert replaced == [prefixes.lock_path(draft.prefix).name, MARKER]


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ((), "numpy 2.4.6 is gone, scipy 1.16 is gone"),
        (("scipy 1.16",), "numpy 2.4.6 is gone"),
        (("numpy 2.3.0", "scipy 1.16"), "numpy is 2.3.0 instead of 2.4.6"),
    ],
)
def test_a_prefix_that_does_not_hold_its_lock_files_packages_gets_no_marker(
    home: Home, held: tuple[str, ...], words: str
) -> None:
    draft = a_draft(home)
    draft.prefix.mkdir()
    with pytest.raises(ProvisionError, match=words):
        prefixes.finish(draft, version="3.12.7", lock_file="the lock", on_disk=found(*held))
    assert not (draft.prefix / MARKER).exists()


def test_what_no_package_holds_is_looked_at_too(home: Home) -> None:
    prefix = installed(home)
    assert prefixes.look(prefix).own_damage() == []
    python = activation.python_in("linux-64", prefix, source="pypi")
    python.write_text("another python")
    prefixes.lock_path(prefix).write_text("another lock")
    assert prefixes.look(prefix).own_damage() == ["bin/python was replaced", "its lock file has another content"]
    python.unlink()
    prefixes.lock_path(prefix).unlink()
    assert prefixes.look(prefix).own_damage() == ["bin/python is gone", "its lock file is gone"]


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_the_python_of_a_virtual_environment_is_a_link_that_stays_the_same(home: Home) -> None:
    draft = a_draft(home)
    python = draft.prefix / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(home.root / "base-python")
    prefixes.finish(draft, version="3.12.7", lock_file="the lock", on_disk=HELD)
    (home.root / "base-python").write_text("the base python of the system's next update")
    assert prefixes.look(draft.prefix).own_damage() == []
    python.unlink()
    python.symlink_to(home.root / "another")
    (home.root / "another").write_text("another python")
    assert prefixes.look(draft.prefix).own_damage() == ["bin/python was replaced"]


def test_a_prefix_without_a_marker_is_a_wreck(home: Home) -> None:
    prefix = installed(home)
    (prefix / MARKER).unlink()
    assert ready(prefix) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"digest": 1, "name": "x"}', "\x00"])
def test_a_damaged_marker_is_a_wreck(home: Home, text: str) -> None:
    prefix = installed(home)
    (prefix / MARKER).write_text(text)
    assert ready(prefix) is None
    assert [each.marker for each in prefixes.existing(home)] == [None]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("packages", None),
        ("packages", [{"nonsense": 1}]),
        ("packages", ["numpy"]),
        ("channels", None),
        ("python", None),
        ("digest", None),
        ("name", ""),
        ("warnings", 7),
        ("base_python", None),
    ],
)
def test_a_marker_with_a_damaged_field_is_a_wreck(home: Home, key: str, value: object) -> None:
    prefix = installed(home)
    marker = json.loads((prefix / MARKER).read_text())
    (prefix / MARKER).write_text(json.dumps({**marker, key: value}))
    assert ready(prefix) is None


@pytest.mark.parametrize("key", ["digest", "name", "source", "python", "created"])
def test_a_marker_that_lacks_what_lists_show_is_none(home: Home, key: str) -> None:
    prefix = installed(home)
    marker = json.loads((prefix / MARKER).read_text())
    del marker[key]
    (prefix / MARKER).write_text(json.dumps(marker))
    (wreck,) = prefixes.existing(home)
    assert wreck.marker is None
    assert wreck.name == (prefix.name if home.short else "numpy-mkl")


def test_a_damaged_lock_is_a_wreck(home: Home) -> None:
    prefix = installed(home)
    prefixes.lock_path(prefix).write_bytes(b"\xff\xfe")
    assert ready(prefix) is None


def test_a_prefix_of_another_digest_is_a_wreck(home: Home) -> None:
    assert ready(installed(home), replace(IDENTITY, base_python="3.13")) is None


def test_a_prefix_whose_base_python_is_gone_is_a_wreck(home: Home) -> None:
    prefix = installed(home)
    python = activation.python_in("linux-64", prefix, source="pypi")
    python.unlink()
    python.symlink_to(home.root / "no-python-any-more")
    assert ready(prefix) is None


def test_a_copied_python_whose_base_is_gone_is_a_wreck(home: Home) -> None:
    """On Windows a venv's python is a copy."""
    prefix = installed(home)
    assert ready(prefix) is not None
    (home.root / "base-python").unlink()
    assert ready(prefix) is None


# ---------------------------------------------------------------------------------------------- removing


def test_removing_takes_the_marker_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is half deleted is a wreck and not an environment."""
    prefix = installed(home)
    gone: list[Path] = []
    monkeypatch.setattr(prefixes.files, "remove", gone.append)
    prefixes.remove(prefix)
    assert gone == [prefix / MARKER, prefix, prefixes.lock_path(prefix)]


def test_removing_leaves_nothing(home: Home) -> None:
    prefix = installed(home)
    prefixes.remove(prefix)
    assert list(home.environments.iterdir()) == []
    prefixes.remove(prefix)


def test_existing_shows_wrecks_and_passes_over_locks_and_hidden_folders(home: Home) -> None:
    whole = installed(home)
    (home.environments / "torch-cpu-0123456789").mkdir()
    (home.environments / ".hidden").mkdir()
    left = list(prefixes.existing(home))
    assert [(each.name, each.marker is not None) for each in left] == [
        ("numpy-mkl", True),
        ("torch-cpu", False),
    ]
    assert left[0].prefix == whole


def test_a_home_without_environments_has_none(tmp_path: Path) -> None:
    assert list(prefixes.existing(Home(tmp_path / "nowhere"))) == []


def test_a_draft_weighs_what_is_known(home: Home) -> None:
    assert a_draft(home).download_bytes == 10


def test_a_file_that_is_published_unlike_its_record_is_held_against_what_it_was(home: Home):
    """scipy-openblas64 0.3.31 has such a library."""
    draft = a_draft(home)
    library = draft.prefix / "lib" / "library.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"patched")
    told = RecordedFile(library, size_bytes=3)
    held = [PackageOnDisk("numpy", "2.4.6", draft.prefix, library, lambda: [told]), *HELD]
    prefixes.finish(draft, version="3.12.7", lock_file="x", on_disk=held)
    made = prefixes.look(draft.prefix)
    assert made.own_damage() == []
    assert made.marker is not None and "lib/library.so" in made.marker.own_files
    library.write_bytes(b"cut")
    assert made.own_damage() == ["lib/library.so was replaced"]
