"""Servers on the loopback, and a download from them."""

from __future__ import annotations

import contextlib
import hashlib
import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mambench.system import network

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PORTAL = b"<!DOCTYPE html><html><a href='/login'>Log in to the network</a></html>"
LEADS_TO = {"moved": "/file", "loop": "/loop", "astray": "http://[x/"}


class Handler(BaseHTTPRequestHandler):
    """/file is whole, /cut breaks off in the middle; both go on behind what one has. /deaf is whole and does not.

    /moved leads to /file, /unsized has no length.

    /silent never answers, /stalls falls silent in the middle, /drips is slow and moves; /loop leads to itself, /astray
    to no valid URL; /portal is a login page.
    """

    server: Server

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("User-Agent", "")))
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name == "silent":
            self.server.stopping.wait(30)
            return
        if name in LEADS_TO:
            self.send_response(302)
            self.send_header("Location", LEADS_TO[name])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name == "portal":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PORTAL)
            self.close_connection = True
            return
        if name not in ("file", "cut", "deaf", "unsized", "stalls", "drips"):
            self.send_error(404, "Not Found")
            return
        content = CONTENT
        behind = re.fullmatch(r"bytes=([0-9]+)-", self.headers.get("Range", "")) if name in ("file", "cut") else None
        if behind is not None and int(behind[1]) >= len(CONTENT):
            self.send_error(416)
            return
        if behind is not None:
            content = CONTENT[int(behind[1]) :]
        self.send_response(200 if behind is None else 206)
        if name != "unsized":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        if body and name == "drips":
            for start in range(0, len(CONTENT), len(CONTENT) // 8):
                self.wfile.write(CONTENT[start : start + len(CONTENT) // 8])
                self.server.stopping.wait(0.2)
        elif body:
            self.wfile.write(content[:half] if name in ("cut", "stalls") else content)
            if name == "stalls":
                self.server.stopping.wait(30)
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: list[tuple[str, str, str]]
    stopping: threading.Event

    def handle_error(self, *_arguments: object) -> None:
        """A client that hangs up after its probe is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler], *, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on a free port, for as long as the block lasts."""
    with Server(("127.0.0.1", 0), handler) as server:
        server.asked, server.stopping = [], threading.Event()
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.stopping.set()
        server.shutdown()


def fetch(url: str, path: Path, sha256: str = SHA256) -> list[tuple[int, int | None]]:
    seen: list[tuple[int, int | None]] = []
    network.download(url, path, sha256=sha256, on_bytes=lambda done, total: seen.append((done, total)))
    return seen
