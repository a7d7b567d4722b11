"""The way through the pages, answered by a script instead of a person."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comparisons import a_comparison
from rich.console import Console

from mambench.app.context import Mambench
from mambench.catalogue import manifest
from mambench.environments.prefix import Draft, Identity, Package
from mambench.errors import Interrupted, UnavailableError
from mambench.machine.inspect import inspect
from mambench.model import Environment, Stack
from mambench.report import document
from mambench.system import files, resources
from mambench.system.home import Home
from mambench.terminal.console import Terminal
from mambench.wizard import flow
from mambench.wizard.flow import Wizard
from mambench.wizard.pages import Back, Leave, Option, Page

CATALOGUE = manifest.load_catalogue((resources.benchmarks(), resources.environments()), (Path("none"), Path("none")))
MACHINE = replace(inspect(), platform="linux-64", gpus=())


class Script:
    """An asker whose answers are known; it keeps the pages that it was shown."""

    def __init__(self, *answers: Any) -> None:
        self._answers: Iterator[Any] = iter(answers)
        self.pages: list[Page] = []
        self.options: list[Sequence[Option]] = []

    def _next(self, page: Page, options: Sequence[Option] = ()) -> Any:
        self.pages.append(page)
        self.options.append(options)
        answer = next(self._answers, Leave)
        if answer in (Back, Leave):
            raise answer
        return answer

    def tick(self, page: Page, options: Sequence[Option], summary: Callable[[Any], str], **_named: Any) -> Any:
        summary(tuple(option.value for option in options if option.ticked))
        return self._next(page, options)

    def choose(self, page: Page, options: Sequence[Option], **_named: Any) -> str:
        answer: str = self._next(page, options)
        assert answer in {option.value for option in options if not option.disabled}
        return answer

    def write(self, page: Page, _question: str, *, problem: Callable[[str], str], **_named: Any) -> str:
        answer: str = self._next(page)
        assert not problem(answer)
        return answer

    def agree(self, page: Page, _question: str, **_named: Any) -> bool:
        return bool(self._next(page))

    def titles(self) -> list[str]:
        return [page.title for page in self.pages]


class Sources:
    """Environments that nobody makes: each stack is ready, or a draft, or cannot be made."""

    def __init__(self, **sources: Any) -> None:
        self._sources = sources

    def ready(self, *_arguments: Any) -> None:
        return None

    def prepare(self, stack: Stack) -> Environment | Draft:
        source = self._sources.get(stack.spec.name.replace("-", "_"))
        if isinstance(source, int):
            return a_draft(stack, source)
        raise source or UnavailableError("source", "no network", remedy="plug it in")


def a_draft(stack: Stack, size: int) -> Draft:
    identity = Identity(stack.spec.name, "pypi", "linux-64", (), (), "3.12")
    return Draft(stack.spec, identity, Path("x"), "3.12", "", (Package("p", "1", size_bytes=size),))


@pytest.fixture
def app(tmp_path: Path) -> Mambench:
    terminal = Terminal()
    terminal.messages = terminal.output = Console(file=io.StringIO(), width=80)
    made = Mambench(Home(tmp_path / "home"), environ={}, terminal=terminal)
    made.machine, made.catalogue = MACHINE, CATALOGUE  # type: ignore[misc]
    return made


@pytest.fixture
def sitting(app: Mambench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Script, list[Any]]]:
    """Give a function that plays a script in a home whose sources are as told; what was measured comes back."""

    def play(
        script: Script, *, machine: Any = MACHINE, measure: Any = None, **sources: Any
    ) -> tuple[Script, list[Any]]:
        made = Mambench(app.home, environ={}, terminal=app.terminal)
        made.machine, made.catalogue = machine, CATALOGUE  # type: ignore[misc]
        measured: list[Any] = []
        monkeypatch.setattr(Mambench, "environments", lambda _self, **_named: Sources(**sources))
        kept = measure or (lambda _app, plan, **named: measured.append((plan, named)))
        monkeypatch.setattr(flow, "measure", kept)
        Wizard(made, script).run()
        return script, measured

    return play


def shown(script: Script, number: int = -1) -> str:
    return "\n".join(f"{name} {words}" for name, words in script.pages[number].facts)


def test_the_plan_is_true_and_asked_once(sitting: Any):
    answers = ("choose", ("numpy-openblas", "jax-cpu"), "quick", True, "quit")
    script, measured = sitting(Script(*answers), numpy_openblas=20_000_000, jax_cpu=141_000_000)
    assert script.titles() == ["What next?", "What shall be measured?", "How thoroughly?", "The plan", "What next?"]
    text = shown(script, 3)
    assert "download 161 MB" in text and "about 805 MB needed" in text and "4 trials" in text
    assert "mambench run numpy-openblas jax-cpu --preset quick" in text
    ((plan, named),) = measured
    assert [stack.spec.name for stack in plan.stacks] == ["numpy-openblas", "jax-cpu"]
    assert {name: draft.download_bytes for name, draft in named["prepared"].items()} == {
        "numpy-openblas": 20_000_000,
        "jax-cpu": 141_000_000,
    }
    assert named["agree"](()) is True
    assert named["argv"][:3] == ["run", "numpy-openblas", "jax-cpu"]
    assert script.options[-1][0].value == "again"


def test_every_step_back_keeps_what_was_chosen(sitting: Any):
    script, measured = sitting(
        Script("choose", ("jax-cpu",), "standard", False, "quick", Back, Back, Back, "quit"), jax_cpu=1_000_000
    )
    assert measured == []
    assert script.titles() == [
        "What next?", "What shall be measured?", "How thoroughly?", "The plan", "How thoroughly?", "The plan",
        "How thoroughly?", "What shall be measured?", "What next?",
    ]  # fmt: skip
    assert [option.value for option in script.options[7] if option.ticked] == ["jax-cpu"]


def test_benchmarks_that_are_ticked_reach_plan_command_and_memory(sitting: Any):
    answers = ("choose", ("/benchmarks", "numpy-openblas", "jax-cpu"), ("matmul", "gpt"), ("numpy-openblas", "jax-cpu"))
    script, measured = sitting(Script(*answers, "quick", True, "quit"), numpy_openblas=20_000_000, jax_cpu=141_000_000)
    assert script.titles() == [
        "What next?", "What shall be measured?", "Which benchmarks?", "What shall be measured?", "How thoroughly?",
        "The plan", "What next?",
    ]  # fmt: skip
    assert [option.value for option in script.options[3] if option.ticked] == ["numpy-openblas", "jax-cpu"]
    text = shown(script, 5)
    assert "matmul n = 2048; gpt batch=8" in text
    assert "--benchmark matmul,gpt" in " ".join(text.replace("\\", "").split())
    lines = dict(script.pages[5].facts)
    assert lines["numpy-openblas"].endswith("; without gpt") and "without" not in lines["jax-cpu"]
    ((plan, named),) = measured
    assert list(plan.benchmarks) == ["matmul", "gpt"] and "matmul,gpt" in named["argv"]
    assert script.options[-1][0].detail.startswith("matmul, gpt; numpy-openblas, jax-cpu; quick")


def test_stepping_back_from_the_benchmarks_changes_none(sitting: Any):
    script, measured = sitting(
        Script("choose", ("/benchmarks", "jax-cpu"), Back, ("jax-cpu",), "quick", True), jax_cpu=1_000_000
    )
    assert [option.value for option in script.options[3] if option.ticked] == ["jax-cpu"]
    assert list(measured[0][0].benchmarks) == ["matmul"]


def test_what_cannot_be_made_is_told_and_the_rest_goes_on(sitting: Any):
    script, measured = sitting(
        Script("choose", ("numpy-openblas", "jax-cpu"), "quick", True), numpy_openblas=20_000_000
    )
    assert "jax-cpu cannot be measured: no network; plug it in" in shown(script, 3)
    assert len(measured) == 1


def test_nothing_that_can_be_measured_says_what_to_do_and_can_be_tried_again(sitting: Any):
    script, measured = sitting(Script("choose", ("jax-cpu",), "quick", "again", "back", Back, Back, "quit"))
    assert script.titles().count("Nothing of this can be measured now") == 2
    assert "Connect to a network and try again" in shown(script, 3) and "no network; plug it in" in shown(script, 3)
    assert measured == []


def test_what_cannot_fit_in_memory_is_refused_in_the_plan(sitting: Any):
    small = replace(MACHINE, memory_bytes=2 * 2**30)
    sizes = ("advanced", "sizes", "512 50000", "dtypes", ("float64",), "done", "quick")
    script, measured = sitting(Script("choose", ("jax-cpu",), *sizes, True), machine=small, jax_cpu=1_000_000)
    assert script.titles()[-2] == "The plan" and len(measured) == 1
    assert "refused float64 on cpu:0: n = 50000 in float64 needs 81.0 GB of memory" in shown(script, -2)


def test_where_no_row_fits_in_memory_no_source_is_asked(sitting: Any):
    small = replace(MACHINE, memory_bytes=2 * 2**30)
    sizes = ("advanced", "sizes", "50000", "done", "quick")
    answers = ("choose", ("jax-cpu",), *sizes, "back", Back, Back, "quit")
    script, measured = sitting(Script(*answers), machine=small, jax_cpu=1_000_000)
    page = script.titles().index("Nothing of this can be measured now")
    assert "Nothing was downloaded" in shown(script, page) and "2.1 GB is all that this machine has" in shown(
        script, page
    )
    assert "network" not in shown(script, page)
    assert measured == []


def test_a_disk_too_small_says_so_and_offers_to_remove(sitting: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "free_bytes", lambda _path: 100_000_000)
    script, measured = sitting(
        Script("choose", ("jax-cpu",), "quick", "again", "back", Back, Back, "quit"), jax_cpu=141_000_000
    )
    assert script.titles()[3:5] == ["The disk is too small"] * 2
    assert "needed about 705 MB" in shown(script, 3) and "free 100 MB" in shown(script, 3)
    assert measured == []


def test_where_nothing_fits_every_reason_is_told(sitting: Any):
    script, _ = sitting(Script("choose", "back", "quit"), machine=replace(MACHINE, platform="plan9-64"))
    assert script.titles() == ["What next?", "Nothing can be measured here", "What next?"]
    assert all(option.disabled for option in script.options[1][1:])
    assert "`mambench run --python PATH`" in shown(script, 1)


def test_advanced_settings_reach_the_plan(sitting: Any):
    advanced = ("advanced", "sizes", "128 256", "dtypes", ("float32",), "threads", "1,2", "source", "pypi",
                "channel", "conda-forge", "channel", Back, "done")  # fmt: skip
    _, measured = sitting(Script("choose", ("jax-cpu",), *advanced, "quick", True), jax_cpu=1_000_000)
    ((plan, named),) = measured
    assert len(plan.stacks[0].trials) == 4
    words = "--preset quick --size 128,256 --dtype float32 --threads 1,2 --source pypi --channel conda-forge"
    assert words in " ".join(named["argv"])


def stopped(signum: int, *, twice: bool = False) -> Callable[..., None]:
    """A measurement that a signal stops, and perhaps another one while what was measured is saved."""

    def measure(*_arguments: Any, **_named: Any) -> None:
        try:
            raise Interrupted(signum)
        except Interrupted:
            if twice:
                raise Interrupted(signum) from None
            raise

    return measure


def test_ctrl_c_while_measuring_goes_back_to_the_menu(sitting: Any):
    answers = ("choose", ("jax-cpu",), "quick", True, "quit")
    script, _ = sitting(Script(*answers), jax_cpu=1_000_000, measure=stopped(signal.SIGINT))
    assert script.titles()[-1] == "What next?" and script.options[-1][0].value == "again"


@pytest.mark.parametrize("ending", [stopped(signal.SIGTERM), stopped(signal.SIGINT, twice=True)], ids=["term", "twice"])
def test_a_second_ctrl_c_and_any_other_signal_leave(sitting: Any, ending: Any):
    with pytest.raises(Interrupted):
        sitting(Script("choose", ("jax-cpu",), "quick", True, "quit"), jax_cpu=1_000_000, measure=ending)


def test_a_tool_is_downloaded_only_after_a_yes(app: Mambench):
    made = Mambench(app.home, environ={}, terminal=app.terminal)
    made.machine, made.catalogue = MACHINE, CATALOGUE  # type: ignore[misc]
    script = Script(True, Back)
    wizard = Wizard(made, script)
    stack = flow.planning.build(flow.Choices(("jax-cpu",)), CATALOGUE, MACHINE).stacks[0]
    assert wizard._agree_to_tools((a_draft(stack, 30_000_000),)) is True
    assert wizard._agree_to_tools(()) is False
    assert script.titles() == ["Tools for PyPI"] * 2


def test_an_earlier_result_is_shown_again_and_its_page_offered(app: Mambench, sitting: Any):
    app.home.results.mkdir(parents=True)
    file = app.home.results / "20261121T100000Z-host-01234567.json"
    file.write_text(document.dumps(a_comparison()), encoding="utf-8")
    (app.home.results / "20261122T100000Z-host-broken00.json").write_text("{")
    script, _ = sitting(Script("earlier", str(file), "earlier", "back", "quit"))
    assert script.titles() == ["What next?", "Earlier results", "What next?", "Earlier results", "What next?"]
    labels = {option.label: option for option in script.options[1]}
    assert "numpy-openblas" in labels["2026-11-21 10:00 UTC"].detail
    assert labels["20261122T100000Z-host-broken00"].disabled
    assert script.options[2][0].value == "page" and file.with_suffix(".html").is_file()
    assert "fastest here is numpy-openblas" in app.terminal.output.file.getvalue()  # type: ignore[attr-defined]
