"""Lock files that travel: a report is repeated in another home, environments are exported and made of what was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rattler

from environments.house import STACK, Done, House
from mambench.environments.prefix import MARKER
from standin.channel import NUMPY_VERSION
from standin.server import ChannelServer, Fault


@pytest.fixture
def second(house: House) -> House:
    """Another home, as on another machine."""
    return House(house.folder, house.channel_folder, name="second")


def measured(house: House, channel: str | None = None) -> Path:
    """The report of one row."""
    done = house.run(channel=channel)
    assert done.code == 0, done.text
    (report,) = (house.home / "results").glob("*.json")
    return report


def edited(report: Path, **changes: Any) -> Path:
    """A copy of a report, with the environment of its only row changed, or its machine."""
    content = json.loads(report.read_text(encoding="utf-8"))
    (environment,) = content["environments"].values()
    content["machine"].update(changes.pop("machine", {}))
    environment.update(changes)
    copy = report.with_name("edited.json")
    copy.write_text(json.dumps(content), encoding="utf-8")
    return copy


def repeat(house: House, report: Path, *more: str) -> Done:
    return house.call("run", "--repeat", str(report), "--yes", *more)


# ------------------------------------------------------------------------------------------------ run --repeat


def test_a_report_is_measured_again_in_the_very_same_environment_of_another_home(
    house: House, second: House, server: ChannelServer
):
    report = measured(house, server.url)
    before = house.report()
    server.faults["*repodata*"] = Fault(status=500)  # nothing is solved
    done = repeat(second, report)
    assert done.code == 0, done.text
    after = second.report()
    assert after["settings"]["repeats"] == before["run_id"]
    assert [row["trial"] for row in after["results"]] == [row["trial"] for row in before["results"]]
    same = ("rounds", "limits", "timeout_seconds", "preset", "sizes", "dtypes", "threads", "source")
    assert all(after["settings"][name] == before["settings"][name] for name in same)
    assert after["seed"] == before["seed"]
    assert second.environment()["lock"] == house.environment()["lock"]
    assert f"repeating run {before['run_id'][:8]}" in done.text
    assert "its packages are those of 127.0.0.1" in done.text
    assert "fewer than three rounds" in done.text, "the comparison at the end is missing"
    assert "not the same" not in done.text


def test_what_is_ready_is_taken_whichever_way_it_was_made(house: House):
    report = measured(house)
    assert repeat(house, report).code == 0
    assert len(house.installs()) == 1, "the recipe's prefix holds exactly this lock file"
    assert house.call("env", "remove", "--all").code == 0
    for _ in range(2):
        assert repeat(house, report).code == 0
    assert len(house.installs()) == 2
    assert repeat(house, report, "--offline").code == 0


def test_a_lock_file_never_stands_in_the_prefix_of_a_recipe(house: House):
    report = measured(house)
    content = json.loads(report.read_text(encoding="utf-8"))
    (environment,) = content["environments"].values()
    first, *others = environment["lock"].splitlines()
    copy = edited(report, lock="\n".join([first, *reversed(others)]) + "\n")
    assert repeat(house, copy).code == 0
    assert len(house.prefixes()) == 2
    (made,) = (each for each in house.prefixes() if json.loads((each / MARKER).read_text())["of_lock"])
    assert house.call("env", "path", STACK, "--verbose").out.strip() != str(made), "the recipe's own comes first"
    next(made.glob("lib/python3*/site-packages/numpy/__init__.py")).unlink()
    repaired = house.call("env", "check", STACK, "--repair")
    assert repaired.code == 0, repaired.text
    assert "made anew" in repaired.text
    assert house.call("env", "check", STACK, "--full").code == 0


def test_what_cannot_be_the_same_is_said_and_stands_in_the_report(house: House, second: House):
    report = edited(measured(house), machine={"os": "A system of before"})
    done = repeat(second, report)
    assert done.code == 0, done.text
    words = f"operating system: A system of before then, {second.report()['machine']['os']} here"
    assert f"not the same: {words}" in done.text
    assert words in second.report()["warnings"]
    assert done.err.index("not the same") < done.err.index("to download")


def test_a_package_that_is_gone_is_named_before_anything_is_downloaded(
    house: House, second: House, server: ChannelServer
):
    report = measured(house, server.url)
    numpy = next(each for each in house.environment()["packages"] if each["name"] == "numpy")
    server.faults[f"*{numpy['url'].rpartition('/')[2]}"] = Fault(status=404)
    done = repeat(second, report)
    assert done.code == 3, done.text
    assert f"cannot be downloaded: numpy {NUMPY_VERSION}" in done.text
    assert "127.0.0.1 answered 404" in done.text
    assert second.calls() == house.calls(), "micromamba was asked"
    assert second.row()["failure"]["reason"] == "source"
    assert second.row()["environment"] == f"{STACK}@conda"


def test_what_was_measured_on_another_platform_is_refused(house: House, second: House):
    report = edited(measured(house), machine={"platform": "win-64"})
    done = repeat(second, report)
    assert done.code == 4, done.text
    assert "the report is of win-64, this is linux-64" in done.text
    assert f"`mambench run {STACK}`" in done.text
    assert not (second.home / "results").exists() or not list((second.home / "results").iterdir())


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"lock": None}, 5, "has no lock file of numpy-openblas@conda"),
        ({"name": "gone"}, 5, "no environment was made"),
    ],
)
def test_a_report_that_tells_no_packages_is_refused(
    house: House, second: House, change: dict[str, Any], code: int, words: str
):
    done = repeat(second, edited(measured(house), **change))
    assert (done.code, words in done.text) == (code, True), done.text


def test_a_lock_file_without_its_token_cannot_be_downloaded_from(house: House, second: House):
    report = measured(house)
    lock = "@EXPLICIT\nhttps://e.org/t/***/c/linux-64/python-3.12.7-0.conda#" + "0" * 64 + "\n"
    done = repeat(second, edited(report, lock=lock))
    assert done.code == 3, done.text
    assert "no login or token for e.org" in done.text and "python 3.12.7" in done.text


# ----------------------------------------------------------------------------------------------------- export


@pytest.fixture
def small(house: House) -> House:
    house.offer("small", "python", "toy-entry")
    assert house.create("small").code == 0
    return house


def test_an_exported_lock_file_makes_the_same_environment_elsewhere(small: House, second: House):
    lock = small.cwd / "small.txt"
    assert small.call("env", "export", "small", "--output", str(lock)).code == 0
    assert lock.read_text().startswith("# platform: linux-64\n@EXPLICIT\nfile://")
    assert small.call("env", "export", "small").out == lock.read_text()
    second.offer("small", "python", "toy-entry")
    made = second.call("env", "create", "small", "--lock", str(lock), "--yes")
    assert made.code == 0, made.text
    (prefix,) = second.prefixes()
    assert str(prefix) in made.text
    assert prefix.name != small.prefixes()[0].name
    ran = second.call("env", "exec", "small", "--", "toy-entry")
    assert ran.code == 0, ran.text
    again = second.call("env", "export", "small", "--format", "explicit")
    assert again.out.splitlines()[-2:] == lock.read_text().splitlines()[-2:]
    assert "can be used on this computer only" in again.err


def test_pixi_gets_what_the_packages_say_of_themselves(small: House):
    lock = small.cwd / "pixi.lock"
    done = small.call("env", "export", "small", "--format", "pixi", "--output", str(lock))
    assert done.code == 0, done.text
    environment = rattler.LockFile.from_path(lock).default_environment()
    assert environment is not None
    (platform,) = environment.platforms()
    records = environment.conda_repodata_records_for_platform(platform) or []
    named = {(record.name.normalized, str(record.version)) for record in records}
    listed = [line for line in small.call("env", "export", "small").out.splitlines() if "#" in line[1:]]
    assert len(named) == len(listed) > 1
    assert any(record.depends for record in records)


def test_a_format_of_another_source_names_it(small: House):
    done = small.call("env", "export", "small", "--format", "pylock")
    assert (done.code, "small is not installed from PyPI" in done.text) == (2, True), done.text


def test_a_lock_file_of_an_unknown_kind_is_refused_with_those_that_are_taken(small: House):
    (small.cwd / "pixi.lock").write_text("version: 6\nenvironments: {}\n")
    done = small.call("env", "create", "small", "--lock", "pixi.lock", "--yes")
    assert done.code == 2, done.text
    assert "pixi.lock is no lock file of a kind that is taken: @EXPLICIT files of conda, and pylock.toml" in done.text
    missing = small.call("env", "create", "small", "--lock", "nothing.txt")
    assert (missing.code, "No such file" in missing.text) == (2, True), missing.text


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["https://e.org/win-64/python-3.12.7-0.conda"], "is for win-64, this is linux-64"),
        (["https://e.org/linux-64/python-3.12.7-0.conda"], "names no toy-entry, which small needs"),
    ],
)
def test_a_lock_file_that_does_not_fit_is_refused_before_a_download(small: House, lines: list[str], words: str):
    lock = small.cwd / "other.txt"
    lock.write_text("\n".join(["@EXPLICIT", *lines]) + "\n")
    done = small.call("env", "create", "small", "--lock", str(lock), "--yes")
    assert (done.code, words in done.text) == (4, True), done.text
    assert len(small.installs()) == 1


def test_a_pylock_is_what_uv_takes_and_is_taken_back(house: House, second: House, tmp_path: Path):
    from environments.index import a_wheel
    from mambench.environments.pypi.bootstrap import find_uv

    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "toy-1.0-py3-none-any.whl").write_bytes(a_wheel())
    told = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": "/dev/null"}
    for each in (house, second):
        each.environ |= told
        each.offer("toy", pypi=["toy==1.0"])
    made = house.call("env", "create", "toy", "--source", "pypi", "--yes")
    assert made.code == 0, made.text
    lock = house.cwd / "pylock.toml"
    exported = house.call("env", "export", "toy", "--output", str(lock))
    assert exported.code == 0, exported.text
    assert "can be used on this computer only, as these come from its disk: toy 1.0" in exported.text
    for more in ((), ("--offline",)):
        again = second.call("env", "create", "toy", "--lock", str(lock), "--yes", *more)
        assert again.code == 0, again.text
    venv = tmp_path / "venv"
    uv = str(find_uv(house.environ))
    subprocess.run([uv, "venv", "--python", sys.executable, str(venv)], check=True, capture_output=True)
    command = [uv, "pip", "sync", "--preview-features", "pylock", "--python", str(venv / "bin/python"), str(lock)]
    subprocess.run(command, check=True, capture_output=True)
    assert list(venv.glob("lib/python3*/site-packages/toy.py"))
