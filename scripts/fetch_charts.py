"""Fetch the pinned scripts that draw charts, and their licences, from npm into resources/report/scripts, verified.

python scripts/fetch_charts.py             needs npm; what is there already and keeps its hash stays
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

REPORT = Path(__file__).resolve().parents[1] / "resources" / "report"
SCRIPTS = REPORT / "scripts"


def main() -> int:
    """Fetch what is missing or has another hash."""
    pins = tomllib.loads((REPORT / "scripts.toml").read_text(encoding="utf-8"))["script"]
    SCRIPTS.mkdir(exist_ok=True)
    try:
        for pin in pins:
            fetch(pin)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"fetch_charts: {error}", file=sys.stderr)
        return 1
    return 0


def fetch(pin: dict[str, str]) -> None:
    """One script and its licence. Raises OSError, ValueError, CalledProcessError."""
    target = SCRIPTS / pin["file"]
    if not target.is_file() or sha256_of(target.read_bytes()) != pin["sha256"]:
        script, licence = packed(pin)
        if sha256_of(script) != pin["sha256"]:
            raise ValueError(f"{pin['package']} {pin['version']}: {pin['file']} has another hash than scripts.toml")
        target.write_bytes(script)
        (SCRIPTS / f"{pin['package']}.LICENSE").write_bytes(licence)
    print(target)


def packed(pin: dict[str, str]) -> tuple[bytes, bytes]:
    """The script and the licence in the package that npm gives."""
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError("npm is not on PATH; install Node.js")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, f"{pin['package']}@{pin['version']}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as bundle:
            return member(bundle, f"package/build/{pin['file']}"), member(bundle, "package/LICENSE")


def member(bundle: tarfile.TarFile, name: str) -> bytes:
    """The content of a file in the archive."""
    stream = bundle.extractfile(name)
    if stream is None:
        raise ValueError(f"{bundle.name}: {name} is no file")
    return stream.read()


def sha256_of(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
