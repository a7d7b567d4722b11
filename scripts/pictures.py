"""Make the README's pictures: drive the real wizard in tmux, and let rich write what a person saw as SVG.

    python scripts/pictures.py [--home DIR] [--out docs/pictures]

The home needs the environments of numpy-openblas and jax-cpu, or a network to make them. What names this machine
is replaced.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

SOCKET = f"mambench-pictures-{os.getpid()}"
WIDTH, HEIGHT = 88, 26
PATIENCE_SECONDS = 300.0
SHOWN_HOME = "~/mambench"

SELECTION = '{"environments": ["numpy-openblas", "jax-cpu"], "preset": "quick", "sizes": [2048]}'
STEPS = (
    ("first", None, "Quit"),
    ("pick", "Enter", "What shall be measured?"),
    ("preset", "Enter", "How thoroughly?"),
    ("plan", "Enter", "Start?"),
    ("work", "y", "the fastest so far"),
    ("result", None, "Run again"),
)
"""A picture's name, the key that leads to it, and the words by which it is known to be there."""


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "mambench")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "pictures")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.home.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-m", "mambench"]
    home = ["--home", str(arguments.home)]
    make = ["env", "create", "numpy-openblas", "jax-cpu", "--source", "pypi", "--yes"]
    subprocess.run([*program, *make, *home], check=True)
    (arguments.home / "wizard.json").write_text(SELECTION, encoding="utf-8")
    try:
        take_all([*program, *home], arguments.home, arguments.out)
    finally:
        subprocess.run(["tmux", "-L", SOCKET, "kill-server"], check=False, capture_output=True)


def take_all(command: list[str], home: Path, out: Path) -> None:
    """Go through the wizard, a picture at every step."""
    size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
    line = f"env LANG=C.UTF-8 COLORTERM=truecolor {shlex.join(command)}; exec sleep 60"
    tmux("-f", os.devnull, "new-session", "-d", *size, line)
    for name, key, sign in STEPS:
        if key is not None:
            tmux("send-keys", key)
        save(wait_for(sign, history=name == "result"), home, out / f"{name}.svg")


def wait_for(sign: str, *, history: bool) -> str:
    """The screen, with its colours, once it holds the sign and stands still; the result with what scrolled away."""
    begin = time.monotonic()
    words = ["-S", "-200"] if history else []
    while sign not in tmux("capture-pane", "-p"):
        if time.monotonic() - begin > PATIENCE_SECONDS:
            raise SystemExit(f"{sign!r} did not come:\n{tmux('capture-pane', '-p')}")
        time.sleep(0.05)
    time.sleep(0.3)
    seen = tmux("capture-pane", "-e", "-p", *words)
    return seen[seen.index("$ mambench run") :] if history else seen


def save(seen: str, home: Path, file: Path) -> None:
    """A screen as SVG, without what names this machine."""
    seen = seen.replace(str(home), SHOWN_HOME)
    seen = re.sub(r"(\d{8}T\d{6}Z)-\S+?-([0-9a-f]{8}\.)", r"\1-host-\2", seen)
    text = Text.from_ansi(seen.rstrip())
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(text, soft_wrap=True)
    svg = console.export_svg(title="mambench", theme=SVG_EXPORT_THEME, unique_id=f"mambench-{file.stem}")
    file.write_text(without_fonts(svg), encoding="utf-8")
    print(file)


def without_fonts(svg: str) -> str:
    """No font from a server: a picture that is looked at sends nothing."""
    svg = re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def tmux(*words: str) -> str:
    """A command of tmux, and what it prints."""
    done = subprocess.run(["tmux", "-u", "-L", SOCKET, *words], check=True, capture_output=True, encoding="utf-8")
    return done.stdout


if __name__ == "__main__":
    main()
