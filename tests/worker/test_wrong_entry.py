"""What is wrong is named: the entry that was made wrong, where it is, and what it should be."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="the proofs of the check are made with numpy")

import check_exact  # noqa: E402
import check_matmul  # noqa: E402
import check_solve  # noqa: E402
import check_unitary  # noqa: E402
import loading  # noqa: E402
import matrices  # noqa: E402
import wrong_entry  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from check_false_alarms import honest, matrix, rounded  # noqa: E402

check_cholesky = loading.execute(ROOT / "resources" / "benchmarks" / "cholesky" / "check.py", "check_cholesky")

DTYPES = ("float64", "float32", "tf32", "float16", "bfloat16", "float8")
SHAPES = [(64, 64, 64), (192, 640, 512), (640, 33, 100), (1, 300, 50), (300, 1, 7)]


def product(dtype, shape, seed=7):
    m, n, k = shape
    if dtype != "float8":
        return honest(np.random.default_rng(seed), dtype, m, n, k)
    rng = np.random.default_rng(seed)  # e4m3 has four digits; its product is stored as bfloat16
    a, b = (rng.integers(-8, 8, extents).astype(np.float32) / np.float32(8) for extents in ((m, k), (k, n)))
    return a, b, rounded(a @ b, "bfloat16")


def of_product(a, b, c, dtype, *, seed=1, thorough=False, batch=1):
    params = {"dtype": dtype, "batch": batch}
    operands = matrix("A", a), matrix("B", b)
    told = check_matmul.wrong_entry(operands, matrix("C", c), params, seed=seed, thorough=thorough)
    return wrong_entry.wrong_entry_of(told)


def places(shape):
    """The corners of a matrix, and one inside it."""
    return {(0, 0), (0, shape[1] - 1), (shape[0] - 1, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 3, shape[1] // 2)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_one_entry_of_a_product_that_is_wrong_is_named(dtype, shape):
    a, b, c = product(dtype, shape)
    for place in places(c.shape):
        bad = c.astype(np.float64)
        bad[place] += 4.0 * math.sqrt(shape[2])
        for seed in range(3):
            entry = of_product(a, b, bad, dtype, seed=seed, thorough=seed == 1)
            assert entry is not None and entry.index == place
            assert entry.value == bad[place]
            assert entry.expected == pytest.approx(float(c[place]), rel=2e-2, abs=2e-2)
            assert entry.others == ""


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_entry_just_above_what_is_always_seen_is_named(dtype):
    shape = 192, 640, 512
    a, b, c = product(dtype, shape)
    least = check_matmul.floor(dtype, 640, 512) + check_matmul.tolerance(dtype, 512) * math.sqrt(10)
    for seed in range(5):
        bad = c.astype(np.float64)
        bad[191, 100 * seed] += 1.1 * least * math.sqrt(512)
        assert of_product(a, b, bad, dtype, seed=seed).index == (191, 100 * seed)


@pytest.mark.parametrize(
    ("dtype", "bits", "least"), [("float64", "uint64", 50), ("float32", "uint32", 20), ("float16", "uint16", 9)]
)
def test_any_flipped_bit_that_the_check_sees_is_named(dtype, bits, least):
    a, b, c = product(dtype, (100, 130, 90))
    seen = 0
    for bit in range(c.itemsize * 8):
        bad = c.copy()
        bad.view(bits)[99, 129] ^= np.asarray(1, bits) << np.asarray(bit, bits)
        outcomes = check_matmul.verify((matrix("A", a), matrix("B", b)), matrix("C", bad), {"dtype": dtype}, seed=bit,
                                       thorough=False)  # fmt: skip
        if not all(error <= bound for _, error, bound in outcomes):
            seen += 1
            assert of_product(a, b, bad, dtype, seed=bit).index == (99, 129), bit
    assert seen >= least


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [0, 77, 191])
def test_of_a_wrong_row_one_entry_is_named_and_the_others_are_counted(dtype, row):
    a, b, c = product(dtype, (192, 640, 512))
    bad = c.copy()
    bad[row] = np.roll(c[row], 1)
    entry = of_product(a, b, bad, dtype)
    assert entry.index[0] == row and abs(entry.value - entry.expected) > math.sqrt(512)
    count = int(entry.others.split(" of the 640 entries of that row are wrong")[0])
    assert 500 < count <= 640


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wrong", [0, 3, 4])
def test_in_a_batch_the_number_of_the_product_comes_first(dtype, wrong):
    parts = zip(*(product(dtype, (20, 12, 16), seed) for seed in range(5)), strict=True)
    a, b, c = (np.concatenate(part) for part in parts)
    bad = c.astype(np.float64)
    bad[20 * wrong + 19, 11] += 30.0
    entry = of_product(a, b, bad, dtype, batch=5)
    assert entry.index == (wrong, 19, 11)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [(0, 0), (100, 333), (191, 639)])
def test_what_is_no_number_is_named_and_what_it_should_be(value, place):
    a, b, c = product("float32", (192, 640, 512))
    bad = c.copy()
    bad[place] = value
    entry = of_product(a, b, bad, "float32", thorough=True)
    assert entry.index == place and not math.isfinite(entry.value)
    assert entry.expected == pytest.approx(float(c[place]), rel=1e-4, abs=1e-4)
    assert entry.content == {"index": place, "value": None, "expected": entry.expected}


def test_operands_that_hold_no_numbers_have_no_entry():
    a, b, c = product("float64", (64, 64, 64))
    assert of_product(a * math.nan, b, c, "float64") is None
    assert of_product(0 * a, b, 0 * c, "float64") is None


def test_the_entry_that_only_the_exact_ones_see_is_named():
    a, b, c = product("float64", (192, 640, 512))
    bad = c.copy()
    bad[-1, 0] *= 1 + 1e-11 * math.sqrt(512) / abs(c[-1, 0])
    params, operands = {"dtype": "float64"}, (matrix("A", a), matrix("B", b))
    for seed in range(20):
        outcomes = check_matmul.verify(operands, matrix("C", bad), params, seed=seed, thorough=True)
        assert not all(error <= bound for _, error, bound in outcomes)
        assert of_product(a, b, bad, "float64", seed=seed, thorough=True).index == (191, 0)


def test_an_entry_is_found_in_blocks(monkeypatch):
    monkeypatch.setattr(matrices, "BLOCK_BYTES", 8 * 640 * 7)
    a, b, c = product("float32", (192, 640, 512))
    for wrong in (100.0, math.nan):
        c[120, 639] += wrong
        assert of_product(a, b, c, "float32").index == (120, 639)


# --------------------------------------------------------------------------------------- the other checks


def of_solution(a, b, x, dtype):
    operands, params = (matrix("A", a), matrix("b", b)), {"dtype": dtype}
    told = check_solve.wrong_entry(operands, matrix("x", x), params, seed=1, thorough=False)
    return wrong_entry.wrong_entry_of(told)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("place", [0, 57, 199])
def test_the_wrong_entry_of_a_solution_is_named(dtype, place):
    rng = np.random.default_rng(place)
    a, b = (rng.random(shape).astype(dtype) - np.asarray(0.5, dtype) for shape in ((200, 200), (200, 1)))
    x = np.linalg.solve(a.astype(np.float64), b.astype(np.float64)).astype(dtype)
    for wrong in (x[place, 0] * 1.01, -x[place, 0], math.nan, math.inf):
        bad = x.copy()
        bad[place] = wrong
        entry = of_solution(a, b, bad, dtype)
        assert entry.index == (place,)
        assert entry.expected == pytest.approx(float(x[place, 0]), rel=1e-4)


def test_a_solution_that_is_wrong_in_many_entries_names_none():
    rng = np.random.default_rng(1)
    a, b = rng.random((200, 200)) - 0.5, rng.random((200, 1)) - 0.5
    x = np.linalg.solve(a, b)
    assert of_solution(a, b, -x, "float64") is None
    x[:2] *= 1.01
    assert of_solution(a, b, x, "float64") is None


def of_factor(a, factor, dtype):
    told = check_cholesky.wrong_entry(
        (matrix("A", a),), matrix("L", factor), {"dtype": dtype}, seed=1, thorough=False
    )  # fmt: skip
    return wrong_entry.wrong_entry_of(told)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("block_rows", [7, 200])
@pytest.mark.parametrize("place", [(0, 0), (1, 0), (100, 57), (150, 150), (199, 0), (199, 198), (199, 199)])
def test_the_wrong_entry_of_a_factor_is_named(dtype, place, block_rows, monkeypatch):
    monkeypatch.setattr(matrices, "BLOCK_BYTES", 8 * 200 * block_rows)
    rng = np.random.default_rng(3)
    a = np.tril(rng.random((200, 200)) - 0.5, -1)
    a = a + a.T + np.diag(rng.random(200) + math.sqrt(200) + 1.0)
    a = a.astype(dtype)
    factor = np.linalg.cholesky(a.astype(np.float64)).astype(dtype)
    for wrong in (factor[place] * 1.01 + 0.01, -factor[place] - 0.01, math.nan):
        bad = factor.copy()
        bad[place] = wrong
        entry = of_factor(a, bad, dtype)
        assert entry.index == place
        assert entry.expected == pytest.approx(float(factor[place]), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("value", [1e-3, math.nan])
def test_what_stands_above_the_diagonal_of_a_factor_is_named(value):
    factor = np.eye(20)
    factor[3, 17] = value
    entry = of_factor(np.eye(20), factor, "float64")
    assert (entry.index, entry.expected) == ((3, 17), 0.0)


@pytest.mark.parametrize("place", [(0, 0), (23, 500), (63, 1023)])
@pytest.mark.parametrize("wrong", [0.75, math.nan])
def test_the_wrong_element_is_named(place, wrong):
    b, c = np.random.default_rng(1).integers(-99, 99, (2, 64, 1024)) / 128.0
    a = b + 3.0 * c
    a[place] = wrong
    params = {"dtype": "float64", "check": {"formula": "b + 3 * c", "ulps": 0}}
    operands = matrix("b", b), matrix("c", c)
    told = check_exact.wrong_entry(operands, matrix("a", a), params, seed=1, thorough=False)
    entry = wrong_entry.wrong_entry_of(told)
    assert (entry.index, entry.expected) == (place, b[place] + 3.0 * c[place])


@pytest.mark.parametrize(("shape", "place"), [((1, 4096), (0, 4095)), ((4, 1024), (3, 700)), ((4, 1024), (0, 0))])
@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("wrong", [7.0, math.nan])
def test_the_wrong_bin_of_a_transform_is_named_with_its_part(shape, place, part, wrong):
    values = np.random.default_rng(1).standard_normal((*shape, 2))
    x = values.view(complex)[..., 0]
    y = np.fft.fft2(x)
    pairs = y.view(float).reshape(*shape, 2)
    expected = pairs[(*place, part)]
    pairs[(*place, part)] += wrong * math.sqrt(y.size)
    operands = (matrix("x", values.reshape(-1, 2048)),)
    params = {"dtype": "float64", "m": shape[0], "n": shape[1]}
    told = check_unitary.wrong_entry(operands, matrix("y", y.view(float).reshape(-1, 2048)), params, seed=1,
                                     thorough=False)  # fmt: skip
    entry = wrong_entry.wrong_entry_of(told)
    assert entry.index == (*(place if shape[0] > 1 else place[1:]), part)
    assert entry.expected == pytest.approx(expected)
    assert entry.others == ""


# -------------------------------------------------------------------------------------------- in the worker


def refused(done):
    """The message of a wrong result, and the entries that its checks name."""
    assert done.terminal.get("reason") == "wrong_result", done.terminal
    return done.terminal["message"], [e["wrong_entry"] for e in done.named("check") if "wrong_entry" in e]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("place", [[0, 0], [7, 5], [23, 19]])
def test_a_flipped_bit_is_in_the_message_and_in_the_event(serve, dtype, place):
    done = serve("corrupted", dtype=dtype, extra={"wrong": place, "how": "bit"})
    message, (entry,) = refused(done)
    assert entry["index"] == place and entry["value"] != entry["expected"]
    assert message.startswith(f"the result is wrong for {dtype} at a size: entry {place} is {entry['value']:.5g} and")
    assert f"should be {entry['expected']:.5g} (freivalds error " in message
    assert message.endswith(" is allowed; check_matmul.py)")
    assert not done.named("warning")


def test_a_wrong_row_is_in_the_message_with_how_many(serve):
    message, (entry,) = refused(serve("corrupted", extra={"wrong": [23, 0], "how": "row"}))
    assert entry["index"][0] == 23
    assert "20 of the 20 entries of that row are wrong (freivalds error" in message


@pytest.mark.parametrize(("how", "words"), [("nan", "NaN"), ("inf", "infinite"), ("-inf", "minus infinite")])
def test_what_is_no_number_is_null_in_the_event_and_said_in_the_message(serve, how, words):
    message, (entry,) = refused(serve("corrupted", extra={"wrong": [23, 19], "how": how}))
    assert (entry["index"], entry["value"]) == ([23, 19], None)
    assert f"entry [23, 19] is {words} and should be {entry['expected']:.5g} (freivalds; check_matmul.py)" in message


def test_a_wrong_product_of_a_batch_is_named_by_its_number(serve):
    message, (entry,) = refused(serve("batched", batch=3, extra={"wrong_product": 1}))
    assert entry["index"][0] == 1 and len(entry["index"]) == 3
    assert f"entry {entry['index']} is " in message


def test_an_honest_product_names_nothing(serve):
    done = serve("clean")
    assert done.terminal["event"] == "finished"
    assert all("wrong_entry" not in e for e in done.named("check"))


OWN = """
def verify(operands, result, params, *, seed, thorough):
    {verify}

def wrong_entry(operands, result, params, *, seed, thorough):
    {entry}
"""


@pytest.fixture
def own(serve, tmp_path):
    """Run an honest product with a check of one's own that refuses it."""

    def run(entry, verify="yield 'sums', 2.0, 1.5"):
        check = tmp_path / "check.py"
        check.write_text(OWN.format(verify=verify, entry=entry))
        return serve("clean", check=str(check))

    return run


def test_a_check_of_ones_own_may_name_an_entry(own):
    message, (entry,) = refused(own("return (3, 4), 1.25, 0.5"))
    assert entry == {"index": [3, 4], "value": 1.25, "expected": 0.5}
    assert message == (
        "the result is wrong for float64 at a size: entry [3, 4] is 1.25 and should be 0.5 "
        "(sums error 2, at most 1.5 is allowed; check.py)"
    )


def test_one_that_refuses_in_words_may_too(own):
    message, (entry,) = refused(own("return [3], 1.25, 0.5, 'all are wrong'", verify="raise ValueError('no sums')"))
    assert entry["index"] == [3]
    assert message == "no sums: entry [3] is 1.25 and should be 0.5, all are wrong (check.py, line 3)"


def test_one_that_cannot_tell_says_none(own):
    message, entries = refused(own("return None"))
    assert entries == []
    assert message == "the result is wrong for float64 at a size: sums error 2, at most 1.5 is allowed (check.py)"


@pytest.mark.parametrize("slip", ["return 1 / 0", "return (1, 2)", "return 7", "return ('x',), 1.0, 2.0"])
def test_a_slip_of_it_is_a_warning_and_the_result_stays_wrong(own, slip):
    done = own(slip)
    message, entries = refused(done)
    assert entries == [] and "sums error 2" in message
    (warning,) = done.named("warning")
    assert warning["message"].startswith("which entry is wrong is not known: ")


def test_it_is_not_asked_where_nothing_is_wrong(own):
    done = own("raise RuntimeError('asked')", verify="yield 'sums', 1.0, 1.5")
    assert done.terminal["event"] == "finished" and not done.named("warning")


@pytest.mark.parametrize(
    ("value", "expected", "words"),
    [
        (1.25, 0.9832, "is 1.25 and should be 0.9832"),
        (1.0, 1.0 + 2.0**-52, "is 1 and should be 1.0000000000000002"),
        (123456.0, 123457.0, "is 123456 and should be 123457"),
        (0.0, -0.0, "is 0 and should be -0"),
    ],
)
def test_numbers_have_as_many_digits_as_tell_them_apart(value, expected, words):
    assert wrong_entry.WrongEntry((1,), value, expected).words == f"entry [1] {words}"
