"""The page of a report as it is made of a file."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from builders import a_machine, a_report

from mambench.app.pages import page_of


@pytest.mark.parametrize(("platform", "quoted"), [("win-64", '"C:\\a & b"'), ("linux-64", "'C:\\a & b'")])
def test_the_command_is_quoted_for_the_shell_of_the_machine(platform: str, quoted: str) -> None:
    report = replace(a_report(), argv=("run", "--home", r"C:\a & b"), machine=a_machine(platform))
    text = page_of(report, Path("r.json"))
    assert f"mambench run --home {quoted}" in unescape(text)
