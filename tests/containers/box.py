"""Images and containers without a registry: overlays on this computer's own files, in a mount namespace of their own.

The base image is this computer with its python at /usr/local, where the official images have it. Building needs root;
what runs in a container has the user that the file names, processes of its own, and a /proc, /dev, /tmp of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
HANDED_ON = re.compile(r"PIP_|UV_|SSL_|REQUESTS_CA|CURL_CA|(https?|no)_proxy", re.IGNORECASE)
"""How a registry is reached from here: a builder gives it as build arguments, a user as variables."""


@dataclass(frozen=True)
class Image:
    """Layers, the newest first, and what the file says of how a container of them runs."""

    layers: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
    entrypoint: tuple[str, ...] = ()
    user: str = "0:0"
    workdir: str = "/"
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How a container ended, what it printed, and what it left in its own layer."""

    code: int
    out: str
    err: str
    written: tuple[str, ...]


class Box:
    """The mount namespace; all of it is gone when its holder is."""

    def __init__(self) -> None:
        held = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o mode=755 tmpfs /mnt && echo && exec cat"]
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(held, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._holder.stdout is not None and self._holder.stderr is not None
        assert self._holder.stdout.readline() == "\n", self._holder.stderr.read()
        self._numbers = itertools.count()
        self.base = self._base()

    def close(self) -> None:
        """Let it go."""
        self._holder.communicate()

    def path(self, inside: str) -> Path:
        """What lies in the namespace, seen from here."""
        return Path(f"/proc/{self._holder.pid}/root{inside}")

    def build(self, image: Image, command: Sequence[str], *, cwd: str, copies: Sequence[tuple[str, str]] = ()) -> Image:
        """An image with one more layer: copies, then a command as root. Raises AssertionError with what it said."""
        layer, root = self._layer(image.layers)
        for source, target in copies:
            self.path(root + str(Path(target).parent)).mkdir(parents=True, exist_ok=True)
            self.inside("cp", "-a", "--no-preserve=ownership", source, root + target)
        self.path(root + cwd).mkdir(parents=True, exist_ok=True)
        if command:
            process = self._start(image, root, command, user="0:0", cwd=cwd, environ=reached())
            out, err = process.communicate()
            assert process.returncode == 0, out + err
        return Image((layer, *image.layers), image.environ, image.entrypoint, image.user, image.workdir, image.volumes)

    def start(
        self,
        image: Image,
        words: Sequence[str],
        *,
        user: str = "",
        mounts: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        read_only: bool = False,
        before: str = "",
    ) -> Container:
        """A container of an image with its entry point."""
        layer, root = self._layer(image.layers)
        process = self._start(
            image,
            root,
            [*image.entrypoint, *words],
            user=user or image.user,
            cwd=image.workdir,
            environ={**reached(), **(environ or {})},
            mounts=mounts or {},
            read_only=read_only,
            before=before,
        )
        return Container(process, self.path(layer))

    def inside(self, *command: str) -> None:
        """A command of this computer in the namespace. Raises CalledProcessError."""
        subprocess.run([*self._enter(), *command], check=True, capture_output=True)

    def folder(self, *, owner: str, mode: str) -> str:
        """A new one, as a volume is."""
        path = f"/mnt/volume{next(self._numbers)}"
        uid, _, gid = owner.partition(":")
        self.inside("install", "-d", "-o", uid, "-g", gid, "-m", mode, path)
        return path

    def merged(self, image: Image) -> str:
        """The files of an image."""
        return self._layer(image.layers)[1]

    def _base(self) -> Image:
        """Without this computer's people, with its python where an image has it."""
        layer, root = self._layer(())
        for name in ("passwd", "shadow"):
            file = self.path(f"{root}/etc/{name}")
            lines = file.read_text().splitlines(keepends=True)
            kept = [line for line in lines if line.split(":")[0] not in _people()]
            file.write_text("".join(kept))
        made = Image((layer,))
        return self.build(made, ["ldconfig"], cwd="/")

    def _layer(self, lower: Sequence[str]) -> tuple[str, str]:
        """A new layer on others and on this computer, and where they are one."""
        name = f"/mnt/{next(self._numbers)}"
        upper, work, merged = f"{name}/upper", f"{name}/work", f"{name}/merged"
        for each in (upper, work, merged):
            self.path(each).mkdir(parents=True)
        layers = f"lowerdir={':'.join((*lower, '/'))},upperdir={upper},workdir={work}"
        self.inside("mount", "-t", "overlay", "overlay", "-o", layers, merged)
        return upper, merged

    def _start(
        self,
        image: Image,
        root: str,
        command: Sequence[str],
        *,
        user: str,
        cwd: str,
        environ: Mapping[str, str],
        mounts: Mapping[str, str] | None = None,
        read_only: bool = False,
        before: str = "",
    ) -> subprocess.Popen[str]:
        python = sys.base_prefix
        steps = [
            *([] if python == "/usr" else [f"mount --rbind {python} {root}/usr/local"]),
            *(["mount -o remount,bind,ro " + root] if read_only else []),
            *(f"mount --bind {source} {root}{target}" for target, source in (mounts or {}).items()),
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /sys {root}/sys",
            f"mount --rbind /dev {root}/dev",
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/dev/shm",
            *([] if "/tmp" in (mounts or {}) else [f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp"]),
            before or ":",
            'exec "$@"',
        ]
        variables = [f"{name}={value}" for name, value in {**image.environ, **environ}.items()]
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", "\n".join(steps), "sh"]
        people = ["chroot", f"--userspec={user}", "--groups=", root, "env", "-i", "-C", cwd, *variables]
        return subprocess.Popen(
            [*self._enter(), *own, *people, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _enter(self) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--"]


class Container:
    """One that runs."""

    def __init__(self, process: subprocess.Popen[str], layer: Path) -> None:
        self._process, self._layer = process, layer

    @property
    def ended(self) -> bool:
        """Whether it has."""
        return self._process.poll() is not None

    def heeds(self, number: int) -> bool:
        """Whether process 1 in it has a handler for a signal."""
        try:
            caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{self._first()}/status").read_text(), re.MULTILINE)
        except (OSError, IndexError, psutil.Error):
            return False
        return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)

    def signal(self, number: int) -> None:
        """To process 1 in it, as an engine's `stop` and `kill` do."""
        with contextlib.suppress(ProcessLookupError, IndexError, psutil.Error):
            os.kill(self._first(), number)

    def _first(self) -> int:
        return psutil.Process(self._process.pid).children()[0].pid

    def end(self, seconds: float = 120) -> Ended:
        """Wait for it."""
        try:
            out, err = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            out, err = self._process.communicate()
            raise AssertionError(f"the container did not end:\n{out}{err}") from None
        written = [path for path in self._layer.rglob("*") if path.is_symlink() or not path.is_dir()]
        names = sorted(f"/{path.relative_to(self._layer)}" for path in written)
        return Ended(self._process.returncode, out, err, tuple(names))


def reached() -> dict[str, str]:
    """This computer's variables by which registries are reached."""
    return {name: value for name, value in os.environ.items() if HANDED_ON.match(name)}


def _people() -> set[str]:
    rows = (line.split(":") for line in Path("/etc/passwd").read_text().splitlines())
    return {row[0] for row in rows if 1000 <= int(row[2]) < 65534}
