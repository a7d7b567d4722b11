"""Measures one kernel: reads a request from stdin, writes events to stdout, ends when stdin closes.

Started as `<python> -I -X utf8 -u worker.py` (or with -E). One JSON line comes in; JSON lines go out:
`started`, `ready`, `sample` for the probe, the warmups and the runs, `check`, and exactly one of `finished`
and `failed`. Seconds are raw; statistics are the launcher's.

A kernel is a module with setup(params) -> state, run(state) -> None or its seconds on the device,
result(state) -> (a, b, c), each a callable rows(start, stop), flip(state, a_rows, b_rows), which changes the sign of
those rows of A and of B, and, if it likes, facts(state) -> dict.

Before each sample rows that nobody could foresee change sign: what was computed before is stale then. C is checked
after one or two samples that nobody could foresee, after the last one, and after one more run; A and B each time.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import math
import os
import secrets
import statistics
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
import operands  # noqa: E402
import outside  # noqa: E402
import power  # noqa: E402
import probe  # noqa: E402
import signs  # noqa: E402
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
SEED_BITS = 48


def main() -> int:
    """Serve one request and return the exit code."""
    requests, events = wire.take_over()
    faulthandler.enable()
    power.ask_for_full_speed()
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
        self._outside = outside.Ledger()
        self._signs: signs.Signs
        self._median_seconds = 0.0

    def serve(self) -> dict[str, Any]:
        """Do it all and return the summary for `finished`. Raises Failure and whatever the kernel raises."""
        begin = timing.now()
        self._kernel = loading.load(self._request.kernel)
        if not check.available():
            raise Failure("raised", "the check needs numpy and the environment has none; add it to the packages")
        load_seconds = timing.now() - begin
        if self._request.probe:
            self._probe()
        begin = timing.now()
        self._set_up({})
        setup_seconds = timing.now() - begin
        ready, problem = facts.collect(self._kernel_facts(), self._request.params["device"])
        if problem:
            self._out.emit("warning", message=problem)
        self._out.emit(
            "ready",
            seconds=load_seconds + setup_seconds,
            load_seconds=load_seconds,
            setup_seconds=setup_seconds,
            at_seconds=timing.now() - STARTED,
            facts=ready,
        )
        summary = self._measure()
        summary["facts"] = {**facts.after(ready, self._kernel_facts()), **summary["facts"]}
        self._verify()
        return {**summary, "at_seconds": timing.now() - STARTED, "peak_bytes": facts.peak_bytes()}

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
        """Warm up and take the samples; give what the clocks say of all of them together."""
        with self._outside.timed("copy"):
            a, b, _ = self._kernel.result(self._state)
            self._signs = signs.Signs(a, b, self._shape)
        watch = timing.Stopwatch(self._kernel.run, self._state, STARTED, self._change)
        gc.collect()
        loops = timing.warm(watch, self._request, self._warmed)
        samples: list[timing.Sample] = []
        unforeseen = timing.Unforeseen(self._request)

        def taken(index: int, sample: timing.Sample) -> None:
            samples.append(sample)
            self._sample("run", index, sample)
            if unforeseen.now(index, sample):
                self._check(name="freivalds_unforeseen", entries=0)

        timing.measure(watch, self._request, loops, taken)
        self._median_seconds = statistics.median(sample.run_seconds for sample in samples)
        self._out.flush()
        return {
            "run_seconds": sum(sample.wall_seconds for sample in samples),
            "cpu_seconds": sum(sample.cpu_seconds for sample in samples),
            "facts": facts.fresh_memory(sum(each.page_faults for each in samples), sum(each.loops for each in samples)),
        }

    def _change(self) -> None:
        """Change the sign of some rows: the product of before is wrong now, and so is what was foreseen."""
        a_rows, b_rows = self._signs.change()
        with self._outside.timed("flip"):
            self._kernel.flip(self._state, a_rows, b_rows)

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
        """Check the last timed run's product and the operands, then one more run's."""
        self._check(name="freivalds", entries=check.EXACT_ENTRIES)
        self._look_at_operands()
        self._change()
        with self._outside.timed("run"):
            self._kernel.run(self._state)
        self._check(name="freivalds_flipped", entries=0)
        self._outside.settle(self._median_seconds)

    def _look_at_operands(self) -> None:
        (m, n, k), seed = self._shape, secrets.randbits(SEED_BITS)
        a, b, _ = self._kernel.result(self._state)
        for name, rows, shape in (("A", a, (m, k)), ("B", b, (k, n))):
            if problem := operands.problem(name, rows, shape, seed=seed):
                raise Failure("wrong_result", problem)

    @property
    def _shape(self) -> check.Shape:
        params = self._request.params
        return params["m"], params["n"], params["k"]

    def _check(self, *, name: str, entries: int) -> None:
        seed = secrets.randbits(SEED_BITS)
        begin = timing.now()
        with self._outside.timed("C"):  # what is computed only when the product is asked for
            a, b, c = self._kernel.result(self._state)
        a, c = self._outside.reading("A", a), self._outside.reading("C", c)
        a, b = self._signs.a.watched(a), self._signs.b.watched(b)
        product = check.Product(a, b, c, self._shape, self._request.params["dtype"])
        outcomes = check.verify(product, seed=seed, name=name, entries=entries)
        self._report(outcomes, seed, timing.now() - begin)

    def _kernel_facts(self) -> Any:
        return self._kernel.facts(self._state) if callable(getattr(self._kernel, "facts", None)) else {}

    def _report(self, outcomes: list[check.Outcome], seed: int, seconds: float) -> None:
        for outcome in outcomes:
            values = {
                "name": outcome.name,
                "error": outcome.error,
                "tolerance": outcome.tolerance,
                "ok": outcome.ok,
                "seed": seed,
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
