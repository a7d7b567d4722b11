"""A file server and two computers that mount what it exports, by the real NFS of the Linux kernel.

Each is a kernel of its own (User Mode Linux, which needs no virtualisation) on this computer's own files,
read-only below a layer in its memory: the same python and the same repository are at the same paths. So each client
has caches, locks, a host name and a clock of its own. They end with the process that started them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("linux.uml", "mkfs.ext4", "mount.nfs", "rpc.nfsd", "rpc.statd", "rpcbind", "exportfs", "ip")
PACKAGES = "user-mode-linux nfs-kernel-server e2fsprogs iproute2"
GUEST = Path(__file__).with_name("nfs_guest.sh")

ENDING_WITH_US = ("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child")
"""A guest is several processes, which would outlive the first when that is killed, but for a namespace of their own."""

START_SECONDS = 120
END_SECONDS = 5
DISK_BYTES = 8 << 30
MEMORY = "1280M"
SERVERS = {"a": "10.15.1.1", "b": "10.15.2.1"}
"""The server's address on the wire to each client."""


@dataclass(frozen=True)
class Ended:
    """How a command in a guest ended, and what it printed."""

    code: int
    out: str
    err: str


class Running:
    """A command in a guest."""

    def __init__(self, guest: Guest, number: str) -> None:
        self._guest, self._number = guest, number

    @property
    def pid(self) -> int:
        """Its process in the guest."""
        return int(self._guest.ask(["cat", self._guest.wait_for(f"/tmp/{self._number}.pid")]))

    @property
    def so_far(self) -> str:
        """What it has printed until now, both streams."""
        files = [f"/tmp/{self._number}.{name}" for name in ("out", "err")]
        return self._guest.ask(["sh", "-c", 'touch "$@"; cat "$@"', "sh", *files])

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._guest.has_ended(self._number)

    def signal(self, name: str) -> None:
        """Send its process a signal, such as KILL."""
        self._guest.ask(["kill", f"-{name}", str(self.pid)])

    def wait(self, timeout_seconds: float = 300) -> Ended:
        """Its end."""
        code = self._guest.code_of(self._number, timeout_seconds)
        assert code is not None, f"{self._guest.name}: not over after {timeout_seconds} s: {self.so_far}"
        files = [self._guest.folder / f"{self._number}.{name}" for name in ("out", "err")]
        return Ended(code, *(file.read_text(errors="replace") for file in files))


class Guest:
    """A kernel that carries out commands."""

    def __init__(self, name: str, scratch: Path, wires: Mapping[str, socket.socket], disk: Path | None = None) -> None:
        """Start it, at an address on each wire."""
        self.name, self.folder = name, scratch / name
        self.folder.mkdir()
        self._numbers = itertools.count(1)
        self._codes: dict[str, int] = {}
        self._said: list[str] = []
        self._changed = threading.Condition()
        told = {"guest": name, "scratch": scratch, "addresses": ",".join(wires), "disk": "yes" if disk else ""}
        command = [*ENDING_WITH_US, "linux.uml", f"mem={MEMORY}", f"uml_dir={scratch}", "con=null", "con0=fd:0,fd:1"]
        command += ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={GUEST}"]
        command += [f"{word}={value}" for word, value in told.items()]
        command += [f"vec{number}:transport=fd,fd={wire.fileno()}" for number, wire in enumerate(wires.values())]
        command += [f"ubda={disk}"] if disk else []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, errors="replace", pass_fds=[wire.fileno() for wire in wires.values()],
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self, command: Sequence[str], *, timeout_seconds: float = 300) -> Ended:
        """Carry out a command and wait for its end."""
        return self.start(command).wait(timeout_seconds)

    def ask(self, command: Sequence[str], *, timeout_seconds: float = 300) -> str:
        """What a command prints, which must not fail."""
        ended = self.run(command, timeout_seconds=timeout_seconds)
        assert ended.code == 0, f"{self.name}: {shlex.join(command)}: {ended}"
        return ended.out

    def start(self, command: Sequence[str]) -> Running:
        """Begin a command."""
        number = str(next(self._numbers))
        script = self.folder / f"{number}.sh"
        script.write_text(f"cd /tmp\necho $$ > /tmp/{number}.pid\nexec {shlex.join(command)}\n")
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return Running(self, number)

    def wait_for(self, pattern: str, *, timeout_seconds: float = 300) -> str:
        """Until there is a file of that kind, whose path is returned."""
        script = 'until compgen -G "$0"; do sleep 0.1; done'
        return self.ask(["bash", "-c", script, pattern], timeout_seconds=timeout_seconds).split()[0]

    def has_ended(self, number: str) -> bool:
        """Whether a command has."""
        with self._changed:
            return number in self._codes

    def code_of(self, number: str, timeout_seconds: float) -> int | None:
        """The exit code of a command, which is waited for; None if it does not end."""
        with self._changed:
            self._changed.wait_for(lambda: number in self._codes or self._process.poll() is not None, timeout_seconds)
            assert self._process.poll() is None, f"guest {self.name} has gone: {self._said[-30:]}"
            return self._codes.get(number)

    def close(self) -> None:
        """Switch it off."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match line.split():
                case [number, code] if (number == "up" or number.isdigit()) and code.isdigit():
                    with self._changed:
                        self._codes[number] = int(code)
                        self._changed.notify_all()
                case _:
                    self._said.append(line.rstrip())
        with self._changed:
            self._changed.notify_all()


@dataclass(frozen=True)
class Net:
    """The guests: a server and its clients. `shared` is a folder of this computer, which guests have at /rig."""

    shared: Path
    server: Guest
    a: Guest
    b: Guest

    @property
    def clients(self) -> tuple[Guest, Guest]:
        """Both clients."""
        return self.a, self.b

    def mount(self, path: str, options: str) -> None:
        """Mount the export on both clients, with options that name the version."""
        exported = "/export" if "vers=3" in options else "/"
        for guest in self.clients:
            guest.ask(["mkdir", "-p", path])
            guest.ask(["mount", "-t", "nfs", "-o", options, f"{SERVERS[guest.name]}:{exported}", path])

    @contextlib.contextmanager
    def cut_off(self, client: Guest) -> Iterator[None]:
        """While what that client sends is lost: it has the server's address on the wire wrong."""
        neighbour = [SERVERS[client.name], "dev", "vec0"]
        client.ask(["ip", "neigh", "replace", *neighbour, "lladdr", "02:00:00:00:00:01", "nud", "permanent"])
        try:
            yield
        finally:
            client.ask(["ip", "neigh", "del", *neighbour])


def missing() -> str:
    """What this computer lacks for it, in words."""
    lacks = [name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    return f"not here: {', '.join(lacks)} (apt-get install {PACKAGES})" if lacks else ""


@contextlib.contextmanager
def net() -> Iterator[Net]:
    """The guests, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="nfs-") as name, contextlib.ExitStack() as stack:
        scratch = Path(name)
        disk = scratch / "disk"
        with disk.open("wb") as stream:
            stream.truncate(DISK_BYTES)
        subprocess.run(["/sbin/mkfs.ext4", "-q", "-O", "^has_journal", disk], check=True)
        wires = {client: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for client in SERVERS}
        server = Guest("server", scratch, {SERVERS[client]: ends[0] for client, ends in wires.items()}, disk)
        stack.callback(server.close)
        clients = {}
        for client, ends in wires.items():
            clients[client] = Guest(client, scratch, {SERVERS[client].removesuffix("1") + "2": ends[1]})
            stack.callback(clients[client].close)
        for end in itertools.chain(*wires.values()):
            end.close()
        for guest in (server, *clients.values()):
            assert guest.code_of("up", START_SECONDS) == 0, f"guest {guest.name} does not start"
        yield Net(scratch, server, **clients)
