"""Pure: a line from a worker <-> an event, and the request that starts it. ASCII JSON, one object a line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mambench.analysis.rounds import plausible
from mambench.catalogue import sizes
from mambench.errors import ProtocolError
from mambench.model import BenchmarkSpec, Check, Limits, Reason, Sample, Trial, WrongEntry
from mambench.system import values

PROTOCOL = 2
LONGEST_LINE_BYTES = 1 << 20
DEEPEST_FACTS = 20
"""Tables and lists in each other: JSON nested deeply can be read and not written."""

REASONS = (
    Reason.RAISED,
    Reason.OUT_OF_MEMORY,
    Reason.WRONG_RESULT,
    Reason.IMPLAUSIBLE,
    Reason.PROTOCOL,
    Reason.DTYPE,
    Reason.NO_DEVICE,
    Reason.MEMORY,
    Reason.TOO_SLOW,
)
"""What a worker may give as the reason of its failure; the others are for the launcher to find out."""


@dataclass(frozen=True)
class Started:
    """The worker runs."""

    pid: int
    python: str


@dataclass(frozen=True)
class Ready:
    """The framework is loaded and the operands lie in memory."""

    seconds: float
    facts: Mapping[str, Any]
    at_seconds: float | None = None


@dataclass(frozen=True)
class Sampled:
    """A sample; `phase` is probe, warmup or run."""

    phase: str
    sample: Sample
    predicted_seconds: float | None


@dataclass(frozen=True)
class Checked:
    """A result was verified."""

    check: Check


@dataclass(frozen=True)
class Warned:
    """The worker did something else than asked, in words."""

    message: str


@dataclass(frozen=True)
class Finished:
    """All was done; `facts` are those taken after the runs, whose seconds are told by two clocks."""

    facts: Mapping[str, Any]
    run_seconds: float | None = None
    cpu_seconds: float | None = None
    at_seconds: float | None = None


@dataclass(frozen=True)
class Failed:
    """It ended without a number."""

    reason: Reason
    message: str
    traceback: str


WorkerEvent = Started | Ready | Sampled | Checked | Warned | Finished | Failed


@dataclass(frozen=True)
class Code:
    """What a worker runs: the files of the kernel and of the check, and what each is told beside the parameters."""

    kernel: Path
    check: Path
    settings: Mapping[str, Any]
    """Of the stack, for the kernel."""
    benchmark: BenchmarkSpec


def request(trial: Trial, limits: Limits, *, runs: Code, seed: int) -> bytes:
    """The line that tells a worker what to do."""
    params = {
        **dict(trial.size.params),
        "dtype": trial.dtype,
        "device": str(trial.device),
        "seed": seed,
        "threads": trial.threads,
        "settings": dict(runs.settings),
        "check": dict(runs.benchmark.check.settings),
    }
    content = {
        "protocol": PROTOCOL,
        "kernel": str(runs.kernel),
        "check": str(runs.check),
        "params": params,
        "size": trial.size.words,
        **sizes.order(runs.benchmark, trial),
        "warmups": limits.warmups,
        "min_runs": limits.min_runs,
        "max_runs": limits.max_runs,
        "max_seconds": limits.max_seconds,
        "target_spread": limits.target_spread,
        "max_run_seconds": limits.max_run_seconds,
        "loops": limits.loops,
        "probe": limits.probe,
        "second_look": limits.second_look,
        "warmup_seconds": limits.warmup_seconds,
        "budget_seconds": limits.budget_seconds,
    }
    return json.dumps(content, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def parse(line: bytes) -> WorkerEvent:
    """The event in one line. Raises ProtocolError for anything that is not in the protocol."""
    if len(line) > LONGEST_LINE_BYTES:
        raise ProtocolError(f"a line of more than {LONGEST_LINE_BYTES} bytes: {line[:80]!r}")
    try:
        content = json.loads(line.decode("ascii"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a line of JSON: {line[:80]!r}") from error
    if not isinstance(content, dict):
        raise ProtocolError(f"not an event: {line[:80]!r}")
    try:
        return _event(content)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"a damaged event: {line[:160]!r}") from error


def _event(content: dict[str, Any]) -> WorkerEvent:
    name = content["event"]
    if name == "started":
        if content["protocol"] != PROTOCOL:
            raise ProtocolError(f"the worker speaks protocol {values.shown(content['protocol'])}, not {PROTOCOL}")
        return Started(pid=_whole(content["pid"]), python=_text(content["python"]))
    if name == "ready":
        return Ready(_amount(content["seconds"]), _facts(content.get("facts", {})), _maybe(content, "at_seconds"))
    if name == "sample":
        return _sampled(content)
    if name == "check":
        return Checked(_check(content))
    if name == "warning":
        return Warned(_text(content["message"]))
    if name == "finished":
        clocks = (_maybe(content, name) for name in ("run_seconds", "cpu_seconds", "at_seconds"))
        return Finished(_facts(content.get("facts", {})), *clocks)
    if name == "failed":
        if content["reason"] not in REASONS:
            raise ValueError(content)
        return Failed(Reason(content["reason"]), _text(content["message"]), str(content.get("traceback", "")))
    raise ProtocolError(f"an unknown event: {values.shown(name)}")


def _sampled(content: dict[str, Any]) -> Sampled:
    loops = _whole(content.get("loops", 1))
    phase = content["phase"]
    seconds = _amount(content["seconds"])
    if loops < 1 or phase not in ("probe", "warmup", "run"):
        raise ValueError(content)
    sample = Sample(at_seconds=_amount(content.get("at_seconds", 0.0)), seconds=seconds, loops=loops)
    if not plausible(sample):
        raise ProtocolError(f"it tells of {seconds:g} s for {loops} runs, a time that no run can take")
    predicted = content.get("predicted_seconds")
    return Sampled(phase, sample, None if predicted is None else _amount(predicted))


def _check(content: dict[str, Any]) -> Check:
    if not isinstance(content["ok"], bool):
        raise TypeError(content)
    error, tolerance = (
        None if content.get(name) is None else _amount(content[name]) for name in ("error", "tolerance")
    )
    seed = None if content.get("seed") is None else _whole(content["seed"])
    entry = values.maybe(_wrong_entry, content.get("wrong_entry"))
    return Check(_text(content["name"]), error, tolerance, content["ok"], seed, entry)


def _wrong_entry(content: Any) -> WrongEntry:
    index = values.several(_whole, values.table(content)["index"])
    if not index or min(index) < 0:
        raise ValueError(content)
    value, expected = (values.maybe(values.number, content[name]) for name in ("value", "expected"))
    return WrongEntry(index, value, expected)


def _amount(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(value)
    return float(value)


def _maybe(content: dict[str, Any], name: str) -> float | None:
    return None if content.get(name) is None else _amount(content[name])


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) >= values.LARGEST:
        raise TypeError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(value)
    return value


def _facts(value: Any) -> dict[str, Any]:
    """Whatever the worker found out, as it can be kept in a report and read again."""
    if not isinstance(value, dict):
        raise TypeError(value)
    _require_shallow([value], DEEPEST_FACTS)
    return value


def _require_shallow(level: list[Any], depth: int) -> None:
    if depth == 0:
        raise ValueError("facts are nested too deeply")
    for each in level:
        if isinstance(each, dict | list):
            _require_shallow(list(each.values()) if isinstance(each, dict) else each, depth - 1)
        elif type(each) is int:
            _whole(each)


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")
