"""pip's own configuration, handed on to uv, which does not read it: people behind a mirror have it there.

Files and their order: https://pip.pypa.io/en/stable/topics/configuration/ (global, user, site, PIP_CONFIG_FILE;
variables beat files).
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_OPTIONS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "trusted-host", "proxy")


def uv_variables(platform: str, environ: Mapping[str, str], *, site: Path | None = None) -> dict[str, str]:
    """pip's settings under uv's names; a setting that uv itself was given is left alone.

    `site` is the running python's prefix, which may hold a pip.conf of its own.
    """
    options = _options(platform, environ, site)
    found: dict[str, str] = {}
    if options.get("index-url") and "UV_DEFAULT_INDEX" not in environ and "UV_INDEX_URL" not in environ:
        found["UV_DEFAULT_INDEX"] = options["index-url"]
    extra = _usable(options.get("extra-index-url", "").split())
    if extra and "UV_INDEX" not in environ and "UV_EXTRA_INDEX_URL" not in environ:
        found["UV_INDEX"] = " ".join(extra)
        found["UV_INDEX_STRATEGY"] = environ.get("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip does it
    links = _usable(options.get("find-links", "").split())
    if links and "UV_FIND_LINKS" not in environ:
        found["UV_FIND_LINKS"] = ",".join(links)
    if options.get("no-index", "").lower() in ("1", "true", "yes", "on") and "UV_NO_INDEX" not in environ:
        found["UV_NO_INDEX"] = "1"
    if options.get("trusted-host") and "UV_INSECURE_HOST" not in environ:
        found["UV_INSECURE_HOST"] = " ".join(options["trusted-host"].split())
    if options.get("cert") and "SSL_CERT_FILE" not in environ and Path(options["cert"]).is_file():
        found["SSL_CERT_FILE"] = options["cert"]
    proxies = {name.upper() for name in environ}
    if options.get("proxy") and not proxies & {"HTTPS_PROXY", "ALL_PROXY"}:
        found["ALL_PROXY"] = options["proxy"]
    return found


def _options(platform: str, environ: Mapping[str, str], site: Path | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in _files(platform, environ, site):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= {name: value for name, value in parser.items(section) if name in _OPTIONS and value}
    for name in _OPTIONS:
        value = environ.get(f"PIP_{name.upper().replace('-', '_')}")
        if value:
            found[name] = value
    return found


def _files(platform: str, environ: Mapping[str, str], site: Path | None) -> Iterable[Path]:
    chosen = environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    home = Path(environ.get("USERPROFILE" if platform.startswith("win-") else "HOME") or Path.home())
    files: list[Path] = []
    if platform.startswith("win-"):
        files += [Path(environ.get("PROGRAMDATA", "C:/ProgramData")) / "pip/pip.ini", home / "pip/pip.ini"]
        if environ.get("APPDATA"):
            files.append(Path(environ["APPDATA"]) / "pip/pip.ini")
    else:
        folders = environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")
        files += [Path(folder) / "pip/pip.conf" for folder in reversed(folders) if folder]
        files += [Path("/etc/pip.conf")]
        if platform.startswith("osx-"):
            files = [Path("/Library/Application Support/pip/pip.conf")]
        files.append(home / ".pip/pip.conf")
        files.append(Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf")
        if platform.startswith("osx-"):
            files.append(home / "Library/Application Support/pip/pip.conf")
    if site is not None:
        files.append(site / ("pip.ini" if platform.startswith("win-") else "pip.conf"))
    if chosen:
        files.append(Path(chosen))
    return files


def _usable(places: Iterable[str]) -> list[str]:
    """Places without the local folders that do not exist: pip passes over them, uv fails."""
    from mambench.network import local_path

    return [place for place in places if (path := local_path(place)) is None or path.exists()]
