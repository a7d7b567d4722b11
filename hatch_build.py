"""Adds `share` to a wheel: the manual page and the completions, made from the parser (scripts/share.py)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Share(BuildHookInterface[Any]):
    """Makes the folder while a wheel is built, and removes it afterwards."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the build."""
        del version
        sys.path.insert(0, str(Path(self.root, "scripts")))
        import share

        self._folder = Path(tempfile.mkdtemp())
        build_data["shared_data"][str(share.write(self._folder))] = "share"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After it."""
        del version, build_data, artifact_path
        shutil.rmtree(self._folder)
