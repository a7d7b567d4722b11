"""Signs that nobody could foresee, and the operands held against them."""

from __future__ import annotations

import check
import numpy as np
import pytest
import signs

SHAPE = (130, 110, 96)


def rows(matrix):
    return lambda start, stop: matrix[start:stop]


@pytest.fixture
def operands():
    (m, n, k), rng = SHAPE, np.random.default_rng(7)
    return rng.standard_normal((m, k)), rng.standard_normal((k, n))


def read(watched, count):
    return np.concatenate([watched(start, min(start + 7, count)) for start in range(0, count, 7)])


def test_one_row_of_a_in_64_and_half_of_b_change_and_one_at_least(operands):
    a, b = operands
    kept = signs.Signs(rows(a), rows(b), SHAPE)
    (first_a, first_b), (second_a, second_b) = kept.change(), kept.change()
    assert (len(first_a), len(set(first_b))) == (2, 48) and first_b == sorted(first_b) and 0 <= first_b[0] < 96
    assert first_b != second_b and (first_a, first_b) != (second_a, second_b)
    single = signs.Signs(rows(a[:1, :1]), rows(b[:1]), (1, 110, 1))
    assert single.change() == ([0], [0])


def test_operands_that_follow_are_read_as_they_are(operands):
    a, b = operands
    kept = signs.Signs(rows(a), rows(b), SHAPE)
    for _ in range(5):
        a_rows, b_rows = kept.change()
        a[a_rows] *= -1
        b[b_rows] *= -1
        assert (read(kept.a.watched(rows(a)), 130) == a).all()
        assert (read(kept.b.watched(rows(b)), 96) == b).all()


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("which", [0, -1])
def test_one_row_that_does_not_follow_is_seen(operands, name, which):
    a, b = operands
    kept = signs.Signs(rows(a), rows(b), SHAPE)
    changed = dict(zip("ab", kept.change(), strict=True))
    for matrix, chosen in ((a, changed["a"]), (b, changed["b"])):
        matrix[chosen] *= -1
    row = changed[name][which]
    matrix = {"a": a, "b": b}[name]
    matrix[row] *= -1
    with pytest.raises(check.BadBlock, match=f"row {row} of {name.upper()} is not that of setup"):
        read(getattr(kept, name).watched(rows(matrix)), len(matrix))


def test_other_operands_in_their_place_are_seen(operands):
    a, b = operands
    kept = signs.Signs(rows(a), rows(b), SHAPE)
    with pytest.raises(check.BadBlock, match="row 0 of A"):
        read(kept.a.watched(rows(a[::-1])), 130)


def test_a_shape_that_is_wrong_is_left_to_who_reads(operands):
    a, b = operands
    kept = signs.Signs(rows(a), rows(b), SHAPE)
    assert kept.a.watched(rows(a[:, :1]))(0, 3).shape == (3, 1)
    assert kept.a.watched(lambda _start, _stop: a[:2])(0, 3).shape == (2, 96)
