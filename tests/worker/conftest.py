"""Drives the real worker in a real process, as the launcher does, over kernels that behave well or badly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mambench.catalogue.benchmarks import load_benchmark
from mambench.catalogue.sizes import order, size_of
from mambench.model import CPU, StackKey, Trial
from mambench.system import resources

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "resources" / "worker" / "worker.py"
KERNELS = Path(__file__).with_name("kernels")
FLAGS = ("-I", "-X", "utf8", "-u")
TIMEOUT_SECONDS = 240.0

sys.path.insert(0, str(WORKER.parent))


@dataclass(frozen=True)
class Round:
    """What a finished worker left: its events, the raw stream, its exit code and what went to stderr."""

    events: list[dict[str, Any]]
    stream: bytes
    code: int
    log: str

    def named(self, event: str, phase: str | None = None) -> list[dict[str, Any]]:
        """Return the events of one name, and of one phase if given."""
        return [e for e in self.events if e["event"] == event and phase in (None, e.get("phase"))]

    @property
    def terminal(self) -> dict[str, Any]:
        """Return the only terminal event, which must be the last one."""
        ends = [e for e in self.events if e["event"] in ("finished", "failed")]
        assert len(ends) == 1, ends
        assert self.events[-1] is ends[0]
        return ends[0]


def request(kernel: Path | str, **changes: Any) -> dict[str, Any]:
    """Return a small request; a change goes to the parameters if it is one of them, else to the top."""
    params = {"m": 24, "n": 20, "k": 16, "batch": 1, "dtype": "float64", "device": "cpu:0", "seed": 1, "threads": None}
    params |= {"settings": {}, "check": {}}
    check = WORKER.with_name("check_matmul.py")
    whole: dict[str, Any] = {"protocol": 2, "kernel": str(kernel), "check": str(check), "params": params, "warmups": 1}
    whole.update({"min_runs": 3, "max_runs": 5, "max_seconds": 5, "target_spread": None, "size": "a size"})
    extra = changes.pop("extra", {})
    for key, value in changes.items():
        (params if key in params and key not in whole else whole)[key] = value
    params.update(extra)
    return {**_layout(params), **whole}


def _layout(params: dict[str, Any]) -> dict[str, Any]:
    """Return what the launcher would say of a product of these parameters, or nothing where they are wrong."""
    spec = load_benchmark(ROOT / "resources" / "benchmarks" / "matmul" / "benchmark.toml")
    values = {name: params[name] for name in spec.parameters}
    if not all(type(value) is int and value > 0 for value in values.values()) or params["dtype"] not in spec.dtypes:
        values, dtype = {}, "float64"
    else:
        dtype = params["dtype"]
    size = size_of(spec, values, dtype)
    return order(spec, Trial("matmul", StackKey("a-stack"), "toy", CPU, dtype, size))


class Worker:
    """A worker process whose stdin stays open until it is closed on purpose."""

    def __init__(self, script: Path, *, python: str = sys.executable, flags: tuple[str, ...] = FLAGS) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([python, *flags, str(script)], stdin=pipe, stdout=pipe, stderr=pipe)
        self._log = b""
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def wait_for(self, event: str) -> dict[str, Any]:
        """Read lines until an event of this name."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found: dict[str, Any] = json.loads(line)
            if found["event"] == event:
                return found
        raise AssertionError(f"no event {event} came")

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def finish(self) -> Round:
        """Read to the end of the stream, wait for the exit, and return it all."""
        assert self.process.stdout is not None
        stream = self.process.stdout.read()
        code = self.process.wait(TIMEOUT_SECONDS)
        self._reader.join(1.0)
        events = [json.loads(line.decode("ascii")) for line in stream.splitlines()]
        return Round(events, stream, code, self._log.decode("utf-8", "replace"))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        self.process.wait()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._log += line


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker as it is in a home: a copy with threadpoolctl beside it."""
    folder = tmp_path_factory.mktemp("code") / "worker with spaces é"
    folder.mkdir()
    threadpoolctl = resources.threadpoolctl()
    assert threadpoolctl is not None
    for source in (*WORKER.parent.glob("*.py"), threadpoolctl):
        shutil.copy(source, folder)
    return folder / WORKER.name


@pytest.fixture
def start(shipped: Path) -> Iterator[Callable[..., Worker]]:
    """Start workers that are gone when the test is over."""
    workers: list[Worker] = []

    def begin(script: Path = shipped, **options: Any) -> Worker:
        workers.append(Worker(script, **options))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.end()


@pytest.fixture
def serve(start: Callable[..., Worker]) -> Callable[..., Round]:
    """Run one kernel to its end and return the round."""

    def run(kernel: Path | str, *, python: str = sys.executable, script: Path | None = None, **changes: Any) -> Round:
        worker = start(python=python) if script is None else start(script, python=python)
        path = KERNELS / f"{kernel}.py" if isinstance(kernel, str) else kernel
        watchdog = threading.Timer(TIMEOUT_SECONDS, worker.process.kill)
        watchdog.start()
        try:
            worker.send(json.dumps(request(path, **changes)).encode() + b"\n")
            return worker.finish()
        finally:
            watchdog.cancel()

    return run


@pytest.fixture
def kernels() -> Path:
    """The folder of toy kernels."""
    return KERNELS


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def request_line() -> Callable[..., bytes]:
    """Make the line that a launcher sends."""
    return lambda kernel, **changes: json.dumps(request(KERNELS / f"{kernel}.py", **changes)).encode() + b"\n"


@pytest.fixture
def seconds_until_exit() -> Callable[[Worker], float]:
    """Close a worker's stdin and return how long it lives on."""

    def measure(worker: Worker) -> float:
        begin = time.perf_counter()
        worker.close_stdin()
        worker.process.wait(TIMEOUT_SECONDS)
        return time.perf_counter() - begin

    return measure
