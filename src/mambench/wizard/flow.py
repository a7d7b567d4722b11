"""The way through the pages: first screen, pick, preset, plan, work, result, and back at every step."""

from __future__ import annotations

import contextlib
import functools
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mambench.analysis.words import counted
from mambench.app.consent import download_words
from mambench.app.context import Mambench
from mambench.app.homes import home_from
from mambench.app.installed import ready_stacks
from mambench.app.measure import measure
from mambench.app.pages import offer_page
from mambench.catalogue import feasibility
from mambench.catalogue import plan as planning
from mambench.environments import prefix
from mambench.environments.prefix import Draft
from mambench.errors import HomeError, Interrupted, MambenchError
from mambench.model import DEFAULT_BENCHMARK, Choices, Report
from mambench.report import document
from mambench.system import desktop, files, process
from mambench.terminal.table import megabytes
from mambench.wizard import advanced, memory, offers, preview, removal, results
from mambench.wizard.ask import Asker
from mambench.wizard.earlier import speeds_seen
from mambench.wizard.estimate import Speeds
from mambench.wizard.pages import Back, Leave, Option, Page
from mambench.wizard.preview import Preview


class Wizard:
    """One sitting of a person."""

    def __init__(self, app: Mambench, asker: Asker) -> None:
        self._app, self._ask = app, asker
        self._last = memory.recall(app.home, app.catalogue)
        self._draft = self._last or Choices(preset="quick")
        self._measured = False
        self._page: Path | None = None

    def run(self) -> None:
        """Until the person leaves."""
        steps: dict[str, Callable[[], None]] = {
            "choose": self._choose,
            "again": self._again,
            "page": self._open_page,
            "earlier": self._earlier,
            "open": self._open_results,
            "remove": functools.partial(removal.remove, self._app, self._ask),
        }
        default = ""
        with contextlib.suppress(Leave):
            while (step := self._menu(default)) != "quit":
                default = "" if step in ("choose", "again") else step
                with contextlib.suppress(Back):
                    try:
                        steps[step]()
                    except MambenchError as error:
                        self._app.terminal.error(error)

    # ------------------------------------------------------------------------------------------------- menu

    def _menu(self, default: str) -> str:
        options = self._menu_options()
        known = default if default in {option.value for option in options} else ""
        try:
            return self._ask.choose(Page("What next?"), options, default=known, inline=True)
        except Back:
            return "quit"

    def _menu_options(self) -> tuple[Option, ...]:
        last = self._last
        words = [_benchmarks_words(last), offers.listed(last.environments), last.preset] if last else []
        words += [offers.settings_words(last)] if last else []
        again = Option("again", "Run again", "; ".join(filter(None, words)))
        choose = Option("choose", "Change the selection" if self._measured else "Choose what to measure")
        rows = [again, choose] if self._measured else [choose, again]
        rows = [row for row in rows if row.value == "choose" or last is not None]
        if self._page is not None:
            rows.insert(0, Option("page", "Open the report", "charts and tables, in the browser"))
        if results.any_in(self._app):
            rows.append(Option("earlier", "Earlier results", "shown again"))
        if self._app.home.results.is_dir():
            rows.append(Option("open", "Open the results folder", str(self._app.home.results)))
        if any(True for _ in prefix.existing(self._app.home)):
            rows.append(Option("remove", "Remove environments", "what they take is shown first"))
        return (*rows, Option("quit", "Quit"))

    # ---------------------------------------------------------------------------------------------- choosing

    def _choose(self) -> None:
        """Pick, preset, plan; each steps back to the one before."""
        while True:
            self._pick()
            with contextlib.suppress(Back):
                return self._settle()

    def _settle(self) -> None:
        """From the picked stacks on; Back from here is back to picking."""
        while True:
            self._draft = self._preset(self._draft)
            with contextlib.suppress(Back):
                return self._plan(self._draft, ask_always=True)

    def _pick(self) -> None:
        """Stacks; the row above them opens the list of benchmarks, which decide what stacks there are to pick.

        No page of its own before the stacks: who wants the matrix product presses Enter as often as where it is alone.
        """
        while True:
            ticked = self._pick_stacks()
            names = tuple(name for name in ticked if name != offers.BENCHMARKS)
            self._draft = replace(self._draft, environments=names)
            if names == ticked:
                return
            with contextlib.suppress(Back):
                self._draft = offers.with_benchmarks(self._draft, self._pick_benchmarks(), self._app.catalogue)

    def _pick_benchmarks(self) -> tuple[str, ...]:
        app = self._app
        rows = offers.benchmarks(app.catalogue, app.machine, self._draft.benchmarks)
        return self._ask.tick(
            Page("Which benchmarks?"),
            rows,
            lambda ticked: f"{counted(len(ticked), 'benchmark')} ticked; the stacks come next",
            at_least=AT_LEAST,
        )

    def _pick_stacks(self) -> tuple[str, ...]:
        app = self._app
        ready = self._ready()
        stacks = app.catalogue.environments.values()
        rows = offers.offers(app.catalogue, app.machine, ready, self._draft.environments, self._draft.benchmarks)
        if all(feasibility.impossible(spec, app.machine) for spec in stacks):
            return self._nothing_fits(rows)
        rows = (*offers.benchmarks_row(app.catalogue, self._draft.benchmarks), *rows)
        free = megabytes(files.free_bytes(app.home.root))
        words = functools.partial(
            offers.ticked_words, catalogue=app.catalogue, platform=app.machine.platform, ready=ready, free=free
        )
        return self._ask.tick(Page("What shall be measured?"), rows, words, at_least=AT_LEAST)

    def _nothing_fits(self, rows: tuple[Option, ...]) -> tuple[str, ...]:
        facts = (
            ("", "No stack of the catalogue can run on this machine; each says why below."),
            ("", "`mambench run --python PATH` measures a python that you have."),
        )
        back = Option("back", "Back")
        self._ask.choose(Page("Nothing can be measured here", facts), (back, *rows))
        raise Back

    def _ready(self) -> dict[str, str]:
        app = self._app
        able = [
            spec for spec in app.catalogue.environments.values() if feasibility.impossible(spec, app.machine) is None
        ]
        ready = ready_stacks(app, able, self._draft.channels)
        return {name: f"{environment.source}, python {environment.version}" for name, environment in ready.items()}

    def _preset(self, choices: Choices) -> Choices:
        app = self._app
        while True:
            rows = offers.preset_rows(choices, app.catalogue, app.machine, self._speeds)
            changed = offers.settings_words(choices)
            facts = (("your settings", changed),) if changed else ()
            preset = self._ask.choose(Page("How thoroughly?", facts), rows, default=choices.preset)
            if preset != "advanced":
                return replace(choices, preset=preset)
            choices = advanced.settle(self._ask, choices, app.catalogue)

    @functools.cached_property
    def _speeds(self) -> Speeds:
        return speeds_seen(self._app.home.results)

    # -------------------------------------------------------------------------------------------------- plan

    def _again(self) -> None:
        assert self._last is not None
        self._plan(self._last, ask_always=not self._measured)

    def _plan(self, choices: Choices, *, ask_always: bool) -> None:
        """Resolve, show, ask once, work. Back when the answer is no."""
        app = self._app
        app.home.prepare()
        self._draft = choices
        plan = planning.build(choices, app.catalogue, app.machine)
        while True:
            resolved = preview.resolve(app, plan, agree=self._agree_to_tools)
            if not resolved.prepared:
                self._nothing_can_be_measured(resolved)
            elif resolved.disk_bytes > resolved.free_bytes:
                self._disk_too_small(resolved)
            else:
                break
        command = self._command(choices)
        if ask_always or not resolved.all_ready:
            page = preview.plan_page(
                resolved, machine=app.machine, speeds=self._speeds, command=command, width=_columns()
            )
            if not self._ask.agree(page, "Start?", default=True):
                raise Back
        self._remember(choices)
        self._work(resolved, command)

    def _agree_to_tools(self, drafts: tuple[Draft, ...]) -> bool:
        """Only where no uv or no python is at hand, as with the one-file program."""
        self._app.terminal.stop_progress()
        facts = tuple((draft.spec.name, download_words([draft])) for draft in drafts)
        words = ("", "PyPI cannot be asked without these. They are kept in the home.")
        try:
            return self._ask.agree(Page("Tools for PyPI", (*facts, ("", ""), words)), "Download them?", default=True)
        except Back:
            return False

    def _remember(self, choices: Choices) -> None:
        self._last = self._draft = choices
        memory.remember(self._app.home, choices)

    def _command(self, choices: Choices) -> list[str]:
        root = self._app.home.root
        with contextlib.suppress(HomeError):
            if home_from(None, self._app.environ).root == root:
                return preview.command_words(choices)
        return preview.command_words(choices, home=root)

    def _nothing_can_be_measured(self, resolved: Preview) -> None:
        """No network and nothing installed, no source, or too little memory: what to do. Returns to try again."""
        for name, problem in resolved.problems.items():
            self._app.terminal.say(f"{name}: {problem}")
        words = TOO_MUCH_WORDS if resolved.impossible else NO_NETWORK_WORDS
        facts = (("", words), ("", ""), *resolved.problems.items())
        again = Option("again", "Try again")
        rows = _BACK if resolved.impossible else (again, *_BACK)
        self._choose_or_back(Page("Nothing of this can be measured now", facts), rows)

    def _disk_too_small(self, resolved: Preview) -> None:
        facts = (
            ("needed", f"about {megabytes(resolved.disk_bytes)}, {download_words(resolved.drafts)}"),
            ("free", f"{megabytes(resolved.free_bytes)} in {self._app.home.root}"),
            ("", ""),
            ("", "Pick fewer stacks, free some space, or start mambench with --home and a folder on a larger disk."),
        )
        rows = [Option("again", "Try again", "after some space was freed"), *_BACK]
        if any(True for _ in prefix.existing(self._app.home)):
            rows.insert(1, Option("remove", "Remove environments"))
        if self._choose_or_back(Page("The disk is too small", facts), tuple(rows)) == "remove":
            with contextlib.suppress(Back):
                removal.remove(self._app, self._ask)

    def _choose_or_back(self, page: Page, options: tuple[Option, ...]) -> str:
        answer = self._ask.choose(page, options)
        if answer == "back":
            raise Back
        return answer

    # -------------------------------------------------------------------------------------------------- work

    def _work(self, resolved: Preview, command: list[str]) -> None:
        app = self._app
        app.terminal.command(" ".join(process.quoted(command, app.machine.platform)))
        self._measured = True
        try:
            measure(
                app,
                resolved.plan,
                argv=command[1:],
                agree=lambda _drafts: True,  # the plan was
                show=self._show,
                prepared=resolved.prepared,
            )
        except Interrupted as error:
            second = isinstance(error.__context__, Interrupted)  # it came while the first one was being dealt with
            if error.signum != signal.SIGINT or second:
                raise
        finally:
            self.__dict__.pop("_speeds", None)  # there is a report more to learn from

    def _show(self, report: Report, path: Path) -> None:
        self._app.terminal.report(report, path=str(path), bars=True)
        self._page = offer_page(self._app.terminal, report, path)

    # ----------------------------------------------------------------------------------------------- results

    def _earlier(self) -> None:
        file = results.choose(self._app, self._ask)
        self._show(document.read(file), file)

    def _open_page(self) -> None:
        assert self._page is not None
        if not desktop.show(self._page, environ=self._app.environ):
            self._app.terminal.say(f"There is no desktop to open it on; the page is {self._page}")

    def _open_results(self) -> None:
        folder = self._app.home.results
        if not desktop.show(folder, environ=self._app.environ):
            self._app.terminal.say(f"There is no desktop to open it on; the results are in {folder}")


AT_LEAST = "Tick at least one with the space bar."

NO_NETWORK_WORDS = (
    "Connect to a network and try again. Behind a proxy, set HTTPS_PROXY before you start mambench. A mirror of "
    "conda-forge is named under advanced, channel; one of PyPI in pip's settings."
)

TOO_MUCH_WORDS = "Nothing was downloaded. Pick other stacks, or other sizes under advanced."

_BACK = (Option("back", "Back"),)


def _benchmarks_words(choices: Choices) -> str:
    return "" if choices.benchmarks == (DEFAULT_BENCHMARK,) else offers.listed(choices.benchmarks)


def _columns() -> int:
    return shutil.get_terminal_size().columns
