"""Parameters of a benchmark -> names, work, memory, smaller sizes, and what a worker is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import a_benchmark, a_size, a_trial

from mambench.catalogue.benchmarks import load_benchmark
from mambench.catalogue.formula import evaluate
from mambench.catalogue.sizes import asked, order, size_of
from mambench.errors import UsageError
from mambench.model import Amounts, BenchmarkSpec, Choices
from mambench.system import resources

AMOUNTS = Amounts(({"m": 64, "n": 64, "k": 64},), ("float64",))


def shipped(name: str) -> BenchmarkSpec:
    return load_benchmark(resources.benchmarks() / name / "benchmark.toml")


@pytest.mark.parametrize(
    ("benchmark", "values", "name", "label", "words"),
    [
        ("matmul", {"m": 8, "n": 8, "k": 8}, "8x8x8", "8", "n = 8"),
        ("matmul", {"m": 8, "n": 4, "k": 8}, "8x4x8", "8x4x8", "8x4x8"),
        ("matmul", {"m": 8, "n": 8, "k": 8, "batch": 3}, "8x8x8,batch=3", "8,batch=3", "8,batch=3"),
        ("fft", {"n": 2048}, "2048", "2048", "n = 2048"),
        ("fft", {"m": 1024, "n": 2048}, "1024x2048", "1024x2048", "1024x2048"),
        ("gpt", {"batch": 8}, "batch=8", "batch=8", "batch=8"),
    ],
)
def test_a_size_is_named_by_its_extents(benchmark: str, values: dict[str, int], name: str, label: str, words: str):
    size = size_of(shipped(benchmark), values, "float32")
    assert (size.name, size.label, size.words) == (name, label, words)


@pytest.mark.parametrize(
    ("benchmark", "values", "work"),
    [
        ("matmul", {"m": 2, "n": 3, "k": 5, "batch": 7}, {"GFLOPS": 2 * 2 * 3 * 5 * 7e-9}),
        ("bandwidth", {"n": 2048}, {"GB/s": 3 * 4 * 2048e-9}),
        ("solve", {"n": 300}, {"GFLOPS": (2 / 3 * 300**3 + 2 * 300**2) * 1e-9}),
        ("cholesky", {"n": 300}, {"GFLOPS": 300**3 / 3 * 1e-9}),
        ("fft", {"m": 1024, "n": 1024}, {"GFLOPS": 5 * 2**20 * 20e-9}),
        ("elementwise", {"n": 2048}, {"GB/s": 3 * 4 * 2048e-9, "items/s": 2048}),
    ],
)
def test_the_work_is_what_the_field_counts(benchmark: str, values: dict[str, int], work: dict[str, float]):
    size = size_of(shipped(benchmark), values, "float32")
    told = dict(size.work)
    assert {unit: told[unit] for unit in work} == {unit: pytest.approx(amount) for unit, amount in work.items()}
    assert size.unit == next(iter(work))


def test_memory_grows_as_the_formula_does():
    assert size_of(shipped("matmul"), {"m": 64, "n": 64, "k": 64}, "float64").growth == pytest.approx(2.0)
    assert size_of(shipped("bandwidth"), {"n": 2**20}, "float64").growth == pytest.approx(1.0)
    assert a_size(64).memory_bytes == 3 * 8 * 64**2


@pytest.mark.parametrize("values", [{"n": 1000}, {"n": 0}])
def test_a_value_that_is_not_taken_is_refused_by_name(values: dict[str, int]):
    with pytest.raises(UsageError, match="bandwidth: n = .*multiple of 1024"):
        size_of(shipped("bandwidth"), values, "float64")


def test_sizes_shapes_and_parameters_that_were_asked_for():
    spec = a_benchmark()
    choices = Choices(sizes=(8,), shapes=((1, 2, 3),), parameters={"batch": (4, 5), "layers": (9,)})
    assert list(asked(spec, choices, AMOUNTS)) == [
        {**extents, "batch": batch}
        for extents in ({"m": 8, "n": 8, "k": 8}, {"m": 1, "n": 2, "k": 3})
        for batch in (4, 5)
    ]
    assert list(asked(spec, Choices(), AMOUNTS)) == list(AMOUNTS.sizes)
    with pytest.raises(UsageError, match="--shape 1x2: matmul takes MxNxK"):
        list(asked(spec, Choices(shapes=((1, 2),)), AMOUNTS))


def test_smaller_sizes_keep_what_is_taken_and_go_down_to_the_least():
    told = order(shipped("fft"), a_trial(size=size_of(shipped("fft"), {"n": 4096}, "float64")))
    assert [each["params"]["n"] for each in told["smaller"]] == [1024, 1024, 2048]
    told = order(a_benchmark(), a_trial(m=256, n=256, k=32))
    assert [tuple(each["params"][name] for name in "mnk") for each in told["smaller"]] == [
        (64, 64, 32), (64, 64, 32), (128, 128, 32),
    ]  # fmt: skip
    assert told["smaller"][2]["work"] == pytest.approx(2e-9 * 128 * 128 * 32)


def test_items_may_be_counted_in_millions():
    spec = replace(shipped("gpt"), items_in_unit=1e6)
    assert dict(size_of(spec, {}, "float32").work)["tokens/s"] == pytest.approx(
        dict(size_of(shipped("gpt"), {}, "float32").work)["tokens/s"] / 1e6
    )


@pytest.mark.parametrize(("formula", "value"), [("2*n**3", 54.0), ("max(n, ceil(log2(n)))", 3), ("n // 2 % 2", 1)])
def test_a_formula_is_arithmetic(formula: str, value: float):
    assert evaluate(formula, {"n": 3}) == value


@pytest.mark.parametrize(
    "formula",
    [
        "m",
        "n **",
        "__import__('os')",
        "n.__class__",
        "open('x')",
        "'a' * n",
        "n / 0",
        "-n",
        "9**9**9",
        "[n for n in n]",
    ],
)
def test_a_formula_is_nothing_else(formula: str, tmp_path: Path, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="cannot be calculated|is no amount"):
        evaluate(formula, {"n": 3})
