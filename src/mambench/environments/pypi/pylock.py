"""The lock files of PyPI's world (pylock.toml), as uv and others write them: packages with their files.

Ref: https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mambench.environments.pypi.target import Target
from mambench.errors import ProvisionError
from mambench.model import Package
from mambench.system import addresses, contents, values

Content = Mapping[str, Any]

_REQUIRED = re.compile(r"""^(requires-python\s*=\s*["']>=\s*\d+\.\d+)(\.\d+)""", re.MULTILINE)
"""uv writes the patch version of the python that it solved with."""

_PYTHONS = tuple(f"3.{minor}" for minor in range(9, 20))


def packages_in(lock: str, target: Target | None = None) -> tuple[Package, ...]:
    """The packages that a pylock.toml names for a target, one wheel each; sizes where it has them.

    Raises ProvisionError.
    """
    try:
        return tuple(_package(entry, file) for entry, file in _entries(lock, target))
    except KeyError as error:
        raise _damaged(f"{error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise _damaged(str(error)) from error


def urls_in(lock: str, target: Target | None = None) -> list[str | None]:
    """The URL of each package's file, credentials included, for asking its size; of a lock file that was read."""
    return [file.get("url") for _, file in _entries(lock, target)]


def portable(lock: str) -> str:
    """The lock file for any patch version of its python: wheels are made for a minor version."""
    return _REQUIRED.sub(r"\1", lock, count=1)


def made_with(lock: str) -> str:
    """The python that uv solved it with, such as `3.12.7`; "" where it does not tell."""
    required = _REQUIRED.search(lock)
    return re.split(r">=\s*", required[0])[1] if required is not None else ""


def is_same(first: str, second: str) -> bool:
    """Whether two lock files name the same, whatever patch version they were made with."""
    return portable(first) == portable(second)


def pythons_of(lock: str, platform: str) -> list[str]:
    """The pythons, such as `3.12`, for which every package has a wheel on this platform. Raises ProvisionError."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(contents.toml_in(portable(lock)).get("requires-python", ""))
        targets = [Target(platform, python) for python in _PYTHONS if wanted.contains(f"{python}.99")]
        return [target.python for target in targets if not _without_wheel(lock, target)]
    except KeyError as error:
        raise _damaged(f"{error} is missing") from error
    except (InvalidSpecifier, ValueError, TypeError, AttributeError) as error:
        raise _damaged(str(error)) from error


def without_wheels(lock: str, platform: str) -> list[str]:
    """The packages that have no wheel for this platform, whatever the python; of a lock file that was read."""
    return sorted(set.intersection(*(_without_wheel(lock, Target(platform, python)) for python in _PYTHONS)))


def _without_wheel(lock: str, target: Target) -> set[str]:
    return {values.word(entry["name"]) for entry, file in _entries(lock, target) if not target.takes(_name(file))}


def localised(lock: str, address_of: Callable[[Package], Path | str | None], target: Target | None = None) -> str:
    """A lock file that uv wrote, with paths or other addresses for the packages that have one."""
    for package, url in zip(packages_in(lock, target), urls_in(lock, target), strict=True):
        if url is not None and (address := address_of(package)) is not None:
            key = "path" if isinstance(address, Path) else "url"
            lock = lock.replace(f'url = "{url}"', f"{key} = {json.dumps(str(address), ensure_ascii=False)}")
    return lock


def _damaged(why: str) -> ProvisionError:
    return ProvisionError(f"the lock file is damaged, or has another form: {why}", remedy="try again")


def _package(entry: Content, file: Content) -> Package:
    url = values.maybe(values.word, file.get("url"))
    if url is None and file.get("path"):
        url = Path(values.word(file["path"])).resolve().as_uri()
    return Package(
        name=values.word(entry["name"]),
        version=values.string(entry.get("version", "")),
        channel=addresses.without_credentials(values.string(entry["index"])) if entry.get("index") else None,
        url=addresses.without_credentials(url) if url else None,
        sha256=values.maybe(values.string, values.table(file.get("hashes", {})).get("sha256")),
        size_bytes=values.maybe(values.whole, file.get("size")),
    )


def _entries(lock: str, target: Target | None) -> Iterator[tuple[Content, Content]]:
    """Each package with its file; of several wheels, as others than uv write them, the first that fits the target."""
    for entry in values.several(values.table, contents.toml_in(lock).get("packages", [])):
        if target is not None and entry.get("marker") and not target.meets(values.word(entry["marker"])):
            continue
        wheels = values.several(values.table, entry.get("wheels", []))
        other = entry.get("archive") or entry.get("sdist") or {}
        fitting = (wheel for wheel in wheels if target is not None and target.takes(_name(wheel)))
        yield entry, next(fitting, wheels[0] if wheels else values.table(other))


def _name(file: Content) -> str:
    from urllib.parse import unquote

    path = values.string(file.get("url") or file.get("path") or "")
    return values.string(file.get("name") or unquote(addresses.url_path(path).rpartition("/")[2]))
