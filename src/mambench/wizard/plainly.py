"""Asks in plain numbered lines, for screen readers and dumb terminals: nothing moves, nothing is drawn over."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

from mambench.system import streams, values
from mambench.wizard import listing
from mambench.wizard.listing import Listing, Summary
from mambench.wizard.pages import Back, Leave, Option, Page, wrapped

HINT = "b steps back, q leaves"


class Plain:
    """The asker that prints lines and reads lines."""

    def tick(self, page: Page, options: Sequence[Option], summary: Summary, *, at_least: str) -> tuple[str, ...]:
        state = listing.start(options, several=True)
        self._say_page(page)
        self._say_options(state.options, state)
        while True:
            self._say(summary(state.answer))
            answer = self._read(f"Numbers tick and untick, a word shows what holds it, Enter goes on, {HINT}: ")
            if not answer and (state.answer or not at_least):
                return state.answer
            if not answer:
                self._say(at_least)
            elif all(word.isdigit() for word in answer.replace(",", " ").split()):
                state = self._toggled(state, answer)
                if any(option.opens and option.value in state.ticked for option in state.options):
                    return state.answer
            else:
                shown = replace(state, words=answer).shown
                self._say_options(shown, state)

    def choose(self, page: Page, options: Sequence[Option], *, default: str = "", inline: bool = False) -> str:
        del inline
        state = listing.start(options, several=False, default=default)
        self._say_page(page)
        self._say_options(state.options, state)
        usual = f", Enter is {state.at + 1}" if default else ""
        while True:
            answer = self._read(f"A number{usual}, {HINT}: ") or (str(state.at + 1) if default else "")
            if not answer.isdigit() or not 1 <= int(answer) <= len(state.options):
                self._say(f"A number from 1 to {len(state.options)} is needed.")
                continue
            option = state.options[int(answer) - 1]
            if not option.disabled:
                return option.value
            self._say(f"{option.label}: {option.disabled}")

    def write(self, page: Page, question: str, *, default: str, problem: Callable[[str], str]) -> str:
        self._say_page(page)
        now = f" (now {default}; - empties it)" if default else ""
        while True:
            answer = self._read(f"{question}{now}, {HINT}: ") or default
            answer = "" if answer == "-" else answer
            if not (wrong := problem(answer)):
                return answer
            self._say(wrong)

    def agree(self, page: Page, question: str, *, default: bool) -> bool:
        self._say_page(page)
        while True:
            answer = self._read(f"{question} y or n, Enter is {'y' if default else 'n'}, {HINT}: ").lower()
            if answer in ("", "y", "yes", "n", "no"):
                return default if not answer else answer.startswith("y")
            self._say("Please answer y or n.")

    def _toggled(self, state: Listing, answer: str) -> Listing:
        for word in answer.replace(",", " ").split():
            number = int(word)
            if not 1 <= number <= len(state.options):
                self._say(f"There is no {number}.")
                continue
            state = replace(state, at=number - 1).toggled()
            option = state.options[number - 1]
            ticked = "ticked" if option.value in state.ticked else "not ticked"
            if not option.opens:
                self._say(state.message or f"{option.label}: {ticked}.")
        return state

    def _say_page(self, page: Page) -> None:
        streams.drop_typed()
        self._say("")
        self._say(page.title)
        for name, words in page.facts:
            self._say(f"{name}: {words}" if name else words)

    def _say_options(self, shown: Sequence[Option], state: Listing) -> None:
        group = ""
        for option in shown:
            if option.group != group:
                group = option.group
                self._say(f"{group}:")
            number = state.options.index(option) + 1
            words = ", ".join(part for part in (option.label, option.detail) if part)
            if option.disabled:
                words += f", cannot be chosen: {option.disabled}"
            elif option.opens:
                words += "; its number opens the list"
            elif state.several:
                words += ", ticked" if option.value in state.ticked else ", not ticked"
            self._say(f"  {number}. {words}")
        if not shown:
            self._say("Nothing here holds these words.")

    def _say(self, words: str) -> None:
        width = shutil.get_terminal_size().columns
        indent = " " * (len(words) - len(words.lstrip()))
        for line in wrapped(words.lstrip(), width - len(indent)):
            print(values.cleaned(indent + line))

    def _read(self, prompt: str) -> str:
        try:
            answer = input(values.cleaned(prompt)).strip()
        except EOFError:
            print()
            raise Leave from None
        if answer.lower() in ("q", "quit"):
            raise Leave
        if answer.lower() in ("b", "back"):
            raise Back
        return answer
