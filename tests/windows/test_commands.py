"""What a person or a script asks first, and an environment from PyPI in a home whose name is hard."""

from __future__ import annotations

import json
import re

import pytest

from windows.computer import Computer
from windows.conftest import HARD_NAME, House

pytestmark = pytest.mark.timeout(600)


def test_the_installed_program_passes_its_selftest(computer: Computer, empty: str):
    done = computer.mambench("selftest", home=empty)
    assert done.code == 0, done.text
    assert "PASS" in done.out
    assert "measured and verified a result" in done.text


def test_list_tells_what_windows_can_have(computer: Computer, empty: str):
    done = computer.mambench("list", "--json", home=empty)
    assert done.code == 0, done.text
    stacks = {stack["name"]: stack for stack in json.loads(done.out)["environments"]}
    assert stacks["numpy-openblas"]["status"] == "available"
    assert (stacks["numpy-accelerate"]["status"], stacks["numpy-accelerate"]["reason"]) == ("unavailable", "platform")


def test_list_says_that_wine_is_not_windows(computer: Computer, empty: str):
    done = computer.mambench("list", "--json", home=empty)
    stacks = {stack["name"]: stack for stack in json.loads(done.out)["environments"]}
    assert stacks["numpy-openblas"]["run_by_us"]["state"] == "wine"
    assert stacks["torch-cpu"]["run_by_us"]["state"] == "never"


def test_a_report_for_the_maintainers_names_no_folder_and_no_user(computer: Computer, empty: str):
    done = computer.mambench("selftest", "--report", home=empty)
    assert done.code == 0, done.text
    text = (computer.linux_path(empty) / "mambench-selftest.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["machine"]["platform"] == "win-64"
    assert content["longest_path"] == 259
    assert empty.rpartition("\\")[2] not in text
    assert not re.search(r"Users[\\/]+(?!<user>)\w", text)


def test_a_stack_whose_paths_would_be_too_long_is_refused_before_its_download(computer: Computer, empty: str):
    home = empty + "-" + "x" * (90 - len(empty))
    done = computer.mambench("env", "create", "torch-cpu", "--source", "pypi", "--yes", home=home)
    assert done.code == 4, done.text
    assert "too long for Windows, which takes 259: a home of up to 5" in done.text
    assert "LongPathsEnabled" in done.text
    assert not (computer.linux_path(home) / "u" / "archive-v0").exists()


def test_what_lies_deeper_than_windows_goes_is_removed_all_the_same(computer: Computer, empty: str):
    wreck = computer.linux_path(empty) / "e" / "0123456789"
    deep = wreck.joinpath(*["d" * 100] * 4)
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    done = computer.mambench("env", "remove", "--all", home=empty)
    assert done.code == 0, done.text
    assert not wreck.exists()


def test_info_knows_windows(computer: Computer, empty: str):
    done = computer.mambench("info", "--json", home=empty)
    assert done.code == 0, done.text
    machine = json.loads(done.out)["machine"]
    assert machine["platform"] == "win-64"
    assert machine["os"].startswith("Windows 10")
    assert machine["memory_bytes"] > 0


def test_doctor_tells_its_findings(computer: Computer, empty: str):
    done = computer.mambench("doctor", "--json", "--offline", home=empty)
    assert done.code == 0, done.text
    findings = {each["name"]: each for each in json.loads(done.out)["findings"]}
    assert findings["home"]["state"] == "ok"
    assert findings["uv"]["message"].endswith("uv.exe")


def test_uv_makes_an_environment_from_pypi(house: House):
    assert house.made.code == 0, house.made.text
    (prefix,) = [each for each in (house.folder / "e").iterdir() if each.is_dir()]
    assert (prefix / "Scripts" / "python.exe").is_file()


def test_messages_in_a_pipe_name_the_home_as_it_is_written(house: House):
    assert HARD_NAME in house.made.text


def test_the_path_of_an_environment_is_one_that_windows_can_open(computer: Computer, house: House):
    done = computer.mambench("env", "path", "numpy-openblas", home=house.home)
    assert done.code == 0, done.text
    path = done.out.strip()
    assert path.startswith(f"{house.home}\\e\\")
    assert computer.linux_path(path).is_dir()


def test_a_program_runs_in_an_environment(computer: Computer, house: House):
    words = ["env", "exec", "numpy-openblas", "--", "python", "-c", "import numpy; print(numpy.__version__)"]
    done = computer.mambench(*words, home=house.home)
    assert done.code == 0, done.text
    assert done.out.strip().startswith("2.")
