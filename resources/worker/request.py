"""The one line that the launcher sends: what to run, with which parameters, how often and how long."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

PROTOCOL = 2
DTYPES = ("float64", "float32", "tf32", "float16", "bfloat16", "float8")
DEVICE_KINDS = ("cpu", "cuda", "metal")


class BadRequest(Exception):
    """The request cannot be understood; the message says which key and why."""


@dataclass(frozen=True)
class Layout:
    """How an operand or the result is read, and which share of an operand's rows changes sign before each sample."""

    name: str
    rows: int
    columns: int
    changes: int = 0
    random: bool = True
    symmetric: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns


@dataclass(frozen=True)
class Smaller:
    """A size of less work, from which follow the seconds of the one that is measured."""

    params: dict[str, int]
    work: float


@dataclass(frozen=True)
class Request:
    """A validated request; limits in seconds, `None` where there is no limit."""

    kernel: str
    check: str
    params: dict[str, Any]
    size: str
    work: float
    smaller: tuple[Smaller, ...]
    operands: tuple[Layout, ...]
    result: Layout
    warmups: int
    min_runs: int
    max_runs: int
    max_seconds: float
    target_spread: float | None
    loops: int | None
    probe: bool
    second_look: bool
    max_run_seconds: float | None
    warmup_seconds: float
    budget_seconds: float | None


def parse(line: bytes) -> Request:
    """Turn a line into a request; unknown keys are ignored. Raises BadRequest."""
    try:
        raw = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise BadRequest(f"the request is not a line of JSON: {error}") from error
    if not isinstance(raw, dict):
        raise BadRequest("the request is not a JSON object")
    if raw.get("protocol") != PROTOCOL:
        raise BadRequest(f"protocol {raw.get('protocol')!r} is not supported, only {PROTOCOL} is")
    return _request(raw)


def _request(raw: dict[str, Any]) -> Request:
    min_runs = _integer(raw, "min_runs", least=1)
    smaller, probe = tuple(_smaller(each) for each in _list(raw, "smaller")), _boolean(raw, "probe")
    if probe and not smaller:
        raise BadRequest("a probe needs smaller sizes")
    return Request(
        kernel=_text(raw, "kernel"),
        check=_text(raw, "check"),
        params=_params(raw.get("params")),
        size=_text(raw, "size"),
        work=_number(raw, "work", required=True) or 0.0,
        smaller=smaller,
        operands=tuple(_layout(each) for each in _list(raw, "operands")),
        result=_layout(raw.get("result")),
        warmups=_integer(raw, "warmups", least=0),
        min_runs=min_runs,
        max_runs=_integer(raw, "max_runs", least=min_runs),
        max_seconds=_number(raw, "max_seconds", required=True) or 0.0,
        target_spread=_number(raw, "target_spread"),
        loops=None if raw.get("loops") is None else _integer(raw, "loops", least=1),
        probe=probe,
        second_look=_boolean(raw, "second_look"),
        max_run_seconds=_number(raw, "max_run_seconds"),
        warmup_seconds=_number(raw, "warmup_seconds") or 0.0,
        budget_seconds=_number(raw, "budget_seconds"),
    )


def request_within_budget(request: Request, run_seconds: float) -> tuple[Request, str]:
    """Do with fewer warmups and runs where all of them, and the checks' one, would overrun the budget.

    Gives the request to follow and a warning, empty if nothing was changed; one warmup and one run stay.
    """
    budget, planned = request.budget_seconds, request.warmups + request.min_runs + 1
    if budget is None or run_seconds * planned <= budget:
        return request, ""
    warmups = min(request.warmups, 1)
    runs = max(1, min(request.min_runs, int(budget / run_seconds) - warmups - 1))
    warning = (
        f"{runs} of {request.min_runs} runs and {warmups} of {request.warmups} warmups: "
        f"one takes about {run_seconds:.3g} s"
    )
    return replace(request, warmups=warmups, min_runs=runs, max_runs=max(runs, 1)), warning


def _params(raw: Any) -> dict[str, Any]:
    """Check the parameters that the worker itself relies on; a kernel may be given more."""
    if not isinstance(raw, dict):
        raise BadRequest(f"params must be an object, not {raw!r}")
    params = dict(raw)
    params["seed"] = _integer(raw, "seed", least=0)
    threads = raw.get("threads")
    params["threads"] = None if threads is None else _integer(raw, "threads", least=1)
    if raw.get("dtype") not in DTYPES:
        raise BadRequest("dtype must be one of {}, not {!r}".format(", ".join(DTYPES), raw.get("dtype")))
    kind, _, index = str(raw.get("device")).partition(":")
    if kind not in DEVICE_KINDS or not index.isdecimal():
        raise BadRequest("device must look like cpu:0, cuda:0 or metal:0, not {!r}".format(raw.get("device")))
    return params


def _smaller(raw: Any) -> Smaller:
    if not isinstance(raw, dict) or not isinstance(raw.get("params"), dict):
        raise BadRequest(f"a smaller size must have params, not {raw!r}")
    work = _number(raw, "work", required=True)
    if not work:
        raise BadRequest("a smaller size must have work")
    return Smaller({name: _integer(raw["params"], name, least=1) for name in raw["params"]}, work)


def _layout(raw: Any) -> Layout:
    if not isinstance(raw, dict):
        raise BadRequest(f"an operand or a result must be an object, not {raw!r}")
    layout = Layout(
        name=_text(raw, "name"),
        rows=_integer(raw, "rows", least=1),
        columns=_integer(raw, "columns", least=1),
        changes=0 if raw.get("changes") is None else _integer(raw, "changes", least=0),
        random=_boolean(raw, "random", default=True),
        symmetric=_boolean(raw, "symmetric"),
    )
    if layout.symmetric and layout.rows != layout.columns:
        raise BadRequest(f"{layout.name} must have as many rows as columns to be symmetric, not {layout.shape}")
    return layout


def _text(raw: dict[str, Any], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{key} must be a text, not {value!r}")
    return value


def _list(raw: dict[str, Any], key: str) -> list[Any]:
    value = raw.get(key, [])
    if not isinstance(value, list):
        raise BadRequest(f"{key} must be a list, not {value!r}")
    return value


def _integer(raw: dict[str, Any], key: str, *, least: int) -> int:
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadRequest(f"{key} must be a whole number of at least {least}, not {value!r}")
    return value


def _number(raw: dict[str, Any], key: str, *, required: bool = False) -> float | None:
    value = raw.get(key)
    if value is None and not required:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise BadRequest(f"{key} must be a number that is not negative, not {value!r}")
    return float(value)


def _boolean(raw: dict[str, Any], key: str, *, default: bool = False) -> bool:
    value = raw.get(key, default)
    if not isinstance(value, bool):
        raise BadRequest(f"{key} must be true or false, not {value!r}")
    return value
