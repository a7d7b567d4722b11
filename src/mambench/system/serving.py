"""Files of this disk, given to a child that takes only URLs: a proxy on the loopback that knows one made-up host."""

from __future__ import annotations

import base64
import contextlib
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    files: Mapping[str, Path]
    login: str

    def handle_error(self, *_arguments: object) -> None:
        """A child that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Proxy

    def do_GET(self) -> None:
        path = self.server.files.get(self.path)
        if self.headers.get("Proxy-Authorization") != self.server.login:
            self.send_error(407)
        elif path is None:
            self.send_error(404)
        else:
            with path.open("rb") as stream:
                self.send_response(200)
                self.send_header("Content-Length", str(path.stat().st_size))
                self.end_headers()
                if self.command == "GET":
                    shutil.copyfileobj(stream, self.wfile, 1 << 20)

    do_HEAD = do_GET

    def log_message(self, *_arguments: object) -> None:
        pass


@contextlib.contextmanager
def served(files: Mapping[str, Path]) -> Iterator[dict[str, str]]:
    """Serve files by the URLs that stand for them, http:// ones; gives the variables with which a child asks here.

    Nobody else is answered: the child's variables hold a password. Raises OSError.
    """
    password = secrets.token_hex(16)
    with _Proxy(("127.0.0.1", 0), _Handler) as proxy:
        proxy.files = files
        proxy.login = f"Basic {base64.b64encode(f'mambench:{password}'.encode()).decode()}"
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        address = f"http://mambench:{password}@127.0.0.1:{proxy.server_port}"
        try:
            yield {
                **dict.fromkeys(("HTTP_PROXY", "http_proxy"), address),
                **dict.fromkeys(("ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"), ""),
            }
        finally:
            proxy.shutdown()
