"""Copies of prefixes: what is in them, what a link names there, and that nothing else is touched or left."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import an_environment, names

from mambench.environments import staging
from mambench.errors import Interrupted, ProvisionError, UsageError
from mambench.model import Environment, Event, Note, Provisioning
from mambench.system import files
from mambench.system.home import STALE_SECONDS, Home

if sys.platform == "win32":
    pytest.skip("copies are refused there", allow_module_level=True)

RUN = "0123456789abcdef0123456789abcdef"
OWN = f"mambench-{os.getuid()}-01234567"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A python that is nobody's copy."""
    return a_python(tmp_path / "usr")


def a_python(root: Path) -> Path:
    for name in ("bin/python3.12", "lib/python3.12/os.py"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(name)
    (root / "bin/python3.12").chmod(0o755)
    return root / "bin/python3.12"


def a_venv(home: Home, python: Path) -> Environment:
    """A virtual environment as uv makes it."""
    prefix = home.root / "envs" / "it-1"
    site = prefix / "lib" / "python3.12" / "site-packages" / "it"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("it")
    (site / "it.so").write_bytes(bytes(range(256)) * 5000)
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python").symlink_to(python)
    (prefix / "bin" / "python3").symlink_to("python")
    (prefix / "lib64").symlink_to("lib")
    (prefix / "pyvenv.cfg").write_text(f"home = {python.parent}\nversion_info = 3.12.7\n")
    return an_environment(prefix=prefix, python=prefix / "bin" / "python")


def content(root: Path) -> dict[str, object]:
    """What is in a tree, links by what they name."""
    every = sorted(root.rglob("*"))
    return {
        path.relative_to(root).as_posix(): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in every
        if path.is_symlink() or path.is_file()
    }


def copied(environment: Environment, home: Home, disk: Path) -> Iterator[Environment]:
    with staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None) as stage:
        yield stage(environment)


def test_a_copy_has_the_files_and_links_of_its_prefix(home: Home, disk: Path, base: Path) -> None:
    environment = a_venv(home, base)
    before = content(environment.prefix or base)
    for copy in copied(environment, home, disk):
        assert copy.prefix == disk / OWN / "it-1" and copy.python == copy.prefix / "bin" / "python"
        assert content(copy.prefix) == {**before, "bin/python3": str(base)}
        assert (copy.key, copy.lock_file, copy.packages) == (environment.key, "a lock", environment.packages)
    assert content(environment.prefix or base) == before


def test_it_is_nobody_elses_to_enter_and_gone_afterwards(home: Home, disk: Path, base: Path) -> None:
    for _ in copied(a_venv(home, base), home, disk):
        assert stat.S_IMODE((disk / OWN).stat().st_mode) == 0o700
    assert names(disk) == []


@pytest.mark.parametrize("error", [Interrupted(15), RuntimeError("no")])
def test_it_is_gone_after_an_error_too(home: Home, disk: Path, base: Path, error: BaseException) -> None:
    environment = a_venv(home, base)
    with (
        pytest.raises(type(error)),
        staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None) as stage,
    ):
        stage(environment)
        raise error
    assert names(disk) == []


def test_an_environment_is_copied_once_and_a_python_of_the_users_own_not_at_all(
    home: Home, disk: Path, base: Path
) -> None:
    environment, events = a_venv(home, base), list[Event]()
    own = an_environment(source="existing", prefix=None, python=base)
    with staging.stage(disk, home=home, run_id=RUN, on_event=events.append) as stage:
        assert stage(own) is own and not events
        assert stage(environment) == stage(environment)
    assert {event.phase for event in events if isinstance(event, Provisioning)} == {f"copying to {disk / OWN}"}
    last = events[-1]
    assert isinstance(last, Provisioning) and last.done_bytes == last.total_bytes
    assert last.total_bytes is not None and last.total_bytes > 256 * 5000


def test_without_a_folder_nothing_is_copied(home: Home, base: Path) -> None:
    environment = a_venv(home, base)
    with staging.stage(None, home=home, run_id=RUN, on_event=lambda _event: None) as stage:
        assert stage(environment) is environment


def test_a_base_python_in_the_home_comes_along(home: Home, disk: Path) -> None:
    """Also where its folder has another name by a link, as uv makes them."""
    python = a_python(home.root / "tools" / "pythons" / "cpython-3.12.7")
    (python.parents[2] / "cpython-3.12").symlink_to("cpython-3.12.7")
    environment = a_venv(home, python.parents[2] / "cpython-3.12" / "bin" / "python3.12")
    for copy in copied(environment, home, disk):
        assert Path(os.path.realpath(copy.python)) == disk / OWN / "cpython-3.12.7" / "bin" / "python3.12"
        assert os.access(copy.python, os.X_OK)
        assert (disk / OWN / "cpython-3.12.7" / "lib" / "python3.12" / "os.py").is_file()
        assert copy.prefix is not None
        told = (copy.prefix / "pyvenv.cfg").read_text().splitlines()
        assert told == [f"home = {disk / OWN / 'cpython-3.12.7' / 'bin'}", "version_info = 3.12.7"]


def test_links_into_the_home_are_copied_and_others_stay(home: Home, disk: Path, base: Path) -> None:
    environment = a_venv(home, base)
    prefix, cached = environment.prefix or base, home.root / "cache" / "wheel.so"
    cached.parent.mkdir()
    cached.write_text("unpacked")
    (prefix / "cached.so").symlink_to(cached)
    (prefix / "absolute.so").symlink_to(prefix / "lib" / "python3.12")
    (prefix / "broken").symlink_to("nowhere")
    (prefix / "elsewhere").symlink_to(os.path.relpath(base, prefix))
    for copy in copied(environment, home, disk):
        assert copy.prefix is not None
        assert not (copy.prefix / "cached.so").is_symlink() and (copy.prefix / "cached.so").read_text() == "unpacked"
        assert os.readlink(copy.prefix / "absolute.so") == "lib/python3.12"
        assert os.readlink(copy.prefix / "broken") == "nowhere"
        assert os.readlink(copy.prefix / "elsewhere") == str(base)


def test_byte_code_stays_that_of_its_source_and_programs_can_be_run(home: Home, disk: Path, base: Path) -> None:
    environment = a_venv(home, base)
    prefix = environment.prefix or base
    source = prefix / "lib/python3.12/site-packages/it/__init__.py"
    os.utime(source, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    shutil.copy(base, prefix / "bin" / "program")
    for path in (source, prefix / "bin" / "program"):
        path.chmod(path.stat().st_mode & ~0o222)
    source.parent.chmod(0o555)
    for copy in copied(environment, home, disk):
        assert copy.prefix is not None
        made = copy.prefix / source.relative_to(prefix)
        assert made.stat().st_mtime_ns == 1_600_000_000_123_456_789
        assert stat.S_IMODE(made.stat().st_mode) == 0o600 and stat.S_IMODE(made.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE((copy.prefix / "bin" / "program").stat().st_mode) == 0o700
    assert names(disk) == []
    source.parent.chmod(0o755)


# -------------------------------------------------------------------------------------- what may be in the way


def test_a_disk_that_is_too_small_is_told_before_anything_is_copied(
    home: Home, disk: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = a_venv(home, base)
    monkeypatch.setattr(files, "free_bytes", lambda _path: 1_200_000)
    with staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None) as stage:
        with pytest.raises(ProvisionError, match=rf"takes 1 MB, and {disk} has 1 MB free") as told:
            stage(environment)
        assert names(disk / OWN) == [] and "--stage" in told.value.remedy


def test_a_disk_that_becomes_full_is_told_and_nothing_of_it_stays(
    home: Home, disk: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = a_venv(home, base)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None) as stage:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(ProvisionError, match=r"cannot copy .* No space left on device"):
                stage(environment)
        assert names(disk / OWN) == []
        assert stage(environment).python.is_symlink()


@pytest.mark.parametrize("kind", ["link to a folder", "link to nothing", "folder", "file"])
def test_what_has_the_name_of_the_runs_folder_is_not_touched(home: Home, disk: Path, tmp_path: Path, kind: str) -> None:
    victim, planted = tmp_path / "victim", disk / OWN
    victim.mkdir()
    (victim / "precious").touch()
    if kind == "folder":
        planted.mkdir()
    elif kind == "file":
        planted.touch()
    else:
        planted.symlink_to(victim if kind == "link to a folder" else tmp_path / "nothing")
    with (
        pytest.raises(UsageError, match=rf"cannot make {planted}: File exists"),
        staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None),
    ):
        pass
    assert names(victim) == ["precious"] and names(disk) == [OWN]


def test_leftovers_of_this_user_that_are_a_day_old_are_removed(
    home: Home, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginning, old = f"mambench-{os.getuid()}-", time.time() - STALE_SECONDS - 60
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "precious").touch()
    (disk / f"{beginning}link").symlink_to(tmp_path / "victim")
    for name in (f"{beginning}old", f"{beginning}young", "mambench-4242424-old", "other"):
        (disk / name).mkdir()
        (disk / name / "left").touch()
        if "young" not in name:
            os.utime(disk / name, (old, old))
    (disk / f"{beginning}old").chmod(0o500)
    os.utime(disk / f"{beginning}link", (old, old), follow_symlinks=False)
    with staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None):
        pass
    kept = sorted((f"{beginning}link", f"{beginning}young", "mambench-4242424-old", "other"))
    assert names(disk) == kept and names(tmp_path / "victim") == ["precious"]
    os.utime(disk / f"{beginning}young", (old, old))
    monkeypatch.setattr(staging, "_uid", lambda: os.getuid() + 1)
    monkeypatch.setattr(staging, "_beginning", lambda: beginning)
    with staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None):
        pass
    assert names(disk) == kept, "what another user made with our name is not ours"


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_folder_in_which_anybody_may_rename_is_refused_unless_it_is_sticky(home: Home, disk: Path, mode: int) -> None:
    disk.chmod(mode)
    with pytest.raises(UsageError, match="anybody may put something else in the place of the copies"):
        staging.require_usable(disk)
    disk.chmod(mode | stat.S_ISVTX)
    with staging.stage(disk, home=home, run_id=RUN, on_event=lambda _event: None):
        assert names(disk) == [OWN]


def test_a_folder_that_is_not_there_or_holds_no_programs_is_refused(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nowhere", "file"):
        (disk / "file").touch()
        with pytest.raises(UsageError, match="there is no such folder on this computer"):
            staging.require_usable(disk / name)
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_flag=getattr(os, "ST_NOEXEC", 8)))
    monkeypatch.setattr(os, "ST_NOEXEC", 8, raising=False)
    with pytest.raises(UsageError, match="noexec"):
        staging.require_usable(disk)


def test_windows_is_refused(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging.sys, "platform", "win32")
    with pytest.raises(UsageError, match="for Linux and macOS"):
        staging.require_usable(disk)


def test_a_folder_of_a_network_is_told(home: Home, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = list[Event]()
    monkeypatch.setattr(staging.places, "is_shared", lambda _folder: True)
    with staging.stage(disk, home=home, run_id=RUN, on_event=events.append):
        pass
    (note,) = events
    assert isinstance(note, Note) and "may be on a network file system" in note.message


def test_what_is_no_file_folder_or_link_is_passed_over(home: Home, disk: Path, base: Path) -> None:
    environment = a_venv(home, base)
    os.mkfifo((environment.prefix or base) / "pipe")
    for copy in copied(environment, home, disk):
        assert "pipe" not in names(copy.prefix or base)


def test_an_interrupted_copy_stops_soon_and_leaves_nothing(
    home: Home, disk: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = a_venv(home, base)
    monkeypatch.setattr(staging, "CHUNK_BYTES", 1)
    with ((environment.prefix or base) / "large").open("wb") as stream:
        stream.truncate(400_000_000)  # minutes, byte by byte

    def interrupt(_event: Event) -> None:
        raise Interrupted(15)

    begin = time.monotonic()
    with (
        pytest.raises(Interrupted),
        staging.stage(disk, home=home, run_id=RUN, on_event=interrupt) as stage,
    ):
        stage(environment)
    assert names(disk) == [] and time.monotonic() - begin < 20


def test_the_copy_of_a_real_environment_is_its_own_python(home: Home, disk: Path) -> None:
    """Made by venv of the python that runs the tests."""
    prefix = home.root / "envs" / "real-1"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    environment = an_environment(prefix=prefix, python=prefix / "bin" / "python")
    for copy in copied(environment, home, disk):
        command = [str(copy.python), "-I", "-c", "import sys; print(sys.prefix)"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert told.strip() == str(copy.prefix) == str(disk / OWN / "real-1")
