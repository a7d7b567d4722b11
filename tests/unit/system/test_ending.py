"""How an end is told in words."""

from __future__ import annotations

import sys

import pytest

from mambench.system import ending


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-200, "killed by signal 200"),
        (0xC0000005, "exit code 0xC0000005 (access violation)"),
    ],
)
def test_exit_codes_are_told_in_words(returncode: int, words: str) -> None:
    assert ending.describe_exit(returncode) == words


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_signals_are_told_by_name() -> None:
    assert ending.describe_exit(-9) == "killed by signal 9 (SIGKILL)"


class Gone:
    """A child that ended by itself or by our SIGTERM, with a grandchild that lives."""

    pid = 2**22 + 1

    def poll(self) -> int:
        return 0

    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def test_what_a_child_started_is_killed_although_the_child_is_gone() -> None:
    class Grandchild:
        killed = False

        def kill(self) -> None:
            self.killed = True

    grandchild = Grandchild()
    ending.kill_tree(Gone(), [grandchild])  # type: ignore[list-item]
    assert grandchild.killed


def test_a_child_that_is_gone_has_no_family() -> None:
    assert ending.family(Gone()) == []
