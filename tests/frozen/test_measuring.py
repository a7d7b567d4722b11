"""Whole runs of the frozen program, to verified rows; its libraries reach none of its children."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from frozen.conftest import STRANGE, Forms, Person, make_person
from standin.channel import build_channel
from standin.packages import File, Package, write_channel

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--preset", "quick", "--size", "128", "--dtype", "float64", "--yes")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"

CONDA = f"""
[conda]
channels = ["file://{{channel}}"]
packages = ["python={MINOR}", "numpy", "libblas=*=*openblas"]
"""
PYPI = """
[pypi]
python = ">=3.10,<3.20"
packages = ["numpy==2.4.6"]
"""
NEEDS_LIBRARIES = """\
# Loads what our bundle has poisoned copies of, from wherever the environment has them.
import ctypes
import ssl

ssl.create_default_context()
ctypes.CDLL("libstdc++.so.6")
"""


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small conda channel of the tests, kept in MAMBENCH_TEST_CHANNEL_CACHE if that is set."""
    kept = os.environ.get("MAMBENCH_TEST_CHANNEL_CACHE")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("channel")
    folder.mkdir(parents=True, exist_ok=True)
    return build_channel(folder.resolve())


def real_uv() -> str:
    """uv, or the test is skipped."""
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("uv is not here")
    return found


def rows(person: Person) -> list[dict[str, Any]]:
    """The rows of the newest report, validated."""
    newest = max((person.home / "results").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    content = json.loads(newest.read_text(encoding="utf-8"))
    jsonschema.validate(content, json.loads((ROOT / "resources" / "report.schema.json").read_text(encoding="utf-8")))
    return list(content["results"])


def verified(person: Person) -> dict[str, Any]:
    """The only row, which must be ok and verified."""
    (row,) = rows(person)
    assert (row["status"], row["verified"]) == ("ok", True), row["failure"]
    return row


def test_conda_through_the_carried_micromamba(person: Person, channel: Path):
    person.offer_stack("mine", CONDA.format(channel=channel))
    done = person.run("run", "mine", *QUICK)
    assert done.code == 0, done.text
    assert verified(person)["environment"] == "mine@conda"


def test_pypi_through_a_named_uv(one_file: Person):
    one_file.offer_stack("mine", PYPI)
    done = one_file.run("run", "mine", *QUICK, environ={"MAMBENCH_UV": real_uv()})
    assert done.code == 0, done.text
    assert verified(one_file)["environment"] == "mine@pypi"


def test_a_strange_path_to_a_finished_table(forms: Forms, channel: Path, tmp_path: Path):
    person = make_person(forms.put("one file", tmp_path / STRANGE), tmp_path)
    person.offer_stack("mine", CONDA.format(channel=channel))
    done = person.run("run", "mine", *QUICK)
    assert done.code == 0, done.text
    verified(person)


def test_without_uv_micromamba_brings_uv_and_a_python_once(one_file: Person, channel: Path, tmp_path: Path):
    uv = Package("uv", "0.13.8", "0", {"bin/uv": File(Path(real_uv()).read_bytes(), executable=True)})
    write_channel(tmp_path / "more", [uv], platform="linux-64")
    (tmp_path / "bin").mkdir()
    one_file.environ["PATH"] = str(tmp_path / "bin")
    one_file.offer_stack("mine", PYPI)
    words = ("run", "mine", *QUICK, "--channel", f"file://{channel},file://{tmp_path}/more")
    done = one_file.run(*words)
    assert done.code == 0, done.text
    assert verified(one_file)["environment"] == "mine@pypi"
    (tools,) = one_file.home.glob("envs/tools-*/mambench-marker.json")
    made = tools.stat().st_mtime_ns
    done = one_file.run(*words)
    assert done.code == 0, done.text
    assert tools.stat().st_mtime_ns == made


def test_tools_are_not_downloaded_without_a_yes(one_file: Person, channel: Path, tmp_path: Path):
    uv = Package("uv", "0.13.8", "0", {"bin/uv": File(b"not run", executable=True)})
    write_channel(tmp_path / "more", [uv], platform="linux-64")
    one_file.offer_stack("mine", PYPI)
    words = ("run", "mine", "--channel", f"file://{channel},file://{tmp_path}/more")
    done = one_file.run(*words, environ={"PATH": "/nowhere"})
    assert done.code == 3
    assert "tools: " in done.text and "add --yes to let it be downloaded" in done.text
    assert not list(one_file.home.glob("envs/tools-*"))


def test_without_uv_and_without_a_channel_for_it_the_row_says_what_to_do(one_file: Person, channel: Path):
    one_file.offer_stack("mine", PYPI)
    without_uv = {"PATH": "/nowhere", "PIP_NO_INDEX": "1"}
    done = one_file.run("run", "mine", *QUICK, "--channel", f"file://{channel}", environ=without_uv)
    assert done.code in (3, 4), done.text
    assert "uv is not here, and micromamba brings none" in done.text
    assert "no package index is configured" in done.text
    assert "MAMBENCH_UV" in done.text


def test_without_conda_uv_comes_from_the_package_index_once(one_file: Person, tmp_path: Path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys._base_executable)
    one_file.environ["PATH"] = str(tmp_path / "bin")
    one_file.offer_stack("mine", PYPI)
    words = ("run", "mine", *QUICK, "--channel", "file:///nowhere")
    done = one_file.run(*words)
    assert done.code == 0, done.text
    assert verified(one_file)["environment"] == "mine@pypi"
    (kept,) = one_file.home.glob("tools/uv-*/uv")
    made = kept.stat().st_mtime_ns
    shutil.rmtree(one_file.home / "envs")
    assert one_file.run(*words).code == 0
    assert kept.stat().st_mtime_ns == made


def test_without_any_python_the_row_says_where_uv_looked_for_one(one_file: Person):
    one_file.offer_stack("mine", PYPI)
    closed = {"PATH": "/nowhere", "UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:9", "UV_HTTP_RETRIES": "0"}
    done = one_file.run("run", "mine", *QUICK, "--channel", "file:///nowhere", environ=closed)
    assert done.code in (3, 4), done.text
    assert "no python >=3.10,<3.20 is on this machine, and uv could not download one from GitHub" in done.text
    assert "UV_PYTHON_INSTALL_MIRROR" in done.text


@pytest.mark.promise("trusted")
def test_poisoned_libraries_in_the_bundle_reach_no_child(forms: Forms, channel: Path, tmp_path: Path):
    person = make_person(forms.put("folder", tmp_path / "programs"), tmp_path)
    internal = person.program.parent / "_internal"
    for name in ("libssl.so.3", "libstdc++.so.6"):
        (internal / name).write_bytes(b"poison\n")
    effective = {"LD_LIBRARY_PATH": str(internal)}
    tried = subprocess.run([sys.executable, "-c", "import ssl"], env=effective, capture_output=True, check=False)
    assert tried.returncode != 0, "the poison works"
    benchmark = person.home / "benchmarks" / "matmul"
    benchmark.mkdir(parents=True)
    kernel = (ROOT / "resources" / "benchmarks" / "matmul" / "kernel_numpy.py").read_text()
    future = "from __future__ import annotations\n"
    (benchmark / "kernel.py").write_text(future + NEEDS_LIBRARIES + kernel.replace(future, ""))
    line = 'title = "needs"\n[kernels]\nneeds = { file = "kernel.py", module = "numpy", devices = ["cpu"] }\n'
    (benchmark / "benchmark.toml").write_text(line)
    person.offer_stack("mine", CONDA.format(channel=channel), kernel="needs")
    done = person.run("run", "mine", *QUICK, "--python", f"lab={sys.executable}")
    assert done.code == 0, done.text
    assert {row["environment"]: row["verified"] for row in rows(person)} == {"mine@conda": True, "existing:lab": True}


@pytest.mark.promise("trusted")
def test_a_tampered_micromamba_is_replaced_from_the_carried_archive(one_file: Person):
    assert one_file.run("selftest").code == 0
    (executable,) = one_file.home.glob("tools/micromamba-*/micromamba")
    honest = executable.read_bytes()
    executable.write_bytes(b"#!/bin/sh\ntouch /tmp/i-was-here\n")
    done = one_file.run("selftest")
    assert done.code == 0, done.text
    assert executable.read_bytes() == honest
    assert "was changed" in done.text and str(executable.name) in done.text


@pytest.mark.promise("trusted")
def test_a_broken_archive_is_refused(forms: Forms, tmp_path: Path):
    person = make_person(forms.put("folder", tmp_path / "programs"), tmp_path)
    (archive,) = (person.program.parent / "_internal/mambench/resources/mm").glob("*.tar.bz2")
    archive.write_bytes(archive.read_bytes() + b"more")
    done = person.run("selftest")
    assert done.code == 1
    assert "its SHA-256 differs from the pin" in done.text
    assert not list(person.home.glob("tools/micromamba-*/micromamba"))
