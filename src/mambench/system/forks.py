"""Pure work on many things, spread over the cores by copies of this process."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 8


def in_parts(work: Callable[[Sequence[Item]], Answer], items: Sequence[Item], *, least: int) -> Iterator[Answer]:
    """The answers of `work` for parts of the items, in their order; each part has so many at least.

    Elsewhere than on Linux, where a process must not go on as a copy, all of them are one part. What a copy does not
    answer is worked out here.
    """
    parts = min(len(items) // least, os.cpu_count() or 1, MOST)
    if sys.platform != "linux" or parts < 2:
        yield work(items)
        return
    size = -(-len(items) // parts)
    first, *others = (items[start : start + size] for start in range(0, len(items), size))
    with contextlib.ExitStack() as copies:
        pipes = [copies.enter_context(_copy(work, part)) for part in others]
        yield work(first)
        for pipe, part in zip(pipes, others, strict=True):
            try:
                answer = pickle.load(pipe)
            except (EOFError, pickle.UnpicklingError):
                answer = work(part)
            yield answer


@contextlib.contextmanager
def _copy(work: Callable[[Any], Any], part: Any) -> Iterator[Any]:
    """A copy of this process that writes its answer into the pipe that is given; it ends with the block."""
    if sys.platform == "win32":
        raise NotImplementedError
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(part), pipe, protocol=pickle.HIGHEST_PROTOCOL)
        finally:
            os._exit(0)  # nothing that this process opened is to be closed twice, and no handler is to run
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            yield pipe
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
