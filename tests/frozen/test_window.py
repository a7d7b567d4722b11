"""A double-click: the window that it needs, that it keeps open, and what happens where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from frozen.conftest import MARK, Forms, Person, end, make_person, wait_for

DISPLAY = {"DISPLAY": ":99"}


def offer(folder: Path, name: str, script: str) -> None:
    """A program of this name on the person's PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def desktop(one_file: Person, tmp_path: Path) -> Path:
    """A desktop without any terminal emulator: the folder of what is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "env", "cat", "script", "sleep"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    one_file.environ |= {**DISPLAY, "PATH": str(folder)}
    return folder


def test_without_a_display_it_is_a_usage_error(one_file: Person):
    done = one_file.run()
    assert done.code == 2
    assert "mambench run NAME" in done.text


def test_it_starts_itself_in_the_first_terminal_that_opens(one_file: Person, desktop: Path):
    said = one_file.folder / "said"
    offer(desktop, "xdg-terminal-exec", "exit 1")
    offer(desktop, "x-terminal-emulator", f'shift; "$@" >"{said}" 2>&1 </dev/null; echo "code $?" >>"{said}"')
    done = one_file.run()
    assert done.code == 0, done.text
    assert "code 2" in said.read_text(), "it runs there, without a terminal after all: a usage error, no third try"
    assert one_file.bundles() == [] and not list(one_file.temporary.glob("mambench-window-*"))


def test_the_users_own_choice_of_terminal_comes_first(one_file: Person, desktop: Path):
    offer(desktop, "mine", f'echo "$@" > "{one_file.folder}/mine"; shift 2; "$@"')
    offer(desktop, "xterm", f'touch "{one_file.folder}/xterm"')
    assert one_file.run(environ={"TERMINAL": "mine --big"}).code == 0
    assert (one_file.folder / "mine").read_text().startswith("--big -e /usr/bin/env MAMBENCH_WINDOW=")
    assert not (one_file.folder / "xterm").exists()


def test_without_a_terminal_emulator_it_leaves_a_message_and_one_notice(one_file: Person, desktop: Path):
    offer(desktop, "notify-send", f'echo "$@" >> "{one_file.folder}/notices"')
    offer(desktop, "xmessage", f'echo "$@" >> "{one_file.folder}/notices"')
    done = one_file.run()
    assert done.code == 2
    message = (one_file.home / "no-terminal.txt").read_text()
    assert "Install xterm" in message and str(one_file.program) in message
    assert (one_file.folder / "notices").read_text().count("Install xterm") == 1


def test_with_arguments_it_never_opens_a_window(one_file: Person, desktop: Path):
    offer(desktop, "xterm", f'touch "{one_file.folder}/xterm"')
    assert one_file.run("info", "--json").code == 0
    assert not (one_file.folder / "xterm").exists()


def in_terminal(person: Person, *words: str, **environ: str) -> pexpect.spawn:
    """The program in a pseudo-terminal."""
    variables = {**person.environ, MARK: person.mark, **environ}
    return pexpect.spawn(
        str(person.program), list(words), env=variables, timeout=30, encoding="utf-8", dimensions=(40, 100)
    )


@pytest.mark.parametrize("words", [["list"], ["run", "no-such-stack"], ["no-such-command"]], ids=lambda words: words[0])
def test_a_window_of_its_own_stays_open_at_the_end(person: Person, words: list[str]):
    child = in_terminal(person, *words, MAMBENCH_WINDOW="1")
    child.expect("Press Enter to close")
    assert child.isalive()
    child.send("\r")
    child.expect(pexpect.EOF)


def test_a_terminal_that_a_shell_owns_is_given_back(person: Person):
    child = in_terminal(person, "list")
    child.expect(pexpect.EOF)
    assert "Press Enter" not in child.before


def test_ctrl_c_at_the_last_question_ends_it(one_file: Person):
    child = in_terminal(one_file, "list", MAMBENCH_WINDOW="1")
    child.expect("Press Enter to close")
    child.sendintr()
    child.expect(pexpect.EOF)
    one_file.wait_until_alone()
    assert one_file.bundles() == []


def test_the_desktop_file_is_valid_and_finds_its_program(forms: Forms, tmp_path: Path):
    person = make_person(forms.put("folder", tmp_path / "it's a place"), tmp_path)
    entry = person.program.with_name("mambench.desktop")
    if validate := shutil.which("desktop-file-validate"):
        subprocess.run([validate, str(entry)], check=True)
    (line,) = [line for line in entry.read_text().splitlines() if line.startswith("Exec=")]
    # The quoting rules of the Desktop Entry Specification: first those of strings, then those of Exec.
    script = line.removeprefix("Exec=sh -c ").replace("\\\\", "\\").partition('" sh %k')[0].removeprefix('"')
    script = script.replace('\\"', '"').replace("\\$", "$")
    command = ["sh", "-c", script, "sh", str(entry)]
    done = subprocess.run(
        command, env=person.environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 2 and "mambench run NAME" in " ".join(done.stderr.split())


@pytest.mark.long
def test_a_double_click_under_a_real_desktop(one_file: Person, tmp_path: Path):
    """Xvfb and xterm; the screenshot is left in the test's folder, or at MAMBENCH_TEST_SCREENSHOT."""
    if not all(shutil.which(name) for name in ("Xvfb", "xterm", "import", "xdotool")):
        pytest.skip("needs xvfb, xterm, imagemagick and xdotool")
    number = f":{os.getpid() % 1000 + 100}"
    server = subprocess.Popen(["Xvfb", number, "-screen", "0", "1000x700x24"], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: Path(f"/tmp/.X11-unix/X{number[1:]}").exists())
        program = one_file.start(environ={"DISPLAY": number, "TERMINAL": "xterm -fa Monospace -fs 11 -geometry 100x34"})
        wait_for(lambda: len(one_file.bundles()) == 2, seconds=30)
        time.sleep(4)
        shot = Path(os.environ.get("MAMBENCH_TEST_SCREENSHOT") or tmp_path / "screen.png")
        subprocess.run(["import", "-display", number, "-window", "root", str(shot)], check=True)
        assert program.poll() is None, "the window is open"
        assert shot.stat().st_size > 2000
        key = ["xdotool", "search", "--class", "xterm", "windowkill"]
        subprocess.run(key, env={**os.environ, "DISPLAY": number}, check=True, stdout=subprocess.DEVNULL)
        end(program)
        one_file.wait_until_alone()
        assert one_file.bundles() == [], "a closed window leaves nothing"
    finally:
        server.terminate()
        server.wait()


def test_pexpect_is_here():
    """These tests would be worth nothing without a terminal."""
    assert sys.stdin is not None and pexpect.__version__
