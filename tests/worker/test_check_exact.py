"""The check of elementwise results refuses every lie and no honest result, and the kernels that it checks pass."""

from __future__ import annotations

import json
import subprocess
import tomllib
import tracemalloc
from pathlib import Path

import pytest
from interpreters import python_with

np = pytest.importorskip("numpy", reason="the proofs of the check are made with numpy")

import check_exact  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "resources" / "benchmarks"
ROWS, COLUMNS = 64, 1024
DTYPES = ("float64", "float32", "float16", "bfloat16")
WIDE = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": np.float32}
WHOLE_BITS = {"float64": 50, "float32": 21, "float16": 9, "bfloat16": 6}
SEEDS = range(5)


class Matrix:
    """A matrix as the worker hands it to a check."""

    def __init__(self, name, values, *, block_rows=24):
        self.name, self.shape, self._values, self._step = name, values.shape, values, block_rows

    def __call__(self, start, stop):
        return self._values[start:stop].astype(np.float64)

    def blocks(self):
        for start in range(0, self.shape[0], self._step):
            stop = min(start + self._step, self.shape[0])
            yield start, stop, self(start, stop)


def rounded(values, digits):
    """Round float64 values to so many binary digits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits)


def uniform(rng, dtype, shape):
    return rounded(rng.uniform(-1.0, 1.0, shape), check_exact.DIGITS[dtype])


def whole(rng, dtype, shape):
    bits = WHOLE_BITS[dtype]
    return rng.integers(-(2**bits), 2**bits, shape) / 2.0**bits


def triad(b, c, digits, scale=3.0):
    """Compute b + s c in a format of so many digits, rounding twice."""
    return rounded(b + rounded(scale * c, digits), digits)


def chain(x, z, digits):
    """Compute exp(x + z) x + z operation by operation in a format of so many digits."""
    power = rounded(np.exp(rounded(x + z, digits)), digits)
    return rounded(rounded(power * x, digits) + z, digits)


COMPUTE = {"bandwidth": triad, "elementwise": chain}
OPERANDS = {"bandwidth": whole, "elementwise": uniform}
BOTH = pytest.mark.parametrize("benchmark", list(COMPUTE))
ALL_DTYPES = pytest.mark.parametrize("dtype", DTYPES)


def described(benchmark):
    return tomllib.loads((BENCHMARKS / benchmark / "benchmark.toml").read_text(encoding="utf-8"))


def honest(benchmark, dtype, seed, rows=ROWS, columns=COLUMNS):
    """Return two operands and the result that arithmetic in the dtype gives."""
    rng = np.random.default_rng(seed)
    left, right = (OPERANDS[benchmark](rng, dtype, (rows, columns)) for _ in range(2))
    return left, right, COMPUTE[benchmark](left, right, check_exact.DIGITS[dtype])


def flipped(left, right, seed):
    """Change the signs of half of the rows of both."""
    rng = np.random.default_rng(seed + 1000)
    return tuple(m * np.where(rng.permutation(len(m)) < len(m) // 2, -1.0, 1.0)[:, None] for m in (left, right))


def outcomes(benchmark, dtype, left, right, result, *, seed=1, thorough=True, check=None):
    spec = described(benchmark)
    params = {"n": result.size, "dtype": dtype, "device": "cpu:0", "check": check or spec["check"]}
    operands = tuple(Matrix(name, values) for name, values in zip(spec["operands"], (left, right), strict=True))
    (name,) = spec["result"]
    return list(check_exact.verify(operands, Matrix(name, result), params, seed=seed, thorough=thorough))


def accepted(*args, **options):
    return all(error <= tolerance for _, error, tolerance in outcomes(*args, **options))


@BOTH
@ALL_DTYPES
def test_honest_results_pass(benchmark, dtype):
    for seed in range(40):
        left, right, result = honest(benchmark, dtype, seed, rows=1 + seed % 7)
        assert accepted(benchmark, dtype, left, right, result, seed=seed, thorough=seed % 4 == 0), seed


@ALL_DTYPES
def test_an_honest_chain_has_room_to_spare(dtype):
    for seed in SEEDS:
        (_, error, tolerance), _, (_, entries, _) = outcomes("elementwise", dtype, *honest("elementwise", dtype, seed))
        assert error < tolerance / 2
        assert entries < tolerance / 2


@ALL_DTYPES
def test_the_triad_is_exact_with_and_without_fused_multiply_add(dtype):
    b, c, result = honest("bandwidth", dtype, 3)
    assert (result == rounded(b + 3 * c, check_exact.DIGITS[dtype])).all()
    by_fractions = [
        int(x) + 3 * int(y) for x, y in zip(*(m[0] * 2.0 ** WHOLE_BITS[dtype] for m in (b, c)), strict=True)
    ]
    assert [int(x) for x in result[0] * 2.0 ** WHOLE_BITS[dtype]] == by_fractions


@BOTH
@ALL_DTYPES
def test_a_stale_result_is_refused(benchmark, dtype):
    for seed in SEEDS:
        left, right, stale = honest(benchmark, dtype, seed)
        assert not accepted(benchmark, dtype, *flipped(left, right, seed), stale, seed=seed, thorough=False)


@BOTH
@ALL_DTYPES
@pytest.mark.parametrize("rows", [ROWS // 2, ROWS // 64], ids=["half", "panel"])
def test_what_was_not_written_is_refused(benchmark, dtype, rows):
    for seed in SEEDS:
        left, right, stale = honest(benchmark, dtype, seed)
        left, right = flipped(left, right, seed)
        unchanged = (stale == COMPUTE[benchmark](left, right, check_exact.DIGITS[dtype])).all(axis=1)
        for start in (0, ROWS // 2, ROWS - rows):
            bad = COMPUTE[benchmark](left, right, check_exact.DIGITS[dtype])
            bad[start : start + rows] = stale[start : start + rows]
            if not unchanged[start : start + rows].all():
                assert not accepted(benchmark, dtype, left, right, bad, seed=seed, thorough=False), (seed, start)
            bad[start : start + rows] = 0.0
            assert not accepted(benchmark, dtype, left, right, bad, seed=seed, thorough=False), (seed, start)


@BOTH
@ALL_DTYPES
def test_columns_that_were_not_written_are_refused(benchmark, dtype):
    for seed in SEEDS:
        left, right, bad = honest(benchmark, dtype, seed)
        bad[:, seed * 16 : seed * 16 + COLUMNS // 64] = 0.0
        assert not accepted(benchmark, dtype, left, right, bad, seed=seed, thorough=False)


@BOTH
@ALL_DTYPES
def test_arithmetic_of_a_narrower_format_is_refused(benchmark, dtype):
    for seed in SEEDS:
        left, right, _ = honest(benchmark, dtype, seed)
        bad = COMPUTE[benchmark](left, right, check_exact.NARROWER[dtype])
        assert not accepted(benchmark, dtype, left, right, bad, seed=seed, thorough=False)


@BOTH
@ALL_DTYPES
def test_operands_of_a_narrower_format_are_refused(benchmark, dtype):
    """Everything in the narrower format: its result is right for what is stored."""
    narrower = {"float64": "float32", "float32": "float16", "float16": "bfloat16"}.get(dtype)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        if narrower is None:  # three bits and a sign: e4m3
            left, right = (rng.integers(-8, 8, (ROWS, COLUMNS)) / 8.0 for _ in range(2))
        else:
            left, right = (OPERANDS[benchmark](rng, narrower, (ROWS, COLUMNS)) for _ in range(2))
        result = COMPUTE[benchmark](left, right, check_exact.DIGITS[dtype])
        found = outcomes(benchmark, dtype, left, right, result, seed=seed, thorough=False)
        assert [name for name, error, tolerance in found if not error <= tolerance] == ["narrow_operands"]


@BOTH
@ALL_DTYPES
def test_operands_in_the_wrong_order_are_refused(benchmark, dtype):
    for seed in SEEDS:
        left, right, _ = honest(benchmark, dtype, seed)
        bad = COMPUTE[benchmark](right, left, check_exact.DIGITS[dtype])
        assert not accepted(benchmark, dtype, left, right, bad, seed=seed, thorough=False)


@ALL_DTYPES
@pytest.mark.parametrize("direction", [-1, 1])
def test_a_factor_off_by_one_unit_in_the_last_place_is_refused(dtype, direction):
    digits = check_exact.DIGITS[dtype]
    scale = 3.0 + direction * 2.0 ** (2 - digits)
    for seed in SEEDS:
        b, c, _ = honest("bandwidth", dtype, seed)
        assert not accepted("bandwidth", dtype, b, c, triad(b, c, digits, scale), seed=seed, thorough=False)


@BOTH
@ALL_DTYPES
@pytest.mark.parametrize("direction", [-1, 1])
def test_one_wrong_element_is_refused_wherever_it_is(benchmark, dtype, direction):
    """One unit in the last place in the triad, twice the tolerance in the chain."""
    for row, column in [(0, 0), (ROWS - 1, COLUMNS - 1), (23, 500), (24, 501)]:
        left, right, bad = honest(benchmark, dtype, row)
        unit = 2.0 ** (1 - check_exact.DIGITS[dtype]) * (abs(left) * np.exp(left + right) + abs(right))[row, column]
        ulps = described("elementwise")["check"]["ulps"][dtype]
        bad[row, column] += direction * (2.0 ** -WHOLE_BITS[dtype] if benchmark == "bandwidth" else 2 * ulps * unit)
        assert not accepted(benchmark, dtype, left, right, bad, thorough=False), (row, column)


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["operand", "result"])
def test_what_is_not_finite_is_refused(benchmark, value, where):
    left, right, result = honest(benchmark, "float64", 1)
    (left if where == "operand" else result)[30, 7] = value
    assert not accepted(benchmark, "float64", left, right, result, thorough=False)


def test_the_decimal_entries_are_an_opinion_of_their_own():
    """numpy's exp may be what is measured: where it is wrong, the check by numpy says that all is well."""
    x, z, _ = honest("elementwise", "float64", 1)
    found = outcomes("elementwise", "float64", x, z, np.zeros_like(x), thorough=True)
    assert [name for name, _, _ in found] == ["exact", "narrow_operands", "decimal_entries"]
    assert found[2][1] > 1e12
    assert "decimal_entries" not in [name for name, *_ in outcomes("elementwise", "float64", x, z, x, thorough=False)]


def test_every_function_is_the_same_in_both_arithmetics():
    x, z, _ = honest("elementwise", "float64", 2)
    formula = "sin(9 * x) + cos(z) * tanh(x) - 0.5 * log(abs(z) + n) / sqrt(2 + x) + maximum(x, minimum(z, 0.25)) ** 2"
    functions = {name: getattr(np, name) for name in check_exact.FUNCTIONS}
    result = eval(formula, {**functions, "x": x, "z": z, "n": x.size})
    check = {"formula": formula, "ulps": 8, "scale": "1"}
    found = {name: error for name, error, _ in outcomes("elementwise", "float64", x, z, result, check=check)}
    assert found["exact"] == 0.0
    assert found["decimal_entries"] < 8.0


@pytest.mark.parametrize(("formula", "message"), [("x + q", "has q, which nothing defines"), ("x +", "cannot be read")])
def test_a_formula_that_cannot_be_read_is_named(formula, message):
    x, z, result = honest("elementwise", "float64", 1)
    with pytest.raises(ValueError, match=message):
        outcomes("elementwise", "float64", x, z, result, check={"formula": formula, "ulps": 0})


def test_shapes_that_differ_are_named():
    x, z, result = honest("elementwise", "float64", 1)
    with pytest.raises(ValueError, match="not element by element"):
        outcomes("elementwise", "float64", x, z[:-1], result)


def test_the_check_takes_bounded_memory():
    b, c, result = honest("bandwidth", "float64", 1, rows=2**12)
    tracemalloc.start()
    assert accepted("bandwidth", "float64", b, c, result)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20, "three blocks of 24 rows and what a part takes"


DRIVER = """
import json, random, sys, types
kernel_file, folder, params = json.loads(sys.stdin.readline())
sys.path.insert(0, folder)
import check_exact
kernel = types.ModuleType("mambench_kernel")
sys.modules["mambench_kernel"] = kernel
exec(compile(open(kernel_file, encoding="utf-8").read(), kernel_file, "exec", dont_inherit=True), kernel.__dict__)

class Matrix:
    def __init__(self, name, rows, shape):
        self.name, self.rows, self.shape = name, rows, shape
    def __call__(self, start, stop):
        import numpy
        return numpy.asarray(self.rows(start, stop), dtype="float64")
    def blocks(self):
        for start in range(0, self.shape[0], 24):
            stop = min(start + 24, self.shape[0])
            yield start, stop, self(start, stop)

try:
    state = kernel.setup(params)
except (NotImplementedError, LookupError) as error:
    print(json.dumps({"refused": type(error).__name__}))
    sys.exit()
rows, stale, checks = params["n"] // 1024, None, []
for look in range(3):
    kernel.flip(state, *(sorted(random.sample(range(rows), rows // 2)) for _ in range(2)))
    kernel.run(state)
    *operands, result = (Matrix(n, r, (rows, 1024)) for n, r in zip(params["names"], kernel.result(state)))
    checks.append(list(check_exact.verify(operands, result, params, seed=look, thorough=look == 2)))
print(json.dumps({"checks": checks, "facts": kernel.facts(state)}))
"""
FRAMEWORKS = {
    "numpy": ("float64", "float32"),
    "torch": DTYPES,
    "tensorflow": DTYPES,
    "jax": DTYPES,
}


def drive(benchmark, framework, dtype, device="cpu:0"):
    python = python_with(framework)
    spec = described(benchmark)
    params = {"n": 96 * 1024, "dtype": dtype, "device": device, "seed": 1, "threads": 1, "settings": {}}
    params.update({"check": spec["check"], "names": [*spec["operands"], *spec["result"]]})
    kernel = BENCHMARKS / benchmark / spec["kernels"][framework]["file"]
    line = json.dumps([str(kernel), str(ROOT / "resources" / "worker"), params])
    done = subprocess.run([python, "-I", "-c", DRIVER], input=line, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@BOTH
@pytest.mark.long
@pytest.mark.parametrize(("framework", "dtype"), [(f, d) for f, dtypes in FRAMEWORKS.items() for d in dtypes])
def test_a_kernel_on_the_cpu_passes(benchmark, framework, dtype):
    done = drive(benchmark, framework, dtype)
    for look in done["checks"]:
        assert all(error <= tolerance for _, error, tolerance in look), look
        exact = {name: (error, tolerance) for name, error, tolerance in look}["exact"]
        assert 2 * exact[0] <= exact[1]
    facts = done["facts"]
    assert (facts["framework"], facts["result_dtype"], facts["result_device"]) == (framework, dtype, "cpu:0")
    assert facts["device_kind"] == "cpu"


@BOTH
@pytest.mark.long
@pytest.mark.parametrize("framework", list(FRAMEWORKS))
def test_a_device_or_a_dtype_that_is_not_there_is_refused(benchmark, framework):
    assert drive(benchmark, framework, "float32", device="cuda:63") == {"refused": "LookupError"}
    assert drive(benchmark, framework, "float8") == {"refused": "NotImplementedError"}
