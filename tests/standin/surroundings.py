"""What the stand-in reads and writes outside ROOT and PREFIX: HOME, rc files, variables, TMPDIR."""

from __future__ import annotations

import os
import re
import resource
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from standin.messages import Failure

BOOLEANS = ("NO_RC", "NO_ENV", "DRY_RUN", "OFFLINE", "ALWAYS_YES", "JSON", "QUIET", "DOWNLOAD_ONLY")
RC_LINE = re.compile(r"\s*(#.*|---|- .*|-|[\w.-]+\s*:(\s.*)?)?$")


def die_without_tmpdir(environ: Mapping[str, str]) -> None:
    """A TMPDIR that does not exist is a segmentation fault."""
    if not Path(environ.get("TMPDIR", "/tmp")).is_dir():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)


def leave_temporary_file() -> None:
    handle, _ = tempfile.mkstemp(prefix="mambaf")
    os.close(handle)


def home_folder(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or "/nonexistent")
    try:
        (home / ".conda").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"filesystem error: cannot create directories: {error.strerror} [{home}]") from error
    return home


def register_environment(home: Path, prefix: Path) -> None:
    """Add a prefix to ~/.conda/environments.txt, which no flag prevents."""
    listing = home / ".conda" / "environments.txt"
    known = listing.read_text().splitlines() if listing.exists() else []
    if str(prefix) not in known:
        listing.write_text("".join(f"{line}\n" for line in [*known, str(prefix)]))


def leave_shard_cache(environ: Mapping[str, str], home: Path) -> None:
    folder = Path(environ.get("XDG_CACHE_HOME") or home / ".cache", "conda", "pkgs", "cache", "shards")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "standin.msgpack.zst").write_bytes(b"")


def check_booleans(environ: Mapping[str, str]) -> None:
    for name in BOOLEANS:
        value = environ.get(f"MAMBA_{name}", "false")
        if value not in ("true", "false"):
            raise Failure(f"Could not convert MAMBA_{name}='{value}' to a boolean: yaml-cpp: bad conversion")


def rc_texts(environ: Mapping[str, str], folders: list[Path]) -> list[tuple[Path, str]]:
    """The rc files that are there; `folders` are ROOT and PREFIX."""
    home = Path(environ.get("HOME") or "/nonexistent")
    places = [folder / name for folder in [home, *folders] for name in (".condarc", ".mambarc")]
    places += [home / ".conda" / ".condarc", home / ".conda" / "condarc", home / ".mamba" / ".mambarc"]
    if "XDG_CONFIG_HOME" in environ:
        config = Path(environ["XDG_CONFIG_HOME"])
        places += [config / "conda" / ".condarc", config / "mamba" / ".mambarc"]
    places += [Path(environ[name]) for name in ("CONDARC", "MAMBARC") if environ.get(name)]
    return [(place, place.read_text(errors="replace")) for place in places if place.is_file()]


def check_rc_files(environ: Mapping[str, str], folders: list[Path]) -> None:
    for place, text in rc_texts(environ, folders):
        if is_broken(text):
            raise Failure(f"Could not load configuration file '{place}': yaml-cpp: error")


def is_broken(text: str) -> bool:
    """Whether a text is plainly no YAML mapping: not the grammar, enough for what tests write."""
    lines_fit = all(RC_LINE.match(line) and not line.startswith("\t") for line in text.splitlines())
    return not lines_fit or text.count("[") != text.count("]") or text.count("{") != text.count("}")


def rc_channels(environ: Mapping[str, str], folders: list[Path]) -> list[str]:
    """The channels named in rc files, in either way of writing a list."""
    found: list[str] = []
    for _, text in rc_texts(environ, folders):
        block = re.search(r"^channels\s*:\s*(\[.*\]|(?:\n\s*- .*)+)", text, re.MULTILINE)
        if block:
            found += re.findall(r"[^\s\[\],]+", re.sub(r"(?m)^\s*- ", " ", block[1]))
    return found
