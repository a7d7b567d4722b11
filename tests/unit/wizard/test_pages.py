"""Lines, lists and their windows: nothing is cut silently, the pointer is always in sight."""

from __future__ import annotations

import pytest

from mambench.wizard import listing
from mambench.wizard.listing import ASCII, UNICODE, Marks
from mambench.wizard.pages import Line, Option, clipped, command_lines, fact_lines, wrapped

REASON = "driver 470.1 supports CUDA 11.4; this stack needs 12.8: update the driver"
OPTIONS = tuple(
    [Option(f"a{n}", f"alpha-{n}", f"the number {n}", "First") for n in range(6)]
    + [Option("b", "beta", "another", "Second", ticked=True), Option("c", "gamma", "", "Second", disabled=REASON)]
)


def text_of(lines: list[Line]) -> list[str]:
    return ["".join(text for _, text in line) for line in lines]


def drawn(state: listing.Listing, width: int = 80, height: int = 24, marks: Marks = UNICODE) -> list[str]:
    return text_of(listing.lines(state, width=width, height=height, marks=marks))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_a_long_reason_wraps_and_is_whole(width: int):
    lines = drawn(listing.start(OPTIONS, several=True), width=width, height=200)
    assert REASON in " ".join(" ".join(lines).split())
    assert max(len(line) for line in lines) <= width


@pytest.mark.parametrize("height", [3, 4, 5, 7, 9, 10, 11, 12, 30])
@pytest.mark.parametrize("width", [30, 80])
def test_the_pointed_row_is_in_sight_and_the_rest_is_counted(height: int, width: int):
    state = listing.start(OPTIONS, several=True)
    every = len(drawn(state, width=width, height=1000))
    for _ in OPTIONS:
        lines = drawn(state, width=width, height=height)
        assert len(lines) <= height
        assert sum("»" in line for line in lines) == 1
        told = sum(int(line.split()[0]) for line in lines if "more lines" in line)
        assert told + sum("more lines" not in line for line in lines) == every
        state = state.moved(1)


def test_groups_and_marks():
    lines = drawn(listing.start(OPTIONS, several=True), marks=ASCII)
    assert lines[0] == "First" and lines[1] == " > [ ] alpha-0  the number 0"
    assert lines[7] == "Second" and lines[8] == "   [x] beta     another"
    assert lines[9].startswith("    -  gamma    driver 470.1")
    assert all(line.isascii() for line in lines)


def test_the_pointer_goes_round_by_one_and_stops_by_pages():
    state = listing.start(OPTIONS, several=True)
    assert state.moved(-1).pointed == OPTIONS[-1]
    assert state.moved(-1).moved(1).pointed == OPTIONS[0]
    assert state.moved(10).pointed == OPTIONS[-1]
    assert state.moved(10).moved(-10).pointed == OPTIONS[0]


def test_what_opens_another_page_is_never_pointed_at_nor_ticked_by_itself():
    state = listing.start((Option("more", "more", opens=True), Option("a", "a"), Option("o", "o")), several=True)
    assert state.at == 1 and state.moved(-1).pointed.value == "more"
    assert state.all_toggled().ticked == {"a", "o"}
    assert state.typed("o").pointed.value == "o" and state.typed("x").unfiltered().pointed.value == "a"
    assert state.moved(-1).toggled().answer == ("more",)
    assert drawn(state)[0].split() == ["+", "more"] and drawn(state, marks=ASCII)[0].split() == ["[+]", "more"]


def test_what_cannot_be_chosen_says_why_and_is_never_ticked():
    state = listing.start(OPTIONS, several=True).moved(-1).toggled()
    assert state.message == f"gamma cannot be ticked: {REASON}"
    assert state.answer == ("b",)
    assert "c" not in state.all_toggled().answer


def test_everything_is_ticked_then_nothing():
    state = listing.start(OPTIONS, several=True).all_toggled()
    assert len(state.answer) == 7
    assert state.all_toggled().answer == ()


def test_a_filter_shows_what_holds_every_word_and_keeps_what_is_ticked():
    state = listing.start(OPTIONS, several=True)
    for character in "/number3":
        state = state.typed(character)
    assert state.shown == ()
    assert state.pointed is None and state.toggled() == state and state.moved(1) == state
    assert "nothing here holds" in drawn(state)[0]
    for _ in range(7):
        state = state.erased()
    assert state.words == "" and not state.filtering
    for character in "beta":
        state = state.typed(character)
    assert [option.value for option in state.shown] == ["b"]
    assert state.toggled().unfiltered().answer == ()
    assert state.unfiltered().pointed == OPTIONS[6]


def test_a_list_begins_at_what_can_be_chosen():
    first = Option("x", "x", disabled="no")
    assert listing.start((first, *OPTIONS), several=False).pointed == OPTIONS[0]
    assert listing.start((first, *OPTIONS), several=False, default="b").pointed == OPTIONS[6]
    assert listing.start((first,), several=False).pointed == first


def test_facts_stand_in_two_columns_and_lose_no_word():
    words = "one two three four five six seven eight nine ten"
    lines = text_of(fact_lines((("name", words), ("longer name", "x"), ("", words)), 40))
    assert all(len(line) <= 40 for line in lines)
    assert lines[0].startswith("name         one two")
    assert " ".join(" ".join(lines).split()) == f"name {words} longer name x {words}"


def test_what_does_not_fit_is_counted():
    lines: list[Line] = [[("", str(number))] for number in range(10)]
    assert text_of(clipped(lines, 4)) == ["0", "1", "2", "(7 lines more: make the window higher)"]
    assert clipped(lines, 10) == lines


@pytest.mark.parametrize("width", [20, 40, 100])
def test_a_command_over_several_lines_is_one_command_to_a_shell(width: int):
    import shlex

    words = ["mambench", "run", "numpy-openblas", "jax-cpu", "--home", shlex.quote("/home/a b/c")]
    lines = command_lines(words, width)
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(" ".join(words))
    if width > 20:
        assert max(len(line) for line in lines) <= width


def test_a_word_longer_than_a_line_is_broken_not_lost():
    assert "".join(wrapped("x" * 30, 10)) == "x" * 30
    assert wrapped("", 10) == [""]
