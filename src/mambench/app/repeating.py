"""A report once more: its environments from their lock files, its trials, and what cannot be as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mambench.analysis.differences import differences
from mambench.app.context import Mambench
from mambench.catalogue import feasibility
from mambench.catalogue.plan import MOST_ROUNDS_UNTIL_SURE, known_benchmark, known_stack
from mambench.catalogue.presets import PRESETS
from mambench.catalogue.sizes import size_of
from mambench.environments import locks
from mambench.environments.existing import ExistingSource
from mambench.errors import MambenchError, ProvisionError, ReportError, UnavailableError, UsageError
from mambench.model import (
    CPU,
    BenchmarkSpec,
    Choices,
    Environment,
    EnvironmentSpec,
    Failure,
    Limits,
    Machine,
    Plan,
    Reason,
    Report,
    Stack,
    StackKey,
    Trial,
)
from mambench.system import values

ROUNDING = 1e-9
"""Of amounts of work that are the same."""

_LIMITS: Mapping[str, Callable[[Any], Any]] = {
    "warmups": values.whole,
    "min_runs": values.at_least_one,
    "max_runs": values.at_least_one,
    "max_seconds": values.positive,
    "target_spread": lambda value: values.maybe(values.positive, value),
    "max_run_seconds": lambda value: values.maybe(values.positive, value),
    "loops": lambda value: values.maybe(values.at_least_one, value),
    "probe": values.flag,
    "second_look": values.flag,
    "warmup_seconds": values.number,
    "budget_seconds": lambda value: values.maybe(values.positive, value),
}


def plan_of(app: Mambench, report: Report, *, offline: bool) -> Plan:
    """What measures a report again; asks no network.

    Raises UsageError, UnavailableError, ReportError for what can be no repetition.
    """
    _require_platform(report, app.machine)
    made = {environment.key: environment for environment in report.environments}
    trials = [result.trial for result in report.results if result.trial.stack in made]
    _require_locks(report, [made[key] for key in dict.fromkeys(trial.stack for trial in trials)])
    benchmarks = {name: _benchmark(app, name) for name in dict.fromkeys(each.benchmark for each in trials)}
    repeating = _Repeating(app, report, benchmarks)
    stacks = [
        stack
        for key, framework in dict.fromkeys((trial.stack, trial.framework) for trial in trials)
        for stack in repeating.stacks(
            made[key], framework, [each for each in trials if (each.stack, each.framework) == (key, framework)]
        )
    ]
    told = [*differences(report, app.machine, trials), *repeating.differences, *_left_out(report, made)]
    try:
        plan = _plan(report, stacks, benchmarks, offline=offline)
    except (KeyError, TypeError, ValueError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ReportError(
            f"the settings in the report cannot be repeated: {detail}", remedy="name a report that `mambench run` wrote"
        ) from error
    return replace(plan, repeats=report.run_id, differences=tuple(dict.fromkeys(told)))


def _require_platform(report: Report, machine: Machine) -> None:
    if report.machine.platform != machine.platform:
        names = " ".join(dict.fromkeys(each.spec.name for each in report.environments)) or "NAME"
        raise UnavailableError(
            Reason.PLATFORM,
            f"the report is of {report.machine.platform}, this is {machine.platform}: its packages do not run here",
            remedy=f"measure the same stacks with `mambench run {names}`, then `mambench compare` both reports",
        )


def _benchmark(app: Mambench, name: str) -> BenchmarkSpec:
    """Raises UsageError."""
    try:
        return known_benchmark(name, app.catalogue)
    except UsageError as error:
        remedy = f"put the folder {name} that the report was made with into {app.home.user_benchmarks}"
        raise UsageError(str(error), remedy=remedy) from error


def _require_locks(report: Report, environments: Sequence[Environment]) -> None:
    """See that there is something to make all environments from. Raises ReportError."""
    remedy = "name another report, or measure anew with `mambench run`: that one can be repeated"
    if not environments:
        raise ReportError(
            f"no environment was made for report {report.run_id[:8]}, so nothing can be repeated", remedy=remedy
        )
    without = [str(each.key) for each in environments if each.source != "existing" and not each.lock_file]
    if without:
        what = f"report {report.run_id[:8]} has no lock file of {' and '.join(without)}"
        raise ReportError(f"{what}: it does not tell their packages", remedy=remedy)


class _Repeating:
    """Makes the stacks; notes what is different."""

    def __init__(self, app: Mambench, report: Report, benchmarks: Mapping[str, BenchmarkSpec]) -> None:
        self._app, self._report, self._benchmarks = app, report, benchmarks
        self.differences: list[str] = []

    def stacks(self, environment: Environment, framework: str, trials: Sequence[Trial]) -> Iterator[Stack]:
        """One with the trials whose devices are here, and one with the others, which says why."""
        for trial in trials:
            self._require_kernel(trial)
        if environment.source == "existing":
            spec, failure = self._existing(environment, framework, trials)
        else:
            spec = self._locked(environment, framework)
            failure = feasibility.impossible(replace(spec, platforms=(self._app.machine.platform,)), self._app.machine)
        devices = {CPU, *(gpu.device for gpu in self._app.machine.gpus)}
        absent = [trial for trial in trials if not {trial.device, *trial.beside} <= devices]
        for reason, some in (
            (failure, [trial for trial in trials if trial not in absent]),
            (Failure("unavailable", Reason.NO_DEVICE, "this computer has no such device"), absent),
        ):
            if some:
                yield Stack(spec, (environment.source,), tuple(map(self._trial, some)), reason)

    def _require_kernel(self, trial: Trial) -> None:
        """Raises UsageError."""
        able = self._benchmarks[trial.benchmark].kernels
        if trial.framework not in able:
            raise UsageError(
                f"{trial.benchmark} has no kernel for {trial.framework}, which {trial.stack} was measured with",
                remedy="use the version of mambench that wrote the report, or put the benchmark into this home",
            )

    def _locked(self, environment: Environment, framework: str) -> EnvironmentSpec:
        """Raises UsageError, UnavailableError, ProvisionError."""
        name, lock = environment.spec.name, environment.lock_file or ""
        try:
            spec = known_stack(name, self._app.catalogue)
        except UsageError as error:
            folder = self._app.home.user_environments
            raise UsageError(
                str(error), remedy=f"put the file {name}.toml that the report was made with into {folder}"
            ) from error
        if spec.kernel != framework:
            raise UsageError(
                f"{name} runs {spec.kernel} here, and ran {framework} in the report",
                remedy="use the version of mambench that wrote the report",
            )
        if spec.origin != environment.spec.origin:
            self.differences.append(f"the stack {name}: {environment.spec.origin} then, {spec.origin} here")
        try:
            locks.python_of(lock, environment.source, self._app.machine.platform)
        except MambenchError as error:
            error.args = (f"{environment.key}: {error}",)
            raise
        return locks.with_lock(
            spec,
            environment.source,
            lock,
            python=locks.minor(environment.version),
            channels=environment.channels,
            variables=environment.variables,
        )

    def _existing(
        self, environment: Environment, framework: str, trials: Sequence[Trial]
    ) -> tuple[EnvironmentSpec, Failure | None]:
        """The python at the same path, with what it has now."""
        kernels = [self._benchmarks[trial.benchmark].kernels[framework] for trial in trials]
        module, python = kernels[0].module or framework, environment.python
        spec = replace(
            environment.spec,
            kernel=framework,
            title=str(python),
            devices=tuple(dict.fromkeys(device for kernel in kernels for device in kernel.devices)),
            platforms=(self._app.machine.platform,),
            python=python,
        )
        source = ExistingSource(self._app.home, environ=self._app.environ)
        try:
            answer = source.ask(python, {framework: module})
            if framework not in answer.frameworks:
                raise ProvisionError(f"{python} has no {framework}")
            version = source.versions(python, [module]).get(module, "")
        except ProvisionError as error:
            message = f"{error}; {framework} in {python} was measured then"
            return spec, Failure("unavailable", Reason.SOURCE, message)
        before = _framework_version(self._report, environment.key, framework)
        known = [("python", environment.version, answer.version)]
        known += [(framework, before, version)] if before and version else []
        name = environment.spec.name
        self.differences += [f"{what} of {name}: {then} then, {now} here" for what, then, now in known if then != now]
        return spec, None

    def _trial(self, trial: Trial) -> Trial:
        """Raises UsageError for a size that the benchmark here does not have."""
        benchmark = self._benchmarks[trial.benchmark]
        size = size_of(benchmark, dict(trial.size.params), trial.dtype)
        if (size.name, dict(size.params)) != (trial.size.name, dict(trial.size.params)):
            raise UsageError(
                f"{trial.benchmark} calls the size {trial.size.name} of the report {size.name} here",
                remedy="use the version of mambench that wrote the report",
            )
        if size.unit != trial.unit or not math.isclose(size.work[0][1], trial.work, rel_tol=ROUNDING):
            self.differences.append(f"{trial.benchmark} counts its work in another way here")
        return replace(trial, size=size)


def _framework_version(report: Report, key: StackKey, framework: str) -> str:
    rows = [result for result in report.results if (result.trial.stack, result.trial.framework) == (key, framework)]
    facts = (each.facts.get("framework_version") for result in rows for each in result.rounds)
    return next((version for version in facts if isinstance(version, str)), "")


def _left_out(report: Report, made: Mapping[StackKey, Environment]) -> Iterator[str]:
    for key in dict.fromkeys(result.trial.stack for result in report.results if result.trial.stack not in made):
        yield f"{key} was not made then, and is left out"
    if not report.complete:
        yield "the report was stopped before its end: only the rows that it has are measured"


def _plan(report: Report, stacks: Sequence[Stack], benchmarks: Mapping[str, BenchmarkSpec], *, offline: bool) -> Plan:
    """The plan with the settings of the report. Raises KeyError, TypeError, ValueError."""
    settings = report.settings
    preset = values.text(settings["preset"])
    rounds = values.at_least_one(settings["rounds"])
    if settings.get("until_sure"):
        rounds = min(max(len(result.rounds) for result in report.results) or 1, MOST_ROUNDS_UNTIL_SURE)
    lists: dict[str, Any] = {name: values.several(read, settings.get(name, [])) for name, read in _LISTS.items()}
    limits = _limits(settings["limits"])
    return Plan(
        choices=Choices(
            environments=tuple(dict.fromkeys(stack.spec.name for stack in stacks if stack.spec.python is None)),
            benchmarks=tuple(benchmarks),
            preset=preset,
            source=values.known(settings["source"], ("auto", "conda", "pypi"), "source"),
            offline=offline,
            **lists,
        ),
        preset=PRESETS.get(preset, PRESETS["standard"]),
        rounds=rounds,
        limits=limits,
        limits_of_largest=_limits(settings.get("limits_of_largest", settings["limits"])),
        timeout_seconds=values.positive(settings["timeout_seconds"]),
        stacks=tuple(stacks),
        benchmarks=benchmarks,
        seed=report.seed,
    )


_LISTS: Mapping[str, Callable[[Any], Any]] = {
    "sizes": values.at_least_one,
    "dtypes": values.text,
    "devices": values.text,
    "threads": values.at_least_one,
}


def _limits(content: Any) -> Limits:
    told = values.table(content)
    return Limits(**{name: read(told[name]) for name, read in _LIMITS.items() if name in told})
