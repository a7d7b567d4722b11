"""Solutions of linear systems and Cholesky factors: what is wrong is refused, and nothing that is honest.

Kernels run in the running interpreter and in those that MAMBENCH_TEST_PYTHONS names, as in test_kernels.py.
"""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path

import pytest
from interpreters import python_with

np = pytest.importorskip("numpy", reason="the proofs of the check are made with numpy")

import check_solve  # noqa: E402
import loading  # noqa: E402

BENCHMARKS = Path(__file__).resolve().parents[2] / "resources" / "benchmarks"
check_cholesky = loading.execute(BENCHMARKS / "cholesky" / "check.py", "check_cholesky")

DTYPES = ("float64", "float32")
SEEDS = range(5)
SIDE = 256
WIDTH = 64
DROPPED_BITS = {"tf32": 13, "bfloat16": 16}
FRAMEWORKS = ("numpy", "scipy", "torch", "tensorflow", "jax")
# Runs one of our kernels as the worker does; a line for each set of parameters says what its check found.
DRIVER = """
import importlib.util, json, random, sys
import numpy
def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
class Matrix:
    def __init__(self, rows, shape):
        self.rows, self.shape = rows, shape
    def __call__(self, start, stop):
        block = numpy.asarray(self.rows(start, stop))
        assert block.dtype == numpy.float64 and block.shape == (stop - start, self.shape[1]), (block.dtype, block.shape)
        return block
    def blocks(self):
        middle = self.shape[0] // 2
        return ((start, stop, self(start, stop)) for start, stop in ((0, middle), (middle, self.shape[0])))
def verified(readers, params, seed, thorough):
    n = params["n"]
    *operands, result = (Matrix(rows, (n, n if rows(0, 1).shape[1] > 1 else 1)) for rows in readers)
    return check.verify(tuple(operands), result, params, seed=seed, thorough=thorough)
def tried(params):
    state, n = kernel.setup(params), params["n"]
    found = []
    for thorough in (False, True):
        kernel.flip(state, *(sorted(random.sample(range(n), max(1, n // share))) for share in shares))
        kernel.run(state)
        found += verified(kernel.result(state), params, 7, thorough)
    before, facts = kernel.result(state)[-1](0, n).copy(), kernel.facts(state)
    kernel.flip(state, *(sorted(random.sample(range(n), max(1, n // share))) for share in shares))
    readers = (*kernel.result(state)[:-1], lambda start, stop: before[start:stop])
    return {"found": found, "stale": verified(readers, params, 8, False), "facts": facts}
kernel, check, shares = load(sys.argv[1], "kernel"), load(sys.argv[2], "check"), json.loads(sys.argv[3])
for params in json.loads(sys.argv[4]):
    try:
        print(json.dumps(tried(params)))
    except (NotImplementedError, LookupError) as error:
        print(json.dumps({"refused": type(error).__name__, "message": str(error)}))
"""


class Matrix:
    """A matrix as a check sees it: float64 rows that nobody may write to, in several blocks."""

    def __init__(self, values, step=100):
        self.values, self.step, self.shape = values, step, values.shape

    def __call__(self, start, stop):
        block = self.values[start:stop].astype(np.float64)
        block.flags.writeable = False
        return block

    def blocks(self):
        for start in range(0, len(self.values), self.step):
            stop = min(start + self.step, len(self.values))
            yield start, stop, self(start, stop)


def solved(a, b, x, dtype, *, seed=1, thorough=True, step=100):
    operands = (Matrix(a, step), Matrix(b, step))
    return list(check_solve.verify(operands, Matrix(x), {"dtype": dtype}, seed=seed, thorough=thorough))


def factored(a, factor, dtype, *, seed=1, thorough=True, step=100):
    matrix, result = Matrix(a, step), Matrix(factor, step)
    return list(check_cholesky.verify((matrix,), result, {"dtype": dtype}, seed=seed, thorough=thorough))


def accepted(outcomes):
    return all(error <= bound for _, error, bound in outcomes)


def refused(outcomes, name):
    """Say whether the outcome of this name, which looks at everything, is a wrong result."""
    (error, bound), *_ = [(e, b) for n, e, b in outcomes if n == name]
    return not error <= bound


def system(dtype, n=SIDE, seed=1):
    rng = np.random.default_rng(seed)
    half = np.asarray(0.5, dtype)
    return rng.random((n, n), dtype=dtype) - half, rng.random((n, 1), dtype=dtype) - half


def definite(dtype, n=SIDE, seed=1):
    rng = np.random.default_rng(seed)
    lower = np.tril(rng.random((n, n), dtype=dtype) - np.asarray(0.5, dtype), -1)
    a = lower + lower.T
    a[np.arange(n), np.arange(n)] = rng.random(n, dtype=dtype) + np.asarray(math.sqrt(n) + 1.0, dtype)
    signs = rng.choice([-1, 1], n).astype(dtype)
    return a * signs * signs[:, None]


def solution(a, b, *, width=WIDTH, multiply=np.matmul, pivoting=True):
    """Solve by blocked Gaussian elimination, every operation rounded to the operands' dtype."""
    a, x = a.copy(), b.copy()
    n = len(a)
    for begin in range(0, n, width):
        end = min(begin + width, n)
        for j in range(begin, end):
            pivot = j + int(np.argmax(np.abs(a[j:, j]))) if pivoting else j
            a[[j, pivot]], x[[j, pivot]] = a[[pivot, j]], x[[pivot, j]]
            a[j + 1 :, j] /= a[j, j]
            a[j + 1 :, j + 1 : end] -= np.outer(a[j + 1 :, j], a[j, j + 1 : end])
        for j in range(begin, end):
            a[j + 1 : end, end:] -= np.outer(a[j + 1 : end, j], a[j, end:])
        a[end:, end:] -= multiply(a[end:, begin:end], a[begin:end, end:])
    for j in range(n):
        x[j + 1 :] -= a[j + 1 :, j : j + 1] * x[j]
    for j in reversed(range(n)):
        x[j] /= a[j, j]
        x[:j] -= a[:j, j : j + 1] * x[j]
    return x


def cholesky(a, *, width=WIDTH, multiply=np.matmul):
    """Factorise by blocks, every operation rounded to the operand's dtype."""
    a, n = a.copy(), len(a)
    for begin in range(0, n, width):
        end = min(begin + width, n)
        for j in range(begin, end):
            a[j, j] = np.sqrt(a[j, j])
            a[j + 1 :, j] /= a[j, j]
            a[j + 1 :, j + 1 : end] -= np.outer(a[j + 1 :, j], a[j + 1 : end, j])
        a[end:, end:] -= multiply(a[end:, begin:end], a[end:, begin:end].T)
    return np.tril(a)


def rounded(values, dtype):
    """Round float32 values to nearest, ties to even, to a format with fewer bits of mantissa."""
    drop = DROPPED_BITS[dtype]
    bits = np.ascontiguousarray(values).view(np.uint32)
    bits = bits + np.uint32((1 << (drop - 1)) - 1) + ((bits >> np.uint32(drop)) & np.uint32(1))
    return (bits & np.uint32(0xFFFFFFFF ^ ((1 << drop) - 1))).view(np.float32)


def narrow(dtype):
    return lambda left, right: rounded(left, dtype) @ rounded(right, dtype)


def three_products(left, right):
    (l1, r1) = (rounded(m, "bfloat16") for m in (left, right))
    (l2, r2) = (rounded(m - big, "bfloat16") for m, big in ((left, l1), (right, r1)))
    return l1 @ r1 + (l1 @ r2 + l2 @ r1)


def sides(count, largest, seed):
    """Draw sizes from 1 on, each power of ten as likely as the next."""
    rng = np.random.default_rng(seed)
    return [int(math.exp(rng.uniform(0.0, math.log(largest + 1)))) for _ in range(count)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 16, 10**6])
def test_honest_solutions_pass(dtype, width):
    for seed, n in enumerate(sides(80, 200, width)):
        a, b = system(dtype, n, seed)
        assert accepted(solved(a, b, solution(a, b, width=width), dtype, seed=seed)), (seed, n)


@pytest.mark.parametrize("dtype", DTYPES)
def test_honest_solutions_of_the_smallest_systems_pass(dtype):
    for seed in range(300):
        a, b = system(dtype, 1 + seed % 8, seed)
        assert accepted(solved(a, b, solution(a, b), dtype, seed=seed)), seed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 16, 10**6])
def test_honest_factors_pass(dtype, width):
    for seed, n in enumerate(sides(80, 200, width)):
        a = definite(dtype, n, seed)
        assert accepted(factored(a, cholesky(a, width=width), dtype, seed=seed)), (seed, n)


@pytest.mark.parametrize("dtype", DTYPES)
def test_honest_results_have_room_to_spare(dtype):
    a, b = system(dtype)
    (_, error, bound), (_, hpl, hpl_bound), (_, exact, _) = solved(a, b, solution(a, b), dtype)
    assert 0 < error < bound / 2
    assert 0 < hpl < hpl_bound / 100
    assert exact < bound / 2
    a = definite(dtype)
    (_, error, bound), (_, exact, _) = factored(a, cholesky(a), dtype)
    assert 0 < error < bound / 2
    assert exact < bound / 2


def test_lapack_itself_passes():
    for seed in SEEDS:
        a, b = system("float64", seed=seed)
        assert accepted(solved(a, b, np.linalg.solve(a, b), "float64"))
        a = definite("float64", seed=seed)
        assert accepted(factored(a, np.linalg.cholesky(a), "float64"))


def without_the_last_update(left, right):
    product = left @ right
    return product if len(left) > 16 else 0 * product


def flipped(matrix, every):
    """Return the matrix with the signs of some rows changed."""
    signs = np.ones((len(matrix), 1), matrix.dtype)
    signs[::every] = -1
    return matrix * signs


def wrong_solutions(a, b):
    """Return lies by name: what A, b and x are then."""
    dtype, n = str(a.dtype), len(a)
    x = solution(a, b)
    half, panel, entry = x.copy(), x.copy(), x.copy()
    half[n // 2 :] = 0
    panel[-(n // 64) :] = 0
    entry[17] *= x.dtype.type(1.01)
    return {
        "transposed": (a, b, solution(a.T.copy(), b)),
        "of the other sign": (a, b, -x),
        "of the diagonal alone": (a, b, b / a.diagonal()[:, None]),
        "without the last update": (a, b, solution(a, b, width=16, multiply=without_the_last_update)),
        "half of it": (a, b, half),
        "one panel skipped": (a, b, panel),
        "one entry": (a, b, entry),
        "of before the flip of b": (a, flipped(b, 2), x),
        "of before the flip of A": (flipped(a, 64), b, x),
        "of another system": (a, b, solution(*system(dtype, n, seed=99))),
        "in another order": (a, b, x[::-1].copy()),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [64, 200])
def test_a_wrong_solution_is_refused(dtype, n):
    for seed in SEEDS:
        for lie, (a, b, x) in wrong_solutions(*system(dtype, n, seed)).items():
            assert refused(solved(a, b, x, dtype, seed=seed, thorough=False), "backward_error"), (lie, seed)


@pytest.mark.parametrize("n", [1, 2, 16, SIDE])
def test_a_float32_solution_called_float64_is_refused(n):
    for seed in SEEDS:
        a, b = system("float64", n, seed)
        x = solution(a.astype(np.float32), b.astype(np.float32))
        assert refused(solved(a, b, x, "float64", seed=seed), "backward_error")
        assert refused(solved(a, b, solution(a, b).astype(np.float32), "float64", seed=seed), "backward_error")


@pytest.mark.parametrize("multiply", [narrow("tf32"), narrow("bfloat16"), three_products])
@pytest.mark.parametrize("n", [2 * WIDTH, SIDE, 500])
def test_updates_of_fewer_bits_called_float32_are_refused(multiply, n):
    for seed in SEEDS:
        a, b = system("float32", n, seed)
        assert refused(solved(a, b, solution(a, b, multiply=multiply), "float32", seed=seed), "backward_error")


@pytest.mark.parametrize("narrower", DROPPED_BITS)
def test_a_matrix_of_fewer_bits_is_refused(narrower):
    for seed in SEEDS:
        a, b = system("float32", seed=seed)
        assert refused(solved(a, b, solution(rounded(a, narrower), b), "float32", seed=seed), "backward_error")


@pytest.mark.parametrize("dtype", DTYPES)
def test_elimination_without_pivoting_is_refused_where_hpl_accepts_it(dtype):
    outcomes = []
    for seed in SEEDS:
        a, b = system(dtype, seed=seed)
        outcomes.append(solved(a, b, solution(a, b, pivoting=False), dtype))
        assert refused(outcomes[-1], "backward_error")
    assert not all(refused(found, "hpl_residual") for found in outcomes)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_solution_that_holds_no_numbers_is_refused_in_words(value):
    a, b = system("float64")
    x = solution(a, b)
    x[3] = value
    with pytest.raises(ValueError, match="NaN or infinities"):
        solved(a, b, x, "float64")
    with pytest.raises(ValueError, match="nothing but zeros"):
        solved(a, b, 0 * b, "float64")


def test_a_system_of_nan_or_zeros_is_refused():
    a, b = system("float64")
    x = solution(a, b)
    assert refused(solved(a * math.nan, b, x, "float64"), "backward_error")
    assert refused(solved(0 * a, b, x, "float64"), "backward_error")
    a[200, 3] = math.nan
    assert refused(solved(a, b, x, "float64"), "backward_error")


def test_exact_rows_see_a_wrong_solution_by_themselves():
    a, b = system("float64")
    x = solution(a, b) * (1 + 1e-9)
    assert refused(solved(a, b, x, "float64"), "exact_rows")
    assert [name for name, *_ in solved(a, b, x, "float64", thorough=False)] == ["backward_error", "hpl_residual"]


def test_hpl_is_the_published_number():
    """By hand: A = [[2, 1], [1, 3]], b = [1, 2], x = [0.25, 0.5]: the residual is [0, 0.25]."""
    a, b, x = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0], [2.0]]), np.array([[0.25], [0.5]])
    hpl = solved(a, b, x, "float64")[1]
    assert hpl == ("hpl_residual", pytest.approx(0.25 / (2.0**-53 * (4.0 * 0.5 + 2.0) * 2)), 16.0)


def test_the_bounds_are_the_published_ones():
    assert check_solve.tolerance("float64", 4096) == pytest.approx((0.7 * 4096 ** (5 / 4) + 32) * 2**-53)
    assert check_solve.tolerance("float32", 4096) == pytest.approx((0.7 * 4096 ** (5 / 4) + 32) * 2**-24)
    assert check_cholesky.tolerance("float64", 4096) == pytest.approx(4 * (64 + 16) * 2**-53)
    assert check_cholesky.tolerance("float32", 4096) == pytest.approx(4 * (64 + 16) * 2**-24)


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_do_not_change_the_outcome(dtype):
    a, b = system(dtype)
    x = solution(a, b)
    whole, parts = (solved(a, b, x, dtype, step=step)[0][1] for step in (SIDE, 7))
    assert parts == pytest.approx(whole, rel=0.2)
    a = definite(dtype)
    factor = cholesky(a)
    factor[200, 100] *= factor.dtype.type(1.01)  # above what the order of the check's own sums changes
    whole, parts = (factored(a, factor, dtype, step=step)[0][1] for step in (SIDE, 7))
    assert parts == pytest.approx(whole, rel=1e-3)


def wrong_factors(a):
    """Return lies by name: what A and L are then."""
    dtype, n = str(a.dtype), len(a)
    factor = cholesky(a)
    diagonal = np.diag(factor.diagonal())
    rows, panel, column, entry = (factor.copy() for _ in range(4))
    rows[n // 2 :] = diagonal[n // 2 :]
    panel[n // 2 : n // 2 + n // 64] = diagonal[n // 2 : n // 2 + n // 64]
    column[:, 5] = diagonal[:, 5]
    entry[-3, 5] *= factor.dtype.type(1.01)
    return {
        "half of the rows": (a, rows),
        "one panel skipped": (a, panel),
        "one column skipped": (a, column),
        "one entry": (a, entry),
        "without the last update": (a, cholesky(a, width=16, multiply=without_the_last_update)),
        "of the diagonal alone": (a, diagonal),
        "A's own triangle": (a, np.tril(a) / np.sqrt(a.diagonal())),
        "of the other sign below the diagonal": (a, 2 * diagonal - factor),
        "of before the flip": (flipped(flipped(a, 2).T, 2), factor),
        "of another matrix": (a, cholesky(definite(dtype, n, seed=99))),
        "with a diagonal of ones": (a, factor / factor.diagonal()),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [64, 200])
def test_a_wrong_factor_is_refused(dtype, n):
    for seed in SEEDS:
        for lie, (a, factor) in wrong_factors(definite(dtype, n, seed)).items():
            assert refused(factored(a, factor, dtype, seed=seed, thorough=False), "freivalds"), (lie, seed)


@pytest.mark.parametrize("n", [4, 64, SIDE])
def test_a_float32_factor_called_float64_is_refused(n):
    for seed in SEEDS:
        a = definite("float64", n, seed)
        assert refused(factored(a, cholesky(a.astype(np.float32)), "float64", seed=seed), "freivalds")
        assert refused(factored(a, cholesky(a).astype(np.float32), "float64", seed=seed), "freivalds")


@pytest.mark.parametrize("narrower", DROPPED_BITS)
@pytest.mark.parametrize("n", [2 * WIDTH, SIDE, 500])
def test_updates_or_a_matrix_of_fewer_bits_called_float32_are_refused_in_a_factor(narrower, n):
    for seed in SEEDS:
        a = definite("float32", n, seed)
        assert refused(factored(a, cholesky(a, multiply=narrow(narrower)), "float32", seed=seed), "freivalds")
        assert refused(factored(a, cholesky(rounded(a, narrower)), "float32", seed=seed), "freivalds")


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_no_lower_factor_is_refused_in_words(dtype):
    a = definite(dtype)
    factor = cholesky(a)
    for i, j, value in [(0, 1, 1e-30), (3, SIDE - 1, math.nan), (SIDE - 2, SIDE - 1, 1.0), (99, 100, -1.0)]:
        bad = factor.copy()
        bad[i, j] = value
        with pytest.raises(ValueError, match="not zero above its diagonal"):
            factored(a, bad, dtype)
    for bad in (factor * np.where(np.arange(SIDE) == 150, -1, 1), 0 * factor, factor * math.nan):
        with pytest.raises(ValueError, match="diagonal of L is not positive"):
            factored(a, np.tril(bad), dtype)
    with pytest.raises(ValueError, match="not zero above its diagonal"):
        factored(a, factor.T.copy(), dtype)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_factor_or_an_operand_with_a_value_that_is_no_number_is_refused(value):
    a = definite("float64")
    factor = cholesky(a)
    bad = factor.copy()
    bad[-1, 0] = value
    assert refused(factored(a, bad, "float64"), "freivalds")
    a[7, 7] = value
    assert refused(factored(a, factor, "float64"), "freivalds")


@pytest.mark.parametrize("n", [16, SIDE])
def test_an_operand_that_is_cheap_to_factorise_is_refused_in_words(n):
    diagonal = np.diag(definite("float64", n).diagonal())
    with pytest.raises(ValueError, match="no full matrix"):
        factored(diagonal, np.sqrt(diagonal), "float64")
    a = definite("float64", n)
    a[5, 2] = a[2, 5] = 0.6
    with pytest.raises(ValueError, match="above 0.5"):
        factored(a, cholesky(a), "float64")


@pytest.mark.parametrize("row", [0, 100, SIDE - 1])
def test_nan_in_a_row_of_a_is_refused_whatever_blocks_come_after_it(row):
    a = definite("float64")
    factor = cholesky(a)
    a[row, row] = math.nan
    assert refused(factored(a, factor, "float64", step=7), "freivalds")


def test_exact_entries_see_a_wrong_factor_by_themselves():
    a = definite("float64")
    factor = cholesky(a) * (1 + 1e-9)
    assert refused(factored(a, factor, "float64"), "exact_entries")
    assert [name for name, *_ in factored(a, factor, "float64", thorough=False)] == ["freivalds"]


def run_kernel(tmp_path, benchmark, framework, changes):
    """Run one of our kernels where its framework is; return what is told of each set of parameters."""
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER, encoding="utf-8")
    check, shares = {
        "solve": (Path(check_solve.__file__), [64, 2]),
        "cholesky": (BENCHMARKS / "cholesky" / "check.py", [2]),
    }[benchmark]
    common = {"n": 130, "dtype": "float64", "device": "cpu:0", "seed": 1, "threads": 1, "settings": {}}
    kernel = BENCHMARKS / benchmark / f"kernel_{framework}.py"
    params = json.dumps([{**common, **change} for change in changes])
    command = [python_with(framework), driver, kernel, check, json.dumps(shares), params]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()[-len(changes) :]]


@pytest.mark.long
@pytest.mark.parametrize("benchmark", ["solve", "cholesky"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_kernel_on_the_cpu_is_right_follows_changes_of_sign_and_refuses_what_it_has_not(
    tmp_path, benchmark, framework
):
    dtypes = ("float64",) if framework == "numpy" else DTYPES
    lacking = [{"dtype": "float16"}, {"device": "cuda:63"}] + [{"dtype": d} for d in DTYPES if d not in dtypes]
    tried = run_kernel(tmp_path, benchmark, framework, [*({"dtype": d} for d in dtypes), *lacking])
    for dtype, done in zip(dtypes, tried, strict=False):
        assert accepted(done["found"])
        assert not accepted(done["stale"])
        facts = done["facts"]
        assert (facts["framework"], facts["device_kind"]) == (framework, "cpu")
        assert (facts["result_dtype"], facts["result_device"]) == (dtype, "cpu:0")
        assert facts["framework_version"][0].isdigit()
    for change, done in zip(lacking, tried[len(dtypes) :], strict=True):
        assert done["refused"] == ("LookupError" if "device" in change else "NotImplementedError")
        assert next(iter(change.values()))[:4] in done["message"].lower()
