"""Put the stand-in somewhere as an executable called micromamba."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).resolve().with_name("micromamba.py")
KNOBS = {
    "shape": "release",  # or "main": the JSON documents of the main branch
    "solve-delay": 0.0,  # seconds, as all delays
    "extract-delay": 0.0,  # for each package, before it counts as extracted
    "link-delay": 0.0,  # after each package
    "stall-seconds": 60.0,  # without data before a download counts as stalled
    "disk-full": "",  # "download", "extract" or "link"
}


def write_wrapper(path: Path, *, shape: str = "release", knobs: Sequence[str] = ()) -> Path:
    """Write an executable at `path` that runs the stand-in; knobs are written as "link-delay=0.5"."""
    assert {knob.partition("=")[0] for knob in knobs} <= KNOBS.keys()
    options = [f"--standin-{knob}" for knob in (f"shape={shape}", *knobs)]
    text = f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(SCRIPT), *options])} "$@"\n'
    if path.exists() and path.read_text() == text:
        return path  # a shell may be reading it
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
