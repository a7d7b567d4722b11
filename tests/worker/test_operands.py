"""What a product, and whatever else takes random operands, may be measured with."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy", reason="operands are looked at with numpy")

import operands  # noqa: E402
from matrices import Matrix  # noqa: E402

N = 300


def told(matrix) -> str:
    return operands.problem(Matrix("A", lambda start, stop: matrix[start:stop], matrix.shape), seed=1)


def drawn(kind: str, rng):
    normal = rng.standard_normal((N, N))
    few = rng.standard_normal((N, 5)) @ rng.standard_normal((5, N))
    return {
        "normal": normal,
        "uniform": rng.random((N, N)),
        "signs": rng.choice([-1.0, 1.0], (N, N)),
        "float16": normal.astype(np.float16),
        "flat": rng.standard_normal((1, N)),
        "identity": np.eye(N),
        "rank one": np.outer(normal[0], normal[1]),
        "signs of rank one": np.outer(np.sign(normal[0]), np.sign(normal[1])),
        "rank five": few,
        "rows repeated": np.repeat(normal[: N // 100], 100, axis=0),
        "sparse": normal * (rng.random((N, N)) < 0.05),
        "ones": np.ones((N, N)),
        "zeros": np.zeros((N, N)),
        "nan": normal * np.nan,
    }[kind]


@pytest.mark.parametrize("kind", ["normal", "uniform", "signs", "float16", "flat"])
def test_random_values_pass(kind):
    for seed in range(50):
        assert told(drawn(kind, np.random.default_rng(seed))) == ""


CHEAP = ["identity", "rank one", "signs of rank one", "rank five", "rows repeated", "sparse", "ones", "zeros", "nan"]


@pytest.mark.parametrize("kind", CHEAP)
def test_a_matrix_that_makes_a_product_cheap_is_told(kind):
    for seed in range(20):
        with np.errstate(all="ignore"):
            assert told(drawn(kind, np.random.default_rng(seed))).startswith("operand A")


def test_short_rows_say_too_little():
    assert told(np.ones((5, 8))) == ""
