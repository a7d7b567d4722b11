"""However it ends, nothing of it lives on, and nothing is left over for long."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from frozen.conftest import Done, Forms, Person, end, make_person, wait_for

pytestmark = pytest.mark.promise("killed")

ROOT = Path(__file__).resolve().parents[2]


def measuring(person: Person, **options: Any) -> Any:
    """A run whose worker sleeps in its kernel; gives the program's process."""
    benchmark = person.home / "benchmarks" / "matmul"
    benchmark.mkdir(parents=True, exist_ok=True)
    for name in ("hangs.py", "clean.py"):
        shutil.copy(ROOT / "tests" / "e2e" / "kernels" / name, benchmark)
    lines = 'title = "toys"\n[kernels]\nhangs = { file = "hangs.py", module = "numpy", devices = ["cpu"] }\n'
    (benchmark / "benchmark.toml").write_text(lines)
    words = ["run", "--preset", "quick", "--size", "64", "--dtype", "float64"]
    started = person.start(*words, "--python", f"mine={sys.executable}", **options)
    wait_for(lambda: any("worker.py" in " ".join(_cmdline(process)) for process in person.living()))
    return started


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def app_of(started: Any) -> psutil.Process:
    """The program itself: the child of the bootloader that is no guard (a guard has a session of its own)."""
    children = psutil.Process(started.pid).children()
    (app,) = [child for child in children if os.getsid(child.pid) == os.getsid(started.pid)]
    return app


def test_ctrl_c_cleans_up(person: Person):
    """A terminal sends it to the whole group; the bootloader passes it on once more."""
    started = measuring(person)
    os.killpg(started.pid, signal.SIGINT)
    done = end(started)
    assert done.code == 130, done.text
    (report,) = (person.home / "results").glob("*.json")
    assert json.loads(report.read_text())["complete"] is False


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_window_cleans_up(person: Person, number: int):
    started = measuring(person)
    os.killpg(started.pid, number)
    assert end(started).code in (128 + number, -number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_bootloader_alone_cleans_up(one_file: Person, number: int):
    started = measuring(one_file)
    started.send_signal(number)
    assert end(started).code in (128 + number, -number)
    one_file.wait_until_alone()
    assert one_file.bundles() == []


def test_killing_the_bootloader_leaves_no_process(one_file: Person):
    started = measuring(one_file)
    os.kill(started.pid, signal.SIGKILL)
    one_file.wait_until_alone()
    (report,) = (one_file.home / "results").glob("*.json")
    assert json.loads(report.read_text())["complete"] is False, "what was there is saved"


def test_killing_the_program_leaves_nothing(one_file: Person):
    started = measuring(one_file)
    app_of(started).kill()
    end(started)
    one_file.wait_until_alone()
    assert one_file.bundles() == []


def test_killing_both_leaves_no_process_and_the_next_start_sweeps(one_file: Person):
    started = measuring(one_file)
    app = app_of(started)
    app.suspend()
    os.kill(started.pid, signal.SIGKILL)
    app.kill()
    end(started)
    one_file.wait_until_alone()
    assert len(one_file.bundles()) == 1, "only a sweep can delete it"
    assert one_file.run("list").code == 0
    assert one_file.bundles() == []


def test_a_bundle_in_use_is_not_swept(one_file: Person):
    started = measuring(one_file)
    (in_use,) = one_file.bundles()
    assert one_file.run("list").code == 0
    assert one_file.bundles() == [in_use]
    os.killpg(started.pid, signal.SIGINT)
    assert end(started).code == 130


def test_what_is_not_ours_is_not_swept(one_file: Person):
    other = one_file.temporary / "_MEI0000000aAbCdEf"
    other.mkdir()
    (other / "libpython3.11.so.1.0").write_bytes(b"")
    target = one_file.folder / "elsewhere"
    target.mkdir()
    (target / ".mambench").write_bytes(b"")
    (one_file.temporary / "_MEI0000000bAbCdEf").symlink_to(target)
    locked = one_file.temporary / "_MEI7ffffffeAbCdEf"
    locked.mkdir()
    (locked / ".mambench").write_bytes(b"")
    left = one_file.temporary / "_MEI7fffffffAbCdEf"
    shutil.copytree(locked, left)
    unpacking = one_file.temporary / f"_MEI{os.getpid():08x}AbCdEf"
    shutil.copytree(locked, unpacking)
    with (locked / ".mambench").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        assert one_file.run("list").code == 0
    assert other.is_dir() and (target / ".mambench").is_file() and locked.is_dir() and unpacking.is_dir()
    assert not left.exists()


def test_a_run_that_was_killed_in_every_way_can_be_repeated(forms: Forms, tmp_path: Path):
    person = make_person(forms.put("one file", tmp_path / "programs"), tmp_path)
    for number in (signal.SIGKILL, signal.SIGINT):
        started = measuring(person)
        os.killpg(started.pid, number)
        end(started)
        person.wait_until_alone()
    done: Done = person.run("selftest")
    assert done.code == 0, done.text
    assert person.bundles() == []
