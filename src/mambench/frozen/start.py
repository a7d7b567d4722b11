"""A frozen program from start to end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mambench.environments import activation
from mambench.frozen import bootloader, bundle, window
from mambench.system import resources


def run(main: Callable[[], int], *, message_folder: Callable[[Mapping[str, str]], Path]) -> int:
    """A frozen program from start to end: finds or keeps a window, and runs `main`.

    `message_folder` is where a message is left for a person whom no window reaches.
    """
    window.take_over()
    if len(sys.argv) == 1 and window.needed(os.environ):
        return window.run_in_one(activation.without_bundle(os.environ, str(bundle.folder())), message_folder)
    try:
        return main()
    finally:
        window.hold()


def begin(environ: Mapping[str, str]) -> dict[str, str]:
    """Prepare for work; gives the user's environment, without what the bootloader put into it."""
    if not resources.is_frozen():
        return dict(environ)
    if bundle.is_one_file():
        bundle.claim()
        bootloader.end_with_it()
        bundle.sweep(bundle.folder().parent)
    return activation.without_bundle(environ, str(bundle.folder()))
