"""A benchmark of its own kind: a check and operands that are no product's."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy", reason="the check inside the worker needs numpy in the running interpreter")

SUMS = """
import importlib

def verify(operands, result, params, *, seed, thorough):
    numpy = importlib.import_module("numpy")
    (s,) = operands
    error = max(abs(block.sum(axis=1, keepdims=True) - result(i, j)).max() for i, j, block in s.blocks())
    yield "sums", error / numpy.sqrt(s.shape[1]), numpy.float64(params["check"]["most"])
    if thorough:
        yield "count", 0, 1
"""


@pytest.fixture
def summed(serve, tmp_path):
    """Measure the sums of a symmetric matrix's rows with a check of this text."""

    def run(text=SUMS, *, n=8, **extra):
        check = tmp_path / "check.py"
        check.write_text(text)
        operands = [{"name": "S", "rows": n, "columns": n, "changes": 2, "symmetric": True}]
        result = {"name": "sums", "rows": n, "columns": 1}
        more = {"check": {"most": 1e-12}, **extra}
        return serve("summing", n=n, operands=operands, result=result, extra=more, check=str(check))

    return run


def saying(line):
    """Return a check that does this only."""
    return f"import math\ndef verify(operands, result, params, *, seed, thorough):\n    {line}\n"


def failed(done):
    assert done.terminal["event"] == "failed"
    assert "\n" not in done.terminal["message"]
    return done.terminal["reason"], done.terminal["message"]


@pytest.mark.parametrize("n", [8, 200])
def test_a_symmetric_operand_is_changed_watched_and_checked(summed, n):
    done = summed(n=n)
    assert done.terminal["event"] == "finished", done.terminal
    told = list(dict.fromkeys(e["name"] for e in done.named("check")))
    assert told == ["sums_unforeseen", "sums", "count", "sums_flipped"]
    assert all(e["ok"] is True and 0 <= e["error"] <= e["tolerance"] for e in done.named("check"))


def test_a_symmetric_operand_whose_columns_are_left_alone_is_refused(summed):
    reason, message = failed(summed(rows_only=True))
    assert reason == "wrong_result"
    assert "of S is not that of setup with the changes of sign that flip was asked for" in message


def test_an_error_above_its_tolerance_is_a_wrong_result_in_words(summed):
    reason, message = failed(summed(saying("yield 'sum_of_rows', 2.0, 1.5")))
    assert (reason, message) == (
        "wrong_result",
        "the result is wrong for float64 at a size: sum of rows error 2, at most 1.5 is allowed (check.py)",
    )


@pytest.mark.parametrize("order", [(1, 9), (9, 1)])
def test_all_errors_are_told_before_one_of_them_is_refused(summed, order):
    done = summed(saying("yield from (('a', {}, 5), ('b', {}, 5))".format(*order)))
    assert failed(done)[0] == "wrong_result"
    told = [(e["name"], e["error"], e["ok"]) for e in done.named("check")]
    assert told == [(f"{name}_unforeseen", error, error < 5) for name, error in zip("ab", order, strict=True)]


@pytest.mark.parametrize("value", ["math.nan", "math.inf", "-math.inf"])
def test_an_error_that_is_not_finite_is_a_wrong_result_and_null(summed, value):
    done = summed(saying(f"yield 'sums', {value}, 1.0"))
    assert failed(done)[0] == "wrong_result"
    assert [(e["error"], e["ok"]) for e in done.named("check")] == [(None, False)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise ValueError('the sums are in no order')", "the sums are in no order"),
        ("raise AssertionError('no sums at all')", "no sums at all"),
        ("assert result.shape == (1, 2)", "the check refuses the result"),
        ("raise ValueError", "the check refuses the result"),
        ("raise AssertionError('\\nNot equal\\n\\n  x: 1\\n  y: 2')", "Not equal x: 1 y: 2"),
        ("one, two = operands", "not enough values to unpack (expected 2, got 1)"),
        ("raise ValueError(1000 * 'long ')", 60 * "long "),
        ("yield 'sums', 0.0, 1.0; raise ValueError('then this')", "then this"),
    ],
)
def test_what_a_check_refuses_without_a_number_is_a_wrong_result(summed, line, words):
    done = summed(saying(line))
    assert failed(done) == ("wrong_result", f"{words} (check.py, line 3)")
    assert done.named("check") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("return iter(())", "the check yields nothing, so nothing was checked"),
        ("return None", "TypeError"),
        ("yield 'sums', 0.0", "not enough values to unpack"),
        ("yield 'sums', 'small', 1.0", "TypeError"),
        ("raise RuntimeError('the check is at fault')", "the check is at fault"),
        ("return undefined", "NameError: name 'undefined' is not defined (check.py, line 3)"),
        ("return math.sqrt(operands)", "(check.py, line 3)"),
    ],
)
def test_a_check_that_is_at_fault_itself_is_no_wrong_result(summed, line, words):
    reason, message = failed(summed(saying(line)))
    assert reason == "raised" and words in message


def test_a_check_without_verify_is_refused_before_the_kernel_runs(summed):
    done = summed("def prove(): ...\n")
    reason, message = failed(done)
    assert reason == "raised" and "the check check.py has no function named verify" in message
    assert done.named("sample") == []


def test_a_check_that_is_no_python_fails_with_its_line(summed):
    done = summed("x = 1\ndef verify(\n")
    assert failed(done)[0] == "raised"
    assert "SyntaxError" in done.terminal["message"] and "line 2" in done.terminal["traceback"]


def test_it_is_thorough_once_and_each_time_drawn_anew(summed):
    told = ["yield 'thorough' if thorough else 'cheap', 0, 1", "yield str(seed), 0, 1"]
    done = summed(saying("\n    ".join(told)))
    names = [e["name"] for e in done.named("check")]
    assert names.count("thorough") == 1 and names[-2] == "cheap_flipped"
    assert names.count("cheap_unforeseen") in (1, 2)
    seeds = [e["seed"] for e in done.named("check")]
    assert seeds[0::2] == seeds[1::2] and len(set(seeds)) == len(seeds) // 2
    assert all(str(seed) in name for seed, name in zip(seeds[1::2], names[1::2], strict=True))


def test_an_operand_that_is_no_random_matrix_may_say_so(serve, tmp_path):
    """An identity makes a product cheap: it is refused unless the benchmark says that it has to be one."""
    kernel = tmp_path / "identity.py"
    kernel.write_text(
        "import numpy as np\n"
        "def setup(params): return np.eye(params['n'])\n"
        "def run(state): pass\n"
        "def result(state): return [lambda start, stop: state[start:stop]] * 2\n"
    )
    check = tmp_path / "check.py"
    check.write_text(saying("yield 'same', abs(operands[0](0, 99) - result(0, 99)).max(), 0.0"))
    layout = {"name": "I", "rows": 99, "columns": 99}
    for random, reason in ((True, "wrong_result"), (False, None)):
        operands = [{**layout, "random": random}]
        done = serve(kernel, n=99, operands=operands, result=layout, check=str(check))
        assert done.terminal.get("reason") == reason, done.terminal
