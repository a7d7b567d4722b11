"""What the release job does beside building.

python scripts/release.py sums DIR        writes DIR/SHA256SUMS over the programs in DIR, prints their paths
                                          and that of the archive of scripts/share.py
python scripts/release.py accepted FILE   ends with 1 unless Apple's notary accepted: FILE is the JSON of notarytool
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

SUMS = "SHA256SUMS"
PROGRAM = re.compile(r"mambench-\d[\w.+]*-((linux|osx|win)-\w+(\.exe|\.zip|\.tar\.gz)?|share\.tar\.gz)")
"""A file of a release: a program, or the manual page with the completions. A home of a trial run has another name."""


def programs(folder: Path) -> list[Path]:
    """The files of a release in a folder."""
    return sorted(path for path in folder.iterdir() if path.is_file() and PROGRAM.fullmatch(path.name))


def write_sums(folder: Path) -> list[Path]:
    """Write the checksums of the programs in `folder`; gives all that is to be published. Raises OSError."""
    files = programs(folder)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="ascii", newline="\n")
    return [*files, folder / SUMS]


def accepted(answer: str) -> bool:
    """Whether `notarytool submit --wait --output-format json` says Accepted; it exits with 0 on Invalid, too."""
    try:
        content = json.loads(answer)
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("status") == "Accepted"


def main(words: list[str]) -> int:
    """Do what the first word says."""
    if len(words) != 2 or words[0] not in ("sums", "accepted"):
        print(__doc__, file=sys.stderr)
        return 2
    path = Path(words[1])
    if words[0] == "sums":
        published = write_sums(path)
        print("\n".join(map(str, published)))
        return 0 if len(published) > 1 else 1
    answer = path.read_text(encoding="utf-8")
    print(answer)
    return 0 if accepted(answer) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
