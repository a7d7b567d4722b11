"""The check refuses every product that is wrong and none that is honest."""

from __future__ import annotations

import math
import sys
import tracemalloc
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="the proofs of the check are made with numpy")

import check_matmul as check  # noqa: E402
import matrices  # noqa: E402
from matrices import BadBlock, Matrix  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from check_false_alarms import DTYPES, honest, matrix, rounded, stored, verified  # noqa: E402

SHAPES = [
    (1, 1, 1),
    (5, 1, 9),
    (1, 7, 64),
    (40, 63, 65),
    (64, 64, 64),
    (65, 65, 65),
    (130, 200, 77),
    (300, 257, 129),
]
LARGE = (192, 640, 512)


def verify(a, b, c, dtype, *, seed=1, thorough=False, batch=1):
    return verified(a, b, c, dtype, seed=seed, thorough=thorough, batch=batch)


def accepted(a, b, c, dtype, **options):
    return all(error <= tolerance for _, error, tolerance in verify(a, b, c, dtype, **options))


def product(dtype, shape=LARGE, seed=7):
    m, n, k = shape
    return honest(np.random.default_rng(seed), dtype, m, n, k)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_honest_products_pass(dtype, shape):
    for seed in range(5):
        assert accepted(*product(dtype, shape, seed), dtype, seed=seed, thorough=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_honest_product_has_room_to_spare(dtype):
    ((name, error, tolerance),) = verify(*product(dtype), dtype)
    assert name == "freivalds" and 0 < error < tolerance / 2


def test_exact_entries_are_looked_at_where_it_is_thorough():
    assert [name for name, _, _ in verify(*product("float64"), "float64", thorough=True)] == [
        "freivalds",
        "exact_entries",
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [s for s in SHAPES if s != (1, 1, 1)] + [LARGE])
def test_zeros_are_refused(dtype, shape):
    a, b, c = product(dtype, shape)
    assert not accepted(a, b, np.zeros_like(c), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_wrong_entry_above_the_floor_is_refused_wherever_it_is(dtype):
    a, b, c = product(dtype)
    m, n, k = LARGE
    width = math.ceil(n / check.MAX_VECTORS)
    floor = 2 * check.tolerance(dtype, k) * math.sqrt(k * width)
    for i, j in [(0, 0), (0, n - 1), (m - 1, 0), (m - 1, n - 1), (100, 333)]:
        bad = c.astype(np.float64)
        bad[i, j] += floor
        assert not accepted(a, b, bad, dtype), (i, j)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_wrong_row_is_refused(dtype):
    a, b, c = product(dtype)
    bad = c.copy()
    bad[77] = c[78]
    assert not accepted(a, b, bad, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_swapped_columns_are_refused_even_in_one_block(dtype):
    a, b, c = product(dtype)
    bad = c.copy()
    bad[:, [4, 5]] = c[:, [5, 4]]
    assert not any(accepted(a, b, bad, dtype, seed=seed) for seed in range(20))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_error_in_one_row_is_seen_beside_a_giant_row(dtype):
    a, b, _ = product(dtype)
    a[3] *= 1e6
    assert accepted(a, b, a @ b, dtype)
    bad = a @ b
    bad[77] *= 1.01
    assert not accepted(a, b, bad, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_operands_with_a_mean_pass(dtype):
    rng = np.random.default_rng(5)
    for m, n, k in [(64, 64, 64), LARGE, (33, 700, 2000)]:
        a, b = (rng.random(shape, dtype=dtype) for shape in ((m, k), (k, n)))
        assert accepted(a, b, a @ b, dtype, thorough=True)
        bad = a @ b
        bad[0, 0] *= 1.01
        assert not accepted(a, b, bad, dtype, thorough=True)


@pytest.mark.parametrize("n", [512, 2048])
def test_float32_from_three_bfloat16_products_is_refused(n):
    """a = a1 + a2, b = b1 + b2, each rounded to bfloat16, and a1 b1 + a1 b2 + a2 b1 in its stead."""
    rng = np.random.default_rng(n)
    a, b = (rng.standard_normal((n, n), dtype=np.float32) for _ in range(2))
    a1, b1 = rounded(a, "bfloat16"), rounded(b, "bfloat16")
    a2, b2 = rounded(a - a1, "bfloat16"), rounded(b - b1, "bfloat16")
    assert accepted(a, b, a @ b, "float32")
    assert not accepted(a, b, a1 @ b1 + (a1 @ b2 + a2 @ b1), "float32")


def test_most_of_c_set_to_zero_is_refused_whatever_the_vectors_were_before():
    a, b, c = product("float64")
    bad = np.zeros_like(c)
    bad[:, :16] = c[:, :16]
    assert not any(accepted(a, b, bad, "float64", seed=seed) for seed in range(20))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_lies_above_the_stated_floor_is_always_seen(dtype):
    a, b, c = product(dtype)
    _, n, k = LARGE
    wrong = 1.01 * check.floor(dtype, n, k) * math.sqrt(k)
    for seed in range(20):
        bad = c.astype(np.float64)
        bad[seed, 7 * seed] += wrong + check.tolerance(dtype, k) * math.sqrt(k * 11)
        assert not accepted(a, b, bad, dtype, seed=seed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_of_other_operands_is_refused(dtype):
    a, b, c = product(dtype)
    _, _, other = product(dtype, seed=8)
    assert not accepted(a, b, other, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_stale_product_is_refused_after_the_flip(dtype):
    a, b, c = product(dtype)
    b[: len(b) // 2] *= -1
    assert not accepted(a, b, c, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_row_that_was_not_computed_again_is_refused(dtype):
    a, b, c = product(dtype)
    a[3] *= -1
    assert not accepted(a, b, c, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_transposed_operand_is_refused(dtype):
    a, b, _ = product(dtype, (200, 200, 200))
    wide = np.float64 if dtype == "float64" else np.float32
    c = stored(a.T.astype(wide) @ b.astype(wide), dtype)
    assert not accepted(a, b, c, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_refused(dtype, value):
    a, b, c = product(dtype)
    bad = c.copy()
    bad[-1, -1] = value
    outcomes = verify(a, b, bad, dtype, thorough=True)
    assert len(outcomes) == 2 and not any(math.isfinite(error) for _, error, _ in outcomes)


@pytest.mark.parametrize("row", [0, 100, 191])
def test_nan_is_refused_whatever_blocks_come_after_it(row, monkeypatch):
    monkeypatch.setattr(matrices, "BLOCK_BYTES", 8 * 640 * 7)
    a, b, c = product("float64")
    c[row, 5] = math.nan
    ((_, error, _),) = verify(a, b, c, "float64")
    assert math.isnan(error)


def test_operands_of_zeros_or_nan_are_refused():
    a, b, c = product("float64")
    assert not accepted(0 * a, b, 0 * c, "float64")
    assert not accepted(math.nan * a, b, c, "float64")


def test_products_near_float16s_zero_pass_and_wrong_ones_do_not():
    """A product of two small numbers is stored in steps of 2^-24 there, whatever its own size is."""
    rng = np.random.default_rng(4)
    a, b = (rng.standard_normal(shape).astype(np.float16) for shape in ((160, 1), (1, 18)))
    a[::7] *= np.float16(1e-3)
    b[:, ::5] *= np.float16(1e-3)
    c = (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float16)
    assert all(accepted(a, b, c, "float16", seed=seed, thorough=True) for seed in range(20))
    bad = c.copy()
    bad[7, 5] += np.float16(2.0**-22)
    assert not any(accepted(a, b, bad, "float16", seed=seed) for seed in range(20))


def test_float16_sums_are_refused():
    rng = np.random.default_rng(3)
    a, b = (
        rng.standard_normal((64, 512)).astype(np.float16),
        rng.standard_normal((512, 96)).astype(np.float16),
    )
    c = np.zeros((64, 96), dtype=np.float16)
    for step in range(512):
        c = (c + a[:, step : step + 1] * b[step : step + 1]).astype(np.float16)
    assert not accepted(a, b, c, "float16")


@pytest.mark.parametrize("shape", [(64, 64, 64), LARGE])
def test_tf32_called_float32_is_refused(shape):
    a, b, c = product("tf32", shape)
    assert accepted(a, b, c, "tf32")
    assert not accepted(a, b, c, "float32")


def test_bfloat16_operands_called_float32_are_refused():
    a, b, _ = product("float32")
    assert not accepted(a, b, rounded(a, "bfloat16") @ rounded(b, "bfloat16"), "float32")


@pytest.mark.parametrize("shape", [(64, 64, 64), LARGE])
def test_float32_called_float64_is_refused(shape):
    a, b, c = product("float32", shape)
    assert accepted(a, b, c, "float32")
    assert not accepted(a, b, c, "float64")


def test_float64_computed_in_float32_is_refused():
    a, b, _ = product("float64")
    assert not accepted(a, b, (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float64), "float64")


@pytest.mark.parametrize("name", ["a", "b", "c"])
@pytest.mark.parametrize("cut", [np.s_[:, :-1], np.s_[:-1], np.s_[:, 0]])
def test_a_wrong_shape_is_refused_with_its_name(name, cut):
    given = dict(zip("abc", product("float64"), strict=True))
    read = {each: Matrix(each.upper(), matrix(each, values), values.shape) for each, values in given.items()}
    short = given[name][cut]
    read[name] = Matrix(name.upper(), lambda start, stop: short[start:stop], given[name].shape)
    with pytest.raises(BadBlock, match=f"of {name.upper()} have shape"):
        list(check.verify((read["a"], read["b"]), read["c"], {"dtype": "float64"}, seed=1, thorough=False))


def test_one_wrong_exact_entry_is_seen_by_the_entries_alone():
    a, b, c = product("float64")
    bad = c.copy()
    bad[-1, 0] *= 1 + 1e-9
    _, (name, error, tolerance) = verify(a, b, bad, "float64", thorough=True)
    assert name == "exact_entries" and error > tolerance


def test_the_exact_dot_product_is_exact():
    left, right = [1e16, 1.0, -1e16, 2.0**-1074], [1.0, 2.0**-53, 1.0, 1.0]
    total = check._exact_dot(left, right)
    assert total == check.Fraction(2) ** -53 + check.Fraction(2) ** -1074


def test_blocks_do_not_change_the_outcome(monkeypatch):
    whole = verify(*product("float64"), "float64", thorough=True)
    monkeypatch.setattr(matrices, "BLOCK_BYTES", 8 * 640 * 7)
    parts = verify(*product("float64"), "float64", thorough=True)
    assert [error for _, error, _ in parts] == pytest.approx([error for _, error, _ in whole], rel=0.5)
    assert parts[1][1] == pytest.approx(whole[1][1], rel=1e-12)


def test_a_matrix_is_read_in_blocks_of_bounded_size_and_in_parts():
    values = np.random.default_rng(1).standard_normal((5000, 700)).astype(np.float32)
    read = matrix("A", values)
    blocks = list(read.blocks())
    assert all(block.nbytes <= matrices.BLOCK_BYTES and block.dtype == np.float64 for _, _, block in blocks)
    assert len(blocks) > 1 and (np.concatenate([block for _, _, block in blocks]) == values).all()
    assert [start for start, _, _ in blocks[1:]] == [stop for _, stop, _ in blocks[:-1]]
    part = read.part(1000, 1003)
    assert part.shape == (3, 700) and (part(1, 3) == values[1001:1003]).all()


def test_the_working_space_stays_under_64_mib():
    a, b, c = product("float32", (2500, 2500, 2500))
    tracemalloc.start()
    assert accepted(a, b, c, "float32", thorough=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_the_bound_is_the_published_one():
    sums = (math.sqrt(8000) + 16) * 2**-24
    assert check.tolerance("float64", 8000) == pytest.approx(8 * (2**-53 + (math.sqrt(8000) + 16) * 2**-53))
    assert check.tolerance("float32", 8000) == pytest.approx(8 * 2**-24 + 2 * sums)
    assert check.tolerance("tf32", 8000) == pytest.approx(8 * (2**-24 + 2 * 2**-11) + 2 * sums)
    assert check.tolerance("bfloat16", 8000) == pytest.approx(8 * 2**-8 + 2 * sums)


def batch_of(count, dtype="float64", shape=(20, 12, 16)):
    """Return products below each other, as a batch lies in memory."""
    products = [product(dtype, shape, seed) for seed in range(count)]
    return [np.concatenate(parts) for parts in zip(*products, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_honest_batch_passes_with_no_more_outcomes_than_a_product(dtype):
    outcomes = verify(*batch_of(5, dtype), dtype, batch=5, thorough=True)
    assert [name for name, _, _ in outcomes] == ["freivalds", "exact_entries"]
    assert all(error <= tolerance for _, error, tolerance in outcomes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wrong", [0, 2, 4])
def test_a_wrong_product_of_a_batch_is_refused_wherever_it_is(dtype, wrong):
    a, b, c = batch_of(5, dtype)
    c[20 * wrong : 20 * (wrong + 1)] *= -1
    assert not accepted(a, b, c, dtype, batch=5)


def test_nan_in_the_middle_of_a_batch_is_the_worst_of_it():
    a, b, c = batch_of(5)
    c[45, 3] = math.nan
    for seed in range(5):
        ((_, error, _),) = verify(a, b, c, "float64", batch=5, seed=seed)
        assert math.isnan(error)


def test_two_products_of_a_batch_that_changed_their_places_are_refused():
    a, b, c = batch_of(4)
    c[20:40], c[40:60] = c[40:60].copy(), c[20:40].copy()
    assert not accepted(a, b, c, "float64", batch=4)


def looked_at(count, seed):
    """Return which products of a batch of 2 x 3 x 4 are read."""
    a, b, c = batch_of(count, shape=(2, 3, 4))
    seen = set()

    def read(start, stop):
        seen.update(row // 2 for row in range(start, stop))
        return c[start:stop]

    operands = matrix("A", a), matrix("B", b)
    params = {"dtype": "float64", "batch": count}
    assert list(check.verify(operands, Matrix("C", read, c.shape), params, seed=seed, thorough=False))
    return seen


def test_of_a_large_batch_256_products_are_looked_at_which_nobody_foresees():
    assert check.MOST_PRODUCTS == 256
    assert looked_at(256, seed=1) == set(range(256))
    first, second = looked_at(300, seed=1), looked_at(300, seed=2)
    assert len(first) == len(second) == 256 and first != second
    assert first | second > first


def test_a_numpy_that_is_not_there_is_seen(monkeypatch):
    assert matrices.numpy_is_there()
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert not matrices.numpy_is_there()
