"""Commands as a person would type them."""

from __future__ import annotations

import shlex

import pytest

from mambench.system.process import quoted


def test_a_posix_shell_reads_back_what_was_quoted() -> None:
    words = ["mambench", "--home", "/a b/c's", "x;y", ""]
    assert shlex.split(" ".join(quoted(words, "linux-64"))) == words


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("run", "run"),
        ("128,256", "128,256"),
        ("C:\\Users\\José\\a b", '"C:\\Users\\José\\a b"'),
        ("C:\\a b\\", '"C:\\a b\\\\"'),
        ("https://h/a?b&c", '"https://h/a?b&c"'),
        ("", '""'),
    ],
)
def test_cmd_exe_sees_one_word(word: str, shown: str) -> None:
    assert quoted([word], "win-64") == [shown]
