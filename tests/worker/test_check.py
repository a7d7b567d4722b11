"""The check refuses every product that is wrong and none that is honest."""

from __future__ import annotations

import math
import sys
import tracemalloc
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="the proofs of the check are made with numpy")

import check  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from check_false_alarms import DTYPES, honest, rounded, rows, stored  # noqa: E402

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


def verify(a, b, c, dtype, *, seed=1, entries=0, shape=None):
    shape = shape or (len(a), b.shape[1], len(b))
    return check.verify(check.Product(rows(a), rows(b), rows(c), shape, dtype), seed=seed, entries=entries)


def accepted(a, b, c, dtype, **options):
    return all(outcome.ok for outcome in verify(a, b, c, dtype, **options))


def product(dtype, shape=LARGE, seed=7):
    m, n, k = shape
    return honest(np.random.default_rng(seed), dtype, m, n, k)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_honest_products_pass(dtype, shape):
    for seed in range(5):
        assert accepted(*product(dtype, shape, seed), dtype, seed=seed, entries=8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_honest_product_has_room_to_spare(dtype):
    outcome = verify(*product(dtype), dtype)[0]
    assert outcome.error < outcome.tolerance / 2


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
        assert accepted(a, b, a @ b, dtype, entries=8)
        bad = a @ b
        bad[0, 0] *= 1.01
        assert not accepted(a, b, bad, dtype, entries=8)


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
    for outcome in verify(a, b, bad, dtype, entries=8):
        assert (outcome.ok, outcome.error) == (False, None)


def test_operands_of_zeros_or_nan_are_refused():
    a, b, c = product("float64")
    assert not accepted(0 * a, b, 0 * c, "float64")
    assert not accepted(math.nan * a, b, c, "float64")


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
def test_a_wrong_shape_is_refused_with_its_name(name):
    matrices = dict(zip("abc", product("float64"), strict=True))
    matrices[name] = matrices[name][:, :-1]
    outcome = verify(**matrices, dtype="float64", shape=LARGE)[0]
    assert not outcome.ok
    assert f"of {name.upper()} have shape" in outcome.message


def test_one_wrong_exact_entry_is_seen_by_the_entries_alone():
    a, b, c = product("float64")
    bad = c.copy()
    bad[-1, 0] *= 1 + 1e-9
    assert [outcome.ok for outcome in verify(a, b, bad, "float64", entries=8)][1] is False


def test_the_exact_dot_product_is_exact():
    left, right = [1e16, 1.0, -1e16, 2.0**-1074], [1.0, 2.0**-53, 1.0, 1.0]
    total = check._exact_dot(left, right)
    assert total == check.Fraction(2) ** -53 + check.Fraction(2) ** -1074


def test_blocks_do_not_change_the_outcome(monkeypatch):
    whole = verify(*product("float64"), "float64", entries=8)
    monkeypatch.setattr(check, "BLOCK_BYTES", 8 * 640 * 7)
    parts = verify(*product("float64"), "float64", entries=8)
    assert [o.error for o in parts] == pytest.approx([o.error for o in whole], rel=0.5)
    assert parts[1].error == pytest.approx(whole[1].error, rel=1e-12)


def test_the_working_space_stays_under_64_mib():
    a, b, c = product("float32", (2500, 2500, 2500))
    tracemalloc.start()
    assert accepted(a, b, c, "float32", entries=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_the_bound_is_the_published_one():
    sums = (math.sqrt(8000) + 16) * 2**-24
    assert check.tolerance("float64", 8000) == pytest.approx(8 * (2**-53 + (math.sqrt(8000) + 16) * 2**-53))
    assert check.tolerance("float32", 8000) == pytest.approx(8 * 2**-24 + 2 * sums)
    assert check.tolerance("tf32", 8000) == pytest.approx(8 * (2**-24 + 2 * 2**-11) + 2 * sums)
    assert check.tolerance("bfloat16", 8000) == pytest.approx(8 * 2**-8 + 2 * sums)


def test_without_numpy_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(check.CheckUnavailable, match="add it to the packages"):
        check.verify(check.Product(None, None, None, (1, 1, 1), "float64"), seed=1)
