"""A loopback http server for a channel's folder, with faults."""

from __future__ import annotations

import base64
import fnmatch
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

CHUNK_BYTES = 16384


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one file; `times` requests are hit, all of them if it is None, of `agent` only if given."""

    status: int = 200
    cut_after_bytes: int | None = None
    stall_after_bytes: int | None = None
    bytes_per_second: float = 0.0
    wrong_bytes: bool = False
    times: int | None = None
    instead: bytes = b""
    location: str = ""
    agent: str = ""


@dataclass
class ChannelServer:
    """A running server: its address, the faults to inject by path pattern, and what was asked of it."""

    folder: Path
    url: str
    login: str = ""
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    resumed: list[int] = field(default_factory=list)
    """From which bytes on something was asked for."""
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_for(self, path: str, agent: str) -> Fault:
        """The first fault whose pattern fits (`*.conda`, `linux-64/toy-*`), used up by one."""
        with self.lock:
            for pattern, fault in self.faults.items():
                if fnmatch.fnmatch(path, pattern) and fault.times != 0 and agent.startswith(fault.agent):
                    if fault.times is not None:
                        self.faults[pattern] = replace(fault, times=fault.times - 1)
                    return fault
        return Fault()


@contextmanager
def serve(folder: Path, *, login: str = "", certificate: Path | None = None) -> Iterator[ChannelServer]:
    """Serve `folder` on a free loopback port; with `login` ("user:password") that is asked for.

    With `certificate`, a file that holds its key too, by https.
    """
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    server = ChannelServer(folder, f"{scheme}://127.0.0.1:{http.server_address[1]}", login)
    Handler.servers[http.server_address[1]] = server
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        http.shutdown()
        http.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers for one of the running servers."""

    servers: dict[int, ChannelServer] = {}  # by port, filled by serve()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.servers[self.server.server_address[1]]  # type: ignore[index]
        path = unquote(urlsplit(self.path).path).lstrip("/")
        with server.lock:
            server.requests[path] += 1
        fault = server.fault_for(path, self.headers.get("User-Agent", ""))
        file = server.folder / path
        if server.login and not self.is_logged_in(server.login):
            self.refuse(401)
        elif fault.location:
            self.refuse(302, location=fault.location)
        elif fault.instead:
            self.deliver(fault.instead, fault, server)
        elif fault.status != 200 or not file.is_file():
            self.refuse(fault.status if fault.status != 200 else 404)
        else:
            self.deliver(file.read_bytes(), fault, server)

    do_HEAD = do_GET

    def is_logged_in(self, login: str) -> bool:
        return self.headers.get("Authorization") == f"Basic {base64.b64encode(login.encode()).decode()}"

    def refuse(self, status: int, *, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def deliver(self, data: bytes, fault: Fault, server: ChannelServer) -> None:
        if fault.wrong_bytes:
            data = bytes(byte ^ 0xFF for byte in data[:64]) + data[64:]
        behind = re.fullmatch(r"bytes=([1-9][0-9]*)-", self.headers.get("Range", ""))
        if behind is not None:
            begin = int(behind[1])
            server.resumed.append(begin)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            data = data[begin:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = len(data) if fault.cut_after_bytes is None else fault.cut_after_bytes
        stall = fault.stall_after_bytes
        try:
            self.send_paced(data[: end if stall is None else stall], fault.bytes_per_second)
            if stall is not None:
                server.stopping.wait()
        except ConnectionError:
            pass
        self.close_connection = True

    def send_paced(self, data: bytes, bytes_per_second: float) -> None:
        step = min(CHUNK_BYTES, max(1, int(bytes_per_second / 20))) if bytes_per_second else CHUNK_BYTES
        for start in range(0, len(data), step):
            self.wfile.write(data[start : start + step])
            if bytes_per_second:
                time.sleep(step / bytes_per_second)
