"""What `--python [NAME=]PATH` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.app.context import Mambench
from mambench.app.pythons import existing_specs, named_path
from mambench.errors import UsageError
from mambench.system.home import Home
from mambench.terminal.console import Terminal


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("/opt/a=b/bin/python", "", "/opt/a=b/bin/python"),
        ("lab=/opt/a=b/bin/python", "lab", "/opt/a=b/bin/python"),
        ("lab=x y/python", "lab", "{cwd}/x y/python"),
        ("a b=/opt/python", "", "{cwd}/a b=/opt/python"),
        ("here=there/python", "", "{cwd}/here=there/python"),
        ("old=here=there/python", "old", "{cwd}/here=there/python"),
        ("snake", "", "{cwd}/tools/snake"),
        ("lab=snake", "lab", "{cwd}/tools/snake"),
        ("./snake", "", "{cwd}/snake"),
        ("worm", "", "{cwd}/worm"),
        ("here=there", "", "{cwd}/here=there"),
    ],
)
def test_a_python_is_a_path_that_may_have_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, name: str, path: str
) -> None:
    for file in ("here=there/python", "tools/snake", "tools/worm", "worm"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    assert named_path(text, search_path=str(tmp_path / "tools")) == (
        name,
        Path(path.format(cwd=tmp_path)).absolute(),
    )


@pytest.mark.parametrize("text", ["x" * 5000, "lab=" + "x" * 300, "lab=/" + "x" * 5000])
def test_a_path_that_the_system_refuses_is_a_usage_error(tmp_path: Path, text: str) -> None:
    app = Mambench(Home(tmp_path), environ={}, terminal=Terminal(quiet=True))
    with pytest.raises(UsageError):
        existing_specs(app, text, ["matmul"])
