"""The wizard in a real pseudo-terminal, key by key."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mambench.machine import inspect as machine
from wizard.driver import masked, same_as_stored, skeleton

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
    pytest.mark.timeout(120),
]

SIZES = {"80x24": (80, 24), "200x60": (200, 60)}
HERE = machine.inspect()
TYPICAL = HERE.platform == "linux-64" and not HERE.gpus
"""Stored screens are those of a machine without a GPU."""

KEYS_TO = {
    "menu": [],
    "pick": ["Enter"],
    "benchmarks": ["Enter", "Up", "Enter"],
    "preset": ["Enter", "Enter"],
    "advanced": ["Enter", "Enter", "Down", "Down", "Down", "Enter"],
    "plan": ["Enter", "Enter", "Enter"],
    "sizes": ["Enter", "Enter", "Down", "Down", "Down", "Enter", "Enter"],
    "dtypes": ["Enter", "Enter", "Down", "Down", "Down", "Enter", "Down", "Enter"],
    "source": ["Enter", "Enter", "Down", "Down", "Down", "Enter", "Down", "Down", "Down", "Enter"],
    "remove": ["End", "Up", "Enter"],
    "confirm": ["End", "Up", "Enter", "Space", "Enter"],
}
"""From the first screen, with the pointer at `quick`."""

SIGNS = {
    "menu": "What next?",
    "pick": "What shall be measured?",
    "benchmarks": "Which benchmarks?",
    "preset": "How thoroughly?",
    "advanced": "Advanced settings",
    "plan": "Start?",
    "sizes": "Rows and columns",
    "dtypes": "Element types",
    "source": "Where packages come from",
    "remove": "What shall be removed?",
    "confirm": "(y/N,",
}
BEFORE = {
    "pick": "menu", "benchmarks": "pick", "preset": "pick", "advanced": "preset", "plan": "preset", "sizes": "advanced",
    "dtypes": "advanced", "source": "advanced", "remove": "menu", "confirm": "menu",
}  # fmt: skip


def go_to(screen, page: str) -> str:
    """Press the keys, one when the question before is there: what is typed earlier answers nothing."""
    seen = screen.wait(SIGNS["menu"], "Quit")
    for key in KEYS_TO[page]:
        screen.keys(key)
        seen = screen.wait("esc", gone=seen)
    return screen.wait(SIGNS[page])


def reports_in(home: Path) -> list[Any]:
    """The reports of this test's own measurements."""
    files = (home / "results").glob("*.json")
    return [json.loads(file.read_text()) for file in files if "-earlier-" not in file.name]


@pytest.mark.skipif(not TYPICAL, reason="the stored screens are of a machine of another kind")
@pytest.mark.parametrize("size", SIZES)
def test_screens_are_as_stored(open_screen, ready_home: Path, size: str):
    screen = open_screen(size=SIZES[size])
    seen = screen.wait(SIGNS["menu"], "Quit")
    for number, page in enumerate(("menu", "pick", "preset", "plan")):
        if number:
            screen.keys("Enter")
            seen = screen.wait(SIGNS[page])
        same_as_stored(masked(seen, ready_home), f"wizard-{page}-{size}")


@pytest.mark.skipif(not TYPICAL, reason="the stored screens are of a machine of another kind")
@pytest.mark.parametrize("size", SIZES)
def test_a_finished_run_looks_as_stored(open_screen, ready_home: Path, size: str):
    remember(ready_home, sizes=[128], environments=["numpy-openblas", "jax-cpu"])
    screen = open_screen(size=SIZES[size])
    screen.wait(SIGNS["menu"])
    screen.keys("Down", "Enter")
    screen.wait("Start?")
    screen.keys("Enter")
    seen = screen.wait("Report:", "Quit", history=True)
    same_as_stored(skeleton(masked(seen, ready_home)), f"wizard-result-{size}")


def test_first_screen_leaves_nothing_in_the_home(open_screen, home: Path):
    screen = open_screen()
    screen.wait("Nothing leaves this computer", "What next?")
    assert list(home.iterdir()) == []


def test_key_by_key_to_a_finished_table_and_beyond(open_screen, ready_home: Path):
    screen = open_screen()
    go_to(screen, "pick")
    screen.type("/jax")
    screen.wait("/jax_", "jax-cpu", gone="torch-cpu")
    screen.keys("Escape")
    screen.wait("torch-cpu", gone="/jax")
    screen.type("torch-cpu")
    screen.wait("/torch-cpu_")
    screen.keys("Space")
    screen.wait("3 stacks ticked, about 219 MB to download")
    screen.keys("Space")
    time.sleep(0.1)
    screen.keys("Escape")
    screen.wait("2 stacks ticked, nothing to download", gone="/torch")
    screen.keys("Enter")
    screen.wait(SIGNS["preset"])
    screen.keys("End")
    screen.keys("Enter")
    screen.wait(SIGNS["advanced"])
    screen.keys("Enter")
    screen.wait("Rows and columns")
    screen.type("256x")
    screen.keys("Enter")
    screen.wait("256x: whole numbers")
    screen.keys("BSpace", "Enter")
    screen.wait(SIGNS["advanced"], "256")
    screen.keys("End", "Enter")
    screen.wait(SIGNS["preset"], "n = 256")
    screen.keys("Home", "Enter")
    seen = screen.wait("The plan", "--size 256", "Start?")
    assert "4 trials, n = 256, float64, float32, 1 round each" in seen
    screen.keys("y")
    seen = screen.wait("Report:", "Run again", "Quit", history=True)
    assert re.search(r"\$ mambench run (numpy-openblas|jax-cpu)", seen)
    assert "stack" in seen and seen.count("✓") + seen.count("~ noisy") == 4  # other programs may be at work
    assert seen.count("█") > 50 and "float32, n = 256, cpu:0, GFLOPS" in seen
    (report,) = reports_in(ready_home)
    assert report["complete"] and {row["status"] for row in report["results"]} == {"ok"}
    assert set(json.loads((ready_home / "wizard.json").read_text())["environments"]) == {"numpy-openblas", "jax-cpu"}
    screen.keys("Enter")
    screen.wait("There is no desktop to open it on; the page is")
    screen.keys("Down", "Enter")
    screen.wait("trial 1 of 4", gone="What next?")
    screen.wait("Run again", "Quit")
    screen.keys("Down", "Down", "Down", "Down", "Enter")
    screen.wait("There is no desktop to open it on; the results are in")
    screen.keys("Escape")
    assert screen.code() == 0


@pytest.mark.usefixtures("ready_home")
@pytest.mark.parametrize("page", KEYS_TO)
def test_escape_steps_back_and_ctrl_c_leaves(open_screen, page: str):
    screen = open_screen()
    go_to(screen, page)
    if page != "menu":
        screen.keys("Escape")
        screen.wait(SIGNS[BEFORE[page]], gone=SIGNS[page])
        while "EXIT=" not in screen.text():
            screen.keys("Escape")
            time.sleep(0.2)
        assert screen.code() == 0
        screen = open_screen()
        go_to(screen, page)
    screen.keys("C-c")
    assert screen.code() == 130
    assert SIGNS[page] not in screen.text()


@pytest.mark.usefixtures("ready_home")
def test_unpressed_and_senseless_keys_do_nothing(open_screen):
    screen = open_screen()
    go_to(screen, "pick")
    screen.keys("Left", "Right", "F5", "Delete", "Insert", "M-x", "C-z", "C-l", "BSpace", "PPage", "NPage", "Home")
    screen.wait(SIGNS["pick"])
    screen.type("/zzz")
    screen.wait("nothing here holds these words")
    screen.keys("Space", "Down", "Up", "C-a", "Escape")
    screen.wait("ticked", gone="zzz")
    screen.keys("C-a")
    screen.keys("C-a")
    screen.wait("nothing is ticked yet")
    screen.keys("Enter")
    screen.wait("Tick at least one")
    screen.keys("End", "Space")
    screen.wait("cannot be ticked:")


@pytest.mark.usefixtures("ready_home")
def test_benchmarks_are_ticked_and_decide_which_stacks_there_are(open_screen):
    screen = open_screen()
    seen = go_to(screen, "pick")
    assert "+ benchmarks        matmul; " in seen and "» ● numpy-openblas" in seen
    screen.keys("Up")
    screen.wait("» + benchmarks", "space or enter opens the list")
    screen.keys("Space")
    screen.wait(SIGNS["benchmarks"], "» ● matmul", "1 benchmark ticked")
    screen.keys("Space")
    screen.wait("0 benchmarks ticked")
    screen.keys("Enter")
    screen.wait("Tick at least one")
    screen.type("/gpt")
    screen.wait("/gpt_", gone="bandwidth")
    screen.keys("Space")
    screen.wait("1 benchmark ticked")
    screen.keys("Enter")
    screen.wait(SIGNS["pick"], "+ benchmarks        gpt; ", "- numpy-openblas    gpt has no kernel for numpy")
    screen.keys("Enter")
    screen.wait(SIGNS["preset"])
    screen.keys("Enter")
    screen.wait("The plan", "gpt batch=8", "run jax-cpu --preset quick --benchmark gpt", "Start?")
    for sign in (SIGNS["preset"], SIGNS["pick"]):
        screen.keys("Escape")
        screen.wait(sign)
    assert "gpt; " in screen.text()


def test_ctrl_c_while_measuring_shows_and_saves_what_there_is(open_screen, ready_home: Path):
    remember(ready_home, sizes=[1024], environments=["numpy-openblas", "jax-cpu"], preset="standard")
    screen = open_screen()
    screen.wait(SIGNS["menu"])
    screen.keys("Down", "Enter")
    screen.wait("Start?")
    screen.keys("Enter")
    screen.wait("GFLOPS,", "trial 2 of 4", history=True)
    screen.keys("C-c")
    screen.wait("Stopped before the end", "Report:", "What next?", "Quit", history=True)
    reports = reports_in(ready_home)
    assert [(report["complete"], len(report["results"]) > 0) for report in reports] == [(False, True)]
    screen.keys("C-c")
    assert screen.code() == 130


@pytest.mark.parametrize("words", [[], ["--plain"]], ids=["drawn", "plain"])
def test_return_pressed_while_measuring_answers_nothing_afterwards(open_screen, ready_home: Path, words: list[str]):
    remember(ready_home, sizes=[128], environments=["numpy-openblas"])
    screen = open_screen(*words, size=(100, 60))
    screen.wait(SIGNS["menu"], "Quit")
    screen.keys(*(["2", "Enter"] if words else ["Down", "Enter"]))
    screen.wait("Start?")
    screen.keys("y", *(["Enter"] if words else []))
    screen.wait("$ mambench run")
    for _ in range(3):
        screen.keys("1", "Enter")
    screen.wait("Report:", "Run again", "Quit", history=True)
    time.sleep(1.0)
    assert screen.text(history=True).count("$ mambench run") == 1
    assert len(reports_in(ready_home)) == 1


@pytest.mark.usefixtures("ready_home")
@pytest.mark.parametrize("page", ["menu", "pick", "plan"])
def test_a_resize_draws_the_page_anew(open_screen, page: str):
    screen = open_screen(size=(100, 30))
    before = go_to(screen, page)
    screen.resize(60, 20)
    screen.wait(gone=before)
    time.sleep(0.2)
    small = screen.wait(SIGNS[page])
    assert small.count(SIGNS[page]) == 1 and max(len(line) for line in small.splitlines()) <= 60
    screen.resize(100, 30)
    screen.wait(gone=small)
    time.sleep(0.2)
    if page == "menu":
        assert screen.wait(SIGNS[page], "Quit")
    else:
        assert screen.wait(SIGNS[page]) == before


def test_a_resize_while_measuring_ends_in_a_table(open_screen, ready_home: Path):
    remember(ready_home, sizes=[512], environments=["numpy-openblas"])
    screen = open_screen(size=(100, 30))
    screen.wait(SIGNS["menu"])
    screen.keys("Down", "Enter")
    screen.wait("Start?")
    screen.keys("Enter")
    screen.wait("trial 1 of 2")
    screen.resize(70, 20)
    screen.wait("Report:", "Quit")


@pytest.mark.usefixtures("ready_home")
def test_no_color_draws_none(open_screen):
    screen = open_screen(NO_COLOR="1")
    go_to(screen, "pick")
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38|4[0-7])[;m]", screen.text(colours=True))
    screen = open_screen()
    go_to(screen, "pick")
    assert re.search(r"\x1b\[[0-9;]*32[;m]", screen.text(colours=True))


def test_a_terminal_without_unicode_gets_ascii(open_screen, ready_home: Path):
    remember(ready_home, sizes=[128], environments=["numpy-openblas"])
    screen = open_screen(LANG="C")
    assert go_to(screen, "pick").isascii()
    assert "> [x] numpy-openblas" in screen.text()
    screen.keys("Escape")
    screen.wait("Run again")
    screen.keys("Down", "Enter")
    assert screen.wait("Start?").isascii()
    screen.keys("Enter")
    seen = screen.wait("Report:", "Quit", history=True)
    assert seen.isascii() and "####" in seen


@pytest.mark.usefixtures("ready_home")
def test_plain_lines_reach_a_table(open_screen):
    screen = open_screen("--plain", size=(100, 60))
    for prompt, answer in (
        ("1. Choose what to measure", "1"),
        ("1. benchmarks, matmul", "1"),
        ("1. matmul, Matrix multiplication, GFLOPS", ""),
        ("numpy-openblas, NumPy with OpenBLAS", "torch"),
        ("torch-cpu, PyTorch on the CPU", "11 99 11"),
        ("There is no 99", ""),
        ("4. advanced", "4"),
        ("1. sizes", "1"),
        ("Rows and columns", "128"),
        ("1. sizes, 128", "2"),
        ("1. float64", "1"),
        ("float64: ticked.", ""),
        ("2. dtypes, float64", "6"),
        ("How thoroughly?", "1"),
        ("Start?", "maybe"),
        ("Please answer y or n", "y"),
    ):
        screen.wait(prompt, history=True)
        screen.type(answer)
        screen.keys("Enter")
        time.sleep(0.15)
    seen = screen.wait("Report:", "1. Open the report", history=True)
    assert "cannot be chosen: no NVIDIA GPU" in seen or HERE.gpus
    screen.type("q")
    screen.keys("Enter")
    assert screen.code() == 0
    assert "\x1b[" not in re.sub(r"\x1b\[[0-9;]*m", "", screen.text(history=True, colours=True))


def test_a_dumb_terminal_gets_plain_lines(open_screen):
    screen = open_screen(TERM="dumb")
    screen.wait("1. Choose what to measure", "A number, b steps back, q leaves:")
    screen.type("q")
    screen.keys("Enter")
    assert screen.code() == 0


@pytest.mark.usefixtures("ready_home")
@pytest.mark.parametrize("key", ["C-c", "C-d"])
def test_plain_lines_can_be_left(open_screen, key: str):
    screen = open_screen("--plain")
    screen.wait("A number")
    screen.keys(key)
    assert screen.code() == (130 if key == "C-c" else 0)


def test_no_network_and_nothing_installed_says_what_to_do(open_screen, home: Path):
    closed = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), closed)
    remember(home, environments=["numpy-openblas"])
    screen = open_screen(**proxies, NO_PROXY="", no_proxy="", UV_HTTP_RETRIES="0", PIP_FIND_LINKS="")
    screen.wait(SIGNS["menu"])
    screen.keys("Down", "Enter")
    seen = screen.wait("Nothing of this can be measured now", "Try again", "Back", seconds=60)
    assert "numpy-openblas" in seen and "Connect to a network" in seen
    screen.keys("Down", "Enter")
    screen.wait(SIGNS["menu"])


def test_environments_are_removed_after_a_yes(open_screen, home: Path):
    wreck = home / "envs" / "numpy-openblas-0123456789"
    wreck.mkdir(parents=True)
    (wreck / "content").write_bytes(b"0" * 3_000_000)
    screen = open_screen()
    screen.wait(SIGNS["menu"], "Remove environments")
    screen.keys("Down", "Enter")
    screen.wait("What shall be removed?", "3.0 MB, unfinished")
    screen.keys("Space")
    screen.wait("3.0 MB would be free again")
    screen.keys("Enter")
    screen.wait("Remove 3.0 MB?")
    screen.keys("Enter")
    screen.wait(SIGNS["menu"])
    assert wreck.exists()
    screen.keys("Enter")
    screen.wait("What shall be removed?")
    screen.keys("Space", "Enter")
    screen.wait("Remove 3.0 MB?")
    screen.keys("y")
    screen.wait("3.0 MB are free again")
    assert not wreck.exists()


def remember(home: Path, **changes: object) -> None:
    """A selection made earlier."""
    content = {"environments": [], "preset": "quick", "sizes": [], "dtypes": [], "threads": [], "source": "auto"}
    (home / "wizard.json").write_text(json.dumps({**content, **changes}))
