"""Asks on a terminal: pages that fill the screen, drawn anew at every size. Esc steps back, Ctrl-C leaves.

The question is questionary's, and so are the typed answers and yes or no. The lists are ours: questionary's checkbox
cuts long lines, knows no marks for ASCII, and hangs when its filter meets a separator (questionary 2.1.1).
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import questionary
from prompt_toolkit.application import Application, get_app
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import Dimension, FormattedTextControl, HSplit, Layout, Window

from mambench.system import streams
from mambench.system.values import cleaned
from mambench.wizard import listing
from mambench.wizard.listing import Listing, Marks, Summary
from mambench.wizard.pages import Back, Line, Option, Page, clipped, fact_lines, wrapped

ESCAPE_SECONDS = 0.05
"""So long a lone Esc waits for the rest of an arrow key."""

STYLE = questionary.Style(
    [
        ("title", "bold"),
        ("name", "bold"),
        ("group", "bold underline"),
        ("pointed", "bold"),
        ("ticked", "ansigreen"),
        ("message", "bold"),
        ("qmark", "bold"),
        ("question", "bold"),
        ("answer", "bold"),
        ("keys", ""),
        ("validation-toolbar", "reverse"),
    ]
)
"""Weight rather than colour: it must be read on light and dark backgrounds."""

OPEN_KEYS = "space or enter opens the list, letters filter (/ for j and k), esc back"
TICK_KEYS = "space ticks, enter goes on, letters filter (/ for j and k), ctrl-a all, esc back"
CHOOSE_KEYS = "arrows or j and k move, enter chooses, letters filter, esc back"
MENU_KEYS = "arrows or j and k move, enter chooses, esc or ctrl-c leaves"
FILTER_KEYS = "backspace or esc ends the filter, arrows move, enter as ever"


LONGEST = 10_000
"""Lines that no terminal has."""


class Asker(Protocol):
    """Who asks. Every question raises Back when the person steps back."""

    def tick(self, page: Page, options: Sequence[Option], summary: Summary, *, at_least: str) -> tuple[str, ...]:
        """Several of the options; `at_least` is said when none is ticked, unless it is empty.

        One that opens ends the page at once and is in the answer, beside what was ticked by then.
        """

    def choose(self, page: Page, options: Sequence[Option], *, default: str = "", inline: bool = False) -> str:
        """One of the options; `inline` leaves what is on the screen above."""

    def write(self, page: Page, question: str, *, default: str, problem: Callable[[str], str]) -> str:
        """A line of text; `problem` says what is wrong with it."""

    def agree(self, page: Page, question: str, *, default: bool) -> bool:
        """Yes or no."""


class Prompts:
    """The asker for a person at a terminal."""

    def __init__(self, *, unicode: bool) -> None:
        self._marks = listing.UNICODE if unicode else listing.ASCII

    def tick(self, page: Page, options: Sequence[Option], summary: Summary, *, at_least: str) -> tuple[str, ...]:
        started = listing.start(options, several=True)
        answer: tuple[str, ...] = _List(page, started, self._marks, summary=summary, at_least=at_least).ask()
        return answer

    def choose(self, page: Page, options: Sequence[Option], *, default: str = "", inline: bool = False) -> str:
        started = listing.start(options, several=False, default=default)
        answer: str = _List(page, started, self._marks, inline=inline).ask()
        return answer

    def write(self, page: Page, question: str, *, default: str, problem: Callable[[str], str]) -> str:
        asked = questionary.text(
            question,
            default=default,
            qmark=self._marks.pointer,
            instruction="(esc goes back):",
            validate=lambda text: problem(text) or True,
        )
        return str(_paged(page, asked))

    def agree(self, page: Page, question: str, *, default: bool) -> bool:
        keys = f"({'Y/n' if default else 'y/N'}, esc goes back, ctrl-c leaves) "
        asked = questionary.confirm(question, default=default, qmark=self._marks.pointer, instruction=keys)
        return bool(_paged(page, asked))


def _paged(page: Page, question: questionary.Question) -> Any:
    """Put questionary's own question below the page's facts, on a screen of its own."""

    def above() -> StyleAndTextTuples:
        width, height = _size()
        lines: list[Line] = [[("class:title", page.title)], [], *fact_lines(page.facts, width), []]
        return _joined(clipped(lines, max(1, height - 4)))

    control = FormattedTextControl(above)
    asking = question.application.layout.container
    head = Window(control, height=lambda: Dimension.exact(_height_of(above())), dont_extend_height=True)
    keys = merge_key_bindings([k for k in (_leaving(), question.application.key_bindings) if k])
    return _ask(HSplit([head, asking]), keys, inline=False)


class _List:
    """A list on the screen: keys change its state, its state is drawn."""

    def __init__(
        self,
        page: Page,
        state: Listing,
        marks: Marks,
        *,
        summary: Summary | None = None,
        at_least: str = "",
        inline: bool = False,
    ) -> None:
        self._page, self._state, self._marks = page, state, marks
        self._summary, self._at_least, self._inline = summary, at_least, inline

    def ask(self) -> Any:
        """Until a key ends it."""
        control = FormattedTextControl(lambda: _joined(self._lines()), focusable=True, show_cursor=False)
        window = Window(control, always_hide_cursor=True, dont_extend_height=self._inline)
        return _ask(window, merge_key_bindings([_leaving(), self._keys()]), inline=self._inline)

    def _lines(self) -> list[Line]:
        width, height = _size()
        head: list[Line] = [[("class:title", part)] for part in wrapped(self._page.title, width)]
        if self._page.facts:
            head += [[], *fact_lines(self._page.facts, width)]
        head = [[], *head] if self._inline else [*head, []]
        foot = self._foot(width)
        whole = len(listing.lines(self._state.unfiltered(), width=width - 1, height=LONGEST, marks=self._marks))
        room = height - len(foot) - (1 if self._inline else 0)
        head = clipped(head, max(1, room - min(whole, max(3, room // 3))))
        body = listing.lines(self._state, width=width - 1, height=max(3, room - len(head)), marks=self._marks)
        filler: list[Line] = [[] for _ in range(min(whole, room - len(head)) - len(body))]
        return [*head, *body, *filler, *foot]

    def _foot(self, width: int) -> list[Line]:
        state = self._state
        words = [state.message] if state.message else [self._summary(state.answer)] if self._summary else []
        keys = FILTER_KEYS if state.filtering else self._usual_keys()
        lines: list[Line] = [[("class:message", part)] for text in words for part in wrapped(text, width)]
        if state.filtering:
            lines.append([("class:name", f"/{state.words}"), ("", "_")])
        lines += [[("class:keys", part)] for part in wrapped(keys, width)]
        return lines if self._inline else [[], *lines]

    def _usual_keys(self) -> str:
        if self._inline:
            return MENU_KEYS
        if self._state.pointed is not None and self._state.pointed.opens:
            return OPEN_KEYS
        return TICK_KEYS if self._state.several else CHOOSE_KEYS

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        def on(*names: str | Keys, do: Callable[[Listing], Listing]) -> None:
            def handle(_event: Any) -> None:
                self._state = do(self._state)

            for name in names:
                keys.add(name, eager=True)(handle)

        on(Keys.Down, Keys.ControlN, Keys.Tab, do=lambda state: state.moved(1))
        on(Keys.Up, Keys.ControlP, Keys.BackTab, do=lambda state: state.moved(-1))
        on(Keys.PageDown, do=lambda state: state.moved(10))
        on(Keys.PageUp, do=lambda state: state.moved(-10))
        on(Keys.Home, do=lambda state: state.moved(-len(state.shown) - 1))
        on(Keys.End, do=lambda state: state.moved(len(state.shown) + 1))
        on(Keys.Backspace, do=lambda state: state.erased())
        for character in string.printable:
            if not character.isspace():
                on(character, do=lambda state, character=character: _on_character(state, character))  # type: ignore[misc]
        if self._state.several:
            keys.add(" ", eager=True)(self._on_space)
            on(Keys.ControlA, do=lambda state: state.all_toggled())
        keys.add(Keys.Enter, eager=True)(self._on_enter)
        keys.add(Keys.Escape)(self._on_escape)
        return keys

    def _on_space(self, event: Any) -> None:
        opens = self._state.pointed is not None and self._state.pointed.opens
        self._state = self._state.toggled()
        if opens:
            event.app.exit(result=self._state.answer)

    def _on_enter(self, event: Any) -> None:
        state, pointed = self._state, self._state.pointed
        if pointed is not None and pointed.opens:
            self._on_space(event)
        elif state.several:
            if state.answer or not self._at_least:
                event.app.exit(result=state.answer)
            else:
                self._state = replace(state, message=self._at_least)
        elif pointed is not None and pointed.disabled:
            self._state = replace(state, message=f"{pointed.label}: {pointed.disabled}")
        elif pointed is not None:
            event.app.exit(result=pointed.value)

    def _on_escape(self, event: Any) -> None:
        if self._state.filtering:
            self._state = self._state.unfiltered()
        else:
            event.app.exit(exception=Back())


def _on_character(state: Listing, character: str) -> Listing:
    """j and k move until a filter is open; every other character opens one."""
    if not state.filtering and character in "jk":
        return state.moved(1 if character == "j" else -1)
    return state.typed(character)


def _leaving() -> KeyBindings:
    """Esc steps back; Ctrl-C and SIGINT leave; Alt with another key, which sends Esc first, does nothing."""
    keys = KeyBindings()

    @keys.add(Keys.Escape)
    @keys.add(Keys.ControlD)
    def step_back(event: Any) -> None:
        event.app.exit(exception=Back())

    @keys.add(Keys.Escape, Keys.Any)
    def ignore(_event: Any) -> None:
        pass

    @keys.add(Keys.ControlC, eager=True)
    @keys.add(Keys.SIGINT)
    def leave(event: Any) -> None:
        event.app.exit(exception=KeyboardInterrupt())

    return keys


def _ask(container: Any, keys: Any, *, inline: bool) -> Any:
    application: Application[Any] = Application(
        layout=Layout(container),
        key_bindings=keys,
        style=STYLE,
        full_screen=not inline,
        erase_when_done=True,
    )
    application.ttimeoutlen = ESCAPE_SECONDS
    application.timeoutlen = ESCAPE_SECONDS
    streams.drop_typed()
    clear_typeahead(application.input)  # keys that the page before had read already
    return questionary.Question(application).unsafe_ask()


def _size() -> tuple[int, int]:
    size = get_app().output.get_size()
    return max(size.columns, 20), max(size.rows, 6)


def _joined(lines: Sequence[Line]) -> StyleAndTextTuples:
    fragments: StyleAndTextTuples = []
    for line in lines:
        fragments += [*((style, cleaned(text)) for style, text in line), ("", "\n")]
    return fragments[:-1]


def _height_of(fragments: StyleAndTextTuples) -> int:
    return "".join(fragment[1] for fragment in fragments).count("\n") + 1
