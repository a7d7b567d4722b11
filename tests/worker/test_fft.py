"""The check of a Fourier transform refuses every one that is wrong and none that is honest."""

from __future__ import annotations

import json
import math
import random
import subprocess
import tomllib

import pytest

np = pytest.importorskip("numpy", reason="the proofs of the check are made with numpy")

import check_unitary  # noqa: E402
from interpreters import python_with  # noqa: E402

DTYPES = {"float64": np.complex128, "float32": np.complex64}
ROW = 64
SHAPES = [(1, 64), (1, 1024), (1, 7 * 1024), (1, 2**16), (1, 61 * 1024), (2, 1024), (3, 5 * 1024), (32, 4096)]
FLAT, SQUARE = (1, 2**14), (128, 128)
SEEDS = range(3)
# Bits of a float32's mantissa that a narrower format drops.
DROPPED_BITS = {"tf32": 13, "bfloat16": 16}
# Runs a kernel in its own interpreter: transform, check, change of signs, transform, check.
SCRIPT = """
import importlib, json, sys
worker, folder, framework, params = sys.argv[1:]
sys.path[:0] = [worker, folder]
import check_unitary
kernel, params = importlib.import_module("kernel_" + framework), json.loads(params)
shape = params["m"] * params["n"] // 1024, 2048

class Matrix:
    def __init__(self, name, rows):
        self.name, self.shape, self.rows = name, shape, rows
    def blocks(self):
        numpy = importlib.import_module("numpy")
        for start in range(0, shape[0], 7):
            stop = min(start + 7, shape[0])
            yield start, stop, numpy.asarray(self.rows(start, stop), dtype="float64")

def look():
    x, y = (Matrix(*named) for named in zip("xy", kernel.result(state)))
    return check_unitary.verify((x,), y, params, seed=5, thorough=True)

state = kernel.setup(params)
kernel.run(state)
before = look()
old = kernel.result(state)[1]
old = [old(row, row + 1).copy() for row in range(shape[0])]
kernel.flip(state, list(range(1, shape[0], 2)))
kernel.run(state)
after = look()
new = kernel.result(state)[1]
changed = [bool((old[row] != new(row, row + 1)).any()) for row in range(shape[0])]
print(json.dumps({"outcomes": before + after, "changed": all(changed), "facts": kernel.facts(state)}))
"""


class Matrix:
    """Complex numbers in the order of memory, as the worker hands them to a check."""

    def __init__(self, name, values, *, row=ROW, rows_of_a_block=500):
        self.name = name
        self._pairs = np.ascontiguousarray(values).reshape(-1, row).view(values.real.dtype)
        self._step = rows_of_a_block
        self.shape = self._pairs.shape

    def __call__(self, start, stop):
        return self._pairs[start:stop].astype(np.float64)

    def blocks(self):
        for start in range(0, len(self._pairs), self._step):
            stop = min(start + self._step, len(self._pairs))
            yield start, stop, self(start, stop)


def points(dtype, shape, seed=1):
    m, n = shape
    values = np.random.default_rng(seed).standard_normal(2 * m * n, dtype=dtype)
    return values.view(DTYPES[dtype]).reshape(shape)


def transform(x):
    """Return the transform of m rows of n points, in the arithmetic of x's own type.

    NumPy 2.4 computes complex64 as complex128 unless it scales as well; a scale of a power of two rounds nothing.
    """
    scaled = np.fft.fftn(x, norm="forward").astype(x.dtype)
    return scaled * x.real.dtype.type(x.size)


def verify(x, y, dtype, *, seed=1, thorough=True, **layout):
    m, n = x.shape
    operands, result = (Matrix("x", x, **layout),), Matrix("y", y, **layout)
    params = {"m": m, "n": n, "dtype": dtype}
    return list(check_unitary.verify(operands, result, params, seed=seed, thorough=thorough))


def refused(x, y, dtype, **options):
    """Return the names of the tests that a result fails; one that is NaN fails too."""
    return {name for name, error, bound in verify(x, y, dtype, **options) if not error <= bound}


def seen_every_time(x, y, dtype):
    """Say whether the weighted bins alone refuse it, whatever the seed; only they are in every look."""
    return all("weighted_bins" in refused(x, y, dtype, seed=seed, thorough=False) for seed in range(6))


def rounded(values, dropped):
    """Round complex64 to nearest, ties to even, with so many bits of mantissa less."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    bits = bits + np.uint32((1 << (dropped - 1)) - 1) + ((bits >> np.uint32(dropped)) & np.uint32(1))
    return (bits & np.uint32(0xFFFFFFFF ^ ((1 << dropped) - 1))).view(np.complex64)


def radix_2(x, roots):
    """Return the transform of N points, N a power of two, by the textbook: in float32, with these roots of unity."""
    y = x.reshape(-1, 1)
    while len(y) > 1:
        even, odd = y[: len(y) // 2], y[len(y) // 2 :] * roots(y.shape[1])
        y = np.concatenate([even + odd, even - odd], axis=1)
    return y.reshape(x.shape)


def roots_exact(half):
    return np.exp(-1j * math.pi * np.arange(half) / half).astype(np.complex64)


def roots_of_float32_angles(half):
    angles = np.float32(-math.pi) * np.arange(half, dtype=np.float32) / np.float32(half)
    return (np.cos(angles) + 1j * np.sin(angles)).astype(np.complex64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_honest_transforms_pass_with_room_to_spare(dtype, shape):
    for seed in range(20):
        x = points(dtype, shape, seed)
        y = transform(x)
        for name, error, bound in verify(x, y, dtype, seed=seed):
            assert error < bound / 2, (name, seed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_with_a_mean_and_of_any_size_pass(dtype):
    x = points(dtype, FLAT)
    for honest in (x + DTYPES[dtype](5 - 3j), x * DTYPES[dtype](1e-12), x * DTYPES[dtype](1e12), x.real + 0j * x):
        honest = honest.astype(DTYPES[dtype])
        assert not refused(honest, transform(honest), dtype)


@pytest.mark.parametrize("roots", [roots_exact, roots_of_float32_angles])
def test_plain_algorithms_in_float32_pass_with_room_to_spare(roots):
    for seed in range(5):
        x = points("float32", FLAT, seed)
        for name, error, bound in verify(x, radix_2(x, roots), "float32", seed=seed):
            assert error < bound / 2, (name, seed)


def test_the_rows_it_is_shown_in_do_not_matter():
    x = points("float64", (12, 3 * 1024))
    y = transform(x)
    outcomes = [verify(x, y, "float64", row=row, rows_of_a_block=rows) for row, rows in ((1024, 1), (96, 7), (3072, 5))]
    for outcome in outcomes[1:]:
        assert [name for name, _, _ in outcome] == ["parseval", "weighted_bins", "exact_bins"]
        for (_, error, bound), (_, other, _) in zip(outcomes[0], outcome, strict=True):
            assert error < bound / 2 and other < bound / 2


def test_what_the_weighted_bins_have_to_be_is_exact():
    """Against sums over all pairs, in 80 bits where the machine has them: the check's own part of the tolerance."""
    x = points("float64", (4, 1024))
    m, n = x.shape
    wave = check_unitary.Wave((3, 0.25), (1000, 0.75))
    turns = [np.arange(m) * np.longdouble(3.25) / m, np.arange(n) * np.longdouble(1000.75) / n]
    weights = [np.exp(2j * np.arccos(np.longdouble(-1)) * part) for part in turns]
    roots = [np.exp(-2j * np.arccos(np.longdouble(-1)) * np.outer(np.arange(k), np.arange(k)) / k) for k in (m, n)]
    exact = (weights[0] @ roots[0]) @ x @ (weights[1] @ roots[1])
    found = check_unitary._wanted(np, Matrix("x", x), x.shape, [wave], [])
    assert abs(found.weighted[0] - exact) < 8 * 2.0**-53 * math.sqrt(found.energy)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [FLAT, SQUARE])
class TestWrongTransforms:
    """Each lie in one and two dimensions, in both types."""

    def test_one_panel_of_64(self, dtype, shape):
        for seed in SEEDS:
            x = points(dtype, shape, seed)
            y, before = transform(x), transform(points(dtype, shape, seed + 100))
            width = y.size // 64
            for start in (0, 17 * width, 63 * width):
                panel = slice(start, start + width)
                for lie in (0, before.flat[panel], y.flat[panel][::-1], np.roll(y.flat[panel], 1), -y.flat[panel]):
                    wrong = y.copy()
                    wrong.flat[panel] = lie
                    assert seen_every_time(x, wrong, dtype)

    def test_two_panels_of_64_in_each_others_place(self, dtype, shape):
        x = points(dtype, shape)
        panels = transform(x).reshape(64, -1)
        for one, other in ((0, 1), (0, 32), (30, 47)):
            order = np.arange(64)
            order[[one, other]] = other, one
            assert seen_every_time(x, panels[order].reshape(shape), dtype)

    def test_columns_of_64_are_missing(self, dtype, shape):
        x = points(dtype, shape)
        wrong = transform(x)
        wrong[:, :: 64 if shape[0] == 1 else 1][:, : shape[1] // 64] = 0
        assert seen_every_time(x, wrong, dtype)

    def test_half_of_the_array(self, dtype, shape):
        x = points(dtype, shape)
        for half in (slice(0, x.size // 2), slice(x.size // 2, None)):
            wrong = transform(x)
            wrong.flat[half] = 0
            assert seen_every_time(x, wrong, dtype)

    def test_the_result_of_before_the_signs_changed(self, dtype, shape):
        for seed in SEEDS:
            x = points(dtype, shape, seed)
            stale = transform(x)
            rows = np.random.default_rng(seed).permutation(x.size // ROW)[: max(1, x.size // ROW // 2)]
            x.reshape(-1, ROW)[rows] *= -1
            assert seen_every_time(x, stale, dtype)
            assert not refused(x, transform(x), dtype)

    def test_another_transform(self, dtype, shape):
        x = points(dtype, shape)
        y = transform(x)
        inverse = np.fft.ifftn(x)
        shifted = np.fft.fftshift(y)
        lies = [
            inverse,
            inverse * x.size,
            y.conj(),
            transform(x.conj()),
            y / math.sqrt(x.size),
            y / x.size,
            x,
            shifted,
            -y,
        ]
        if shape[0] > 1:
            lies += [y.T, np.fft.fft(x, axis=0), np.fft.fft(x, axis=1), np.fft.fft(x.reshape(-1)).reshape(shape)]
        for number, lie in enumerate(lies):
            assert seen_every_time(x, lie.astype(x.dtype), dtype), number

    def test_no_numbers(self, dtype, shape):
        x = points(dtype, shape)
        y = transform(x)
        for value in (math.nan, math.inf):
            wrong = y.copy()
            wrong.flat[1234] = value
            assert seen_every_time(x, wrong, dtype)
        assert refused(np.zeros_like(x), np.zeros_like(y), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [FLAT, SQUARE])
def test_one_wrong_bin_is_seen_wherever_it_is(dtype, shape):
    """An error of e in one bin is e / |y| in every weighted sum; twice the tolerance is always seen."""
    x = points(dtype, shape)
    y = transform(x).astype(np.complex128)
    least = 2 * check_unitary.tolerance(dtype, x.size) * math.sqrt(x.size) * np.linalg.norm(x)
    for bin_number in (0, 1, 777, x.size // 2, x.size - 1):
        wrong = y.copy()
        wrong.flat[bin_number] += least
        assert seen_every_time(x, wrong, dtype)


@pytest.mark.parametrize("shape", [FLAT, SQUARE])
def test_float32_is_not_float64(shape):
    for seed in SEEDS:
        x = points("float64", shape, seed)
        narrow = transform(x.astype(np.complex64))
        assert narrow.dtype == np.complex64
        assert seen_every_time(x, narrow.astype(np.complex128), "float64")
        assert seen_every_time(x, transform(x).astype(np.complex64).astype(np.complex128), "float64")


@pytest.mark.parametrize("narrower", DROPPED_BITS)
@pytest.mark.parametrize("shape", [FLAT, SQUARE])
def test_a_narrower_format_is_not_float32(narrower, shape):
    dropped = DROPPED_BITS[narrower]
    for seed in SEEDS:
        x = points("float32", shape, seed)
        assert seen_every_time(x, rounded(transform(x), dropped), "float32")
        assert seen_every_time(x, transform(rounded(x, dropped)), "float32")
        if shape == FLAT:
            assert seen_every_time(x, radix_2(x, lambda half: rounded(roots_exact(half), dropped)), "float32")


def test_a_panel_in_a_narrower_format_is_not_float32():
    for seed in SEEDS:
        x = points("float32", FLAT, seed)
        wrong = transform(x)
        width = x.size // 64
        wrong[0, 5 * width : 6 * width] = rounded(wrong[0, 5 * width : 6 * width], DROPPED_BITS["tf32"])
        assert seen_every_time(x, wrong, "float32")


@pytest.mark.parametrize("along", ["rows", "columns"])
def test_an_error_made_for_one_seed_is_seen_with_another(along):
    """Five wrong bins that cancel in the four sums of seed 1: nobody can make them without the seed."""
    x = points("float64", SQUARE)
    rng, size = random.Random("mambench unitary 1"), SQUARE[0]
    drawn = [{axis: check_unitary._position(rng, size) for axis in ("rows", "columns")} for _ in range(4)]
    weights = np.array([check_unitary._turned(np, wave[along], size, np.arange(5)) for wave in drawn])
    wrong = transform(x)
    (wrong[:5, 9] if along == "rows" else wrong[9, :5])[:] += 100 * np.linalg.svd(weights)[2][-1].conj()
    assert not refused(x, wrong, "float64", seed=1, thorough=False) - {"parseval"}
    for seed in range(2, 9):
        assert "weighted_bins" in refused(x, wrong, "float64", seed=seed, thorough=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_bins_are_looked_at_once(dtype):
    x = points(dtype, FLAT)
    wrong = transform(x)
    wrong[0] = np.roll(wrong[0], 1)
    assert "exact_bins" in refused(x, wrong, dtype)
    assert "exact_bins" not in refused(x, wrong, dtype, thorough=False)


def test_a_scale_is_what_parsevals_sum_is_for():
    x = points("float32", FLAT)
    assert "parseval" in refused(x, transform(x) * np.float32(1.00001), "float32")


def test_the_benchmark_is_shown_in_rows_that_the_check_takes(root):
    spec = tomllib.loads((root / "resources" / "benchmarks" / "fft" / "benchmark.toml").read_text(encoding="utf-8"))
    assert spec["check"]["stock"] == "unitary"
    assert spec["parameters"]["n"]["multiple"] * 2 == int(spec["operands"]["x"]["columns"])
    assert spec["result"]["y"] == {key: spec["operands"]["x"][key] for key in ("rows", "columns")}


@pytest.fixture
def ran(root):
    """Run a kernel of the benchmark on the CPU, or say plainly that no interpreter here has its framework."""

    def run(framework, dtype, m, n, threads=None):
        python = python_with(framework)
        resources = root / "resources"
        params = {"m": m, "n": n, "dtype": dtype, "device": "cpu:0", "seed": 3, "threads": threads, "settings": {}}
        arguments = [resources / "worker", resources / "benchmarks" / "fft", framework, json.dumps(params)]
        command = [python, "-X", "utf8", "-c", SCRIPT, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=240, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.long
@pytest.mark.parametrize("framework", ["numpy", "scipy", "torch", "tensorflow", "jax"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n"), [(1, 17 * 1024), (24, 2048)])
def test_a_kernel_on_the_cpu_transforms(ran, framework, dtype, m, n):
    found = ran(framework, dtype, m, n, threads=1)
    assert len(found["outcomes"]) == 6
    assert all(error <= bound / 2 for _, error, bound in found["outcomes"]), found["outcomes"]
    assert found["changed"]
    facts = found["facts"]
    assert (facts["framework"], facts["device_kind"], facts["result_device"]) == (framework, "cpu", "cpu:0")
    assert facts["result_dtype"] == DTYPES[dtype].__name__
    assert facts["threads"] == 1 or framework == "jax"  # its threads are set by the environment, before it starts
    assert facts["library"] and facts["library_version"][0].isdigit()
