"""Matrix product by a BLAS library, called directly: C = A B by its cblas gemm, with ctypes, on NumPy's arrays.

setup(params) -> state     loads the library that the settings name; operands from a fixed seed, made in the dtype
run(state) -> None         returns when C is complete; the products of a batch are done one after the other
result(state)              (a, b, c), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in place
facts(state) -> dict       the library's name, version and threads, as it tells them itself

A is (batch * m, k), B (batch * k, n), C (batch * m, n), all row-major. The stack's settings:

library    patterns of files in the environment, or of absolute ones; the first file that fits is loaded
symbol     the name of gemm, with {type} for s or d: "cblas_{type}gemm", "scipy_cblas_{type}gemm64_"
integers   the bits of its sizes, 32 or 64

Run with MKL and OpenBLAS on Linux. BLIS, NVPL (aarch64) and Accelerate (macOS) have not been called yet.
"""

from __future__ import annotations

import ctypes
import glob
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Of each dtype: gemm's letter, NumPy's type, that of alpha and beta.
DTYPES: dict[str, Any] = {"float64": ("d", np.float64, ctypes.c_double), "float32": ("s", np.float32, ctypes.c_float)}
INTEGERS: dict[Any, Any] = {32: ctypes.c_int32, 64: ctypes.c_int64}
ROW_MAJOR, NO_TRANSPOSE = 101, 111
# In a symbol between what the library's other names have too: scipy_cblas_dgemm64_, scipy_openblas_get_config64_.
GEMM = "cblas_{type}gemm"
LONGEST_VERSION = 200

Rows = Callable[[int, int], Any]


@dataclass(frozen=True)
class Make:
    """What the libraries of one maker call the functions that tell their version and threads, and set these."""

    name: str
    title: str
    version: str
    read: Callable[[Any], str]
    get_threads: str
    set_threads: str


def _first_number(text: str) -> str:
    number = re.search(r"\d+(\.\d+)+", text)
    return number.group() if number else text


def _told(function: Any) -> str:
    """Of `const char *version(void)`."""
    function.restype = ctypes.c_char_p
    return _first_number(function().decode("ascii", "replace"))


def _written(function: Any) -> str:
    """Of `void version(char *buffer, int length)`."""
    buffer = ctypes.create_string_buffer(LONGEST_VERSION)
    function(buffer, LONGEST_VERSION)
    return _first_number(buffer.value.decode("ascii", "replace"))


def _counted(function: Any) -> str:
    """Of `int version(void)`: major * 10000 + minor * 100 + patch."""
    number = function()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


MAKES = (
    Make("mkl", "MKL", "MKL_Get_Version_String", _written, "MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    Make("openblas", "OpenBLAS", "openblas_get_config", _told, "openblas_get_num_threads", "openblas_set_num_threads"),
    Make("blis", "BLIS", "bli_info_get_version_str", _told, "bli_thread_get_num_threads", "bli_thread_set_num_threads"),
    Make("nvpl", "NVPL", "nvpl_blas_get_version", _counted, "nvpl_blas_get_max_threads", "nvpl_blas_set_num_threads"),
)


class Library:
    """A loaded library, the names of its functions formed like that of its gemm."""

    def __init__(self, settings: dict[str, Any]) -> None:
        missing = [name for name in ("library", "symbol", "integers") if name not in settings]
        if missing:
            raise ValueError("the stack's [settings] lack {}".format(" and ".join(missing)))
        if settings["integers"] not in INTEGERS or GEMM not in settings["symbol"]:
            raise ValueError(f"the stack's [settings] need integers = 32 or 64 and a symbol that holds {GEMM}")
        self.path = _found(settings["library"])
        self._symbol, self._integer = settings["symbol"], INTEGERS[settings["integers"]]
        if sys.platform == "win32":
            os.add_dll_directory(os.path.dirname(self.path))
        try:
            self._dll = ctypes.CDLL(self.path)
        except OSError as error:  # Windows does not say of which file
            raise OSError(f"{self.path} cannot be loaded: {error}") from error
        self.make = next((make for make in MAKES if self.function(make.version)), None)

    def function(self, name: str) -> Any:
        """Return a function by its name, with gemm's prefix and suffix or bare; None where there is no such."""
        names = (self._symbol.replace(GEMM, name), name)
        return next((getattr(self._dll, each) for each in names if hasattr(self._dll, each)), None)

    def gemm(self, letter: str, real: Any) -> Any:
        """Return C = alpha A B + beta C of cblas. Raises OSError where the library has none of this name."""
        name = self._symbol.replace("{type}", letter)
        function = getattr(self._dll, name, None)
        if function is None:
            raise OSError(f"{self.path} has no function {name}")
        enum, size, matrix = ctypes.c_int, self._integer, ctypes.c_void_p
        shape, operands = (size, size, size), (matrix, size, matrix, size)
        function.argtypes = (enum, enum, enum, *shape, real, *operands, real, matrix, size)
        function.restype = None
        return function

    @property
    def name(self) -> str:
        """The make, or the file's name where none is known: `accelerate`."""
        return self.make.name if self.make else os.path.basename(self.path).split(".")[0].lower()

    @property
    def title(self) -> str:
        """The make as its maker writes it."""
        return self.make.title if self.make else os.path.basename(self.path).split(".")[0]

    @property
    def version(self) -> str | None:
        """As the library tells it; a part of macOS has that of macOS."""
        if self.make:
            return self.make.read(self.function(self.make.version))
        return f"macOS {platform.mac_ver()[0]}" if self.path.startswith("/System/Library/") else None

    @property
    def threads(self) -> int | None:
        """What it computes with, where it tells; BLIS says -1 for one."""
        get = self.function(self.make.get_threads) if self.make else None
        return max(1, get()) if get else None

    @threads.setter
    def threads(self, count: int) -> None:
        """The variables in the environment were set before: enough where there is no function."""
        set_threads = self.function(self.make.set_threads) if self.make else None
        if set_threads:
            set_threads(ctypes.c_int64(count))  # a C int in some libraries: its half of the register


@dataclass
class State:
    """Operands and product, the library, and the arguments of gemm for each product of the batch."""

    a: Any
    b: Any
    c: Any
    library: Library
    gemm: Any
    calls: list[tuple[Any, ...]]


def setup(params: dict[str, Any]) -> State:
    """Load and make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("a BLAS computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("a BLAS has no product of {}; use float64 or float32".format(params["dtype"]))
    letter, dtype, real = DTYPES[params["dtype"]]
    library = Library(params["settings"])
    gemm = library.gemm(letter, real)
    if params["threads"] is not None:
        library.threads = params["threads"]
    m, n, k, batch = (params[name] for name in ("m", "n", "k", "batch"))
    generator = np.random.default_rng(params["seed"])
    a = generator.standard_normal((batch * m, k), dtype=dtype)
    b = generator.standard_normal((batch * k, n), dtype=dtype)
    c = np.zeros((batch * m, n), dtype=dtype)
    begins = [(a[i * m :].ctypes.data, b[i * k :].ctypes.data, c[i * m :].ctypes.data) for i in range(batch)]
    how, shape = (ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE), (m, n, k)
    calls = [(*how, *shape, 1.0, a_at, k, b_at, n, 0.0, c_at, n) for a_at, b_at, c_at in begins]
    return State(a, b, c, library, gemm, calls)


def run(state: State) -> None:
    """Multiply into C."""
    for arguments in state.calls:
        state.gemm(*arguments)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        for row in rows:
            np.negative(matrix[row], out=matrix[row])


def facts(state: State) -> dict[str, Any]:
    """Say which library multiplies."""
    library = state.library
    return {
        "framework": "blas",
        "framework_version": " ".join(filter(None, (library.title, library.version))),
        "blas": library.name,
        "blas_version": library.version,
        "called": "directly",
        "library": os.path.basename(library.path),
        "threads": library.threads,
        "device_kind": "cpu",
        "result_dtype": str(state.c.dtype),
        "result_device": "cpu:0",
    }


def _found(patterns: list[str]) -> str:
    """Return the first file of the environment that fits, or the first absolute path: macOS shows its own no more."""
    inside = glob.escape(sys.prefix)
    for pattern in patterns:
        if os.path.isabs(pattern):
            return pattern
        for path in sorted(glob.glob(os.path.join(inside, pattern))):
            return path
    raise FileNotFoundError("the environment {} has no {}".format(sys.prefix, " and no ".join(patterns)))


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: matrix[start:stop].astype(np.float64, copy=False)
