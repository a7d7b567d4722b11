"""One round: what a worker says becomes samples, facts, checks and failures. No process: the child is a fake."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from builders import LIMITS, a_benchmark, a_device, a_spec, a_trial, an_environment

from mambench.machine import nvml
from mambench.machine.nvml import Driver
from mambench.measurement import follower, runner
from mambench.measurement.neighbours import MANY, Neighbours, endless
from mambench.measurement.runner import Runner
from mambench.model import Environment, Event, Round
from mambench.system import process
from mambench.system.home import Home

STARTED = {"event": "started", "protocol": 2, "pid": 4242, "python": "3.12.7"}
READY = {"event": "ready", "seconds": 1.5, "facts": {"blas": "openblas 0.3.30"}}
RUN = {"event": "sample", "phase": "run", "index": 0, "at_seconds": 2.0, "seconds": 0.5, "loops": 2}
WARMUP = {**RUN, "phase": "warmup"}
CHECK = {"event": "check", "name": "freivalds", "error": 1e-15, "tolerance": 1e-13, "ok": True}
FINISHED = {"event": "finished", "facts": {"threads": 2}}
FAILED = {"event": "failed", "reason": "raised", "message": "ValueError: no", "traceback": "Traceback ..."}
GOOD = (STARTED, READY, WARMUP, RUN, RUN, CHECK, FINISHED)


@dataclass
class FakeChild:
    """Yields lines, and has ended after the last one unless it `lingers`."""

    lines: list[bytes]
    exit_code: int = 0
    lingers: bool = False
    sent: list[bytes] = field(default_factory=list)
    closed: bool = False

    @property
    def returncode(self) -> int | None:
        return None if self.lines or self.lingers else self.exit_code

    def send(self, line: bytes) -> None:
        self.sent.append(line)

    def line(self, timeout_seconds: float = 0.0) -> bytes | None:
        if self.lines:
            return self.lines.pop(0)
        time.sleep(min(timeout_seconds, 0.01))
        return None

    def note(self, text: str) -> None:
        """Into its log."""

    def drain(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def saying(*events: Any, **options: Any) -> FakeChild:
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in events]
    return FakeChild(lines, **options)


@dataclass
class Bench:
    """A home with a kernel, and a runner whose children are fakes."""

    home: Home
    folder: Path
    events: list[Event] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)

    def measure(
        self,
        child: FakeChild | OSError,
        *,
        environment: Environment | None = None,
        timeout_seconds: float = 60.0,
        **changes: Any,
    ) -> Round:
        def start(command: list[str], **options: Any) -> Any:
            self.commands.append(command)
            self.started.append(options)
            if isinstance(child, OSError):
                raise child
            return child

        made = Runner(
            self.home, platform="linux-64", environ=self.environ, worker=Path("w"), run_id="abc", seed=7, start=start
        )
        return made.measure(
            a_trial(**changes),
            environment or an_environment(),
            benchmark=a_benchmark(self.folder),
            limits=LIMITS,
            timeout_seconds=timeout_seconds,
            index=1,
            order=5,
            on_event=self.events.append,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    home = Home(tmp_path / "home")
    home.prepare()
    folder = tmp_path / "matmul"
    folder.mkdir()
    (folder / "kernel_numpy.py").write_text("")
    return Bench(home, folder)


def failure(measured: Round) -> tuple[str, str, str]:
    assert measured.failure is not None
    assert measured.failure.log == measured.log
    return measured.failure.status, measured.failure.reason, measured.failure.message


# ---------------------------------------------------------------------------------------- what a worker says


def test_what_a_worker_says_is_the_round(bench: Bench) -> None:
    child = saying(*GOOD)
    measured = bench.measure(child)
    assert measured.failure is None
    assert (measured.index, measured.order) == (1, 5)
    assert measured.warmup_seconds == (0.25,)
    assert [(each.seconds, each.loops) for each in measured.samples] == [(0.5, 2)] * 2
    assert measured.facts == {"blas": "openblas 0.3.30", "ready_seconds": 1.5, "threads": 2}
    assert [check.name for check in measured.checks] == ["freivalds"]
    assert child.closed


def test_a_worker_is_sent_its_trial(bench: Bench) -> None:
    child = saying(*GOOD)
    bench.measure(child, n=64, environment=an_environment(a_spec(settings={"integers": 64})))
    (line,) = child.sent
    request = json.loads(line)
    assert (request["params"]["n"], request["params"]["seed"]) == (64, 7)
    assert request["params"]["settings"] == {"integers": 64}
    assert Path(request["kernel"]).is_relative_to(bench.home.code)


def test_its_python_is_isolated_and_one_of_the_users_own_is_less_so(bench: Bench) -> None:
    own = an_environment(prefix=None)
    bench.measure(saying(*GOOD))
    bench.measure(saying(*GOOD), environment=own)
    first, second = bench.commands
    assert first[1:2] == ["-I"]
    assert second[1:3] == ["-E", "-B"]


def test_what_it_said_before_its_process_ended_is_heard(bench: Bench) -> None:
    @dataclass
    class Late(FakeChild):
        """Ended already, with all that it said still in the pipe."""

        @property
        def returncode(self) -> int | None:
            return 0

    assert bench.measure(Late(saying(*GOOD).lines)).failure is None


@pytest.mark.parametrize(
    ("reason", "status"), [("raised", "failed"), ("out_of_memory", "failed"), ("dtype", "unavailable")]
)
def test_a_failure_that_it_tells_is_the_rounds(bench: Bench, reason: str, status: str) -> None:
    measured = bench.measure(saying(STARTED, {**FAILED, "reason": reason}))
    assert failure(measured)[:2] == (status, reason)
    assert "ValueError: no" in failure(measured)[2]


def test_a_wrong_product_is_no_number(bench: Bench) -> None:
    measured = bench.measure(saying(STARTED, READY, RUN, {**CHECK, "ok": False}, FINISHED))
    assert failure(measured)[:2] == ("failed", "wrong_result")
    assert failure(measured)[2] == "the result is wrong (freivalds); update or rebuild this stack"


def test_missing_terminal_event_is_a_crash_told_with_the_logs_last_line(bench: Bench) -> None:
    @dataclass
    class Dying(FakeChild):
        log: Path = Path()

        def drain(self) -> None:
            self.log.parent.mkdir(parents=True)
            self.log.write_text("loading\nfree(): invalid pointer\n\n")

    child = Dying(saying(STARTED, READY, RUN).lines, exit_code=-6)
    child.log = bench.home.logs / "abc" / "0005-matmul_numpy-openblas_cpu-0_float64_512x512x512_threads=default-r1.log"
    measured = bench.measure(child)
    status, reason, message = failure(measured)
    assert (status, reason) == ("failed", "crashed")
    assert "killed by signal 6" in message
    assert message.endswith("free(): invalid pointer")
    assert len(measured.samples) == 1


@pytest.mark.parametrize(
    "events",
    [
        [b"Hello from a framework\n"],
        [READY],
        [STARTED, STARTED],
        [STARTED, READY, FINISHED],
        [STARTED, READY, RUN, FINISHED],
        [*GOOD, RUN],
        [STARTED, FAILED, FINISHED],
    ],
    ids=["no-json", "no-start", "twice", "no-sample", "no-check", "after-the-end", "two-ends"],
)
def test_what_is_out_of_place_breaks_the_protocol(bench: Bench, events: list[Any]) -> None:
    assert failure(bench.measure(saying(*events)))[1] == "protocol"


def test_after_a_broken_protocol_nothing_counts(bench: Bench) -> None:
    measured = bench.measure(saying(STARTED, b"{}\n", RUN, CHECK, FINISHED))
    assert failure(measured)[1] == "protocol"
    assert measured.samples == ()


# -------------------------------------------------------------------------------------------------- its end


def test_a_worker_that_does_not_end_in_time_is_ended(bench: Bench) -> None:
    child = saying(STARTED, READY, lingers=True)
    measured = bench.measure(child, timeout_seconds=0.02)
    assert failure(measured)[1] == "timed_out"
    assert "--timeout" in failure(measured)[2]
    assert child.closed


def test_a_worker_that_lingers_after_its_last_word_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "LINGER_SECONDS", 0.02)
    child = saying(*GOOD, lingers=True)
    assert bench.measure(child, timeout_seconds=0.01).failure is None
    assert child.closed


def test_an_error_on_the_way_ends_the_worker(bench: Bench) -> None:
    class Broken(FakeChild):
        def drain(self) -> None:
            raise KeyboardInterrupt

    child = Broken([])
    with pytest.raises(KeyboardInterrupt):
        bench.measure(child)
    assert child.closed


def test_a_python_that_is_gone_is_a_round_that_says_so(bench: Bench) -> None:
    measured = bench.measure(process.StartError(2, "No such file or directory", "envs/it/bin/python"))
    status, reason, message = failure(measured)
    assert (status, reason) == ("failed", "crashed")
    assert "could not be started (No such file or directory: envs/it/bin/python)" in message
    assert measured.samples == ()


# ----------------------------------------------------------------------------------------- surroundings


def test_threads_asked_for_hide_those_of_the_variables(bench: Bench) -> None:
    bench.environ["OMP_NUM_THREADS"] = "3"
    told, asked = bench.measure(saying(*GOOD)), bench.measure(saying(*GOOD), threads=1)
    assert told.conditions["thread_variables"] == {"OMP_NUM_THREADS": "3"}
    assert "thread_variables" not in asked.conditions
    assert ["OMP_NUM_THREADS" in options["environ"] for options in bench.started] == [True, False]


def test_the_driver_is_opened_once_for_all_rounds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[None] = []
    monkeypatch.setattr(nvml, "_initialised", lambda _load: opened.append(None) or Driver())
    nvml.opened_driver.cache_clear()
    for _ in range(3):
        bench.measure(saying(*GOOD), device="cuda:0")
    nvml.opened_driver.cache_clear()
    assert len(opened) == 1


def test_a_cpu_needs_no_driver(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "opened_driver", lambda: pytest.fail("the driver was opened"))
    bench.measure(saying(*GOOD))


def test_every_round_has_a_log_of_its_own(bench: Bench) -> None:
    measured = bench.measure(saying(*GOOD))
    assert bench.started[0]["log"] == bench.home.root / measured.log
    assert measured.log.startswith("logs/abc/0005-")


def names(events: Iterable[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_how_far_it_has_come_is_told_while_it_is_silent(bench: Bench) -> None:
    bench.measure(saying(STARTED, READY, lingers=True), timeout_seconds=0.5)
    assert set(names(bench.events)) == {"Measured"}


def test_own_environments_warn_of_variables_that_change_what_libraries_do(bench: Bench) -> None:
    bench.environ["OPENBLAS_CORETYPE"] = "Haswell"
    own = an_environment(replace(a_spec(), name="existing:lab"), prefix=None)
    told = [warning.text for warning in bench.measure(saying(*GOOD), environment=own).warnings]
    assert "OPENBLAS_CORETYPE" in " ".join(told)
    assert bench.measure(saying(*GOOD)).warnings == ()


# ------------------------------------------------------------------------------------------- GPUs at once

SECOND, THIRD = a_device("cuda:1"), a_device("cuda:2")
BUSY = (STARTED, READY, RUN)


def beside_others(tmp_path: Path, *children: FakeChild | OSError) -> tuple[Round, list[Any]]:
    """A round on the first GPU beside as many as there are children but one."""
    home = Home(tmp_path / "home")
    home.prepare()
    (tmp_path / "kernel_numpy.py").write_text("")
    waiting, order = list(children), []

    def start(_command: list[str], **_options: Any) -> Any:
        child = waiting.pop(0)
        if isinstance(child, OSError):
            raise child
        order.append(child)
        return child

    made = Runner(home, platform="linux-64", environ={}, worker=Path("w"), run_id="abc", seed=7, start=start)
    beside = (SECOND, THIRD)[: len(children) - 1]
    one = made.measure(
        a_trial(device="cuda:0", beside=beside),
        an_environment(),
        benchmark=a_benchmark(tmp_path),
        limits=LIMITS,
        timeout_seconds=60,
        index=0,
        order=0,
        on_event=lambda _event: None,
    )
    return one, order


def test_neighbours_work_before_the_measured_one_starts_and_are_ended_after_it(tmp_path: Path) -> None:
    second, third, first = saying(*BUSY, lingers=True), saying(*BUSY, lingers=True), saying(*GOOD)
    one, order = beside_others(tmp_path, second, third, first)
    assert order == [second, third, first]
    assert one.failure is None and len(one.samples) == 2
    assert second.closed and third.closed and first.closed
    asked = [json.loads(child.sent[0])["params"]["device"] for child in order]
    assert asked == ["cuda:1", "cuda:2", "cuda:0"]
    assert json.loads(second.sent[0])["max_runs"] == MANY


@pytest.mark.parametrize(
    ("neighbour", "says"),
    [
        (saying(STARTED, FAILED), "cuda:1 could not work beside it: ValueError: no"),
        (saying(*BUSY), "cuda:1 stopped working beside it"),
        (saying(b"nonsense"), "the worker on cuda:1 broke the protocol"),
    ],
    ids=["failed", "ended", "nonsense"],
)
def test_a_neighbour_that_does_not_work_is_a_failure_of_the_row(tmp_path: Path, neighbour: Any, says: str) -> None:
    one, _ = beside_others(tmp_path, neighbour, saying(*GOOD))
    assert one.failure is not None and says in one.failure.message
    assert neighbour.closed


def test_a_neighbour_that_never_begins_is_waited_for_so_long_only() -> None:
    times = iter(range(100))
    neighbours = Neighbours()
    neighbours.add(SECOND, saying(STARTED, lingers=True))  # type: ignore[arg-type]
    neighbours.wait(5.0, clock=lambda: float(next(times)))
    assert neighbours.problem == "cuda:1 did not begin to work within 5 s"


def test_a_neighbour_that_cannot_be_started_is_a_failure_and_the_others_are_ended(tmp_path: Path) -> None:
    second = saying(*BUSY, lingers=True)
    one, order = beside_others(tmp_path, second, process.StartError(2, "No such file", "python"), saying(*GOOD))
    assert one.failure is not None and "the worker on cuda:2 could not be started" in one.failure.message
    assert order == [second] and second.closed


def test_an_endless_worker_has_no_limit_that_ends_it() -> None:
    limits = endless(LIMITS)
    assert limits.max_runs == limits.max_seconds == MANY and limits.target_spread is None and not limits.probe
