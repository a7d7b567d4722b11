"""An exception of a kernel, told as a reason, one line in plain words and the traceback."""

from __future__ import annotations

import os
import traceback

LONGEST_MESSAGE = 300
# The names under which the files of a benchmark are run.
OWN_MODULES = KERNEL_NAME, CHECK_NAME = ("mambench_kernel", "mambench_check")
# What frameworks say when memory runs out: torch, cupy, XLA and TensorFlow, CUDA's libraries, the operating
# systems.
OUT_OF_MEMORY_TYPES = ("OutOfMemoryError", "ResourceExhaustedError")
OUT_OF_MEMORY_WORDS = (
    "out of memory",
    "resource_exhausted",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "unable to allocate",
    "status_alloc_failed",
    "attempting to allocate",
)


class Failure(Exception):
    """A trial's failure as the protocol has it: `reason`, `message` in one line, `traceback` as text."""

    def __init__(self, reason: str, message: str, text: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.traceback = text


def failure_of(error: BaseException) -> Failure:
    """Classify what a kernel raised.

    By convention a kernel raises NotImplementedError for a dtype that it or its device does not do, and
    LookupError itself (no subclass: KeyError and IndexError are slips) for a device that is not there.
    """
    if isinstance(error, Failure):
        return error
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return Failure(_reason(error), _message(error), text)


def _reason(error: BaseException) -> str:
    if _is_out_of_memory(error):
        return "out_of_memory"
    if isinstance(error, NotImplementedError):
        return "dtype"
    if type(error) is LookupError:
        return "no_device"
    return "raised"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ in OUT_OF_MEMORY_TYPES:
        return True
    words = str(error).lower()
    return isinstance(error, Exception) and any(phrase in words for phrase in OUT_OF_MEMORY_WORDS)


def _message(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else ""
    if isinstance(error, SystemExit):
        return f"the kernel ended the program (exit code {said})"
    if (
        isinstance(error, (NotImplementedError, LookupError))
        and said
        and type(error) in (NotImplementedError, LookupError)
    ):
        return said[:LONGEST_MESSAGE]
    if isinstance(error, MemoryError) and not said:
        return "the machine has not enough memory for this size"
    return (_name(type(error)) + (": " + said if said else ""))[:LONGEST_MESSAGE] + line_of(error)


def line_of(error: BaseException, *, raised_there: bool = False) -> str:
    """Return the last line of the kernel or the check that led to it, in brackets; nothing where none did.

    With `raised_there` a line from which something else was called that raised it is none.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [each for each in frames if each[0].f_globals.get("__name__") in OWN_MODULES]
    if not own or (raised_there and own[-1] != frames[-1]):
        return ""
    frame, line = own[-1]
    return f" ({os.path.basename(frame.f_code.co_filename)}, line {line})"


def _name(kind: type) -> str:
    """Return the name of an exception as its traceback's last line has it."""
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"
