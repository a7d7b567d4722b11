"""The settings that only who asks for them sees."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from mambench.model import Catalogue, Choices
from mambench.wizard import offers
from mambench.wizard.ask import Asker
from mambench.wizard.pages import Back, Page

THREADS = "Threads of the CPU, such as 1, 2, 4. Empty: as each library chooses."
CHANNELS = "Conda channels instead of the recipe's, with spaces between them: names, URLs or folders."


def settle(ask: Asker, choices: Choices, catalogue: Catalogue) -> Choices:
    """Ask for one setting after the other until the person is done; stepping back keeps what was set."""
    name = ""
    while True:
        try:
            name = ask.choose(Page("Advanced settings"), offers.settings(choices), default=name)
        except Back:
            return choices
        if name == "done":
            return choices
        with suppress(Back):
            choices = _SETTERS[name](ask, choices, catalogue)


def _sizes(ask: Asker, choices: Choices, catalogue: Catalogue) -> Choices:
    read = functools.partial(offers.read_sizes, benchmarks=choices.benchmarks, catalogue=catalogue)
    words = offers.sizes_meaning(choices.benchmarks, catalogue)
    return replace(choices, sizes=_numbers(ask, "Sizes", words, choices.sizes, read))


def _threads(ask: Asker, choices: Choices, _catalogue: Catalogue) -> Choices:
    read = functools.partial(offers.numbers, largest=offers.LARGEST_THREADS)
    return replace(choices, threads=_numbers(ask, "Threads", THREADS, choices.threads, read))


def _numbers(
    ask: Asker, title: str, words: str, values: tuple[int, ...], read: Callable[[str], tuple[int, ...]]
) -> tuple[int, ...]:
    page = Page(title, (("", words),))
    return read(ask.write(page, title.lower(), default=offers.listed(values), problem=offers.problem_of(read)))


def _dtypes(ask: Asker, choices: Choices, catalogue: Catalogue) -> Choices:
    def words(ticked: tuple[str, ...]) -> str:
        return f"ticked: {offers.listed(ticked) or 'none, so the preset decides'}"

    rows = offers.dtypes(choices, catalogue)
    return replace(choices, dtypes=ask.tick(Page("Element types"), rows, words, at_least=""))


def _source(ask: Asker, choices: Choices, _catalogue: Catalogue) -> Choices:
    page = Page("Where packages come from")
    return replace(choices, source=ask.choose(page, offers.sources(), default=choices.source))


def _channel(ask: Asker, choices: Choices, _catalogue: Catalogue) -> Choices:
    page = Page("Channel", (("", CHANNELS),))
    text = ask.write(page, "channels", default=" ".join(choices.channels), problem=lambda _text: "")
    return replace(choices, channels=tuple(text.split()))


_SETTERS: dict[str, Callable[[Asker, Choices, Catalogue], Choices]] = {
    "sizes": _sizes,
    "dtypes": _dtypes,
    "threads": _threads,
    "source": _source,
    "channel": _channel,
}
