"""Pure: what a row says of itself, held against the facts of what ran."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mambench.environments import integrity
from mambench.model import (
    DeviceKind,
    EnvironmentSpec,
    Failure,
    Gpu,
    Package,
    Reason,
    Result,
    Round,
    RowWarning,
    Trial,
    WarningKind,
)

PROOFS = {
    "blas": "library",
    "threads": "threads used",
    "result_dtype": "result's element type",
    "result_device": "result's device",
}
"""Facts of what ran, from the kernel or from the loaded libraries, and what each of them proves."""

STORED = {"tf32": "float32", "float8": "bfloat16"}
"""Element types of a result that have another name than the trial's dtype."""

COMPLEX = {"float64": "complex128", "float32": "complex64"}
"""Those of two numbers of the trial's dtype."""

PRECISIONS = {"float32": "ieee", "tf32": "tf32"}
"""How float32 operands have to be computed with, by the trial's dtype."""


PACKAGES = {
    "torch": r"torch|pytorch",
    "tensorflow": r"tensorflow(-cpu|-gpu)?",
    "cupy": r"cupy(-cuda\d+x)?",
}
"""Names of the packages that hold a framework, where they are not its own."""


def checked(result: Result, spec: EnvironmentSpec, gpu: Gpu | None, packages: Sequence[Package] = ()) -> Result:
    """The result without its number if a round was not what the row says, and with a warning for a missing proof.

    `gpu` is the trial's device as NVML told it when the run was planned; `packages` are those of the environment.
    """
    if result.status != "ok":
        return result
    missing = (warning for each in result.rounds if (warning := unproven(each, result.trial)))
    result = replace(result, warnings=tuple(dict.fromkeys((*result.warnings, *missing))))
    result = refused(result, Reason.MISLABELLED, lambda each: mislabelled(each, result.trial, spec, gpu))
    return refused(result, Reason.MISLABELLED, lambda each: _other_version(each, result.trial, packages))


def refused(result: Result, reason: Reason, problem_of: Callable[[Round], str | None]) -> Result:
    """The result without its number if there is a problem with a round."""
    for each in result.rounds:
        problem = problem_of(each)
        if problem is not None:
            failure = Failure("failed", reason, problem, each.log)
            return replace(result, status="failed", failure=failure, seconds=None, rate=None, spread=None)
    return result


def mislabelled(measured: Round, trial: Trial, spec: EnvironmentSpec, gpu: Gpu | None = None) -> str | None:
    """The first thing that the facts of a round contradict; None when all of them agree with the row."""
    return next(_contradictions(measured, trial, spec, gpu), None)


def unproven(measured: Round, trial: Trial) -> RowWarning | None:
    """The proofs that a round lacks, as one warning; threads count on the CPU only."""
    needed = [name for name in PROOFS if name != "threads" or trial.device.kind == DeviceKind.CPU]
    facts = {"blas": measured.facts.get("library"), **measured.facts}  # what is no BLAS is a library all the same
    missing = [PROOFS[name] for name in needed if facts.get(name) is None]
    return RowWarning(WarningKind.UNPROVEN, ", ".join(missing)) if missing else None


def _other_version(measured: Round, trial: Trial, packages: Sequence[Package]) -> str | None:
    """Whether a framework says another version of itself than was installed."""
    said = measured.facts.get("framework_version")
    pattern = PACKAGES.get(trial.framework, re.escape(trial.framework))
    installed = [package.version for package in packages if re.fullmatch(pattern, package.name)]
    if said is None or not installed or any(_released(str(said)) == _released(version) for version in installed):
        return None
    return f"{trial.framework} {installed[0]} was installed in {trial.stack}, but {said} ran; " + integrity.remedy(
        trial.stack.name
    )


def _released(version: str) -> str:
    """A version without what builds put behind it: conda-forge's torch says `2.13.0.post300` of itself."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version).base_version
    except InvalidVersion:
        return version


def _contradictions(measured: Round, trial: Trial, spec: EnvironmentSpec, gpu: Gpu | None) -> Iterator[str]:
    facts = measured.facts
    kind, index = trial.device.kind, str(trial.device.index)
    if (seen := facts.get("device_kind")) not in (None, kind):
        yield f"the trial asks for {kind}, the result was computed on {seen}"
    if (seen := facts.get("result_device")) is not None:
        seen_kind, _, seen_index = str(seen).partition(":")
        if seen_kind != kind or (seen_index or index) != index:
            yield f"the trial asks for {trial.device}, the result was computed on {seen}"
    if gpu is not None and gpu.uuid and facts.get("uuid") and str(facts["uuid"]).lower() != gpu.uuid.lower():
        yield f"{trial.device} is {gpu.uuid} ({gpu.name}) to NVML, but the result was computed on {facts['uuid']}"
    stored = (None, STORED.get(trial.dtype, trial.dtype), COMPLEX.get(trial.dtype))
    if (seen := facts.get("result_dtype")) not in stored:
        yield f"the trial asks for {trial.dtype}, the result is {seen}"
    precision = PRECISIONS.get(trial.dtype)
    if precision is not None and (seen := facts.get("float32_precision")) not in (None, precision):
        yield f"the trial asks for {trial.dtype}, float32 was computed as {seen}"
    threads = facts.get("threads")
    if kind == DeviceKind.CPU and trial.threads is not None and threads not in (None, trial.threads):
        yield f"the trial asks for {trial.threads} threads, {threads} ran; try --threads {threads}"
    for name, wanted in spec.expect.items():
        seen = str(facts.get(name))
        if wanted.lower() not in seen.lower():
            yield f"{spec.name} says {name} = {wanted}, but what ran was {seen}"
