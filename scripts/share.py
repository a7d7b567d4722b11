"""The folder `share` of an installation: the manual page, and the completions where shells look for them.

    python scripts/share.py DIR     writes DIR/share and DIR/mambench-<version>-share.tar.gz

Wheels and the folder form of the program hold it too. All of it is made from the parser.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]

import manual  # noqa: E402
from mambench import __version__  # noqa: E402
from mambench.cli.commands.completion import SHELLS  # noqa: E402
from mambench.cli.completing import script  # noqa: E402
from mambench.cli.parser import parser  # noqa: E402

PAGE = "man/man1/mambench.1"
COMPLETIONS = {
    "bash": "bash-completion/completions/mambench",
    "zsh": "zsh/site-functions/_mambench",
    "fish": "fish/vendor_completions.d/mambench.fish",
    "powershell": "powershell/mambench.ps1",
}


def write(folder: Path) -> Path:
    """Write `folder`/share; gives its path."""
    share = folder / "share"
    texts = {PAGE: manual.page(), **{COMPLETIONS[shell]: script(parser(), shell) for shell in SHELLS}}
    for name, text in texts.items():
        (share / name).parent.mkdir(parents=True, exist_ok=True)
        (share / name).write_text(text, encoding="ascii", newline="\n")
    return share


def pack(share: Path, out: Path) -> Path:
    """An archive to be unpacked in /usr/local or ~/.local."""
    archive = out / f"mambench-{__version__}-share.tar.gz"
    with tarfile.open(archive, "w:gz") as bundle:
        bundle.add(share, "share", filter=_anonymous)
    return archive


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    print(pack(write(Path(sys.argv[1])), Path(sys.argv[1])))
