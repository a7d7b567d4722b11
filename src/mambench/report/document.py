"""A report <-> its JSON text. Numbers are finite; the schema is resources/report.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mambench.analysis.energy import energy
from mambench.analysis.intervals import LEVEL
from mambench.analysis.peak import peak
from mambench.analysis.sustained import sustained
from mambench.analysis.words import sentence
from mambench.errors import ReportError
from mambench.model import SCHEMA_VERSION, Benchmark, Environment, Failure, Machine, Report, Result, Round, Trial
from mambench.report import journal, page, reading
from mambench.system import contents

LARGEST_BYTES = journal.LARGEST_BYTES

REMEDY = "name a report that `mambench run` wrote"


def dumps(report: Report) -> str:
    """The report as JSON text. Raises ReportError for a number that is not finite."""
    return text_of(to_dict(report))


def text_of(content: Mapping[str, Any]) -> str:
    """A report's content as JSON text. Raises ReportError for a number that is not finite."""
    try:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise ReportError(f"the report cannot be written as JSON: {error}") from error
    # What UTF-8 has no bytes for (a half of a pair, from a file name in some message) stays JSON's \uXXXX.
    return text.encode("utf-8", "backslashreplace").decode()


def read(path: Path) -> Report:
    """The report in a file, with what a journal beside it adds. Raises ReportError, which names the file."""
    try:
        return reading.from_dict(load(path))
    except ReportError as error:
        if str(path) in str(error):
            raise
        raise ReportError(f"broken: {path}: {error}", remedy=error.remedy) from error


def load(path: Path) -> dict[str, Any]:
    """The content of a report file, with what a journal beside it adds. Raises ReportError."""
    try:
        lines = journal.lines_beside(path)  # read first: a run that ends meanwhile deletes it
        text = contents.text_of(path, largest=LARGEST_BYTES)
        if text.lstrip().startswith("<"):
            text = page.report_in(text)
        content = contents.json_in(text, parse_constant=_refused)
    except (FileNotFoundError, PermissionError) as error:
        raise ReportError(f"cannot read {path}: {error.strerror}", remedy=REMEDY) from error
    except (OSError, ValueError) as error:
        raise ReportError(f"broken: {path}: {contents.words(error)}", remedy=REMEDY) from error
    _require_known_version(path, content)
    try:
        return journal.merged(content, lines) if lines and content.get("finished") is None else dict(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"broken: {path}: it is not a whole report", remedy=REMEDY) from error


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _require_known_version(path: Path, content: Any) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ReportError(f"broken: {path}: it is no mambench report", remedy=REMEDY)
    if version > SCHEMA_VERSION:
        raise ReportError(
            f"{path} has schema version {version}, this mambench reads up to {SCHEMA_VERSION}",
            remedy="read it with the mambench that wrote it, or a later one",
        )


def to_dict(report: Report) -> dict[str, Any]:
    """The report as plain dictionaries and lists, keys as in the schema."""
    return {
        "schema_version": SCHEMA_VERSION,
        "mambench": report.mambench,
        "methodology": report.methodology,
        "run_id": report.run_id,
        "created": report.created,
        "finished": report.finished,
        "complete": report.complete,
        "argv": list(report.argv),
        "seed": report.seed,
        "settings": dict(report.settings),
        "machine": machine_dict(report.machine),
        "launcher": None if report.launcher is None else asdict(report.launcher),
        "benchmarks": {each.name: _benchmark(each) for each in report.benchmarks},
        "environments": {str(each.key): environment_dict(each) for each in report.environments},
        "results": [result_dict(each, report.machine) for each in report.results],
        "warnings": list(report.warnings),
    }


def machine_dict(machine: Machine) -> dict[str, Any]:
    """The machine, as `info --json` shows it too."""
    content = asdict(machine)
    content["gpus"] = [{k: v for k, v in gpu.items() if k != "free_bytes"} for gpu in content["gpus"]]
    return {name: _plain(value) for name, value in content.items()}


def environment_dict(environment: Environment) -> dict[str, Any]:
    """One environment: what it was made from, and exactly which packages are in it."""
    return {
        "name": environment.spec.name,
        "title": environment.spec.title,
        "source": environment.source,
        "origin": environment.spec.origin,
        "tested": environment.spec.tested,
        "python": environment.version,
        "executable": None if environment.prefix else str(environment.python),
        "channels": list(environment.channels),
        "packages": [_plain(asdict(package)) for package in environment.packages],
        "lock": environment.lock_file,
        "variables": dict(environment.variables),
        "installer_variables": dict(environment.installer_variables),
        "warnings": list(environment.warnings),
    }


def result_dict(result: Result, machine: Machine, *, latest_round_only: bool = False) -> dict[str, Any]:
    """One row."""
    trial = result.trial
    return {
        "trial": trial.key,
        "benchmark": trial.benchmark,
        "environment": str(trial.stack),
        "framework": trial.framework,
        "dtype": trial.dtype,
        "size": trial.size.name,
        "params": dict(trial.size.params),
        "work": dict(trial.size.work),
        "memory_bytes": trial.size.memory_bytes,
        "devices": [
            _device(trial, result.rounds, machine),
            *(_device(replace(trial, device=other), (), machine) for other in trial.beside),
        ],
        "threads": {"requested": trial.threads, "used": _threads_used(result.rounds)},
        "status": result.status,
        "verified": result.verified,
        "seconds": asdict(result.seconds) if result.seconds else None,
        "rate": {"unit": trial.unit, **asdict(result.rate)} if result.rate else None,
        "gflops": asdict(result.rate) if result.rate and trial.size.rate_is_gflops else None,
        "interval": {"level": LEVEL, "method": "t on log round medians", "rounds": len(result.rounds)},
        "spread": result.spread,
        "energy": None if (cost := energy(result)) is None else asdict(cost),
        "peak": None if (share := peak(result, machine)) is None else asdict(share),
        "sustained": _sustained(result),
        "rounds": [_round(each) for each in result.rounds[-1 if latest_round_only else 0 :]],
        "disturbed_rounds": [_round(each) for each in result.disturbed_rounds],
        "failure": _failure(result.failure),
        "warnings": [sentence(warning) for warning in result.warnings],
    }


def _benchmark(benchmark: Benchmark) -> dict[str, Any]:
    return {name: text for name, text in asdict(benchmark).items() if name != "name"}


def _sustained(result: Result) -> dict[str, Any] | None:
    """In the row's unit; for GFLOPS under the names of earlier versions too."""
    if (long := sustained(result)) is None:
        return None
    counted = result.trial.size.rate_is_gflops
    earlier = {"burst_gflops": long.burst if counted else None, "steady_gflops": long.steady if counted else None}
    return {**asdict(long), **earlier}


def _device(trial: Trial, rounds: tuple[Round, ...], machine: Machine) -> dict[str, Any]:
    kind, index = trial.device.kind, trial.device.index
    gpu = next((gpu for gpu in machine.gpus if gpu.device == trial.device), None)
    facts = rounds[0].facts if rounds else {}
    name = machine.cpu.model if kind == "cpu" else facts.get("device_name") or (gpu.name if gpu else kind)
    return {"kind": kind, "index": index, "uuid": gpu.uuid if gpu else None, "name": str(name)}


def _threads_used(rounds: tuple[Round, ...]) -> int | None:
    threads = rounds[0].facts.get("threads") if rounds else None
    return threads if isinstance(threads, int) else None


def _round(each: Round) -> dict[str, Any]:
    return {
        "index": each.index,
        "order": each.order,
        "started": each.started,
        "warmup_seconds": list(each.warmup_seconds),
        "samples": [asdict(sample) for sample in each.samples],
        "facts": dict(each.facts),
        "checks": [_plain(asdict(check)) for check in each.checks],
        "clocks": None if each.clocks is None else asdict(each.clocks),
        "conditions": dict(each.conditions),
        "failure": _failure(each.failure),
        "log": each.log,
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {"reason": failure.reason, "message": failure.message, "log": failure.log}


def _plain(value: Any) -> Any:
    """Tuples become lists, so that what is written equals what is read."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
