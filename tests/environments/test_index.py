"""What the real uv says of an index on loopback that gives no upload times."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mambench.environments.prefix import Draft
from mambench.environments.pypi.bootstrap import Toolbox
from mambench.environments.pypi.source import PypiSource
from mambench.environments.pypi.wheel import UvWheel
from mambench.errors import ProvisionError
from mambench.model import EnvironmentSpec, PypiRecipe
from mambench.system import resources
from mambench.system.home import Home


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A folder with one wheel and a page without dates, over http."""
    folder = tmp_path / "simple" / "toy"
    folder.mkdir(parents=True)
    wheel = folder / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr("toy.py", "")
        content.writestr("toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
        content.writestr("toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        content.writestr("toy-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def solved(tmp_path: Path, index: str, package: str) -> Draft:
    home = Home(tmp_path / "home")
    home.prepare()
    environ = {"PATH": os.environ["PATH"], "UV_DEFAULT_INDEX": index, "PIP_CONFIG_FILE": os.devnull}
    options: Any = {"platform": "linux-64", "offline": False}
    wheel = UvWheel(home, resources.uv(), platform="linux-64", environ=environ)
    no_conda: Any = SimpleNamespace(ready=lambda _spec: None)
    toolbox = Toolbox(home, no_conda, wheel, environ=environ, agree=lambda _drafts: False, **options)
    source = PypiSource(home, toolbox, **options)
    recipe = PypiRecipe(">=3.9", (package,), exclude_newer="2026-11-15")
    spec = EnvironmentSpec("toy", "a toy", "numpy", ("cpu",), ("linux-64",), True, "home", pypi=recipe)
    return source.solve(spec, lambda _event: None)


def test_index_without_upload_times_is_asked_again_and_said(tmp_path: Path, index: str):
    draft = solved(tmp_path, index, "toy==1.0")
    assert [(package.name, package.version) for package in draft.packages] == [("toy", "1.0")]
    assert draft.warnings == ("the package index gives no upload times: packages may be newer than 2026-11-15",)
    assert draft.installer_variables == {"UV_DEFAULT_INDEX": index}


def test_package_that_the_index_lacks_is_its_own_failure(tmp_path: Path, index: str):
    with pytest.raises(ProvisionError, match="nosuch was not found in the package registry"):
        solved(tmp_path, index, "nosuch==1")
