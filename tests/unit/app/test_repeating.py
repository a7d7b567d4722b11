"""The plan that measures a report again; nothing is started."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import LIMITS, a_catalogue, a_gpu, a_key, a_machine, a_report, a_round, a_spec, a_trial, an_environment

from mambench.analysis.results import summarise
from mambench.app.repeating import plan_of
from mambench.errors import UnavailableError, UsageError
from mambench.model import CondaRecipe, Environment, Failure, Plan, Reason, Report, Result
from mambench.system.home import Home

LOCK = "@EXPLICIT\nhttps://e.org/c/linux-64/python-3.12.7-0.conda#" + "a" * 64 + "\n"
CPU, GPU = a_trial("torch@conda", framework="torch"), a_trial("torch@conda", "cuda:0", framework="torch")


def torch(**changes: Any) -> Environment:
    spec = a_spec("torch", kernel="torch", devices=("cpu", "cuda"), platforms=("win-64",))
    return an_environment(spec, "conda", **{"lock_file": LOCK, "channels": ("c",), "variables": {"A": "1"}, **changes})


def a_row(trial: Any, rounds: int = 3) -> Result:
    return summarise(trial, [a_round(index, index) for index in range(rounds)])


def measured(*rows: Result, **changes: Any) -> Report:
    settings = {
        "preset": "standard", "source": "auto", "rounds": 7, "sizes": [512], "dtypes": [], "devices": [], "threads": [],
        "limits": asdict(LIMITS), "limits_of_largest": asdict(replace(LIMITS, max_seconds=20)), "timeout_seconds": 99.0,
    }  # fmt: skip
    fields: dict[str, Any] = {
        "results": rows or (a_row(CPU), a_row(GPU)),
        "environments": (torch(),),
        "settings": {**settings, **changes.pop("settings", {})},
        "machine": a_machine("linux-64", a_gpu()),
        "seed": 5,
        "complete": True,
    }
    return a_report(**{**fields, **changes})


def planned(tmp_path: Path, report: Report, *gpus: Any, spec: Any = None) -> Plan:
    catalogue = a_catalogue(spec or replace(torch().spec, conda=CondaRecipe(("conda-forge",), ("pytorch=9",))))
    app: Any = SimpleNamespace(
        home=Home(tmp_path), environ={}, catalogue=catalogue, machine=a_machine("linux-64", *gpus)
    )
    return plan_of(app, report, offline=False)


def test_all_that_the_report_tells_is_taken_from_it(tmp_path: Path) -> None:
    report = measured()
    plan = planned(tmp_path, report, a_gpu())
    (stack,) = plan.stacks
    assert (stack.trials, stack.sources, stack.failure) == ((CPU, GPU), ("conda",), None)
    recipe = stack.spec.conda
    assert recipe is not None
    assert (recipe.lock, recipe.channels, recipe.variables.on("linux-64")) == (LOCK, ("c",), {"A": "1"})
    assert (plan.rounds, plan.seed, plan.timeout_seconds, plan.repeats) == (7, 5, 99.0, report.run_id)
    assert (plan.limits, plan.limits_of_largest) == (LIMITS, replace(LIMITS, max_seconds=20))
    assert (plan.choices.preset, plan.choices.sizes) == ("standard", (512,))


def test_a_device_that_is_not_there_costs_its_own_rows_only(tmp_path: Path) -> None:
    on_cpu, on_gpu = planned(tmp_path, measured()).stacks
    assert (on_cpu.trials, on_cpu.failure) == ((CPU,), None)
    assert (on_gpu.trials, on_gpu.failure) == (
        (GPU,),
        Failure("unavailable", Reason.NO_DEVICE, "this computer has no such device"),
    )


def test_what_is_another_or_left_out_is_told(tmp_path: Path) -> None:
    never_made = replace(a_row(CPU), trial=a_trial("numpy-mkl"))
    report = measured(a_row(CPU), never_made, complete=False)
    plan = planned(tmp_path, report, spec=replace(torch().spec, origin="home"))
    assert plan.differences[-3:] == (
        "the stack torch: builtin then, home here",
        "numpy-mkl was not made then, and is left out",
        "the report was stopped before its end: only the rows that it has are measured",
    )


def test_rounds_that_were_found_by_looking_are_as_many_again(tmp_path: Path) -> None:
    plan = planned(tmp_path, measured(a_row(CPU, 6), settings={"rounds": 20, "until_sure": True}))
    assert (plan.rounds, plan.choices.until_sure) == (6, False)


def test_a_size_that_counts_its_work_in_another_way_is_told(tmp_path: Path) -> None:
    other = replace(CPU, size=replace(CPU.size, work=(("GFLOPS", 1.0),)))
    plan = planned(tmp_path, measured(a_row(other)))
    assert "matmul counts its work in another way here" in plan.differences
    assert plan.stacks[0].trials[0].work == CPU.work


def test_a_stack_that_is_not_here_names_where_its_file_goes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no stack 'torch'") as caught:
        planned(tmp_path, measured(), spec=a_spec())
    assert f"put the file torch.toml that the report was made with into {tmp_path}" in caught.value.remedy
    with pytest.raises(UsageError, match="torch runs numpy here, and ran torch in the report"):
        planned(tmp_path, measured(), spec=replace(torch().spec, kernel="numpy"))


def test_lock_files_of_another_platform_than_the_report_says_are_refused(tmp_path: Path) -> None:
    report = measured(environments=(torch(lock_file=LOCK.replace("linux-64", "win-64")),))
    with pytest.raises(UnavailableError, match="torch@conda: the lock file is for win-64, this is linux-64"):
        planned(tmp_path, report)
    assert a_key("torch@conda") == report.environments[0].key
