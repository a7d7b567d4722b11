"""What other tests silently rely on: were the stand-in kinder than the real micromamba, they could not fail."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from standin.conftest import Sandbox, finish, wait_until
from standin.server import Fault, serve

BZ2 = "toy-bz2-1.0-0"


def descendants(group: int) -> list[int]:
    """The processes of a group that are still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, number = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(number) == group and state != "Z":
            found.append(int(folder.name))
    return found


# ------------------------------------------------------------------------------------ outside ROOT and PREFIX


def test_writes_outside_unless_it_is_kept_from_it(box: Sandbox):
    assert box.create("toy-bz2").returncode == 0
    assert (box.home / ".conda/environments.txt").read_text() == f"{box.prefix}\n"
    assert (box.home / ".mamba/pkgs/urls.txt").exists()
    assert (box.home / ".cache/conda/pkgs/cache/shards").is_dir()
    assert list(box.temporary.glob("mamba*"))


def test_root_that_cannot_be_written_is_passed_over_silently_unless_pinned(box: Sandbox):
    box.root.mkdir()
    (box.root / "pkgs").write_text("a file where a folder should be")
    assert box.create("toy-bz2").returncode == 0
    assert list((box.home / ".mamba/pkgs").rglob(f"{BZ2}.tar.bz2"))
    box.environ["CONDA_PKGS_DIRS"] = str(box.root / "pkgs")
    assert box.create("toy-bz2").returncode == 1


@pytest.mark.parametrize("quoted", [True, False])
def test_package_folder_is_read_as_a_list_unless_quoted(box: Sandbox, quoted: bool):
    place = str(box.folder / "one, two")
    box.environ["CONDA_PKGS_DIRS"] = json.dumps(place) if quoted else place
    assert box.create("toy-bz2").returncode == 0
    assert Path(place, "urls.txt").exists() is quoted


@pytest.mark.parametrize("place", [".condarc", ".mamba/.mambarc", "config/conda/.condarc"])
def test_broken_settings_reach_extraction_despite_no_rc(box: Sandbox, place: str):
    box.environ["XDG_CONFIG_HOME"] = str(box.home / "config")
    (box.home / place).parent.mkdir(parents=True, exist_ok=True)
    (box.home / place).write_text("channels: [a\n")
    assert "configuration file" in box.create("toy-bz2").stderr
    assert "extracting package" in box.create("toy-bz2", "--no-rc").stderr
    box.environ["MAMBA_NO_RC"] = "true"
    assert box.create("toy-bz2").returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("MAMBA_NO_RC", "1", 1),
        ("MAMBA_DRY_RUN", "true", 1),
        ("TMPDIR", "/no/such/folder", -signal.SIGSEGV),
        ("HOME", "/dev/null/home", 1),
    ],
)
def test_hostile_variables_end_it(box: Sandbox, name: str, value: str, code: int):
    box.environ[name] = value
    assert box.create("toy-bz2").returncode == code


def test_netrc_in_home_gives_a_login(box: Sandbox, channel: Path):
    with serve(channel, login="reader:s3cret") as server:
        box.channel = server.url
        assert "status: 401" in box.create("toy-bz2").stderr
        (box.home / ".netrc").write_text('machine 127.0.0.1 login "reader" password "s3cret"\n')
        assert box.create("toy-bz2").returncode == 0


# -------------------------------------------------------------------------------------------- solving, answers


def test_unknown_option_is_109(box: Sandbox):
    assert finish(box.start("--bogus", *box.words("toy-bz2"))).returncode == 109


def test_dry_run_makes_no_prefix_and_tells_what_the_cache_lacks(box: Sandbox):
    actions = box.solve("python", "toy-bz2")["actions"]
    assert actions["FETCH"] == actions["LINK"]
    assert {record["name"] for record in actions["LINK"]} == {"python", "pip", "toy-bz2"}
    assert not box.prefix.exists()
    assert box.create("toy-bz2").returncode == 0
    shutil.rmtree(box.prefix)
    assert "FETCH" not in box.solve("toy-bz2")["actions"]


def test_dry_run_on_a_prefix_that_exists_tells_the_difference_only(box: Sandbox):
    assert box.create("toy-bz2").returncode == 0
    assert [record["name"] for record in box.solve("toy-bz2", "libblas")["actions"]["LINK"]] == ["libblas"]


@pytest.mark.parametrize("shape", ["release", "main"])
def test_reasons_of_the_solver_are_in_the_document_of_main_only(box: Sandbox, shape: str):
    box.shape = shape
    reason = "nosuchpkg =* * does not exist (perhaps a typo or a missing channel)."
    answer = box.create("nosuchpkg", "--dry-run", "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["success"] is False
    assert (reason in answer.stdout + answer.stderr) is (shape == "main")
    assert reason in box.create("nosuchpkg", "--dry-run").stderr


@pytest.mark.parametrize("shape", ["release", "main"])
def test_network_errors_are_in_the_document_of_main_only(box: Sandbox, shape: str):
    box.shape, box.channel = shape, "http://127.0.0.1:9"
    answer = box.create("toy-bz2", "--dry-run", "--json")
    assert answer.returncode == 1
    assert "Download error (7)" in (answer.stdout if shape == "main" else answer.stderr)
    assert (answer.stdout == "") is (shape == "release")
    assert '"success"' not in answer.stdout


@pytest.mark.parametrize(("version", "code"), [("12.4", 0), ("11.8", 1), ("", 1)])
def test_cuda_is_what_its_variable_says(box: Sandbox, version: str, code: int):
    box.environ["CONDA_OVERRIDE_CUDA"] = version
    answer = box.create("toy-cuda")
    assert answer.returncode == code
    assert ("__cuda >=12 *, which is missing on the system" in answer.stderr) is (code == 1)


def test_offline_means_the_cached_index_and_still_downloads_packages(box: Sandbox, channel: Path):
    with serve(channel) as server:
        box.channel = server.url
        assert "toy-bz2 =* * does not exist" in box.create("--offline", "toy-bz2").stderr
        box.solve("toy-bz2")
        server.requests.clear()
        assert box.create("--offline", "toy-bz2").returncode == 0
        assert list(server.requests) == [f"linux-64/{BZ2}.tar.bz2"]


# --------------------------------------------------------------------------------- the cache and the prefix


def test_files_are_hard_links_into_the_cache(box: Sandbox):
    assert box.create("toy-bz2").returncode == 0
    place = box.root / "pkgs" / "file" / box.channel.removeprefix("file:///") / "linux-64"
    assert (box.prefix / "share/toy/bz2.txt").samefile(place / BZ2 / "share/toy/bz2.txt")
    assert (place / f"{BZ2}.tar.bz2").is_file()


def test_package_that_was_changed_is_linked_unless_sizes_are_checked(box: Sandbox):
    linked = box.prefix / "share/toy/bz2.txt"
    assert box.create("toy-bz2").returncode == 0
    linked.write_text("changed\n")
    assert box.create("toy-bz2").returncode == 0
    assert linked.read_text() == "changed\n"
    assert box.create("toy-bz2", "--safety-checks", "enabled").returncode == 0
    assert linked.read_text() == "bz2\n"


def test_lock_with_a_wrong_hash_leaves_an_empty_prefix(box: Sandbox):
    answer = box.install(f"{box.channel}/linux-64/{BZ2}.tar.bz2#{'0' * 64}")
    assert answer.returncode == 1
    assert "Found incorrect downloads. Aborting" in answer.stderr
    assert [path.name for path in box.prefix.rglob("*")] == ["conda-meta"]


def test_foreign_folder_is_refused_and_a_conda_prefix_emptied_before_solving(box: Sandbox):
    assert box.create("toy-bz2").returncode == 0
    assert box.create("nosuchpkg").returncode == 1
    assert not box.prefix.exists()
    box.prefix.mkdir()
    (box.prefix / "precious.txt").write_text("keep")
    assert "Non-conda folder exists at prefix - aborting." in box.create("toy-bz2").stderr
    assert (box.prefix / "precious.txt").exists()


def test_recorded_hashes_are_true_except_where_meant(channel: Path):
    index = json.loads((channel / "linux-64/repodata.json").read_text())
    for name, record in {**index["packages"], **index["packages.conda"]}.items():
        data = (channel / "linux-64" / name).read_bytes()
        assert len(data) == record["size"]
        assert (hashlib.sha256(data).hexdigest() == record["sha256"]) is ("badhash" not in name)


# -------------------------------------------------------------------------------------- kills and cancelling


def test_interrupt_does_not_end_a_download_and_sigterm_does(box: Sandbox, channel: Path):
    with serve(channel) as server:
        server.faults["*toy-bz2*"] = Fault(bytes_per_second=100)
        box.channel = server.url
        process = box.start(*box.words("toy-bz2"))
        sizes: set[int] = set()

        def has_grown() -> bool:
            sizes.update(path.stat().st_size for path in box.root.rglob(f"{BZ2}.tar.bz2"))
            return len(sizes) > 3

        wait_until(has_grown)
        os.killpg(process.pid, signal.SIGINT)
        sizes.clear()
        wait_until(has_grown)
        os.killpg(process.pid, signal.SIGTERM)
        assert finish(process).returncode == -signal.SIGTERM
        wait_until(lambda: not descendants(process.pid))


def test_extraction_outlives_a_killed_parent_and_the_next_create_works(box: Sandbox):
    box.knobs = ("extract-delay=1",)
    process = box.start(*box.words("toy-bz2"))
    wait_until(lambda: list(box.root.glob(f"pkgs/**/{BZ2}/share")))
    process.kill()
    process.communicate()
    assert descendants(process.pid)
    wait_until(lambda: not descendants(process.pid))
    assert not list(box.root.glob("pkgs/**/info/repodata_record.json"))
    assert box.create("toy-bz2").returncode == 0


def test_killed_while_linking_it_leaves_half_a_prefix(box: Sandbox):
    box.knobs = ("link-delay=30",)
    process = box.start(*box.words("toy-bz2", "libblas"))
    wait_until(lambda: list(box.prefix.glob("conda-meta/*.json")))
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    assert len(list(box.prefix.glob("conda-meta/*.json"))) == 1


def test_three_creates_on_one_root_fetch_each_file_once(box: Sandbox, channel: Path):
    with serve(channel) as server:
        server.faults["*toy-bz2*"] = Fault(bytes_per_second=400)
        box.channel = server.url
        begun = []
        for number in range(3):
            box.prefix = box.folder / f"env{number}"
            begun.append(box.start(*box.words("toy-bz2")))
        answers = [finish(process) for process in begun]
        assert server.requests[f"linux-64/{BZ2}.tar.bz2"] == 1
    assert [answer.returncode for answer in answers] == [0, 0, 0]
    assert "Waiting for other mamba process" in "".join(answer.stderr for answer in answers)
