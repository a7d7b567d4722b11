"""A list that is moved through, ticked and filtered: its state, and its lines at a given size. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mambench.wizard.pages import Line, Option, wrapped


@dataclass(frozen=True)
class Marks:
    """What a terminal can draw."""

    pointer: str
    ticked: str
    unticked: str
    opens: str


UNICODE = Marks("»", "●", "○", "+")
ASCII = Marks(">", "[x]", "[ ]", "[+]")


@dataclass(frozen=True)
class Listing:
    """Options, where the pointer is, what is ticked, and the words that filter them."""

    options: tuple[Option, ...]
    several: bool
    ticked: frozenset[str] = frozenset()
    at: int = 0
    words: str = ""
    filtering: bool = False
    message: str = ""

    @property
    def shown(self) -> tuple[Option, ...]:
        """The options that hold every word of the filter."""
        words = self.words.lower().split()
        return tuple(
            option
            for option in self.options
            if all(word in f"{option.label} {option.detail} {option.group}".lower() for word in words)
        )

    @property
    def pointed(self) -> Option | None:
        """The option at the pointer; none where the filter lets nothing through."""
        shown = self.shown
        return shown[self.at] if self.at < len(shown) else None

    @property
    def answer(self) -> tuple[str, ...]:
        """What is ticked, in the order of the options."""
        return tuple(option.value for option in self.options if option.value in self.ticked)

    def moved(self, by: int) -> Listing:
        """The pointer `by` rows on; one step at an end goes round, a page stops there."""
        count = len(self.shown)
        if not count:
            return self
        at = (self.at + by) % count if abs(by) == 1 else min(max(self.at + by, 0), count - 1)
        return replace(self, at=at, message="")

    def toggled(self) -> Listing:
        """The pointed option ticked or not; one that cannot be chosen says why."""
        option = self.pointed
        if option is None:
            return self
        if option.disabled:
            return replace(self, message=f"{option.label} cannot be ticked: {option.disabled}")
        return replace(self, ticked=self.ticked ^ {option.value}, message="")

    def all_toggled(self) -> Listing:
        """Everything that is shown and can be chosen; nothing of it, if all was."""
        able = {option.value for option in self.shown if not option.disabled and not option.opens}
        return replace(self, ticked=self.ticked - able if able <= self.ticked else self.ticked | able, message="")

    def typed(self, character: str) -> Listing:
        """The filter longer by a character; `/` opens it."""
        if not self.filtering and character == "/":
            return replace(self, filtering=True, message="")
        return replace(self, words=self.words + character, filtering=True, message="")._at_first()

    def erased(self) -> Listing:
        """The filter shorter by a character; empty, it closes."""
        return replace(self, words=self.words[:-1], filtering=len(self.words) > 1, message="")._at_first()

    def unfiltered(self) -> Listing:
        """Everything again, the pointer where it was."""
        pointed = self.pointed
        whole = replace(self, words="", filtering=False, message="")
        return replace(whole, at=self.options.index(pointed)) if pointed in self.options else whole._at_first()

    def _at_first(self) -> Listing:
        """The pointer at the first row that opens nothing: a filter is no wish to go elsewhere."""
        return replace(self, at=next((at for at, option in enumerate(self.shown) if not option.opens), 0))


def start(options: Iterable[Option], *, several: bool, default: str = "") -> Listing:
    """A fresh list; the pointer is at the default, else at the first option that can be chosen and opens nothing."""
    every = tuple(options)
    wanted = [number for number, option in enumerate(every) if option.value == default]
    able = [number for number, option in enumerate(every) if not option.disabled and not option.opens]
    ticked = frozenset(option.value for option in every if option.ticked and not option.disabled)
    return Listing(every, several, ticked, at=(wanted or able or [0])[0])


@dataclass(frozen=True)
class _Row:
    line: Line
    number: int


def lines(listing: Listing, *, width: int, height: int, marks: Marks) -> list[Line]:
    """The list at this size, scrolled so that the pointed row is whole; what is out of sight is counted."""
    rows = _rows(listing, width, marks)
    if len(rows) <= height:
        return [row.line for row in rows] or [[("class:note", "  nothing here holds these words")]]
    mine = [number for number, row in enumerate(rows) if row.number == listing.at]
    first, last = _window(len(rows), mine[0], mine[-1], height)
    over: list[Line] = [[("class:note", f"    {first} more lines above")]] if first else []
    under: list[Line] = [[("class:note", f"    {len(rows) - last} more lines below")]] if last < len(rows) else []
    return [*over, *(row.line for row in rows[first:last]), *under]


def _window(count: int, begin: int, end: int, height: int) -> tuple[int, int]:
    """Which rows are in sight, `begin` to `end` among them, with a line to spare wherever rows are out of sight."""
    if end < height - 1:
        return 0, height - 1
    if begin > count - height:
        return count - height + 1, count
    room = max(1, height - 2)
    first = min(begin, max(1, begin - room // 2, end - room + 1))
    return first, first + room


def _rows(listing: Listing, width: int, marks: Marks) -> list[_Row]:
    column = max((len(option.label) for option in listing.options), default=0) + 2
    group = ""
    rows: list[_Row] = []
    for number, option in enumerate(listing.shown):
        if option.group != group:
            group = option.group
            rows.append(_Row([("class:group", group)], -1))
        rows += [_Row(line, number) for line in _option_lines(listing, option, number, width, column, marks)]
    return rows


def _option_lines(listing: Listing, option: Option, number: int, width: int, column: int, marks: Marks) -> list[Line]:
    is_pointed = number == listing.at
    ticked = option.value in listing.ticked
    head = f" {marks.pointer if is_pointed else ' ' * len(marks.pointer)} "
    if listing.several:
        box = marks.opens if option.opens else marks.ticked if ticked else marks.unticked
        head += "-".center(len(box)) + " " if option.disabled else f"{box} "
    style = "class:pointed" if is_pointed else "class:disabled" if option.disabled else "class:ticked" if ticked else ""
    detail = f"{option.detail}: {option.disabled}" if option.disabled and option.detail else option.disabled
    detail = detail or option.detail
    beside = width - len(head) - column
    if beside < 20:
        first: Line = [(style, head + option.label)]
        return [first, *([("", " " * len(head) + part)] for part in wrapped(detail, width - len(head)) if part)]
    start_words, *rest = wrapped(detail, beside)
    indent = " " * (len(head) + column)
    words = "class:disabled" if option.disabled else ""
    return [[(style, head + option.label.ljust(column)), (words, start_words)], *([(words, indent + r)] for r in rest)]


Summary = Callable[[tuple[str, ...]], str]
"""What is ticked, in words."""
