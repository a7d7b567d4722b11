"""A terminal of our own (tmux), key by key; homes with real environments of NumPy and JAX; stored screens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
STACKS = ("numpy-openblas", "jax-cpu")
PATIENCE_SECONDS = 40.0
"""A machine under load is slow, not wrong."""


def program() -> list[str]:
    """The command under test; `MAMBENCH_TEST_PROGRAM` names another, such as the frozen one."""
    named = os.environ.get("MAMBENCH_TEST_PROGRAM")
    if named:
        return [named]
    script = Path(sys.executable).with_name("mambench")
    return [str(script)] if script.exists() else [sys.executable, "-m", "mambench"]


class Screen:
    """A terminal with the program in it: keys go in, what a person would see comes out."""

    def __init__(self, *words: str, home: Path, size: tuple[int, int] = (80, 24), **variables: str) -> None:
        self._socket = f"mambench-{os.getpid()}-{time.monotonic_ns()}"
        environ = {
            "LANG": "C.UTF-8",
            "HOME": str(home / "private"),
            "MAMBENCH_OTHER_HOMES": "ignore",
            **variables,
        }
        assigned = [f"{name}={value}" for name, value in environ.items()]
        kept = [f"{name}={os.environ[name]}" for name in KEPT_VARIABLES if name in os.environ and name not in environ]
        command = ["env", "-i", *kept, *assigned, *program(), "--home", str(home), *words]
        line = f"{shlex.join(command)}; echo EXIT=$?; exec sleep 300"
        width, height = (str(number) for number in size)
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", width, "-y", height, line)

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", self._socket, *words], capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keys(self, *names: str) -> None:
        """Press keys, by tmux's names for them."""
        self._tmux("send-keys", *names)

    def type(self, text: str) -> None:
        """Type a text."""
        self._tmux("send-keys", "-l", text)

    def text(self, *, history: bool = False, colours: bool = False) -> str:
        """What is on the screen, with what has scrolled away if wanted."""
        words = ["capture-pane", "-p", *(["-S", "-1000"] if history else []), *(["-e"] if colours else [])]
        return "\n".join(line.rstrip() for line in self._tmux(*words).splitlines()).rstrip() + "\n"

    def wait(self, *words: str, gone: str = "", seconds: float = PATIENCE_SECONDS, history: bool = False) -> str:
        """The screen once it holds all these words, and no longer what is to be gone, and stands still."""
        begin = time.monotonic()
        while True:
            seen = self.text(history=history)
            if all(word in seen for word in words) and (not gone or gone not in seen):
                time.sleep(0.05)
                again = self.text(history=history)
                if again == seen:
                    return seen
                continue
            assert time.monotonic() - begin < seconds, f"{words} did not come, or {gone!r} did not go:\n{seen}"
            time.sleep(0.03)

    def resize(self, width: int, height: int) -> None:
        """Pull the window to another size."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def code(self) -> int:
        """The exit code, when the program has ended."""
        seen = self.wait("EXIT=", history=True)
        assert "Traceback" not in seen and "fault of its own" not in seen, seen
        return int(seen.rpartition("EXIT=")[2].split()[0])

    def close(self) -> None:
        """End the terminal and what is in it."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)


KEPT_VARIABLES = (
    "PATH", "MAMBENCH_UV", "UV_CACHE_DIR", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY",
    "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "PIP_FIND_LINKS", "PIP_INDEX_URL",
)  # fmt: skip


def earlier_report() -> dict[str, Any]:
    """As much of a report as speeds are learnt from: then the expected times are the same on every machine."""
    rows = [
        {
            "status": "ok",
            "benchmark": "matmul",
            "environment": f"{stack}@pypi",
            "framework": stack.partition("-")[0],
            "dtype": dtype,
            "devices": [{"kind": "cpu"}],
            "params": {"m": 2048, "n": 2048, "k": 2048},
            "seconds": {"median": 2e-9 * 2048**3 / speed},
            "gflops": {"median": speed},
            "rounds": [{"facts": {"ready_seconds": 1.0}}],
        }
        for stack in STACKS
        for dtype, speed in (("float64", 100.0), ("float32", 200.0))
    ]
    return {"schema_version": 1, "results": rows}


def masked(seen: str, home: Path) -> str:
    """A screen without what differs from machine to machine."""
    seen = seen.replace(str(home), "HOME")
    seen = re.sub(r"^(CPU|memory|GPU|system) .*$", r"\1 ...", seen, flags=re.MULTILINE)
    seen = re.sub(r"(?<=system \.\.\.\n) +\S.*\n", "", seen)
    seen = re.sub(r"(?<=CPU \.\.\.\n) +\S.*\n", "", seen)
    seen = re.sub(r"mambench \d+\.\d+\.\d+\S*", "mambench VERSION", seen)
    seen = re.sub(r"python \d+\.\d+\.\d+", "python VERSION", seen)
    return re.sub(r"[\d.]+ [MGT]B (are )?free", r"SPACE \1free", seen)


def skeleton(seen: str) -> str:
    """What a finished run shows, without its numbers, the order of its rows and what it warns of."""
    lines = seen[seen.index("GFLOPS are billions") :].splitlines()
    chart = next(number for number, line in enumerate(lines) if line.startswith("matmul, float64,"))
    table = seen[seen.index("\n", seen.rindex("verified")) : seen.index("GFLOPS are billions")].strip().splitlines()
    kept = "\n".join([*table, "...", *lines[chart:]])
    kept = re.sub(r"results/\S+\.(json|html)", r"results/REPORT.\1", kept)
    kept = re.sub(r"[█▏▎▍▌▋▊▉#]+", "BAR", kept)
    kept = re.sub(r"─+", "RULE", kept)
    kept = re.sub(rf"^( *)({'|'.join(STACKS)})\b", r"\1STACK", kept, flags=re.MULTILINE)
    kept = re.sub(r"\b\d+\.\d\dx", "RATIO", kept)
    kept = re.sub(r"\b(\d+\.\d+|\d{1,3}(,\d{3})+)\b", "NUMBER", kept)
    kept = re.sub(r"(✓|\bok|~ noisy)$", "CHECK", kept, flags=re.MULTILINE).replace("~NUMBER", "NUMBER")
    return "\n".join(" ".join(line.split()) for line in kept.splitlines()) + "\n"


def same_as_stored(seen: str, name: str) -> None:
    """Compare with the stored screen; MAMBENCH_UPDATE_GOLDEN=1 stores it anew."""
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("MAMBENCH_UPDATE_GOLDEN"):
        file.write_text(seen, encoding="utf-8")
    assert seen == file.read_text(encoding="utf-8")
