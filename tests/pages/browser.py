"""A page as Chromium shows it: npm and node drive it, nothing of it comes from a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """What this machine lacks to look at pages; empty if nothing."""
    lacking = [name for name in ("npm", "node") if shutil.which(name) is None]
    return ", ".join([*lacking, *([] if chromium() else ["chromium"])])


def chromium() -> str | None:
    """The browser on PATH."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


class Browser:
    """Chromium with what drives and examines it, installed into `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("package.json", "look.js"):
            shutil.copyfile(HERE / name, folder / name)
        command = [str(shutil.which("npm")), "install", "--silent", "--no-audit", "--no-fund", "--legacy-peer-deps"]
        subprocess.run(command, cwd=folder, check=True)

    def schema(self) -> dict[str, Any]:
        """Vega-Lite's own JSON Schema."""
        text = (self.folder / "node_modules/vega-lite/build/vega-lite-schema.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def look(self, page: Path, **wanted: Any) -> dict[str, Any]:
        """What is seen of a page; `width` and `scheme` are those of the reader's screen."""
        wanted = {"width": 1400, "scheme": "light", **wanted}
        command = [str(shutil.which("node")), "look.js", str(chromium()), str(page), json.dumps(wanted, default=str)]
        environ = {**os.environ, "HOME": str(self.folder)}
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))
