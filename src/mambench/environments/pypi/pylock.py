"""The lock file that uv writes (pylock.toml): packages with their files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from mambench.model import Package
from mambench.system import addresses


def packages_in(lock: str) -> tuple[Package, ...]:
    """The packages that a pylock.toml names, one wheel each; sizes where it has them."""
    packages = []
    for entry in tomllib.loads(lock).get("packages", []):
        file = _file_of(entry)
        url = file.get("url") or (Path(file["path"]).resolve().as_uri() if file.get("path") else None)
        packages.append(
            Package(
                name=entry["name"],
                version=str(entry.get("version", "")),
                channel=addresses.without_credentials(entry["index"]) if entry.get("index") else None,
                url=addresses.without_credentials(url) if url else None,
                sha256=file.get("hashes", {}).get("sha256"),
                size_bytes=file.get("size"),
            )
        )
    return tuple(packages)


def urls_in(lock: str) -> list[str | None]:
    """The URL of each package's file, credentials included, for asking its size."""
    return [_file_of(entry).get("url") for entry in tomllib.loads(lock).get("packages", [])]


def _file_of(entry: dict[str, Any]) -> dict[str, Any]:
    """uv names one file for each package: it knows for which platform."""
    files: list[dict[str, Any]] = entry.get("wheels") or [entry.get("archive") or entry.get("sdist") or {}]
    return files[0]
