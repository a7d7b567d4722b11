"""Make resources/selftest's tiny conda package, the same bytes every time: one text file with a prefix in it.

python scripts/make_selftest_package.py [FOLDER]
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

NAME, VERSION, BUILD = "mambench-selftest", "1.0", "0"
PLACEHOLDER = ("/opt/mambench_placeholder" + "_placeholder" * 30)[:255]
FILE = "share/mambench-selftest/prefix.txt"


def contents() -> dict[str, str]:
    """Every file of the archive; `info/` says that FILE holds the placeholder of the prefix."""
    text = f"{PLACEHOLDER}\n"
    path = {
        "_path": FILE,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "size_in_bytes": len(text),
        "file_mode": "text",
        "prefix_placeholder": PLACEHOLDER,
    }
    index = {
        "name": NAME,
        "version": VERSION,
        "build": BUILD,
        "build_number": 0,
        "subdir": "noarch",
        "noarch": "generic",
        "depends": [],
        "license": "BSD-3-Clause",
    }
    return {
        "info/index.json": json.dumps(index, indent=1),
        "info/paths.json": json.dumps({"paths_version": 1, "paths": [path]}, indent=1),
        "info/files": f"{FILE}\n",
        "info/has_prefix": f"{PLACEHOLDER} text {FILE}\n",
        FILE: text,
    }


def archive() -> bytes:
    """A .tar.bz2 without times and owners."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as bundle:
        for name, text in contents().items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            bundle.addfile(entry, io.BytesIO(text.encode()))
    return bz2.compress(stream.getvalue())


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "resources" / "selftest"
    (folder / f"{NAME}-{VERSION}-{BUILD}.tar.bz2").write_bytes(archive())
