"""The lock file that uv writes (pylock.toml): packages with their files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mambench.errors import ProvisionError
from mambench.model import Package
from mambench.system import addresses, contents, values


def packages_in(lock: str) -> tuple[Package, ...]:
    """The packages that a pylock.toml names, one wheel each; sizes where it has them. Raises ProvisionError."""
    try:
        return tuple(_package(entry, file) for entry, file in _entries(lock))
    except KeyError as error:
        raise _damaged(f"{error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise _damaged(str(error)) from error


def urls_in(lock: str) -> list[str | None]:
    """The URL of each package's file, credentials included, for asking its size; of a lock file that was read."""
    return [file.get("url") for _, file in _entries(lock)]


def localised(lock: str, place_of: Callable[[Package], Path | str | None]) -> str:
    """A lock file that uv wrote, with paths or other addresses for the packages that have one."""
    for package, url in zip(packages_in(lock), urls_in(lock), strict=True):
        if url is not None and (place := place_of(package)) is not None:
            key = "path" if isinstance(place, Path) else "url"
            lock = lock.replace(f'url = "{url}"', f"{key} = {json.dumps(str(place), ensure_ascii=False)}")
    return lock


def _damaged(why: str) -> ProvisionError:
    return ProvisionError(f"uv's lock file is damaged, or has another form: {why}", remedy="try again")


def _package(entry: Mapping[str, Any], file: Mapping[str, Any]) -> Package:
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


def _entries(lock: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each package with its file: uv names one, as it knows for which platform."""
    for entry in values.several(values.table, contents.toml_in(lock).get("packages", [])):
        wheels = values.several(values.table, entry.get("wheels", []))
        other = entry.get("archive") or entry.get("sdist") or {}
        yield entry, wheels[0] if wheels else values.table(other)
