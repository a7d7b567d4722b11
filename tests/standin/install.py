"""Put the stand-in somewhere as an executable called micromamba."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).resolve().with_name("micromamba.py")


def write_wrapper(path: Path, *, shape: str = "release", knobs: Sequence[str] = ()) -> Path:
    """Write an executable at `path` that runs the stand-in; knobs are written as "link-delay=0.5"."""
    command = [sys.executable, "-I", str(SCRIPT), f"--standin-shape={shape}"]
    command += [f"--standin-{knob}" for knob in knobs]
    text = f'#!/bin/sh\nexec {shlex.join(command)} --standin-name="${{0##*/}}" "$@"\n'
    if path.exists() and path.read_text() == text:
        return path  # a shell may be reading it
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
