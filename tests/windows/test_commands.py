"""What a person or a script asks first, and an environment from PyPI in a home whose name is hard."""

from __future__ import annotations

import json

import pytest

from windows.computer import Computer
from windows.conftest import HARD_NAME, House

pytestmark = pytest.mark.timeout(600)


def test_the_installed_program_passes_its_selftest(computer: Computer, empty: str):
    done = computer.mambench("selftest", home=empty)
    assert done.code == 0, done.text
    assert "PASS" in done.out
    assert "measured and verified a product" in done.text


def test_list_tells_what_windows_can_have(computer: Computer, empty: str):
    done = computer.mambench("list", "--json", home=empty)
    assert done.code == 0, done.text
    stacks = {stack["name"]: stack for stack in json.loads(done.out)["environments"]}
    assert stacks["numpy-openblas"]["status"] == "available"
    assert (stacks["numpy-accelerate"]["status"], stacks["numpy-accelerate"]["reason"]) == ("unavailable", "platform")


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
    assert path.startswith(f"{house.home}\\envs\\")
    assert computer.linux_path(path).is_dir()


def test_a_program_runs_in_an_environment(computer: Computer, house: House):
    words = ["env", "exec", "numpy-openblas", "--", "python", "-c", "import numpy; print(numpy.__version__)"]
    done = computer.mambench(*words, home=house.home)
    assert done.code == 0, done.text
    assert done.out.strip().startswith("2.")
