"""A package index on loopback that can go wrong in any way, and the source `pypi` among it; uv is the real one."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import ssl
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mambench.environments.prefix import Draft
from mambench.environments.pypi.bootstrap import Toolbox
from mambench.environments.pypi.source import PypiSource
from mambench.environments.pypi.wheel import UvWheel
from mambench.model import EnvironmentSpec, Event, PypiRecipe
from mambench.system import resources
from mambench.system.home import Home

NAME = "toy-1.0-py3-none-any.whl"
METADATA = b"Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n"
PORTAL = b"<!DOCTYPE html><html><body><a href='/login'>Log in to the network</a></body></html>"


def a_wheel() -> bytes:
    """The package `toy`; its content does not shrink, so that half of it is far from all."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as content:
        content.writestr("toy.py", "")
        content.writestr("toy-data.bin", os.urandom(400_000))
        content.writestr("toy-1.0.dist-info/METADATA", METADATA)
        content.writestr("toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        content.writestr("toy-1.0.dist-info/RECORD", "")
    return written.getvalue()


class Index(ThreadingHTTPServer):
    """`/simple/toy/` and its wheel below any folder; what goes wrong is said by `page`, `head` and `wheel`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = a_wheel()
        self.page, self.head, self.wheel = "", "", ""
        self.metadata = True
        """Whether the page says that metadata lie beside the wheel, so that uv need not look into it."""
        self.login = ""
        self.folder = ""
        """A part of the path before `/simple`."""
        self.stopping = threading.Event()
        self.scheme = "http"

    def handle_error(self, *_arguments: object) -> None:
        """A client that hangs up is no news."""

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}{self.folder}/simple"


class Handler(BaseHTTPRequestHandler):
    server: Index

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(self.server.head, body=False)

    def do_GET(self) -> None:
        self.answer(self.server.wheel if self.path.endswith(".whl") else self.server.page, body=True)

    def answer(self, fault: str, *, body: bool) -> None:
        self.close_connection = True
        server = self.server
        expected = f"Basic {base64.b64encode(server.login.encode()).decode()}"
        if server.login and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "silent":
            server.stopping.wait(120)
            return
        if fault == "loop":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = self.content()
        if fault == "portal":
            content = PORTAL
        if content is None or fault == "missing":
            self.send_error(404)
            return
        if fault == "truncated":
            content = content[: len(content) // 2]
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if content[:1] == b"<" else "application/octet-stream")
        if fault != "unsized":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        if fault in ("cut", "stalls"):
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            server.stopping.wait(120 if fault == "stalls" else 0)
        elif fault == "drips":
            step = len(content) // 30
            for start in range(0, len(content), step):
                self.wfile.write(content[start : start + step])
                server.stopping.wait(0.5)
        else:
            self.wfile.write(content)

    def content(self) -> bytes | None:
        start = f"{self.server.folder}/simple/"
        if self.path == f"{start}toy/":
            digest = hashlib.sha256(self.server.content).hexdigest()
            beside = (
                f'data-core-metadata="sha256={hashlib.sha256(METADATA).hexdigest()}"' if self.server.metadata else ""
            )
            return f'<!DOCTYPE html><html><a href="{NAME}#sha256={digest}" {beside}>{NAME}</a></html>'.encode()
        if self.path == f"{start}toy/{NAME}.metadata":
            return METADATA
        return self.server.content if self.path == f"{start}toy/{NAME}" else None


@contextmanager
def serving(*, certificate: Path | None = None) -> Iterator[Index]:
    """An index for as long as the block lasts; by https with a certificate, in a file that holds its key too."""
    with Index() as index:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            index.socket = context.wrap_socket(index.socket, server_side=True)
            index.scheme = "https"
        threading.Thread(target=index.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield index
        index.stopping.set()
        index.shutdown()


class Stack:
    """One stack from PyPI in a home of its own: `toy`, made with the real uv."""

    def __init__(
        self, folder: Path, index: str, package: str = "toy==1.0", environ: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.home = Home(folder / "home")
        self.home.prepare()
        self.events: list[Event] = []
        told = {"PATH": os.environ["PATH"], "UV_DEFAULT_INDEX": index, "PIP_CONFIG_FILE": os.devnull, **(environ or {})}
        options: Any = {"platform": "linux-64", "offline": False}
        wheel = UvWheel(self.home, resources.uv(), platform="linux-64", environ=told)
        no_conda: Any = SimpleNamespace(ready=lambda _spec: None)
        toolbox = Toolbox(self.home, no_conda, wheel, environ=told, agree=lambda _drafts: False, **options)
        self.source = PypiSource(self.home, toolbox, **options)
        recipe = PypiRecipe(">=3.9", (package,), exclude_newer="2026-11-15")
        self.spec = EnvironmentSpec("toy", "a toy", "numpy", (), ("linux-64",), True, "home", pypi=recipe)

    def solve(self) -> Draft:
        return self.source.solve(self.spec, self.events.append)

    def make(self) -> Draft:
        """Solve and install."""
        draft = self.solve()
        self.source.install(draft, self.events.append)
        return draft
