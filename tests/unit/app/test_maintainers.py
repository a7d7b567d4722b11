"""The file for maintainers: what it holds, and that nothing in it tells who and where somebody is."""

from __future__ import annotations

import io
import json
import os
import socket
from pathlib import Path

import pytest
from builders import a_machine
from rich.console import Console

from mambench.app.context import Mambench
from mambench.app.findings import Finding
from mambench.app.selftest import maintainers
from mambench.app.selftest.scrubbed import Secrets, scrubbed
from mambench.system.home import Home
from mambench.terminal.console import Terminal

SECRETS = Secrets(
    {r"C:\Users\José\bench home": "<home>", r"C:\Users\José": "<user folder>", "/data/jj": "<user folder>"},
    ["José", "jsmith"],
    ["lab7", "lab7.example.org"],
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (r"cannot write C:\Users\José\bench home\e\1", r"cannot write <home>\e\1"),
        ("c:/users/josé/bench home/e", "<home>/e"),
        ("file:///C:/Users/Jos%C3%A9/bench%20home/x", "file:///<home>/x"),
        (r"C:\\Users\\José\\x", r"<user folder>\\x"),
        (r"D:\Users\JOS~1\x", r"D:\Users\<user>\x"),
        ("/home/another/x and /Users/another", "/home/<user>/x and /Users/<user>"),
        ("/data/jj/x", "<user folder>/x"),
        ("run by jsmith on lab7.example.org (LAB7)", "run by <name> on <host> (<host>)"),
        ("https://jsmith:secret@mirror.corp:8080/t/tk-123/conda", "https://***@<host>:8080/t/***/conda"),
        ("DNS lookup failed for mirror.corp; https://mirror.corp/x", "DNS lookup failed for <host>; https://<host>/x"),
        ("at 10.1.2.3 and fe80::1 and 2001:db8::7", "at <address> and <address> and <address>"),
        ("mail j.s@example.org, 00:1a:2b:3c:4d:5e", "mail <address>, <address>"),
        ("GPU-01234567-89ab-cdef-0123-456789abcdef", "<uuid>"),
    ],
)
def test_what_is_private_is_taken_out(text: str, cleaned: str) -> None:
    assert scrubbed(text, SECRETS) == cleaned
    assert scrubbed({text: [text]}, SECRETS) == {cleaned: [cleaned]}


@pytest.mark.parametrize(
    "text",
    [
        "python 3.12.7, driver 570.10, Windows 10.0.19045, at 10:00:00",
        "cannot read https://conda.anaconda.org/conda-forge",
        "matmul/numpy-openblas@pypi/cpu:0/float64/64x64x64/threads=default",
    ],
)
def test_what_a_maintainer_needs_stays(text: str) -> None:
    assert scrubbed(text, SECRETS) == text


def test_numbers_stay_what_they_are() -> None:
    assert scrubbed({"a": (1, 2.5, None, True)}, SECRETS) == {"a": [1, 2.5, None, True]}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mambench:
    user = tmp_path / "zoe"
    environ = {
        "HOME": str(user),
        "USER": "zoe",
        "TERM": "xterm",
        "HTTPS_PROXY": "http://zoe:pw@proxy.corp:3128",
        "PATH": "",
    }
    monkeypatch.setattr(socket, "gethostname", lambda: "kiwi.corp")
    monkeypatch.setattr(Path, "home", lambda: user)
    terminal = Terminal()
    terminal.messages = terminal.output = Console(file=io.StringIO(), width=80)
    made = Mambench(Home(user / "bench"), environ=environ, terminal=terminal)
    made.machine = a_machine()
    made.home.prepare()
    failure = {"message": f"cannot write {user / 'bench' / 'envs' / 'x'}", "log": f"{user}/bench/logs/1.log"}
    row = {"trial": "matmul/existing:zoe", "status": "failed", "failure": failure, "rounds": [{"facts": "zoe"}]}
    (made.home.results / "kiwi.json").write_text(json.dumps({"results": [row]}))
    return made


def test_the_file_tells_of_machine_findings_and_rows_and_nothing_private(app: Mambench, tmp_path: Path) -> None:
    wrong = Finding("worker", "wrong", f"no {app.home.root}/code on kiwi, proxy.corp answered 407, 192.168.0.7")
    maintainers.save(app, [wrong], tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text(encoding="utf-8")
    for private in ("zoe", str(tmp_path), "kiwi", "proxy.corp", "pw", "192.168"):
        assert private not in text
    content = json.loads(text)
    assert content["machine"]["cpu"]["model"] == "A processor"
    assert content["selftest"][0]["message"] == "no <home>/code on <host>, <host> answered 407, <address>"
    assert {each["name"] for each in content["doctor"]} >= {"home", "disk", "uv"}
    assert content["latest_rows"][0]["failure"]["message"] == str(Path("cannot write <home>") / "envs" / "x")
    assert "rounds" not in content["latest_rows"][0]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no FIFOs, and links for administrators only")
def test_what_is_no_file_among_the_results_keeps_nothing_back(app: Mambench, tmp_path: Path) -> None:
    os.mkfifo(app.home.results / "fifo.json")
    (app.home.results / "loop.json").symlink_to("loop.json")
    (tmp_path / "link").symlink_to("there")
    maintainers.save(app, [], tmp_path / "link")
    assert json.loads((tmp_path / "there").read_text(encoding="utf-8"))["latest_rows"][0]["status"] == "failed"
    assert (tmp_path / "link").is_symlink()
