"""One file with all that a maintainer needs to know of a machine, and nothing private."""

from __future__ import annotations

import contextlib
import json
import locale
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mambench import __version__
from mambench.app import doctor
from mambench.app.context import Mambench
from mambench.app.findings import Finding
from mambench.app.selftest.scrubbed import Secrets, hosts_in, scrubbed
from mambench.report import document
from mambench.system import contents, files, long_paths, resources
from mambench.system.home import Home

FILE_NAME = "mambench-selftest.json"

_NAMES = ("USER", "LOGNAME", "USERNAME", "USERDOMAIN", "USERDNSDOMAIN", "COMPUTERNAME", "HOSTNAME")
_FOLDERS = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "TEMP", "TMP", "TMPDIR")


def content(app: Mambench, findings: Sequence[Finding]) -> dict[str, Any]:
    """The program, the machine, what selftest and doctor found, and the latest rows; cleaned."""
    machine = document.machine_dict(app.machine)
    whole = {
        "mambench": __version__,
        "frozen": resources.is_frozen(),
        "python": sys.version,
        "encodings": [sys.getfilesystemencoding(), locale.getpreferredencoding(False), str(sys.stdout.encoding)],
        "terminal": {name: app.environ.get(name) for name in ("TERM", "TERM_PROGRAM", "WT_SESSION", "COLORTERM")},
        "longest_path": long_paths.longest(),
        "home_path_characters": len(str(app.home.root)),
        "home_note": app.home.note,
        "machine": {name: value for name, value in machine.items() if name != "hostname"},
        "selftest": [asdict(finding) for finding in findings],
        "doctor": [asdict(finding) for finding in doctor.examine(app, channels=(), offline=True)],
        "latest_rows": _latest_rows(app.home),
    }
    cleaned: dict[str, Any] = scrubbed(whole, _secrets(app))
    return cleaned


def save(app: Mambench, findings: Sequence[Finding], path: Path) -> None:
    """Write it. Raises OSError."""
    text = json.dumps(content(app, findings), indent=1, ensure_ascii=False) + "\n"
    files.write_where_told(path, text.encode("utf-8", "backslashreplace"))


def _latest_rows(home: Home) -> list[dict[str, Any]]:
    """Of the report that was written last: what was measured, and why the rest was not."""
    reports = [path for path in home.results.glob("*.json") if path.is_file()]
    for path in sorted(reports, key=lambda path: path.stat().st_mtime)[-1:]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            rows = contents.json_in(contents.text_of(path, largest=document.LARGEST_BYTES))["results"]
            return [_row(row) for row in rows]
    return []


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("trial", "status", "verified", "gflops", "failure", "warnings")
    return {name: row.get(name) for name in kept}


def _secrets(app: Mambench) -> Secrets:
    environ = app.environ
    folders = {environ[name]: "<user folder>" for name in _FOLDERS if environ.get(name)}
    with contextlib.suppress(RuntimeError):
        folders[str(Path.home())] = "<user folder>"
    with contextlib.suppress(OSError):
        folders[os.getcwd()] = "<current folder>"
    folders[str(app.home.root)] = "<home>"
    hosts = {socket.gethostname(), app.machine.hostname}
    hosts |= {host.partition(".")[0] for host in hosts}
    hosts |= {host for value in environ.values() for host in hosts_in(value)}
    return Secrets(folders, [environ[name] for name in _NAMES if environ.get(name)], hosts)
