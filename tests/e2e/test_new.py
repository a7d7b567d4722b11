"""The benchmark that `mambench new` writes: a verified row as it is, and each mistake in it told with its file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2e.driver import Bench, no_traceback

NAMED = ("--benchmark", "mine", "--size", "100000")


@pytest.fixture
def example(alone: Bench) -> Path:
    done = alone.call("new", "benchmark", "mine")
    assert done.code == 0, done.text
    return alone.home / "benchmarks" / "mine"


def edit(file: Path, old: str, new: str) -> int:
    """Replace what stands there once; gives its line."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def refused(bench: Bench, reason: str) -> str:
    """The message of the only row, which the person reads too; no number is in it."""
    done = bench.run(*NAMED)
    (row,) = bench.report()["results"]
    assert done.code == 3 and row["status"] == "failed" and row["failure"]["reason"] == reason, done.text
    message = str(row["failure"]["message"])
    assert message in " ".join(done.out.split())
    no_traceback(done)
    return message


@pytest.mark.usefixtures("example")
def test_it_gives_a_verified_row_as_it_is(alone: Bench) -> None:
    done = alone.run(*NAMED)
    assert done.code == 0, done.text
    report = alone.report()
    (row,) = report["results"]
    (one,) = row["rounds"]
    assert (row["status"], row["verified"], row["benchmark"]) == ("ok", True, "mine"), row["failure"]
    names = list(dict.fromkeys(check["name"] for check in one["checks"]))
    assert {"pairs_out_of_order", "float32_numbers", "pairs_out_of_order_flipped"} <= set(names)
    assert "Mitems/s" in done.out


def test_a_wrong_formula_is_told_with_file_and_line(alone: Bench, example: Path) -> None:
    file = example / "benchmark.toml"
    line = edit(file, 'items = "n"', 'items = "m"')
    done = alone.run(*NAMED)
    assert done.code == 2
    assert f"{file}, line {line}, field work.items: 'm' cannot be calculated" in done.text
    no_traceback(done)


def test_an_unsorted_array_is_a_wrong_result_by_its_check(alone: Bench, example: Path) -> None:
    edit(example / "kernel_numpy.py", "    state.s.reshape(-1).sort()\n", "")
    message = refused(alone, "wrong_result")
    assert re.fullmatch(
        r"the result is wrong for float64 at n = \S+: pairs out of order error \S+, at most 0 is allowed \(check.py\)",
        message,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.copyto(state.s, state.x)", "np.copyto(state.s, abs(state.x))"),
        ("np.copyto(state.s, state.x)", "np.copyto(state.s, state.x.astype('float32'))"),
        ("np.copyto(state.s, state.x)", "np.copyto(state.s[1:], state.x[1:]); state.s[:1] = state.x[1]"),
        ("np.copyto(state.s, state.x)", "state.s.any() or np.copyto(state.s, state.x)"),
    ],
    ids=["absolute", "float32", "part", "stale"],
)
def test_other_numbers_in_order_are_a_wrong_result(alone: Bench, example: Path, old: str, new: str) -> None:
    edit(example / "kernel_numpy.py", old, new)
    assert "s does not hold the numbers of x" in refused(alone, "wrong_result")


def test_numbers_of_float32_are_refused(alone: Bench, example: Path) -> None:
    edit(example / "kernel_numpy.py", "return State(x, ", "x = x.astype('float32').astype('float64'); return State(x, ")
    assert "float32 numbers error 1, at most 0.01 is allowed" in refused(alone, "wrong_result")


def test_signs_that_stay_are_refused(alone: Bench, example: Path) -> None:
    edit(example / "kernel_numpy.py", "for row in x_rows:", "for row in []:")
    assert "of x is not that of setup with the changes of sign" in refused(alone, "wrong_result")


def test_a_check_that_is_no_python_is_told_with_file_and_line(alone: Bench, example: Path) -> None:
    line = edit(example / "check.py", "(x,) = operands", "(x,) = = operands")
    assert refused(alone, "raised") == f"SyntaxError: invalid syntax (check.py, line {line})"


def test_what_the_kernel_raises_is_told_with_file_and_line(alone: Bench, example: Path) -> None:
    line = edit(example / "kernel_numpy.py", "state.s.reshape(-1)", "state.s.reshape(7)")
    message = refused(alone, "raised")
    assert message.startswith("ValueError: cannot reshape") and message.endswith(f"(kernel_numpy.py, line {line})")
