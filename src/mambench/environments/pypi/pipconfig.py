"""pip's own configuration, handed on to uv, which does not read it: people behind a mirror have it there.

Files and their order: https://pip.pypa.io/en/stable/topics/configuration/ (global, user, site, PIP_CONFIG_FILE;
variables beat files).
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from mambench.system import contents, places
from mambench.system.addresses import local_path

_OPTIONS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "trusted-host", "proxy")


def uv_variables(
    platform: str, environ: Mapping[str, str], *, site: Path | None = None, root: Path = Path("/")
) -> dict[str, str]:
    """pip's settings under uv's names; a setting that uv itself was given is left alone.

    `site` is the running python's prefix, which may hold a pip.conf of its own; `root` is where /etc lies.
    """
    options = _options(_files(platform, environ, site, root), environ)
    settings: dict[str, str] = {}
    if options.get("index-url") and "UV_DEFAULT_INDEX" not in environ and "UV_INDEX_URL" not in environ:
        settings["UV_DEFAULT_INDEX"] = options["index-url"]
    extra = _usable(options.get("extra-index-url", "").split())
    if extra and "UV_INDEX" not in environ and "UV_EXTRA_INDEX_URL" not in environ:
        settings["UV_INDEX"] = " ".join(extra)
        settings["UV_INDEX_STRATEGY"] = environ.get("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip does it
    links = _usable(options.get("find-links", "").split())
    if links and "UV_FIND_LINKS" not in environ:
        settings["UV_FIND_LINKS"] = ",".join(links)
    if options.get("no-index", "").lower() in ("1", "true", "yes", "on") and "UV_NO_INDEX" not in environ:
        settings["UV_NO_INDEX"] = "1"
    if options.get("trusted-host") and "UV_INSECURE_HOST" not in environ:
        settings["UV_INSECURE_HOST"] = " ".join(options["trusted-host"].split())
    if options.get("cert") and "SSL_CERT_FILE" not in environ and Path(options["cert"]).is_file():
        settings["SSL_CERT_FILE"] = options["cert"]
    proxies = {name.upper() for name in environ}
    if options.get("proxy") and not proxies & {"HTTPS_PROXY", "ALL_PROXY"}:
        settings["ALL_PROXY"] = options["proxy"]
    return settings


def _options(files: Iterable[Path], environ: Mapping[str, str]) -> dict[str, str]:
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(contents.text_of(file))
        except (configparser.Error, OSError, ValueError):
            continue
        for section, values in sections.items():
            if parser.has_section(section):
                values |= {name.replace("_", "-"): value for name, value in parser.items(section)}
    options = {
        name: value
        for section in ("global", "install")  # [install] of any file beats [global] of every other
        for name, value in sections[section].items()
        if name in _OPTIONS and value
    }
    for name in _OPTIONS:
        value = environ.get(f"PIP_{name.upper().replace('-', '_')}")
        if value:
            options[name] = value
    return options


def _files(platform: str, environ: Mapping[str, str], site: Path | None, root: Path) -> list[Path]:
    """The files that pip would read, in its order: a later one beats an earlier one."""
    chosen = environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    windows = platform.startswith("win-")
    told = environ.get("USERPROFILE" if windows else "HOME")
    home = Path(told) if told else places.home_folder() or root  # who has no folder has no files there
    if windows:
        everyone = [Path(environ.get("PROGRAMDATA", "C:/ProgramData")) / "pip/pip.ini"]
        user = [home / "pip/pip.ini", Path(environ.get("APPDATA") or home / "AppData/Roaming") / "pip/pip.ini"]
    elif platform.startswith("osx-"):
        support = Path("Library/Application Support/pip")
        everyone = [root / support / "pip.conf"]
        folder = home / support if (home / support).is_dir() else home / ".config/pip"
        user = [home / ".pip/pip.conf", folder / "pip.conf"]
    else:
        folders = environ.get("XDG_CONFIG_DIRS") or str(root / "etc/xdg")
        everyone = [Path(folder) / "pip/pip.conf" for folder in folders.split(":") if folder]
        everyone.append(root / "etc/pip.conf")
        folder = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        user = [home / ".pip/pip.conf", folder / "pip/pip.conf"]
    if chosen and Path(chosen).exists():
        user = []
    inside = [site / ("pip.ini" if windows else "pip.conf")] if site is not None else []
    return [*everyone, *user, *inside, *([Path(chosen)] if chosen else [])]


def _usable(words: Iterable[str]) -> list[str]:
    """Addresses without the local folders that do not exist: pip passes over them, uv fails."""
    return [word for word in words if (path := local_path(word)) is None or path.exists()]
