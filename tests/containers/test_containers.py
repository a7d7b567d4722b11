"""Containers as the files describe them: an ordinary user, one volume, signals, limits; and the files themselves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from containers.box import ROOT, Box, Ended, Image
from containers.files import CONTAINERFILE, built, built_by_apptainer, files, instructions, sections
from reports import valid

RUN = ("run", "numpy-openblas", "--preset", "quick", "--size", "256", "--yes", "--source", "pypi")
NAMELESS = "54321:0"
"""A user number that is in no /etc/passwd, in group 0: what OpenShift gives."""


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """Needs root and overlays; MAMBENCH_TEST_CONTAINERS=1 turns a missing part into a failure."""
    if os.geteuid() == 0:
        made = Box()
        yield made
        made.close()
    elif os.environ.get("MAMBENCH_TEST_CONTAINERS"):
        pytest.fail("not root")
    else:
        pytest.skip("building images needs root")


@pytest.fixture(scope="module")
def image(box: Box) -> Image:
    return built(box)


@pytest.fixture(scope="module")
def volume(box: Box) -> str:
    """As a platform makes it for a user that it chose."""
    return box.folder(owner=NAMELESS, mode="2775")


@pytest.fixture(scope="module")
def first(box: Box, image: Image, volume: str) -> Ended:
    """The first container with a volume, by a user without a name and without HOME."""
    return box.start(image, RUN, user=NAMELESS, mounts={image.volumes[0]: volume}).end()


def test_a_user_without_a_name_measures_and_writes_to_the_volume_only(box: Box, first: Ended, volume: str):
    assert first.code == 0, first.out + first.err
    (file,) = box.path(f"{volume}/results").glob("*.json")
    report = valid(file.read_text())
    assert [row["status"] for row in report["results"]] == ["ok", "ok"]
    assert first.written == ()


def test_the_next_container_with_the_volume_finds_the_environment(box: Box, image: Image, first: Ended, volume: str):
    again = box.start(image, [*RUN, "--offline"], user=NAMELESS, mounts={image.volumes[0]: volume}).end()
    assert again.code == 0 and first.code == 0
    assert "to download" in first.out + first.err and "to download" not in again.out + again.err
    assert again.written == ()


def test_the_image_has_an_ordinary_user_who_may_write_to_a_new_volume(box: Box, image: Image):
    assert image.user.split(":")[0] not in ("", "0", "root")
    mine = box.folder(owner=image.user, mode="775")  # a new volume has the owner and the mode of the image's folder
    folder = box.path(box.merged(image) + image.volumes[0]).stat()
    assert f"{folder.st_uid}:{folder.st_gid}" == image.user and folder.st_mode & 0o7777 == 0o775
    ended = box.start(image, ["doctor", "--offline", "--json"], mounts={image.volumes[0]: mine}).end()
    (home,) = (each for each in json.loads(ended.out)["findings"] if each["name"] == "home")
    assert home["state"] == "ok", home
    assert ended.written == ()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["stop", "ctrl-c"])
def test_a_stopped_container_keeps_what_was_measured(
    box: Box, image: Image, first: Ended, volume: str, number: int, code: int
):
    assert first.code == 0
    before = set(box.path(f"{volume}/results").glob("*.json"))
    words = ["run", "numpy-openblas", "--size", "256", "--sustained", "60", "--yes", "--offline"]
    container = box.start(image, words, user=NAMELESS, mounts={image.volumes[0]: volume})
    while not (new := set(box.path(f"{volume}/results").glob("*.json")) - before):
        time.sleep(0.05)
    time.sleep(2)
    container.signal(number)
    begin = time.monotonic()
    ended = container.end()
    assert ended.code == code and time.monotonic() - begin < 10
    report = valid(new.pop().read_text())
    assert report["complete"] is False


def test_process_1_heeds_sigterm_while_it_loads(box: Box, image: Image, volume: str):
    """Also without tini: the kernel drops what process 1 of a container has no handler for."""
    plain = replace(image, entrypoint=image.entrypoint[-1:])
    container = box.start(plain, ["--help"], mounts={image.volumes[0]: volume})
    while not container.ended and not container.heeds(signal.SIGTERM):
        time.sleep(0.001)
    container.signal(signal.SIGTERM)
    ended = container.end(20)
    assert (ended.code, ended.out, ended.err) == (143, "", "")


def test_a_memory_limit_is_seen(box: Box, image: Image, volume: str):
    top = next(each for each in map(Path, ("/sys/fs/cgroup/memory", "/sys/fs/cgroup")) if each.is_dir())
    group = top / f"mambench-{os.getpid()}"
    limit = group / ("memory.max" if (top / "cgroup.controllers").exists() else "memory.limit_in_bytes")
    group.mkdir()
    try:
        limit.write_text(str(2**30))
        container = box.start(
            image, ["info", "--json"], mounts={image.volumes[0]: volume}, before=f"echo $$ > {group}/cgroup.procs"
        )
        assert json.loads(container.end().out)["machine"]["memory_bytes"] == 2**30
    finally:
        group.rmdir()


def test_apptainer_measures_in_a_read_only_image_and_writes_to_the_callers_home(box: Box):
    image = built_by_apptainer(box)
    home = box.folder(owner="1234:1234", mode="700")
    mounts = {"/home": home}
    ended = box.start(
        image, RUN, user="1234:1234", mounts=mounts, environ={"HOME": "/home"}, read_only=True
    ).end()  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    assert [each.name for each in box.path(home).iterdir()] == [".local"]
    (file,) = box.path(f"{home}/.local/share/mambench-apptainer/results").glob("*.json")
    assert {row["status"] for row in valid(file.read_text())["results"]} == {"ok"}
    assert ended.written == ()
    touching = replace(image, entrypoint=("touch",))
    assert box.start(touching, ["/opt/x"], user="0:0", mounts=mounts, read_only=True).end().code == 1
    told = box.start(
        image,
        ["info", "--json"],
        user="1234:1234",
        mounts=mounts,
        environ={"HOME": "/home", "MAMBENCH_HOME": "/home/x"},
    )
    assert json.loads(told.end().out)["home"] == "/home/x"


# --------------------------------------------------------------------------------------------- the files


def readme_install() -> str:
    """The README's line without what it runs."""
    line = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- ci: run -->\n```sh\n")[2].splitlines()[0]
    return line.partition(" && .venv/bin/mambench ")[0]


def test_both_files_install_by_the_readmes_line():
    assert readme_install().startswith("python3 -m venv")
    assert readme_install() in [value for instruction, value in instructions() if instruction == "RUN"]
    assert readme_install() in [line.strip() for line in sections()["post"].splitlines()]


def test_a_linter_finds_nothing_in_the_containerfile():
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists() and not os.environ.get("MAMBENCH_TEST_CONTAINERS"):
        pytest.skip("hadolint is not here")
    done = subprocess.run(
        [linter, "--failure-threshold", "style", CONTAINERFILE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_definition_has_known_sections_and_copies_what_is_there():
    parts = sections()
    assert set(parts) == {"", "files", "post", "environment", "runscript", "help"}
    assert dict(re.findall(r"^(\w+): (.+)$", parts[""], re.MULTILINE)).keys() == {"Bootstrap", "From"}
    assert files() and all((ROOT / source).exists() and target.startswith("/") for source, target in files())
    for name in ("post", "environment", "runscript"):
        subprocess.run(["sh", "-n", "-c", parts[name]], check=True)


def test_both_files_copy_all_that_the_build_reads():
    words = {word for instruction, value in instructions() if instruction == "COPY" for word in value.split()}
    assert {source for source, _ in files()} <= words
