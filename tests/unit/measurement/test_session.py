"""From a plan to a report: rounds in turn, everything that fails as data, a save after every trial. All fakes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from builders import (
    GIB,
    a_gpu,
    a_machine,
    a_plan,
    a_report,
    a_round,
    a_spec,
    a_stack,
    a_trial,
    an_environment,
    validated,
)

from mambench.environments.prefix import Draft, Identity
from mambench.errors import Interrupted, NetworkError, ProvisionError, UnavailableError
from mambench.measurement.session import WARMUP_SECONDS_AFTER_DRIFT, Collaborators, execute, repeated
from mambench.model import (
    Environment,
    Event,
    Failure,
    Limits,
    Machine,
    Plan,
    Provisioned,
    Reason,
    Report,
    Result,
    Round,
    Sample,
    Stack,
    Trial,
    TrialFinished,
    TrialStarted,
    WarningKind,
)

NUMPY = a_stack(a_spec("numpy-openblas"), a_trial("numpy-openblas"), a_trial("numpy-openblas", dtype="float32"))
TORCH = a_stack(a_spec("torch-cpu", kernel="torch"), a_trial("torch-cpu", framework="torch"))


def a_draft(stack: Stack) -> Draft:
    identity = Identity(stack.spec.name, "pypi", "linux-64", (), (), "3.12")
    return Draft(stack.spec, identity, Path("envs/x"), "python", "a lock", ())


@dataclass
class FakeProvisioner:
    """Every stack is ready, unless its name is among the drafts or the errors."""

    drafts: set[str] = field(default_factory=set)
    prepare_errors: dict[str, BaseException] = field(default_factory=dict)
    install_errors: dict[str, BaseException] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    installed: list[str] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    already: set[str] = field(default_factory=set)
    turns: list[list[str]] = field(default_factory=list)
    is_alone: bool = False

    def ready(self, stack: Stack) -> Environment | None:
        return an_environment(stack.spec) if stack.spec.name in self.already else None

    @contextlib.contextmanager
    def turn(self, stacks: Sequence[Stack]) -> Iterator[None]:
        self.turns.append([stack.spec.name for stack in stacks])
        self.is_alone = True
        yield
        self.is_alone = False

    def prepare(self, stack: Stack) -> Environment | Draft:
        name = stack.spec.name
        assert self.is_alone
        self.prepared.append(name)
        if name in self.prepare_errors:
            raise self.prepare_errors[name]
        return a_draft(stack) if name in self.drafts else an_environment(stack.spec, warnings=self.warnings)

    def install(self, draft: Draft, stack: Stack) -> Environment:
        assert self.is_alone
        self.installed.append(stack.spec.name)
        if stack.spec.name in self.install_errors:
            raise self.install_errors[stack.spec.name]
        return an_environment(draft.spec)


@dataclass
class FakeMeasurer:
    """Gives a good round, or what `answer` gives for (trial, index); notes what it was asked."""

    answer: Callable[[Trial, int], Round | None] = lambda _trial, _index: None
    asked: list[tuple[str, int]] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    limits: dict[tuple[str, int], Limits] = field(default_factory=dict)
    prefixes: dict[str, set[Path | None]] = field(default_factory=dict)

    def measure(
        self, trial: Trial, environment: Environment, *, limits: Limits, index: int, order: int, **_rest: Any
    ) -> Round:
        self.asked.append((trial.key, index))
        self.orders.append(order)
        self.limits[trial.key, index] = limits
        self.prefixes.setdefault(environment.spec.name, set()).add(environment.prefix)
        return self.answer(trial, index) or a_round(index, order)


@dataclass
class Fakes:
    """A session's surroundings, and what it did with them."""

    provisioner: FakeProvisioner = field(default_factory=FakeProvisioner)
    measurer: FakeMeasurer = field(default_factory=FakeMeasurer)
    answer: bool = True
    available_bytes: int = 64 * GIB
    machine: Machine = field(default_factory=a_machine)
    confirmed: list[tuple[str, ...]] = field(default_factory=list)
    saved: list[Report] = field(default_factory=list)
    added: list[Result] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    damage: str = ""
    examined: list[str] = field(default_factory=list)
    looked_at: list[Path | None] = field(default_factory=list)
    staged: dict[str, Environment | BaseException] = field(default_factory=dict)

    def examine(self, environment: Environment) -> str:
        self.examined.append(str(environment.key))
        self.looked_at.append(environment.prefix)
        return self.damage

    def stage(self, environment: Environment) -> Environment:
        staged = self.staged.get(environment.spec.name, environment)
        if isinstance(staged, BaseException):
            raise staged
        return staged

    def confirm(self, drafts: tuple[Draft, ...]) -> bool:
        self.confirmed.append(tuple(draft.spec.name for draft in drafts))
        return self.answer

    def save(self, report: Report) -> None:
        validated(report)
        self.saved.append(report)

    def add(self, result: Result) -> None:
        self.added.append(result)

    def wait(self) -> None:
        self.waited.append(len(self.measurer.asked))

    def run(self, *stacks: Stack, rounds: int = 3) -> Report:
        return self.carry_out(a_plan(*stacks, rounds=rounds))

    def carry_out(self, plan: Plan) -> Report:
        using = Collaborators(
            provisioner=self.provisioner,
            measurer=self.measurer,
            confirm=self.confirm,
            saver=self,
            on_event=self.events.append,
            available_bytes=lambda: self.available_bytes,
            examine=self.examine,
            stage=self.stage,
            wait=self.wait,
        )
        report = execute(plan, report=a_report(machine=self.machine), machine=self.machine, using=using)
        validated(report)
        return report


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


def outcome(report: Report) -> list[tuple[str, str, str | None]]:
    return [
        (str(one.trial.stack), one.status, one.failure.reason if one.failure is not None else None)
        for one in report.results
    ]


# ------------------------------------------------------------------------------------------------ rounds


def test_every_trial_has_every_round_and_a_number(fakes: Fakes) -> None:
    report = fakes.run(NUMPY, TORCH)
    assert outcome(report) == [
        ("numpy-openblas@pypi", "ok", None),
        ("numpy-openblas@pypi", "ok", None),
        ("torch-cpu@pypi", "ok", None),
    ]
    assert all(len(one.rounds) == 3 and one.rate is not None for one in report.results)
    assert report.complete
    assert report.finished is not None
    assert [str(one.key) for one in report.environments] == ["numpy-openblas@pypi", "torch-cpu@pypi"]


def test_all_trials_take_turns_in_each_round(fakes: Fakes) -> None:
    fakes.run(NUMPY, TORCH)
    indexes = [index for _, index in fakes.measurer.asked]
    assert indexes == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for index in range(3):
        assert len({key for key, at in fakes.measurer.asked if at == index}) == 3
    assert fakes.measurer.orders == list(range(9))


def many() -> Stack:
    return a_stack(None, *(a_trial(m=n, n=n, k=n) for n in range(100, 120)))


def orders(plan: Plan) -> list[list[str]]:
    fakes = Fakes()
    fakes.carry_out(plan)
    return [[key for key, at in fakes.measurer.asked if at == index] for index in range(plan.rounds)]


def test_each_round_has_an_order_of_its_own_that_the_seed_repeats() -> None:
    plan = a_plan(many())
    first, second, third = orders(plan)
    assert first == [trial.key.replace("openblas", "openblas@pypi") for trial in many().trials]
    assert sorted(first) == sorted(second) == sorted(third)
    assert first != second != third != first
    assert orders(plan) == [first, second, third]
    assert orders(replace(plan, seed=2))[1] != second


def test_later_rounds_repeat_the_count_of_the_first(fakes: Fakes) -> None:
    samples = tuple(Sample(at_seconds=1.0, seconds=0.1, loops=loops) for loops in (8, 8, 9, 8, 8, 8, 8))
    fakes.measurer.answer = lambda _trial, index: a_round(index, samples=samples)
    fakes.run(TORCH)
    key = "matmul/torch-cpu@pypi/cpu:0/float64/512x512x512/threads=default"
    first, second, third = (fakes.measurer.limits[key, index] for index in range(3))
    assert (first.min_runs, first.max_runs, first.target_spread, first.probe) == (3, 50, 0.01, True)
    assert (second.min_runs, second.max_runs, second.loops) == (7, 7, 8)
    assert (second.target_spread, second.probe, second.max_run_seconds) == (None, False, None)
    assert third == second


def test_the_first_round_has_the_limits_of_the_plan() -> None:
    limits = a_plan().limits
    assert repeated(limits, ()) is limits


def test_every_trial_is_kept_and_the_report_is_written_before_the_first_and_after_the_last(fakes: Fakes) -> None:
    fakes.run(NUMPY, TORCH)
    assert [len(one.rounds) for one in fakes.added] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [(report.complete, len(report.results)) for report in fakes.saved] == [(False, 0), (True, 3)]


def test_a_report_on_its_way_shows_only_rows_that_have_an_outcome(fakes: Fakes) -> None:
    fakes.run(NUMPY, a_stack(a_spec("mlx"), a_trial("mlx"), failure=Failure("unavailable", "platform", "elsewhere")))
    assert [len(report.results) for report in fakes.saved] == [1, 3]


def test_before_every_trial_it_waits_for_others_that_measure(fakes: Fakes) -> None:
    fakes.run(NUMPY, rounds=2)
    assert fakes.waited == [0, 1, 2, 3]


def test_what_happens_is_told_as_events(fakes: Fakes) -> None:
    fakes.run(TORCH, rounds=2)
    kinds = [type(event) for event in fakes.events]
    assert kinds == [Provisioned, TrialStarted, TrialFinished, TrialStarted, TrialFinished]
    last = fakes.events[-1]
    assert isinstance(last, TrialFinished)
    assert (last.round_index, last.rounds, len(last.result.rounds)) == (1, 2, 2)


# ---------------------------------------------------------------------------------------------- failures


def failing(reason: str = "crashed", status: Any = "failed", *, at: int = 0, dtype: str = "float64") -> Any:
    def answer(trial: Trial, index: int) -> Round | None:
        if trial.dtype == dtype and trial.framework == "numpy" and index == at:
            return a_round(index, samples=(), failure=Failure(status, reason, "it ended", "logs/x.log"))
        return None

    return answer


def test_a_trial_that_fails_is_data_and_the_others_go_on(fakes: Fakes) -> None:
    fakes.measurer.answer = failing()
    report = fakes.run(NUMPY, TORCH)
    assert outcome(report) == [
        ("numpy-openblas@pypi", "failed", "crashed"),
        ("numpy-openblas@pypi", "ok", None),
        ("torch-cpu@pypi", "ok", None),
    ]
    assert report.results[0].rate is None
    assert report.complete


def test_a_trial_that_failed_is_not_measured_again(fakes: Fakes) -> None:
    fakes.measurer.answer = failing(at=1)
    report = fakes.run(NUMPY)
    assert len(report.results[0].rounds) == 2
    assert len(report.results[1].rounds) == 3


@pytest.mark.parametrize(
    ("reason", "facts", "suspicious"),
    [
        ("crashed", {"ready_seconds": 1.0}, True),
        ("raised", {}, True),
        ("raised", {"ready_seconds": 1.0}, False),
        ("timed_out", {}, False),
        ("wrong_result", {"ready_seconds": 1.0}, False),
    ],
)
def test_a_framework_that_did_not_load_or_crashed_has_its_environment_looked_at_once(
    fakes: Fakes, reason: str, facts: dict[str, float], suspicious: bool
) -> None:
    fakes.damage = "numpy.so is gone; `mambench env check numpy-openblas --repair` makes it anew"
    failure = Failure("failed", Reason(reason), "it ended", "logs/x.log")
    fakes.measurer.answer = lambda _trial, index: a_round(index, samples=(), facts=facts, failure=failure)
    rows = fakes.run(NUMPY).results
    assert fakes.examined == (["numpy-openblas@pypi"] if suspicious else [])
    expected = f"it ended; {fakes.damage}" if suspicious else "it ended"
    assert {row.failure.message for row in rows if row.failure is not None} == {expected}


def test_workers_run_from_the_copy_and_the_report_is_about_what_was_copied(fakes: Fakes) -> None:
    copy = an_environment(NUMPY.spec, prefix=Path("copy"), python=Path("copy/bin/python"))
    fakes.staged = {"numpy-openblas": copy}
    fakes.measurer.answer = failing(at=2)
    report = fakes.run(NUMPY, TORCH)
    assert fakes.measurer.prefixes == {"numpy-openblas": {Path("copy")}, "torch-cpu": {Path("envs/it")}}
    assert [each.prefix for each in report.environments] == [Path("envs/it")] * 2
    assert fakes.looked_at == [Path("envs/it")], "a failure is explained by the files that a repair makes anew"


def test_what_cannot_be_copied_fails_and_the_others_go_on(fakes: Fakes) -> None:
    fakes.staged = {"numpy-openblas": ProvisionError("a copy takes 9 MB", remedy="leave it out")}
    report = fakes.run(NUMPY, TORCH)
    assert outcome(report) == [
        ("numpy-openblas@pypi", "failed", "provision"),
        ("numpy-openblas@pypi", "failed", "provision"),
        ("torch-cpu@pypi", "ok", None),
    ]
    failure = report.results[0].failure
    assert failure is not None and failure.message == "a copy takes 9 MB; leave it out"


def test_an_environment_that_is_whole_adds_nothing_to_a_failure(fakes: Fakes) -> None:
    fakes.measurer.answer = failing()
    (row, _) = fakes.run(NUMPY).results
    assert row.failure is not None and row.failure.message == "it ended"


def test_what_a_worker_calls_unavailable_is_unavailable(fakes: Fakes) -> None:
    fakes.measurer.answer = failing("too_slow", "unavailable")
    assert outcome(fakes.run(NUMPY))[0] == ("numpy-openblas@pypi", "unavailable", "too_slow")


def test_a_later_round_that_fails_makes_a_failed_row_that_keeps_the_rounds_before(fakes: Fakes) -> None:
    fakes.measurer.answer = failing(at=1)
    row = fakes.run(NUMPY).results[0]
    assert (row.status, row.rate) == ("failed", None)
    assert [len(one.samples) for one in row.rounds] == [3, 0]
    assert [one.failure is None for one in row.rounds] == [True, False]


def test_a_fault_of_our_own_is_never_told_as_a_fault_of_a_python(fakes: Fakes) -> None:
    """A full disk under the screen is none: what was measured is saved, and the error goes on up."""

    def answer(trial: Trial, _index: int) -> Round | None:
        if trial.framework == "torch":
            raise OSError(28, "No space left on device")
        return None

    fakes.measurer.answer = answer
    with pytest.raises(OSError, match="No space"):
        fakes.run(NUMPY, TORCH)
    last = fakes.saved[-1]
    assert [row.status for row in last.results] == ["ok", "ok"]
    assert last.finished is not None
    assert not last.complete


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ProvisionError("no package matches", remedy="edit it", log=Path("logs/x")), "failed", "provision"),
        (NetworkError("it broke off", remedy="try again"), "failed", "provision"),
        (UnavailableError(Reason.OFFLINE, "not here", remedy="plug it in"), "unavailable", "offline"),
    ],
)
@pytest.mark.parametrize("step", ["prepare", "install"])
def test_a_stack_that_cannot_be_made_is_rows_and_the_others_go_on(
    fakes: Fakes, error: Any, status: str, reason: str, step: str
) -> None:
    fakes.provisioner.drafts = {"numpy-openblas"}
    getattr(fakes.provisioner, f"{step}_errors")["numpy-openblas"] = error
    report = fakes.run(NUMPY, TORCH)
    assert outcome(report) == [
        ("numpy-openblas", status, reason),
        ("numpy-openblas", status, reason),
        ("torch-cpu@pypi", "ok", None),
    ]
    failure = report.results[0].failure
    assert failure is not None
    assert failure.message == f"{error}; {error.remedy}"
    assert failure.log == (str(error.log) if error.log else None)


def test_a_stack_that_is_known_to_be_impossible_is_not_provisioned(fakes: Fakes) -> None:
    failure = Failure("unavailable", "no_device", "no GPU")
    report = fakes.run(replace(NUMPY, failure=failure), TORCH)
    assert fakes.provisioner.prepared == ["torch-cpu"]
    assert outcome(report)[:2] == [("numpy-openblas", "unavailable", "no_device")] * 2


def test_a_stack_with_no_possible_trial_is_not_provisioned(fakes: Fakes) -> None:
    report = fakes.run(a_stack(None, a_trial(dtype="tf32")))
    assert fakes.provisioner.prepared == []
    assert outcome(report) == [("numpy-openblas", "unavailable", "dtype")]


def test_all_rows_are_there_at_the_end_in_the_order_of_the_plan(fakes: Fakes) -> None:
    fakes.measurer.answer = failing(dtype="float32")
    fakes.provisioner.prepare_errors = {"torch-cpu": ProvisionError("no")}
    stacks = (
        TORCH,
        replace(NUMPY, trials=(*NUMPY.trials, a_trial(dtype="tf32"))),
        a_stack(a_spec("mlx"), a_trial("mlx"), failure=Failure("unavailable", "platform", "elsewhere")),
    )
    assert [reason for _, _, reason in outcome(fakes.run(*stacks))] == [
        "provision", None, "crashed", "dtype", "platform",
    ]  # fmt: skip


def test_warnings_of_an_environment_are_those_of_its_rows(fakes: Fakes) -> None:
    fakes.provisioner.warnings = ("not from conda: down",)
    report = fakes.run(NUMPY)
    assert [row["warnings"][0] for row in validated(report)["results"]] == ["not from conda: down"] * 2


# ---------------------------------------------------------------------------------------------- asking


def test_a_person_is_asked_once_for_all_stacks_before_anything_is_installed(fakes: Fakes) -> None:
    fakes.provisioner.drafts = {"numpy-openblas", "torch-cpu"}
    fakes.run(NUMPY, TORCH)
    assert fakes.confirmed == [("numpy-openblas", "torch-cpu")]
    assert fakes.provisioner.installed == ["numpy-openblas", "torch-cpu"]


def test_nobody_is_asked_where_all_is_ready(fakes: Fakes) -> None:
    fakes.run(NUMPY)
    assert fakes.confirmed == []


def test_what_is_ready_waits_for_nobody_and_the_rest_is_made_in_one_turn(fakes: Fakes) -> None:
    fakes.provisioner.already = {"numpy-openblas"}
    fakes.run(NUMPY)
    assert fakes.provisioner.turns == []
    fakes.provisioner.drafts = {"torch-cpu"}
    report = fakes.run(NUMPY, TORCH)
    assert (fakes.provisioner.turns, fakes.provisioner.prepared) == ([["torch-cpu"]], ["torch-cpu"])
    assert all(row.status == "ok" for row in report.results)


def test_a_no_leaves_what_is_ready(fakes: Fakes) -> None:
    fakes.provisioner.drafts, fakes.answer = {"numpy-openblas"}, False
    report = fakes.run(NUMPY, TORCH)
    assert fakes.provisioner.installed == []
    assert [reason for _, _, reason in outcome(report)] == ["source", "source", None]


# -------------------------------------------------------------------------------------------- interrupts


def test_an_interrupt_saves_what_was_measured_as_incomplete_and_goes_on_up(fakes: Fakes) -> None:
    stop = Interrupted()

    def answer(trial: Trial, index: int) -> Round | None:
        if index == 1 and trial.framework == "torch":
            raise stop
        return None

    fakes.measurer.answer = answer
    with pytest.raises(Interrupted) as caught:
        fakes.run(NUMPY, TORCH)
    assert caught.value is stop
    last = fakes.saved[-1]
    assert not last.complete
    assert last.finished is not None
    assert all(one.rounds and one.status == "ok" for one in last.results)


def test_an_interrupt_in_the_first_trial_claims_no_rows(fakes: Fakes) -> None:
    def answer(_trial: Trial, _index: int) -> Round:
        raise Interrupted

    fakes.measurer.answer = answer
    with pytest.raises(Interrupted):
        fakes.run(NUMPY, TORCH)
    assert fakes.saved[-1].results == ()


@pytest.mark.parametrize("step", ["prepare", "install"])
def test_an_interrupt_while_provisioning_is_saved_too(fakes: Fakes, step: str) -> None:
    fakes.provisioner.drafts = {"torch-cpu"}
    getattr(fakes.provisioner, f"{step}_errors")["torch-cpu"] = Interrupted()
    with pytest.raises(Interrupted):
        fakes.run(NUMPY, TORCH)
    assert [report.complete for report in fakes.saved] == [False]
    assert fakes.measurer.asked == []


# ------------------------------------------------------------------------------------------------ labels


def test_a_stack_that_is_not_what_it_says_has_no_number(fakes: Fakes) -> None:
    stack = a_stack(a_spec(expect={"blas": "MKL"}))
    (row,) = fakes.run(stack).results
    assert (row.status, row.rate, row.seconds, row.spread) == ("failed", None, None, None)
    assert not row.verified
    assert row.failure is not None
    assert row.failure.reason == "mislabelled"
    assert row.failure.message == "numpy-openblas says blas = MKL, but what ran was openblas 0.3.30"


def test_a_gpu_that_is_not_the_planned_one_has_no_number(fakes: Fakes) -> None:
    fakes.machine = a_machine("linux-64", a_gpu(uuid="GPU-1", free_bytes=64 * GIB))
    fakes.measurer.answer = lambda _trial, index: a_round(index, facts={"device_kind": "cuda", "uuid": "GPU-2"})
    stack = a_stack(a_spec("torch-cuda", devices=("cuda",)), a_trial("torch-cuda", device="cuda:0"))
    assert outcome(fakes.run(stack)) == [("torch-cuda@pypi", "failed", "mislabelled")]


def test_one_mislabelled_round_is_enough(fakes: Fakes) -> None:
    fakes.measurer.answer = lambda _trial, index: a_round(
        index, facts={"device_kind": "cuda" if index == 2 else "cpu", "blas": "openblas"}
    )
    assert outcome(fakes.run(TORCH)) == [("torch-cpu@pypi", "failed", "mislabelled")]


# ------------------------------------------------------------------------------------------------ memory


def test_what_does_not_fit_into_memory_starts_no_worker(fakes: Fakes) -> None:
    fakes.available_bytes = GIB
    stack = a_stack(None, a_trial(m=20_000, n=20_000, k=20_000), a_trial())
    report = fakes.run(stack)
    assert outcome(report) == [("numpy-openblas@pypi", "unavailable", "memory"), ("numpy-openblas@pypi", "ok", None)]
    assert {key for key, _ in fakes.measurer.asked} == {report.results[1].trial.key}


def test_the_memory_of_the_trials_own_gpu_counts(fakes: Fakes) -> None:
    fakes.machine = a_machine("linux-64", a_gpu(index=0, free_bytes=GIB), a_gpu(index=1, free_bytes=64 * GIB))
    fakes.measurer.answer = lambda _trial, index: a_round(index, facts={"device_kind": "cuda"})
    trials = [a_trial("torch-cuda", m=20_000, n=20_000, k=20_000, device=f"cuda:{index}") for index in (0, 1)]
    report = fakes.run(a_stack(a_spec("torch-cuda"), *trials))
    assert [reason for _, _, reason in outcome(report)] == ["memory", None]


def test_memory_is_looked_at_in_the_first_round_only(fakes: Fakes) -> None:
    """Later it may be our own page cache; a trial that ran once fits."""

    def answer(_trial: Trial, _index: int) -> Round | None:
        fakes.available_bytes = 0
        return None

    fakes.measurer.answer = answer
    (row,) = fakes.run(TORCH).results
    assert (row.status, len(row.rounds)) == ("ok", 3)


# -------------------------------------------------------------------------------------- disturbed rounds


def disturbed_at(*disturbed: tuple[str, int, int], percent: float = 50.0) -> Any:
    """Rounds of which those named (stack, index, which time) are disturbed."""
    times: dict[tuple[str, int], int] = {}

    def answer(trial: Trial, index: int) -> Round:
        key = (trial.stack.name, index)
        times[key] = times.get(key, 0) + 1
        noisy = (*key, times[key]) in disturbed
        seconds = (0.5, 0.5, 0.5) if noisy else (0.1, 0.1, 0.1)
        return a_round(index, seconds=seconds, conditions={"other_cpu_percent": percent} if noisy else {})

    return answer


def test_a_disturbed_round_is_told_repeated_once_at_the_end_and_kept(fakes: Fakes) -> None:
    fakes.measurer.answer = disturbed_at(("torch-cpu", 1, 1))
    report = fakes.run(a_stack(), a_stack(a_spec("torch-cpu")))
    assert [index for _, index in fakes.measurer.asked] == [0, 0, 1, 1, 2, 2, 1]
    quiet, row = report.results
    assert (len(quiet.rounds), quiet.disturbed_rounds, len(row.rounds)) == (3, (), 3)
    assert [each.median_seconds for each in row.disturbed_rounds] == [0.5]
    assert row.seconds is not None and row.seconds.high == pytest.approx(0.1)
    (warning,) = [each for each in row.warnings if each.kind == WarningKind.REPEATED]
    assert warning.text == "round 2 was disturbed: another program used 50 % of the CPU"
    assert WarningKind.OTHER_PROGRAM not in {each.kind for each in row.warnings}


def test_a_repeat_that_is_disturbed_too_replaces_nothing(fakes: Fakes) -> None:
    fakes.measurer.answer = disturbed_at(("torch-cpu", 1, 1), ("torch-cpu", 1, 2))
    row = fakes.run(a_stack(), a_stack(a_spec("torch-cpu"))).results[1]
    assert len(fakes.measurer.asked) == 7
    assert (len(row.rounds), len(row.disturbed_rounds)) == (3, 1)
    assert WarningKind.OTHER_PROGRAM in {each.kind for each in row.warnings}


def test_where_most_is_disturbed_nothing_is_repeated(fakes: Fakes) -> None:
    fakes.measurer.answer = disturbed_at(("numpy-openblas", 0, 1), ("numpy-openblas", 1, 1))
    report = fakes.run(a_stack())
    assert len(fakes.measurer.asked) == 3
    assert WarningKind.OTHER_PROGRAM in {each.kind for each in report.results[0].warnings}


def drifting(*seconds: float, fakes: Fakes) -> Callable[[Trial, int], Round]:
    """Two stacks in turn, a median for each round, then for the repeats."""
    at = iter(value for value in seconds for _ in range(2))
    return lambda _trial, index: a_round(index, len(fakes.measurer.asked), [next(at)] * 3)


def test_after_a_drift_the_first_round_is_measured_again_with_a_long_warmup(fakes: Fakes) -> None:
    fakes.measurer.answer = drifting(0.100, 0.110, 0.110, 0.1101, 0.1101, 0.1101, fakes=fakes)
    report = fakes.run(a_stack(), a_stack(a_spec("torch-cpu")), rounds=5)
    assert [index for _, index in fakes.measurer.asked] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0]
    for row in report.results:
        assert fakes.measurer.limits[row.trial.key, 0].warmup_seconds == WARMUP_SECONDS_AFTER_DRIFT
        assert [each.median_seconds for each in row.disturbed_rounds] == [0.1]
        assert len(row.rounds) == 5 and min(each.median_seconds for each in row.rounds) == 0.11
        told = {each.kind: each.text for each in row.warnings}
        assert "longer at its end" in told[WarningKind.REPEATED] and WarningKind.DRIFT not in told


def test_a_drift_that_goes_on_is_told_in_each_row(fakes: Fakes) -> None:
    fakes.measurer.answer = drifting(0.100, 0.104, 0.107, 0.109, 0.111, 0.115, fakes=fakes)
    report = fakes.run(a_stack(), a_stack(a_spec("torch-cpu")), rounds=5)
    for row in report.results:
        (warning,) = [each for each in row.warnings if each.kind == WarningKind.DRIFT]
        assert "longer at its end" in warning.text


@pytest.mark.parametrize(("slower", "rounds"), [(1.3, 5), (1.0, 20)])
def test_until_sure_stops_at_the_first_look_that_decides(fakes: Fakes, slower: float, rounds: int) -> None:
    def answer(trial: Trial, index: int) -> Round:
        seconds = (0.1 + 0.0001 * (index % 3)) * (slower if trial.stack.name == "torch-cpu" else 1)
        return a_round(index, seconds=[seconds] * 3)

    fakes.measurer.answer = answer
    plan = a_plan(a_stack(), a_stack(a_spec("torch-cpu")), rounds=20)
    report = fakes.carry_out(replace(plan, choices=replace(plan.choices, until_sure=True)))
    assert [len(row.rounds) for row in report.results] == [rounds, rounds]
