"""Odd folders, hostile variables, closed streams, full and read-only disks."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from e2e.driver import Bench, no_traceback, program, told_in_plain_words
from reports import valid

pytestmark = pytest.mark.promise("surroundings")

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")

LEVELS = (0, 40, 120, 200, 240, 280, 320, 440)
MORE_LEVELS = tuple(each for each in range(10, 500, 20) if each not in LEVELS)
"""Kilobytes that a disk has left."""

ODD_NAMES = ["Prüfstände with spaces, it's", "測試 ベンチ", "a$HOME;&b %s {0} [red]", "-n", "tab\there"]


def in_namespace(mount: str, command: list[str]) -> list[str]:
    """`command` in a mount namespace of its own, after `mount`; skipped where that is not permitted."""
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("mounting is not permitted here")
    return ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]


# -------------------------------------------------------------------------------------------------- folders


@posix
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_home_of_any_name_works(alone: Bench, name):
    alone.home = alone.home.parent / name
    alone.install("clean")
    alone.offer_package()
    done = alone.run()
    assert done.code == 0, done.text
    assert alone.report()["complete"]
    assert alone.call("env", "create", "toy", "--yes").code == 0
    made = alone.begin([*program(), "env", "exec", "--home", str(alone.home), "toy", "--", "python", "-c",
                        "import toy_stack, sys; print(sys.prefix)"]).end()  # fmt: skip
    assert made.out.strip().startswith(str(alone.home)), made.text


def test_a_home_given_relative_to_the_folder(alone: Bench):
    alone.install("clean", into=alone.cwd / "here")
    done = alone.begin(alone.words(home=Path("here"))).end()
    assert done.code == 0, done.text
    assert len(list((alone.cwd / "here" / "results").glob("*.json"))) == 1


@pytest.mark.promise("disks")
@posix
def test_a_home_that_is_a_file_is_told(alone: Bench):
    file = alone.cwd / "file"
    file.write_text("mine")
    done = alone.begin(alone.words(home=file)).end()
    assert done.code == 5, done.text
    told_in_plain_words(done)
    assert "--home" in done.err
    assert file.read_text() == "mine"


@pytest.mark.promise("disks")
@posix
@pytest.mark.parametrize("words", [["run"], ["env", "create"]])
def test_a_read_only_home_is_told(alone: Bench, words):
    alone.offer_package()
    (alone.home / "results").mkdir()
    home = alone.home
    mount = f'mount --bind "{home}" "{home}" && mount -o remount,ro,bind "{home}"'
    last = ["env", "create", "toy", "--yes", "--home", str(home)]
    command = alone.words() if words == ["run"] else [*program(), *last]
    done = alone.begin(in_namespace(mount, command)).end()
    assert done.code == 5, done.text
    told_in_plain_words(done)


@pytest.mark.promise("disks")
@posix
@pytest.mark.parametrize("kilobytes", [*LEVELS, *(pytest.param(each, marks=pytest.mark.long) for each in MORE_LEVELS)])
def test_a_full_disk_is_told(alone: Bench, kilobytes):
    """The tmpfs is filled up to so many kilobytes, so that each step of a run meets the end in turn."""
    home = alone.cwd / "small"
    home.mkdir()
    fill = f'mount -t tmpfs -o size=1m none "{home}" && mkdir "{home}/benchmarks"'
    fill += f' && cp -r "{alone.home}/benchmarks/." "{home}/benchmarks" && mkdir "{home}/results"'
    fill += f' && head -c {(1024 - kilobytes) * 1024} /dev/zero > "{home}/filler" 2>/dev/null; true'
    done = alone.begin(in_namespace(fill, alone.words("--rounds", "2", home=home))).end()
    no_traceback(done)
    assert done.code in (0, 3, 4, 5), done.text
    if done.code == 5:
        told_in_plain_words(done)
    if kilobytes <= 40:
        assert done.code == 5
    if kilobytes >= 440:
        assert done.code == 0


@pytest.mark.promise("disks")
def test_what_was_measured_is_shown_even_if_it_cannot_be_saved(alone: Bench):
    alone.install("clean", "prints")
    folder = alone.cwd / "full"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import errno, os\n"
        "calls, real = [], os.fsync\n"
        "def full(descriptor):\n"
        "    calls.append(descriptor)\n"
        "    if len(calls) > 2:\n"
        "        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "    real(descriptor)\n"
        "os.fsync = full\n"
    )
    done = alone.run(environ={"PYTHONPATH": str(folder)})
    assert done.code == 5, done.text
    assert "toys (clean)" in done.out and "toys (prints)" in done.out
    # A row may have reached the disk although it could not be synchronised; what is there is whole.
    assert [row["status"] for row in alone.report()["results"]] in (["ok"], ["ok", "ok"])
    told_in_plain_words(done)


@pytest.mark.promise("disks")
@posix
def test_a_folder_for_json_that_is_not_there_is_told_before_an_hour_is_lost(alone: Bench):
    done = alone.run("--json", str(alone.cwd / "missing" / "copy.json"))
    assert done.code in (2, 5), done.text
    told_in_plain_words(done)
    if done.code == 5:
        assert alone.report()["complete"]


@pytest.mark.promise("disks")
@posix
def test_a_place_for_json_that_cannot_be_written_is_told_before_an_hour_is_lost(alone: Bench):
    folder = alone.cwd / "for reading"
    folder.mkdir()
    mount = f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}"'
    done = alone.begin(in_namespace(mount, alone.words("--json", str(folder / "copy.json")))).end()
    assert done.code == 5, done.text
    told_in_plain_words(done)
    assert alone.reports() == []


@posix
def test_a_folder_that_was_deleted_under_us(alone: Bench):
    script = 'rmdir "$0" && exec "$@"'
    doomed = alone.cwd / "doomed"
    doomed.mkdir()
    done = alone.begin(["sh", "-c", script, str(doomed), *alone.words()], cwd=doomed).end()
    assert done.code == 0, done.text
    doomed.mkdir()
    done = alone.begin(["sh", "-c", script, str(doomed), *alone.words("--json", "copy.json")], cwd=doomed).end()
    assert done.code in (2, 5), done.text
    no_traceback(done)


@posix
@pytest.mark.parametrize(
    "words", [["list"], ["doctor", "--offline"], ["env", "list"], ["env", "create", "toy", "--yes"]]
)
def test_every_command_works_in_a_folder_that_was_deleted(alone: Bench, words):
    alone.offer_package()
    doomed = alone.cwd / "doomed"
    doomed.mkdir()
    command = [*program(), *words, "--home", str(alone.home)]
    done = alone.begin(["sh", "-c", 'rmdir "$0" && exec "$@"', str(doomed), *command], cwd=doomed).end()
    assert done.code == 0, done.text
    no_traceback(done)


@posix
@pytest.mark.parametrize("words", [["--channel", "./here"], ["--home", "here"]])
def test_what_is_relative_to_a_deleted_folder_is_told(alone: Bench, words):
    doomed = alone.cwd / "doomed"
    doomed.mkdir()
    home = [] if "--home" in words else ["--home", str(alone.home)]
    command = [*program(), "env", "create", "numpy-mkl", *home, *words, "--yes"]
    done = alone.begin(["sh", "-c", 'rmdir "$0" && exec "$@"', str(doomed), *command], cwd=doomed).end()
    assert done.code in (2, 5), done.text
    no_traceback(done)
    assert "absolute path" in done.err


@posix
def test_a_folder_in_the_place_of_a_lock_file_is_told(alone: Bench):
    alone.offer_package()
    assert alone.call("env", "create", "toy", "--yes").code == 0
    (lock,) = (alone.home / "envs").glob("*.lock")
    assert alone.call("env", "remove", "toy").code == 0
    lock.mkdir()
    done = alone.call("env", "create", "toy", "--yes")
    assert done.code == 4, done.text
    told_in_plain_words(done)
    assert str(lock) in done.err and "remove what is in the way" in done.err and "disk space" not in done.err


@posix
def test_a_home_that_is_not_utf8_is_told(alone: Bench):
    home = os.fsdecode(os.fsencode(alone.cwd) + b"/caf\xe9")
    for words, environ in (
        (["list", "--home", home], {}),
        (["list"], {"MAMBENCH_HOME": home}),
        (["list"], {"HOME": home}),
    ):
        done = alone.begin([*program(), *words], environ=environ).end()
        assert done.code == 5, done.text
        told_in_plain_words(done)
        assert "not UTF-8" in done.err and "--home DIR" in done.err
    done = alone.call("env", "list", environ={"HOME": home})
    assert done.code == 0, done.text


# ------------------------------------------------------------------------------------------------ variables


def test_hostile_variables_do_not_reach_the_measurement(alone: Bench):
    hostile = alone.cwd / "hostile"
    hostile.mkdir()
    (hostile / "json.py").write_text("raise SystemExit('hostile json')\n")
    (hostile / "numpy.py").write_text("raise SystemExit('hostile numpy')\n")
    (hostile / "startup.py").write_text("raise SystemExit('hostile startup')\n")
    done = alone.run(
        environ={
            "PYTHONSTARTUP": str(hostile / "startup.py"),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONWARNINGS": "error",
            "XLA_FLAGS": "--no_such_flag",
            "LD_PRELOAD": "/no/such/library.so",
            "DYLD_INSERT_LIBRARIES": "/no/such/library.dylib",
            "COLUMNS": "0",
            "LINES": "-1",
        }
    )
    assert done.code == 0, done.text
    assert alone.report()["results"][0]["status"] == "ok"
    no_traceback(done)


@posix
@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME"])
def test_python_variables_reach_no_worker(alone: Bench, variable):
    """The program itself is a python too and heeds them: set them when it has started."""
    hostile = alone.cwd / "hostile"
    hostile.mkdir()
    (hostile / "mambench_is_not_shadowed.py").write_text("")
    (hostile / "threadpoolctl.py").write_text("raise SystemExit('hostile')\n")
    (hostile / "runpy.py").write_text("raise SystemExit('hostile')\n")
    (hostile / "sitecustomize.py").write_text("")
    start = f"import os, sys; os.environ[{variable!r}] = {str(hostile)!r}; from mambench.cli.main import main; main()"
    done = alone.begin([sys.executable, "-c", f"{start}", *alone.words()[1:]]).end()
    assert done.code == 0, done.text
    assert alone.report()["results"][0]["status"] == "ok", done.text


PLANTED = "import os, pathlib; pathlib.Path(os.environ['LC_PLANTED']).touch(); raise SystemExit('planted')\n"


@posix
@pytest.mark.parametrize("by", ["current folder", "PYTHONPATH"])
def test_no_module_of_somebody_else_takes_the_place_of_ours(alone: Bench, by):
    folder = alone.cwd if by == "current folder" else alone.cwd / "path"
    folder.mkdir(exist_ok=True)
    for module in ("rich", "psutil", "json", "threadpoolctl"):
        (folder / f"{module}.py").write_text(PLANTED)
    ran = alone.cwd.parent / "ran"
    named = [] if by == "current folder" else [str(folder)]
    path = os.pathsep.join([*named, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "mambench", *alone.words()[len(program()) :]]
    done = alone.begin(command, environ={"PYTHONPATH": path or None, "LC_PLANTED": str(ran)}).end()
    assert done.code == 0, done.text
    assert not ran.exists()
    assert alone.report()["results"][0]["status"] == "ok"


@posix
def test_no_program_of_path_is_asked_what_the_machine_is(alone: Bench):
    folder, ran = alone.cwd / "programs", alone.cwd / "ran"
    folder.mkdir()
    for name in ("uname", "file", "ldconfig", "sysctl", "lscpu"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} >> "{ran}"\n')
        (folder / name).chmod(0o755)
    done = alone.run(environ={"PATH": f"{folder}:{alone.environ['PATH']}"})
    assert done.code == 0, done.text
    assert not ran.exists(), ran.read_text()
    assert alone.report()["results"][0]["rounds"][0]["facts"]["platform"].startswith(platform.system())


@posix
def test_under_a_umask_of_nothing_no_file_can_be_changed_by_all(alone: Bench):
    alone.offer_package()
    done = alone.run("--yes", "toy", preexec_fn=lambda: os.umask(0))
    assert done.code in (0, 4), done.text  # toy's python has no numpy
    made = [path for path in alone.home.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002]
    # uv gives its lock files to all, whatever the umask is.
    assert [path for path in made if path.suffix != ".lock" and path.name != ".lock" or path.stat().st_size] == []
    words = [*program(), "env", "exec", "--home", str(alone.home), "toy", "--", "sh", "-c", "umask"]
    assert alone.begin(words, preexec_fn=lambda: os.umask(0)).end().out.strip() == "0000"


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="needs root, whom it is about")
def test_root_runs_no_kernel_from_a_home_of_another_that_all_may_change(alone: Bench):
    for path in (alone.home, *alone.home.rglob("*")):
        os.chown(path, 12345, 12345)
    alone.home.chmod(0o777)
    done = alone.run()
    assert done.code == 5, done.text
    told_in_plain_words(done)
    assert "12345" in done.err and not (alone.home / "logs").exists()
    alone.home.chmod(0o755)
    done = alone.run()
    assert done.code == 0, done.text
    assert "as root" in done.err


def test_thread_variables_are_passed_on_and_told(alone: Bench):
    done = alone.run(environ={"OMP_NUM_THREADS": "1"})
    assert done.code == 0, done.text
    row = alone.report()["results"][0]
    assert row["rounds"][0]["conditions"]["thread_variables"] == {"OMP_NUM_THREADS": "1"}
    assert "OMP_NUM_THREADS" in done.text
    assert row["threads"]["requested"] is None


def test_without_home_variable(alone: Bench):
    done = alone.run(environ={"HOME": None})
    assert done.code == 0, done.text
    where = alone.begin([*program(), "info", "--json"], environ={"HOME": None}).end()
    assert where.code == 0, where.text


NOBODY = 54_321
"""A user without a name, as in many containers."""


@posix
def test_a_user_without_a_name_and_without_home_needs_neither():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becoming another user is not permitted here")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        bench = Bench(Path(folder))
        bench.install("clean")
        bench.offer_package()
        bench.environ.pop("HOME")
        for path in (bench.home.parent, *bench.home.parent.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        for words in (["list"], ["doctor", "--offline"], ["env", "create", "toy", "--yes"]):
            done = bench.begin([*become, *program(), *words, "--home", str(bench.home)]).end()
            no_traceback(done)
            closed = "create" in words and "Permission denied (os error 13)" in done.err  # the tests' own python is
            assert done.code == 0 or closed, done.text
        told = bench.begin([*become, *program(), "list"]).end()
        assert told.code == 5, told.text
        told_in_plain_words(told)
        assert "HOME is not set" in told.err and "--home DIR" in told.err
        assert not list(bench.cwd.iterdir()), "a folder called ~"


@posix
@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "dumb"},
        {"LANG": "C", "LC_ALL": "C"},
        {"LANG": None, "TERM": None, "PATH": "/usr/bin:/bin"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"PATH": None},
        {"TMPDIR": "/no/such/folder"},
        {"COLUMNS": "1"},
    ],
    ids=str,
)
def test_any_terminal_and_language(alone: Bench, environ):
    alone.home = alone.home.parent / "Prüfstand 測試"
    alone.install("clean", "raises")
    done = alone.run(environ=environ)
    assert done.code == 4, done.text
    no_traceback(done)
    assert valid((next((alone.home / "results").glob("*.json"))).read_text("utf-8"))["complete"]


# -------------------------------------------------------------------------------------------------- streams


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(bench: Bench, closed):
    bench.install("clean", "prints")
    done = bench.begin(["sh", "-c", f'exec "$@" {closed}', "sh", *bench.words("--rounds", "2")]).end()
    assert done.code == 0, done.text
    no_traceback(done)
    rows = bench.report()["results"]
    assert [(row["status"], len(row["rounds"])) for row in rows] == [("ok", 2), ("ok", 2)]
    bench.wait_until_alone()


@posix
@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
def test_the_guard_works_with_closed_streams(bench: Bench, closed):
    """A pipe of ours that got descriptor 0, 1 or 2 would be lost: only the guard ends a worker that is deaf."""
    bench.install("hangs_in_c")
    begun = bench.begin(["sh", "-c", f'exec "$@" {closed}', "sh", *bench.words()])
    bench.wait_for_deaf_worker()
    begun.stop(9)
    bench.wait_until_alone(3.0)


@posix
def test_json_to_a_closed_standard_output_is_told(alone: Bench):
    done = alone.begin(["sh", "-c", 'exec "$@" >&-', "sh", *alone.words("--json", "-")]).end()
    assert done.code in (2, 5), done.text
    no_traceback(done)


@posix
@pytest.mark.parametrize(
    "words",
    [["run"], ["run", "--json", "-"], ["list"], ["list", "--json"], ["info", "--json"], ["--help"]],
    ids=str,
)
def test_a_reader_that_goes_away_causes_no_noise(alone: Bench, words):
    command = alone.words(*words[1:]) if words[0] == "run" else [*program(), *words]
    pipe = '{ "$@"; echo "code $?" >&2; } | true'
    done = alone.begin(["sh", "-c", pipe, "sh", *command], environ={"MAMBENCH_HOME": str(alone.home)}).end()
    no_traceback(done)
    assert "BrokenPipe" not in done.err
    assert done.err.splitlines()[-1] in ("code 0", "code 141"), done.err
    if words[0] == "run":
        assert alone.report()["complete"]


@posix
def test_a_reader_of_everything_that_goes_away_does_not_end_the_measurement(alone: Bench):
    alone.install("clean", "prints", "leaves_grandchild")
    done = alone.begin(["sh", "-c", '{ "$@"; } 2>&1 | head -1', "sh", *alone.words("--rounds", "2")]).end()
    no_traceback(done)
    report = alone.report()
    assert report["complete"]
    assert [len(row["rounds"]) for row in report["results"]] == [2, 2, 2]


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.mark.promise("disks")
@needs_full
@pytest.mark.parametrize("words", [[], ["--json", "-"]], ids=str)
def test_a_full_standard_output_is_told(alone: Bench, words):
    done = alone.begin(["sh", "-c", 'exec "$@" > /dev/full', "sh", *alone.words(*words)]).end()
    assert done.code == 5, done.text
    no_traceback(done)
    assert alone.report()["complete"]


@pytest.mark.promise("disks")
@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", [["--version"], ["--help"], ["run", "--help"], ["list"], ["list", "--json"], ["info"]], ids=str
)
def test_what_cannot_be_written_to_standard_output_is_5(alone: Bench, words, unbuffered):
    command = ["sh", "-c", 'exec "$@" > /dev/full', "sh", *program(), *words]
    environ = {"MAMBENCH_HOME": str(alone.home), "PYTHONUNBUFFERED": unbuffered}
    done = alone.begin(command, environ=environ).end()
    assert done.code == 5, done.text
    assert "No space left on device" in done.err
    no_traceback(done)


@pytest.mark.promise("disks")
@needs_full
def test_a_full_standard_error_ends_no_measurement(alone: Bench):
    done = alone.begin(["sh", "-c", 'exec "$@" 2> /dev/full', "sh", *alone.words("--rounds", "2")]).end()
    assert done.code == 0, done.text
    assert [row["status"] for row in alone.report()["results"]] == ["ok"]


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
full = os.open("full", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
os.truncate(full, 2_000_000)
os.dup2(full, int(sys.argv[1]))
os.execvp(sys.argv[2], sys.argv[2:])
"""


@posix
@pytest.mark.parametrize(("stream", "code"), [("1", 5), ("2", 0)], ids=["standard output", "standard error"])
def test_a_file_as_large_as_may_be_ends_no_measurement(alone: Bench, stream, code):
    command = [sys.executable, "-c", LIMITED, stream, *alone.words("--rounds", "2")]
    done = alone.begin(command).end()
    assert done.code == code, done.text
    no_traceback(done)
    (row,) = alone.report()["results"]
    assert (row["status"], len(row["rounds"])) == ("ok", 2)
    assert ("cannot write to standard output: File too large" in done.err) is (stream == "1")


@posix
def test_a_disk_full_under_standard_output_and_error_keeps_the_report(alone: Bench):
    fill = "mount -t tmpfs -o size=64k none /mnt && (cat /dev/zero > /mnt/filler || true) 2> /dev/null"
    words = ["sh", "-c", 'exec "$@" > /mnt/out 2> /mnt/err', "sh", *alone.words("--rounds", "2")]
    done = alone.begin(in_namespace(fill, words)).end()
    assert done.code == 5, done.text
    (row,) = alone.report()["results"]
    assert (row["status"], len(row["rounds"])) == ("ok", 2)


@posix
def test_a_device_a_fifo_and_a_link_that_a_person_names_stay_what_they_are(alone: Bench):
    fifo, link, page = alone.cwd / "fifo", alone.cwd / "link", alone.cwd / "page"
    os.mkfifo(fifo)
    link.symlink_to("there")
    with page.open("wb") as read:
        reader = subprocess.Popen(["cat", str(fifo)], stdout=read)
        done = alone.run("--json", "/dev/null", "--html", str(fifo), "--csv", str(link))
        assert reader.wait(timeout=20) == 0
    assert done.code == 0, done.text
    assert Path("/dev/null").is_char_device() and fifo.is_fifo() and link.is_symlink()
    assert "matmul" in (alone.cwd / "there").read_text() and page.read_text().rstrip().endswith("</html>")


@posix
def test_ctrl_d_at_a_question_is_no(alone: Bench):
    import pty

    alone.offer_package()
    ours, theirs = pty.openpty()
    command = [*program(), "run", "toy", "--home", str(alone.home)]
    begun = alone.begin(command, stdin=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"[Y/n]" not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, b"\x04")
    done = begun.end()
    os.close(ours)
    assert done.code == 3, done.text
    assert "as you chose" in " ".join(done.out.split())
    no_traceback(done)


# ------------------------------------------------------------------------------------------------------ its log


def test_a_run_leaves_a_log_that_names_its_commands(alone: Bench):
    alone.install("clean", "aborts")
    done = alone.run("--verbose")
    assert done.code == 4, done.text
    (log,) = (alone.home / "logs").glob("*-run-*.log")
    assert str(log) in done.err.replace("\n", "")
    written = log.read_text()
    assert "worker.py" in written and "SIGABRT" in written and "exit code 4" in written
    assert "SIGABRT" in done.err and "exit code 4" in done.err
    seen = alone.call("doctor", "--offline", "--json")
    assert str(log) in seen.out


def test_looking_leaves_no_log(alone: Bench):
    assert alone.call("list").code == 0
    assert not (alone.home / "logs").exists()


# ------------------------------------------------------------------------------------------------------- usage


def test_a_python_in_a_folder_with_an_equals_sign(alone: Bench):
    folder = alone.cwd / "a=b"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    done = alone.begin(alone.words("--python", str(folder / "python"), python=None)).end()
    assert done.code == 0, done.text
    assert alone.report()["results"][0]["environment"] == "existing:a=b"


def test_a_python_is_looked_up_on_the_path(alone: Bench):
    folder = alone.cwd / "tools"
    folder.mkdir()
    (folder / "snake").symlink_to(sys.executable)
    done = alone.begin(
        alone.words("--python", "mine=snake", python=None), environ={"PATH": f"{folder}:{alone.environ['PATH']}"}
    ).end()
    assert done.code == 0, done.text


@pytest.mark.promise("files")
@pytest.mark.parametrize("words", [["run"], ["env", "create"], ["env", "path"]], ids=str)
def test_an_own_recipe_that_is_broken_is_told_when_it_is_asked_for(alone: Bench, words):
    folder = alone.home / "environments"
    folder.mkdir()
    (folder / "mine.toml").write_text('title = "mine"\nkernel = "nunpy"\n')
    done = alone.call(*words, "mine")
    assert done.code == 2, done.text
    assert "mine.toml" in done.err and "did you mean" not in done.err.partition("mine.toml")[0]
    told_in_plain_words(done)


def test_a_home_that_is_no_folder_is_told_by_its_variable(alone: Bench):
    done = alone.begin([*program(), "list"], environ={"MAMBENCH_HOME": "~nobody-of-this-name/x"}).end()
    assert done.code == 5, done.text
    assert "MAMBENCH_HOME ~nobody-of-this-name/x" in done.err and "None" not in done.err
    told_in_plain_words(done)


@pytest.mark.parametrize("words", [["list"], ["info"], ["doctor", "--offline"], ["env", "list"]], ids=str)
def test_every_document_tells_the_version_of_its_keys(alone: Bench, words):
    assert json.loads(alone.call(*words, "--json").out)["schema_version"] == 1
