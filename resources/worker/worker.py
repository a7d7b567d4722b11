"""Measures one kernel: reads a request from stdin, writes events to stdout, ends when stdin closes.

Started as `<python> -I -X utf8 -u worker.py` (or with -E). One JSON line comes in; JSON lines go out:
`started`, `ready`, `sample` for the probe, the warmups and the runs, `check`, and exactly one of `finished`
and `failed`. Seconds are raw; statistics are the launcher's.

A kernel is a module with setup(params) -> state, run(state) -> None or its seconds on the device,
result(state) -> a callable rows(start, stop) for each operand and one for the result, flip(state, *rows), which
changes the sign of those rows of each operand, and, if it likes, facts(state) -> dict. A check is a module with
verify(operands, result, params, seed=, thorough=), which yields (name, error, the largest error of an honest result).
If it likes it has wrong_entry with the same arguments, which is asked only about a wrong result and returns index,
value and expected value of the entry that is most wrong, or None.

Before each sample rows that nobody could foresee change sign: what was computed before is stale then. The result is
checked after one or two samples that nobody could foresee, after the last one, and after one more run; so are operands.
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
import facts  # noqa: E402
import loading  # noqa: E402
import matrices  # noqa: E402
import operands  # noqa: E402
import outside  # noqa: E402
import power  # noqa: E402
import probe  # noqa: E402
import signs  # noqa: E402
import timing  # noqa: E402
import wire  # noqa: E402
from failure import LONGEST_MESSAGE, Failure, failure_of, line_of  # noqa: E402
from request import PROTOCOL, BadRequest, Request, Smaller, parse, request_within_budget  # noqa: E402
from wrong_entry import WrongEntry, wrong_entry_of  # noqa: E402

sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
sys.dont_write_bytecode = _wrote_byte_code

import platform  # noqa: E402
from collections.abc import Callable  # noqa: E402
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
        self._kernel: ModuleType
        self._state: Any = None  # held here only, so that it can be let go
        self._probes = 0
        self._check: ModuleType
        self._outside = outside.Ledger(on_cpu=request.params["device"].startswith("cpu:"))
        self._signs: signs.Signs
        self._median_seconds = 0.0
        self._runs = 0  # since setup, those in the samples and the ones after them

    def serve(self) -> dict[str, Any]:
        """Do it all and return the summary for `finished`. Raises Failure and whatever the kernel raises."""
        begin = timing.now()
        self._kernel = loading.load(self._request.kernel, flips=any(each.changes for each in self._request.operands))
        self._check = loading.load_check(self._request.check)
        if not matrices.numpy_is_there():
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
        """Set up with changed parameters, after letting go of the operands of the last setup."""
        self._state = None
        gc.collect()
        self._state = self._kernel.setup({**self._request.params, **changes})

    def _probe(self) -> None:
        request = self._request
        smaller, limit = request.smaller, request.max_run_seconds
        predicted = probe.predicted_seconds(
            request.work, smaller, limit, self._time_small, second_look=request.second_look
        )
        self._refuse(predicted, "is expected to take")
        self._request, warning = request_within_budget(request, predicted)
        if warning:
            self._out.emit("warning", message=warning)

    def _time_small(self, smaller: Smaller) -> float:
        """Run a smaller size: its first run loads and compiles and is not counted, the better later one is."""
        self._set_up(smaller.params)
        watch = timing.Stopwatch(self._kernel.run, self._state, STARTED)
        watch.sample(1)
        better = watch.sample(1)
        if better.seconds < PROBE_SETTLED_SECONDS:
            better = min(better, watch.sample(1), key=lambda sample: sample.seconds)
        predicted = better.seconds * self._request.work / smaller.work
        self._sample("probe", self._probes, better, predicted_seconds=predicted)
        self._probes += 1
        return better.seconds

    def _measure(self) -> dict[str, Any]:
        """Warm up and take the samples; give what the clocks say of all of them together."""
        with self._outside.timed("copy"):
            readers, _ = self._readers()
            self._signs = signs.Signs(self._request.operands, readers)
        watch = timing.Stopwatch(self._kernel.run, self._state, STARTED, self._change)
        gc.collect()
        loops = timing.warm(watch, self._request, self._warmed)
        samples: list[timing.Sample] = []
        unforeseen = timing.Unforeseen(self._request)

        def taken(index: int, sample: timing.Sample) -> None:
            samples.append(sample)
            self._runs = watch.runs
            self._sample("run", index, sample)
            if unforeseen.now(index, sample):
                self._look(at="unforeseen")

        timing.measure(watch, self._request, loops, taken)
        self._median_seconds = statistics.median(sample.run_seconds for sample in samples)
        self._out.flush()
        return {
            "run_seconds": sum(sample.wall_seconds for sample in samples),
            "cpu_seconds": sum(sample.cpu_seconds for sample in samples),
            "facts": facts.fresh_memory(sum(each.page_faults for each in samples), sum(each.loops for each in samples)),
        }

    def _change(self) -> None:
        """Change the sign of some rows: the result of before is wrong now, and so is what was foreseen."""
        if self._signs.any:
            rows = self._signs.change()
            with self._outside.timed("flip"):
                self._kernel.flip(self._state, *rows)

    def _warmed(self, index: int, sample: timing.Sample) -> None:
        self._sample("warmup", index, sample)
        self._refuse(sample.run_seconds, "took")

    def _refuse(self, seconds: float, verb: str) -> None:
        limit = self._request.max_run_seconds
        if limit is not None and seconds > limit:
            size = f"{self._request.size} in {self._request.params['dtype']}"
            enough = min(math.ceil(seconds * ROOM), MOST_SECONDS)
            message = f"one run of {size} {verb} {seconds:.3g} s, more than the limit of {limit:.3g} s"
            raise Failure("too_slow", f"{message}; try --max-run-seconds {enough}, or a smaller --size")

    def _verify(self) -> None:
        """Check the last timed run's result and the operands, then one more run's result."""
        self._look(thorough=True)
        self._look_at_operands()
        for _ in range(outside.TRIES):  # a busy machine may hold up one of them, a kernel that computes here all
            self._change()
            with self._outside.timed("run"):
                self._kernel.run(self._state)
            self._runs += 1
            self._look(at="flipped")
            if not self._outside.is_dear(self._median_seconds):
                break
        self._outside.settle(self._median_seconds)

    def _look_at_operands(self) -> None:
        seed = secrets.randbits(SEED_BITS)
        readers, _ = self._readers()
        for layout, rows in zip(self._request.operands, readers):
            matrix = matrices.Matrix(layout.name, rows, layout.shape)
            if layout.random and (problem := operands.problem(matrix, seed=seed)):
                raise Failure("wrong_result", problem)

    def _readers(self) -> tuple[list[matrices.Rows], matrices.Rows]:
        """Ask the kernel for the readers of its operands, and for that of its result."""
        readers = list(self._kernel.result(self._state))
        layouts = (*self._request.operands, self._request.result)
        if len(readers) != len(layouts):
            wanted = ", ".join(layout.name for layout in layouts)
            raise TypeError(f"result must give readers of {wanted}, not {len(readers)} of them")
        return readers[:-1], readers[-1]

    def _look(self, *, at: str = "", thorough: bool = False) -> None:
        """Hold the result against the operands as they are."""
        seed = secrets.randbits(SEED_BITS)
        begin = timing.now()
        with self._outside.timed("result"):  # what is computed only when the result is asked for
            readers, rows = self._readers()
        layouts, layout = self._request.operands, self._request.result
        given = [
            matrices.Matrix(each.name, self._outside.reading("operands", reader, each.columns), each.shape)
            for each, reader in zip(layouts, readers)
        ]
        result = matrices.Matrix(layout.name, self._outside.reading("result", rows, layout.columns), layout.shape)
        watched = tuple(self._signs.watched(given))
        params = {**self._request.params, "runs": self._runs}

        def located() -> WrongEntry | None:
            return self._located(watched, result, params, seed=seed, thorough=thorough)

        try:
            outcomes = list(self._check.verify(watched, result, params, seed=seed, thorough=thorough))
        except (AssertionError, ValueError) as error:  # what a check, or a reader, has no number for
            said = " ".join(str(error).split())[:LONGEST_MESSAGE]
            where = line_of(error, raised_there=True)  # of a slip too: int("x") is a ValueError
            entry = None if isinstance(error, matrices.BadBlock) else located()
            if entry is not None:
                self._tell("refused", at, ok=False, seed=seed, wrong_entry=entry.content)
                said = f"{said}: {entry.words}"
            raise Failure("wrong_result", (said or "the check refuses the result") + where) from error
        if not outcomes:
            raise TypeError("the check yields nothing, so nothing was checked")
        self._report(outcomes, at, seed, timing.now() - begin, located)

    def _located(self, *arguments: Any, **options: Any) -> WrongEntry | None:
        """Ask the check for the entry that is most wrong; that a result is wrong stays so where it fails at that."""
        locate = getattr(self._check, "wrong_entry", None)
        if not callable(locate):
            return None
        try:
            return wrong_entry_of(locate(*arguments, **options))
        except Exception as error:  # of a check or a reader that may be anybody's
            self._out.emit("warning", message=f"which entry is wrong is not known: {failure_of(error).message}")
            return None

    def _kernel_facts(self) -> Any:
        return self._kernel.facts(self._state) if callable(getattr(self._kernel, "facts", None)) else {}

    def _report(
        self,
        outcomes: list[tuple[str, float, float]],
        at: str,
        seed: int,
        seconds: float,
        located: Callable[[], WrongEntry | None],
    ) -> None:
        """Tell every error, then fail if one of them is too large."""
        # numpy's own truth is no JSON.
        wrong = [not (math.isfinite(error) and bool(error <= tolerance)) for _, error, tolerance in outcomes]
        entry = located() if any(wrong) else None
        for (name, error, tolerance), is_wrong in zip(outcomes, wrong):
            self._tell(
                name,
                at,
                error=float(error) if math.isfinite(error) else None,
                tolerance=float(tolerance),
                ok=not is_wrong,
                seed=seed,
                seconds=seconds,
                **({"wrong_entry": entry.content} if is_wrong and entry is not None else {}),
            )
        if any(wrong):
            raise Failure("wrong_result", self._words(*outcomes[wrong.index(True)], entry))

    def _tell(self, name: str, at: str, **values: Any) -> None:
        self._out.post("check", name="_".join(filter(None, (name, at))), **values)

    def _words(self, name: str, error: float, tolerance: float, entry: WrongEntry | None) -> str:
        finite, by = math.isfinite(error), os.path.basename(self._request.check)
        if entry is None and not finite:
            return "the result or an operand holds NaN, infinities or nothing but zeros"
        seen = name.replace("_", " ")
        if finite:
            seen = f"{seen} error {error:.2g}, at most {tolerance:.2g} is allowed"
        what = f"the result is wrong for {self._request.params['dtype']} at {self._request.size}"
        return f"{what}: {seen} ({by})" if entry is None else f"{what}: {entry.words} ({seen}; {by})"

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
