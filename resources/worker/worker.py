"""Measures one kernel: reads a request from stdin, writes events to stdout, ends when stdin closes.

Started as `<python> -I -X utf8 -u worker.py` (or with -E). One JSON line comes in; JSON lines go out:
`started`, `ready`, `sample` for the probe, the warmups and the runs, `check`, and exactly one of `finished`
and `failed`. Seconds are raw; statistics are the launcher's.

A kernel is a module with setup(params) -> state, run(state) -> None or its seconds on the device,
result(state) -> (a, b, c), each a callable rows(start, stop), and, if it likes, flip(state, rows), which
changes the sign of those rows of A in place, and facts(state) -> dict.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import math
import os
import sys
import time

STARTED = time.perf_counter()
_HERE = os.path.dirname(os.path.abspath(__file__))

# -I keeps this folder off the path and -E puts it there: import the neighbours, leave no byte code, and leave
# the path clean.
_wrote_byte_code, sys.dont_write_bytecode = sys.dont_write_bytecode, True
sys.path.insert(0, _HERE)
import check  # noqa: E402
import facts  # noqa: E402
import loading  # noqa: E402
import probe  # noqa: E402
import timing  # noqa: E402
import wire  # noqa: E402
from failure import Failure, failure_of  # noqa: E402
from request import PROTOCOL, BadRequest, Request, parse, request_within_budget  # noqa: E402

sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
sys.dont_write_bytecode = _wrote_byte_code

import platform  # noqa: E402
from types import ModuleType  # noqa: E402
from typing import Any  # noqa: E402

# A run longer than this is not worth a third one.
PROBE_SETTLED_SECONDS = 1.0
# The limit that a refusal names is so many times what the run would take, and no more than the option accepts.
ROOM, MOST_SECONDS = 1.5, 1_000_000
EXIT_FINISHED, EXIT_FAILED = 0, 1


def main() -> int:
    """Serve one request and return the exit code."""
    requests, events = wire.take_over()
    faulthandler.enable()
    line = wire.read_line(requests)
    out = wire.Wire(events)
    try:
        request = parse(line)
        loading.set_threads(request.params)
    except BadRequest as error:
        _started(out)
        return _failed(out, Failure("protocol", str(error)))
    _started(out)
    watch = wire.Watch(requests)
    try:
        summary = Trial(request, out).serve()
    except BaseException as error:  # a kernel may raise anything, SystemExit included: all of it is data
        watch.code = EXIT_FAILED
        return _failed(out, failure_of(error))
    watch.code = EXIT_FINISHED
    out.emit("finished", **summary)
    return EXIT_FINISHED


class Trial:
    """One trial's way through load, probe, setup, warmups, runs and checks."""

    def __init__(self, request: Request, out: wire.Wire) -> None:
        self._request = request
        self._out = out
        self._kernel = ModuleType("none")
        self._state: Any = None  # held here only, so that it can be let go
        self._probes = 0

    def serve(self) -> dict[str, Any]:
        """Do it all and return the summary for `finished`. Raises Failure and whatever the kernel raises."""
        begin = time.perf_counter()
        self._kernel = loading.load(self._request.kernel)
        if not check.available():
            raise Failure("raised", "the check needs numpy and the environment has none; add it to the packages")
        load_seconds = time.perf_counter() - begin
        if self._request.probe:
            self._probe()
        begin = time.perf_counter()
        self._set_up({})
        setup_seconds = time.perf_counter() - begin
        ready, problem = facts.collect(self._kernel_facts(), self._request.params["device"])
        if problem:
            self._out.emit("warning", message=problem)
        self._out.emit(
            "ready",
            seconds=load_seconds + setup_seconds,
            load_seconds=load_seconds,
            setup_seconds=setup_seconds,
            facts=ready,
        )
        summary = self._measure()
        summary["facts"] = facts.after(ready, self._kernel_facts())
        self._verify()
        return {**summary, "peak_bytes": facts.peak_bytes()}

    def _set_up(self, changes: dict[str, Any]) -> None:
        """Set up with changed parameters, after letting go of the matrices of the last setup."""
        self._state = None
        gc.collect()
        self._state = self._kernel.setup({**self._request.params, **changes})

    def _probe(self) -> None:
        request = self._request
        limit = request.max_run_seconds
        predicted = probe.predicted_seconds(request.params, limit, self._time_small, second_look=request.second_look)
        self._refuse(predicted, "is expected to take")
        self._request, warning = request_within_budget(request, predicted)
        if warning:
            self._out.emit("warning", message=warning)

    def _time_small(self, shape: probe.Shape) -> float:
        """Run a smaller product: its first run loads and compiles and is not counted, the better later one is."""
        self._set_up(shape)
        watch = timing.Stopwatch(self._kernel.run, self._state, STARTED)
        watch.sample(1)
        better = watch.sample(1)
        if better.seconds < PROBE_SETTLED_SECONDS:
            better = min(better, watch.sample(1), key=lambda sample: sample.seconds)
        predicted = better.seconds * probe.work(self._request.params) / probe.work(shape)
        self._sample("probe", self._probes, better, predicted_seconds=predicted)
        self._probes += 1
        return better.seconds

    def _measure(self) -> dict[str, Any]:
        watch = timing.Stopwatch(self._kernel.run, self._state, STARTED)
        gc.collect()
        loops = timing.warm(watch, self._request, self._warmed)
        wall, cpu = time.perf_counter(), time.process_time()
        timing.measure(watch, self._request, loops, lambda index, sample: self._sample("run", index, sample))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self._out.flush()
        return {"run_seconds": wall, "cpu_seconds": cpu}

    def _warmed(self, index: int, sample: timing.Sample) -> None:
        self._sample("warmup", index, sample)
        self._refuse(sample.run_seconds, "took")

    def _refuse(self, seconds: float, verb: str) -> None:
        limit = self._request.max_run_seconds
        if limit is not None and seconds > limit:
            params = self._request.params
            size = f"{params['m']} x {params['n']} x {params['k']} in {params['dtype']}"
            enough = min(math.ceil(seconds * ROOM), MOST_SECONDS)
            message = f"one run of {size} {verb} {seconds:.3g} s, more than the limit of {limit:.3g} s"
            raise Failure("too_slow", f"{message}; try --max-run-seconds {enough}, or a smaller --size")

    def _verify(self) -> None:
        """Check the last timed run's product, then one more run's with A changed: a stale C cannot pass."""
        seed = self._request.params["seed"]
        self._check(seed=seed, name="freivalds", entries=check.EXACT_ENTRIES)
        if callable(getattr(self._kernel, "flip", None)):
            self._run_flipped()
        else:
            self._set_up({"seed": seed + 1})
            self._kernel.run(self._state)
        self._check(seed=seed + 1, name="freivalds_flipped", entries=0)

    def _run_flipped(self) -> None:
        rows = check.flipped_rows(self._request.params["m"], seed=self._request.params["seed"])
        before = check.copied_row(self._kernel.result(self._state)[0], rows[0])
        self._kernel.flip(self._state, rows)
        self._kernel.run(self._state)
        if not check.negated(before, check.copied_row(self._kernel.result(self._state)[0], rows[0])):
            raise Failure("wrong_result", f"flip did not change the sign of row {rows[0]} of A")

    def _check(self, *, seed: int, name: str, entries: int) -> None:
        params = self._request.params
        a, b, c = self._kernel.result(self._state)
        product = check.Product(a, b, c, (params["m"], params["n"], params["k"]), params["dtype"])
        begin = time.perf_counter()
        outcomes = check.verify(product, seed=seed, name=name, entries=entries)
        self._report(outcomes, time.perf_counter() - begin)

    def _kernel_facts(self) -> Any:
        return self._kernel.facts(self._state) if callable(getattr(self._kernel, "facts", None)) else {}

    def _report(self, outcomes: list[check.Outcome], seconds: float) -> None:
        for outcome in outcomes:
            values = {
                "name": outcome.name,
                "error": outcome.error,
                "tolerance": outcome.tolerance,
                "ok": outcome.ok,
                "seconds": seconds,
            }
            self._out.post("check", **values)
        wrong = [outcome for outcome in outcomes if not outcome.ok]
        if wrong:
            raise Failure("wrong_result", wrong[0].message)

    def _sample(self, phase: str, index: int, sample: timing.Sample, **more: float) -> None:
        at, seconds, loops = sample.at_seconds, sample.seconds, sample.loops
        self._out.post("sample", phase=phase, index=index, at_seconds=at, seconds=seconds, loops=loops, **more)


def _started(out: wire.Wire) -> None:
    out.emit("started", protocol=PROTOCOL, pid=os.getpid(), python=platform.python_version())


def _failed(out: wire.Wire, failure: Failure) -> int:
    out.emit("failed", reason=failure.reason, message=failure.message, traceback=failure.traceback)
    return EXIT_FAILED


def _end(code: int) -> None:
    """End at once: threads and exit handlers of a framework may hang or crash after all is said."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(main())
