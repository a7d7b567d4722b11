"""Signs that nobody could foresee, and the operands held against them."""

from __future__ import annotations

import numpy as np
import pytest
import signs
from matrices import BadBlock, Matrix
from request import Layout

M, N, K = 130, 110, 96
A, B = Layout("A", M, K, changes=64), Layout("B", K, N, changes=2)


def rows(matrix):
    return lambda start, stop: matrix[start:stop]


def kept_of(*pairs):
    """Return the signs of layouts and arrays."""
    return signs.Signs([layout for layout, _ in pairs], [rows(values) for _, values in pairs])


def read(kept, *pairs):
    """Read all the operands of today, a few rows at a time, held against what they have to be."""
    given = [Matrix(layout.name, rows(values), layout.shape) for layout, values in pairs]
    watched = kept.watched(given)
    assert [(each.name, each.shape) for each in watched] == [(layout.name, layout.shape) for layout, _ in pairs]
    return [
        np.concatenate([each(i, min(i + 7, each.shape[0])) for i in range(0, each.shape[0], 7)]) for each in watched
    ]


@pytest.fixture
def operands():
    rng = np.random.default_rng(7)
    return rng.standard_normal((M, K)), rng.standard_normal((K, N))


def test_one_row_of_a_in_64_and_half_of_b_change_and_one_at_least(operands):
    a, b = operands
    kept = kept_of((A, a), (B, b))
    (first_a, first_b), (second_a, second_b) = kept.change(), kept.change()
    assert (len(first_a), len(set(first_b))) == (2, 48) and first_b == sorted(first_b) and 0 <= first_b[0] < 96
    assert first_b != second_b and (first_a, first_b) != (second_a, second_b)
    single = kept_of((Layout("A", 1, 1, changes=64), a[:1, :1]), (Layout("B", 1, N, changes=2), b[:1]))
    assert single.change() == [[0], [0]]


def test_operands_that_follow_are_read_as_they_are(operands):
    a, b = operands
    kept = kept_of((A, a), (B, b))
    for _ in range(5):
        a_rows, b_rows = kept.change()
        a[a_rows] *= -1
        b[b_rows] *= -1
        read_a, read_b = read(kept, (A, a), (B, b))
        assert (read_a == a).all() and (read_b == b).all()


@pytest.mark.parametrize("name", ["A", "B"])
@pytest.mark.parametrize("which", [0, -1])
def test_one_row_that_does_not_follow_is_seen(operands, name, which):
    a, b = operands
    kept = kept_of((A, a), (B, b))
    changed = dict(zip("AB", kept.change(), strict=True))
    for matrix, chosen in ((a, changed["A"]), (b, changed["B"])):
        matrix[chosen] *= -1
    row = changed[name][which]
    {"A": a, "B": b}[name][row] *= -1
    with pytest.raises(BadBlock, match=f"row {row} of {name} is not that of setup"):
        read(kept, (A, a), (B, b))


def test_other_operands_in_their_place_are_seen(operands):
    a, b = operands
    kept = kept_of((A, a), (B, b))
    with pytest.raises(BadBlock, match="row 0 of A"):
        read(kept, (A, a[::-1]), (B, b))


@pytest.mark.parametrize("short", [np.s_[:, :1], np.s_[:2]])
def test_a_shape_that_is_wrong_is_told_as_such(operands, short):
    a, b = operands
    kept = kept_of((A, a), (B, b))
    with pytest.raises(BadBlock, match="rows 0 to 7 of A have shape"):
        read(kept, (A, a[short]), (B, b))
    with pytest.raises(BadBlock, match="of A have shape"):
        kept_of((A, a[short]))


def test_an_operand_that_never_changes_is_not_watched(operands):
    a, b = operands
    still = Layout("A", M, K)
    kept = kept_of((still, a), (B, b))
    a_rows, b_rows = kept.change()
    assert kept.any and a_rows == [] and len(b_rows) == 48
    b[b_rows] *= -1
    assert (read(kept, (still, a + 1), (B, b))[0] == a + 1).all()


def test_where_nothing_changes_no_row_is_chosen(operands):
    kept = kept_of((Layout("A", M, K), operands[0]))
    assert not kept.any and kept.change() == [[]]


def symmetric(size):
    values = np.random.default_rng(3).standard_normal((size, size))
    return values + values.T, Layout("S", size, size, changes=2, symmetric=True)


def test_a_symmetric_operand_changes_its_columns_too():
    values, layout = symmetric(120)
    kept = kept_of((layout, values))
    for _ in range(5):
        ((*chosen,),) = kept.change()
        assert len(chosen) == 60
        values[chosen] *= -1
        values[:, chosen] *= -1
        (seen,) = read(kept, (layout, values))
        assert (seen == values).all() and (values == values.T).all()


@pytest.mark.parametrize("axis", ["rows", "columns", "none"])
def test_a_symmetric_operand_that_follows_in_part_is_seen(axis):
    values, layout = symmetric(signs.WATCHED_COLUMNS)  # so that every column is watched
    kept = kept_of((layout, values))
    (chosen,) = kept.change()
    if axis == "rows":
        values[chosen] *= -1
    elif axis == "columns":
        values[:, chosen] *= -1
    with pytest.raises(BadBlock, match="of S is not that of setup"):
        read(kept, (layout, values))


def test_one_row_and_column_of_a_symmetric_operand_that_do_not_follow_are_seen():
    values, layout = symmetric(120)
    kept = kept_of((layout, values))
    (chosen,) = kept.change()
    values[chosen[1:]] *= -1
    values[:, chosen[1:]] *= -1
    with pytest.raises(BadBlock, match="of S is not that of setup"):
        read(kept, (layout, values))
