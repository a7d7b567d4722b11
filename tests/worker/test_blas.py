"""The kernel that calls a BLAS library itself: which one it takes, how it calls it, what it tells of it.

The wheels of NumPy and SciPy hold OpenBLAS with whole numbers of 64 and of 32 bits: both are called for real. Stacks
named in MAMBENCH_TEST_PYTHONS, as "blas-mkl=/path/to/python", are run with their own settings.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import loading
import pytest
from interpreters import named

from mambench.environments.existing import ExistingSource
from mambench.system.home import Home

ROOT = Path(__file__).resolve().parents[2]
KERNEL = ROOT / "resources" / "benchmarks" / "matmul" / "kernel_blas.py"
STACKS = {file.stem: file for file in sorted((ROOT / "resources" / "environments").glob("blas-*.toml"))}
WHEELS = {
    "numpy": (["lib/python3*/site-packages/numpy.libs/*openblas*", "Lib/site-packages/numpy.libs/*openblas*"], 64),
    "scipy": (["lib/python3*/site-packages/scipy.libs/*openblas*", "Lib/site-packages/scipy.libs/*openblas*"], 32),
}
SYMBOLS = {64: "scipy_cblas_{type}gemm64_", 32: "scipy_cblas_{type}gemm"}
CALLED = [*WHEELS, "blas-mkl", "blas-openblas"]


def settings_of(name):
    if name in STACKS:
        return tomllib.loads(STACKS[name].read_text(encoding="utf-8"))["settings"]
    library, integers = WHEELS[name]
    if not any(path for pattern in library for path in Path(sys.prefix).glob(pattern)):
        pytest.skip(f"not run: this interpreter's {name} brings no OpenBLAS in its wheel")
    return {"library": library, "symbol": SYMBOLS[integers], "integers": integers}


@pytest.fixture
def kernel():
    return loading.load(str(KERNEL), flips=True)


@pytest.fixture
def measured(serve):
    """Run the kernel with a library, or say plainly that it is not here."""

    def run(name, *, settings=None, batch=1, **changes):
        if name in STACKS and name not in named():
            pytest.skip(f"not run: no interpreter for {name} here; name one in MAMBENCH_TEST_PYTHONS")
        extra = {"batch": batch, "settings": {**settings_of(name), **(settings or {})}}
        return serve(KERNEL, python=named().get(name, sys.executable), extra=extra, **changes)

    return run


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CALLED)
def test_a_product_is_measured_and_verified(measured, name, dtype):
    done = measured(name, dtype=dtype, m=304, n=257, k=208)
    assert done.terminal["event"] == "finished", done.terminal
    assert len(done.named("check")) >= 3
    assert all(check["ok"] for check in done.named("check"))
    told = {**done.named("ready")[0]["facts"], **done.terminal["facts"]}
    assert (told["framework"], told["called"], told["result_dtype"]) == ("blas", "directly", dtype)
    assert told["blas"] == ("mkl" if name == "blas-mkl" else "openblas")
    assert told["blas_version"][0].isdigit()
    assert told["framework_version"] == f"{'MKL' if name == 'blas-mkl' else 'OpenBLAS'} {told['blas_version']}"
    assert (told["device_kind"], told["result_device"]) == ("cpu", "cpu:0")
    assert told["threads"] >= 1
    assert done.named("warning") == []


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", CALLED)
def test_the_threads_asked_for_are_the_threads_used(measured, name, threads):
    done = measured(name, threads=threads, dtype="float32", m=1500, n=1500, k=1500)  # for longer than clocks tick
    assert done.terminal["event"] == "finished", done.terminal
    assert done.terminal["facts"]["threads"] == threads
    assert done.terminal["cpu_seconds"] / done.terminal["run_seconds"] < threads + 0.3


@pytest.mark.parametrize("name", CALLED)
def test_a_degenerate_shape_is_measured(measured, name):
    assert measured(name, m=1, n=1, k=1).terminal["event"] == "finished"


@pytest.mark.parametrize("name", list(WHEELS))
def test_each_product_of_a_batch_is_computed(kernel, name):
    import numpy

    params = {"m": 7, "n": 5, "k": 6, "batch": 3, "dtype": "float64", "device": "cpu:0", "seed": 1, "threads": None}
    state = kernel.setup({**params, "settings": settings_of(name)})
    kernel.run(state)
    a, b, c = (read(0, 3 * rows) for read, rows in zip(kernel.result(state), (7, 6, 7), strict=True))
    assert (a.shape, b.shape, c.shape) == ((21, 6), (18, 5), (21, 5))
    assert numpy.allclose(a.reshape(3, 7, 6) @ b.reshape(3, 6, 5), c.reshape(3, 7, 5), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(("name", "integer"), [("numpy", ctypes.c_int64), ("scipy", ctypes.c_int32)])
def test_sizes_are_as_wide_as_the_settings_say(kernel, name, integer):
    types = kernel.Library(settings_of(name)).gemm("s", ctypes.c_float).argtypes
    assert [place for place, kind in enumerate(types) if kind is integer and place > 2] == [3, 4, 5, 8, 10, 13]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"library": ["lib/libmissing.so.*", "bin/missing.*.dll"]}, "has no lib/libmissing.so.* and no bin/missing"),
        ({"library": [str(ROOT / "pyproject.toml")]}, "pyproject.toml"),
        ({"symbol": "missing_cblas_{type}gemm"}, "has no function missing_cblas_dgemm"),
        ({"symbol": "dgemm_"}, "a symbol that holds cblas_{type}gemm"),
        ({"integers": 16}, "integers = 32 or 64"),
    ],
)
def test_a_wrong_library_is_told_plainly(measured, settings, words):
    end = measured("numpy", settings=settings).terminal
    assert (end["event"], end["reason"]) == ("failed", "raised")
    assert words in end["message"]


def test_settings_that_lack_something_are_told(kernel):
    with pytest.raises(ValueError, match="lack library and integers"):
        kernel.Library({"symbol": "cblas_{type}gemm"})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "tf32", "float8"])
def test_a_dtype_without_a_gemm_is_refused(measured, dtype):
    assert measured("numpy", dtype=dtype).terminal["reason"] == "dtype"


def test_a_device_that_is_no_cpu_is_named(measured):
    end = measured("numpy", device="cuda:0").terminal
    assert (end["reason"], "cuda:0" in end["message"]) == ("no_device", True)


# ---------------------------------------------------------------------------------------- the library's file


@pytest.fixture
def prefix(kernel, monkeypatch, tmp_path):
    """An environment whose name has letters that patterns give a meaning."""
    folder = tmp_path / ("envs [1]" if os.name == "nt" else "envs [1] *")
    folder.mkdir()
    monkeypatch.setattr(kernel.sys, "prefix", str(folder))
    return folder


def test_the_first_pattern_that_fits_counts(kernel, prefix):
    for name in ("lib/libb.so.2", "lib/libb.so.1", "bin/b.dll"):
        (prefix / name).parent.mkdir(exist_ok=True)
        (prefix / name).touch()
    assert Path(kernel._found(["lib/liba.so.*", "lib/libb.so.*", "bin/b.dll"])) == prefix / "lib" / "libb.so.1"


def test_a_file_of_the_system_need_not_be_there(kernel, prefix):
    """macOS keeps its libraries in one cache and shows no files."""
    absolute = str(prefix / "Accelerate")
    assert kernel._found(["lib/libb.so.*", absolute]) == absolute


# --------------------------------------------------------------------- libraries that no wheel here brings


class Function:
    """A function of a library; its types may be set."""

    def __init__(self, does):
        self._does = does

    def __call__(self, *words):
        return self._does(*words)


@pytest.fixture
def library(kernel, monkeypatch):
    """A stack's library, made of the functions given."""

    def make(stack, file, **functions):
        fake = SimpleNamespace(**{name: Function(does) for name, does in functions.items()})
        monkeypatch.setattr(kernel, "_found", lambda _patterns: file)
        monkeypatch.setattr(kernel.ctypes, "CDLL", lambda _file: fake)
        monkeypatch.setattr(kernel.os, "add_dll_directory", lambda _folder: None, raising=False)
        return kernel.Library(settings_of(stack))

    return make


def test_blis_tells_its_version_and_one_thread_where_none_are_set(library):
    told = {"bli_info_get_version_str": lambda: b"2.0", "bli_thread_get_num_threads": lambda: -1}
    blis = library("blas-blis", "/env/lib/libblis.so.4", **told)
    assert (blis.name, blis.title, blis.version, blis.threads) == ("blis", "BLIS", "2.0", 1)


def test_nvpl_tells_its_version_as_a_number(library):
    told = {"nvpl_blas_get_version": lambda: 11234, "nvpl_blas_get_max_threads": lambda: 72}
    nvpl = library("blas-nvpl", "/env/nvpl/lib/libnvpl_blas_ilp64_gomp.so.0", **told)
    assert (nvpl.name, nvpl.title, nvpl.version, nvpl.threads) == ("nvpl", "NVPL", "1.12.34", 72)


def test_threads_are_set_by_the_librarys_own_function(library):
    asked = []
    told = {"nvpl_blas_get_version": lambda: 600, "nvpl_blas_set_num_threads": lambda count: asked.append(count.value)}
    library("blas-nvpl", "libnvpl.so", **told).threads = 3
    assert asked == [3]


def test_accelerate_is_known_by_its_file(library, kernel, monkeypatch):
    monkeypatch.setattr(kernel.platform, "mac_ver", lambda: ("26.1", ("", "", ""), "arm64"))
    accelerate = library("blas-accelerate", settings_of("blas-accelerate")["library"][0])
    assert (accelerate.name, accelerate.title) == ("accelerate", "Accelerate")
    assert (accelerate.version, accelerate.threads) == ("macOS 26.1", None)
    accelerate.threads = 2  # VECLIB_MAXIMUM_THREADS was set by the worker


@pytest.mark.parametrize("stack", STACKS)
def test_the_settings_of_our_stacks_can_be_used(kernel, stack):
    settings = settings_of(stack)
    assert kernel.GEMM in settings["symbol"]
    assert settings["integers"] in kernel.INTEGERS
    assert settings["library"]


def test_no_python_of_the_users_own_is_offered_for_it(tmp_path):
    """It would have no settings that say which library."""
    kernels = tomllib.loads(KERNEL.with_name("benchmark.toml").read_text(encoding="utf-8"))["kernels"]
    modules = {"blas": kernels["blas"]["module"], "json": "json"}
    source = ExistingSource(Home(tmp_path), environ=os.environ)
    assert source.ask(Path(sys.executable), modules).frameworks == ("json",)
