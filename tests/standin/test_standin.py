"""The stand-in does what was recorded of the real micromamba, row by row."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rattler import PrefixRecord

from standin.channel import MINOR, NUMPY_VERSION
from standin.packages import File, Package, write_channel
from standin.sandbox import Answer, Sandbox, finish, wait_until
from standin.server import Fault, serve

SHAPES = ("release", "main")
STACK = (f"python={MINOR}", f"numpy={NUMPY_VERSION}", "libblas=*=*openblas", "threadpoolctl")
LARGE = "toy-large-1.0-0.conda"


def python_of(box: Sandbox, code: str) -> str:
    done = subprocess.run([box.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def processes_naming(word: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


# --- questions ---------------------------------------------------------------------------------------------


def test_version_is_the_only_line(box: Sandbox) -> None:
    assert box.run("--version") == Answer(0, "2.8.1\n", "")


def test_info_names_its_version_key_after_the_executable(box: Sandbox) -> None:
    box.run("--version")
    renamed = shutil.copy(box.folder / "bin" / "micromamba", box.folder / "bin" / "other")
    said = json.loads(subprocess.check_output([renamed, "info", "--json", "-r", box.root]))
    assert said["other version"] == "2.8.1"
    assert said["platform"] == "linux-64"
    assert said["package cache"][0] == str(box.root / "pkgs")


@pytest.mark.parametrize(("override", "present"), [("12.4", True), ("", False)])
def test_info_takes_cuda_from_its_variable(box: Sandbox, override: str, present: bool) -> None:
    said = box.set(CONDA_OVERRIDE_CUDA=override).run("info", "--json").json
    assert ("__cuda=12.4=0" in said["virtual packages"]) is present
    assert any(entry.startswith("__glibc=2.") for entry in said["virtual packages"])


def test_nvidia_smi_on_path_is_asked_for_cuda(box: Sandbox) -> None:
    tools = box.folder / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text("#!/bin/sh\necho '<cuda_version>13.1</cuda_version>'\n")
    (tools / "nvidia-smi").chmod(0o755)
    said = box.set(PATH=f"{tools}:{os.environ['PATH']}").run("info", "--json").json
    assert "__cuda=13.1=0" in said["virtual packages"]


@pytest.mark.parametrize(
    "arguments", [["create", "--bogus"], ["--channel", "x", "create"], ["bogus"], ["create", "-p"]]
)
def test_bad_usage_is_109(box: Sandbox, arguments: list[str]) -> None:
    assert box.run(*arguments).code == 109


def test_general_options_may_stand_before_the_command(box: Sandbox) -> None:
    places = ["-p", str(box.prefix), "-r", str(box.root), "--json", "--dry-run", "--no-rc", "--no-env"]
    answer = box.run(*places, "create", "toy-bz2", "-c", box.channel, "--override-channels")
    assert answer.json["success"] is True


# --- dry runs and documents --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_dry_run_lists_packages_and_makes_no_prefix(box: Sandbox, shape: str) -> None:
    said = replace(box, shape=shape).create("--dry-run", "--json", "toy-bz2").json
    entry = said["actions"]["FETCH"][0]
    assert said["actions"]["LINK"] == [entry]
    assert said["actions"]["PREFIX"] == said["prefix"] == str(box.prefix)
    assert (said["dry_run"], said["success"]) == (True, True)
    assert entry["url"] == f"{box.channel}/linux-64/toy-bz2-1.0-0.tar.bz2"
    assert entry["size"] == Path(entry["url"].removeprefix("file://")).stat().st_size
    assert {"name", "version", "build", "fn", "subdir", "channel", "md5", "sha256", "depends"} <= set(entry)
    assert ("log_history" in said) is (shape == "main")
    assert not box.prefix.exists()


def test_fetch_is_absent_when_all_is_cached(box: Sandbox) -> None:
    assert box.create("toy-bz2").code == 0
    actions = replace(box, prefix_name="other").create("--dry-run", "--json", "toy-bz2").json["actions"]
    assert "FETCH" not in actions
    assert len(actions["LINK"]) == 1


def test_dry_run_on_a_prefix_that_exists_tells_the_difference(box: Sandbox) -> None:
    assert box.create("toy-bz2").code == 0
    said = box.create("--dry-run", "--json", "toy-bz2", "libblas").json
    assert [entry["name"] for entry in said["actions"]["LINK"]] == ["libblas"]
    said = box.create("--dry-run", "--json", "toy-bz2").json
    assert said["message"] == "All requested packages already installed"
    assert "actions" not in said


def test_checked_package_of_wrong_size_is_extracted_again(box: Sandbox) -> None:
    assert box.create("toy-bz2").code == 0
    (cached,) = box.root.glob("pkgs/**/bz2.txt")
    cached.write_text("changed\n")
    other = replace(box, prefix_name="other")
    assert other.create("toy-bz2", "--safety-checks", "enabled").code == 0
    assert (other.prefix / "share/toy/bz2.txt").read_text() == "bz2\n"


@pytest.mark.parametrize("quoted", [True, False])
def test_package_folder_is_read_as_a_list_unless_quoted(box: Sandbox, quoted: bool) -> None:
    place = str(box.folder / "one, two")
    assert box.set(CONDA_PKGS_DIRS=json.dumps(place) if quoted else place).create("toy-bz2").code == 0
    assert Path(place, "urls.txt").exists() is quoted


def test_netrc_file_gives_a_login(box: Sandbox, channel: Path) -> None:
    netrc = box.folder / "netrc"
    netrc.write_text('machine 127.0.0.1 login "reader" password "s3 \\"cret"\n')
    with serve(channel, login='reader:s3 "cret') as server:
        assert replace(box, channel=server.url).set(NETRC=str(netrc)).create("toy-bz2").code == 0
        assert "cret" not in (box.prefix / "conda-meta/toy-bz2-1.0-0.json").read_text()


def test_json_run_prints_one_document_and_no_linking_lines(box: Sandbox) -> None:
    answer = box.create("--json", "toy-bz2")
    assert answer.json["dry_run"] is False
    assert answer.out.startswith("{")
    assert (box.prefix / "share/toy/bz2.txt").read_text() == "bz2\n"


def test_release_asks_on_stdout_without_yes(box: Sandbox) -> None:
    arguments = [word for word in box.create_arguments("--json", "toy-bz2") if word != "--yes"]
    answer = box.run(*arguments)
    assert answer.out.startswith("Confirm changes: [Y/n]")


# --- installing --------------------------------------------------------------------------------------------


def test_stack_runs_from_its_prefix(box: Sandbox) -> None:
    answer = box.create(*STACK, "toy-entry", "toy-prefix", "--no-pyc")
    assert answer.code == 0, answer.text
    linking = re.findall(r"^Linking (\S+)$", answer.out, re.MULTILINE)
    assert len(linking) == len(list((box.prefix / "conda-meta").glob("*.json"))) == 7
    modules = "import sys, ssl, ctypes, sqlite3, lzma, threadpoolctl, numpy; "
    assert python_of(box, modules + "print(sys.prefix)") == str(box.prefix)
    report = python_of(box, modules + "print(numpy.__version__, threadpoolctl.threadpool_info()[0])")
    assert report.startswith(NUMPY_VERSION)
    assert "'internal_api': 'openblas'" in report
    assert str(box.prefix) in report
    assert subprocess.check_output([box.prefix / "bin/toy-entry"], text=True).split()[-1] == str(box.prefix)
    assert subprocess.check_output([box.prefix / "bin/toy-where"], text=True).strip() == str(box.prefix)
    assert (box.prefix / "share/toy/where.txt").read_text() == f"{box.prefix}/share/toy\n"


def test_files_are_hard_links_and_the_record_is_readable(box: Sandbox) -> None:
    assert box.create("toy-bz2").code == 0
    place = box.root / "pkgs" / "file" / box.channel.removeprefix("file:///") / "linux-64"
    linked = box.prefix / "share/toy/bz2.txt"
    assert linked.samefile(place / "toy-bz2-1.0-0" / "share/toy/bz2.txt")
    assert (place / "toy-bz2-1.0-0.tar.bz2").is_file()
    record = PrefixRecord.from_path(box.prefix / "conda-meta" / "toy-bz2-1.0-0.json")
    assert [str(path) for path in record.files] == ["share/toy/bz2.txt"]


@pytest.mark.parametrize("flavour", ["openblas", "mkl"])
def test_build_strings_choose_the_blas(box: Sandbox, flavour: str) -> None:
    linked = box.create("--dry-run", "--json", "numpy", f"libblas=*=*{flavour}").json["actions"]["LINK"]
    assert [entry["build"] for entry in linked if entry["name"] == "libblas"] == [f"5_h0_{flavour}"]


def test_python_brings_pip_and_bytecode(box: Sandbox) -> None:
    assert box.create(f"python={MINOR}", "toy-entry").code == 0
    assert (box.prefix / "bin/pip").exists()
    assert list((box.prefix / f"lib/python{MINOR}/site-packages/__pycache__").glob("toy_entry.*.pyc"))


def test_no_pyc_leaves_no_bytecode(box: Sandbox) -> None:
    assert box.create(f"python={MINOR}", "toy-entry", "--no-pyc").code == 0
    assert not list(box.prefix.rglob("*.pyc"))


def test_python_fails_in_a_channel_without_pip(box: Sandbox) -> None:
    folder = box.folder / "channel"
    write_channel(folder, [Package("python", "3.12.0", "0", {"bin/x": File(b"x")})], platform="linux-64")
    answer = replace(box, channel=f"file://{folder}").create("python")
    assert answer.code == 1
    assert "pip =* *, which does not exist" in answer.text


@pytest.mark.parametrize("name", ["has space", "ünï-çødé", r"""a$;&"(b)#\c*d:e%f""", "it's"])
def test_odd_characters_in_prefix_and_root(box: Sandbox, name: str) -> None:
    odd = replace(box, root_name=f"root {name}", prefix_name=name)
    assert odd.create(f"python={MINOR}", "toy-entry").code == 0
    assert python_of(odd, "import sys; print(sys.prefix)") == str(odd.prefix)
    compiled = list(odd.prefix.rglob("toy_entry.*.pyc"))
    assert bool(compiled) is ("'" not in name)


def test_list_tells_conda_and_pip_apart(box: Sandbox) -> None:
    box.create("toy-bz2")
    metadata = box.prefix / f"lib/python{MINOR}/site-packages/rich-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "INSTALLER").write_text("pip\n")
    released = box.run("list", "-p", str(box.prefix), "--json").json
    assert [(entry["name"], entry["channel"] == "pypi") for entry in released] == [
        ("rich", True),
        ("toy-bz2", False),
    ]
    assert released[1]["build_string"] == "0"
    assert len(released[1]["sha256"]) == 64
    assert replace(box, shape="main").run("list", "-p", str(box.prefix), "--json").json["packages"] == released


# --- failures ----------------------------------------------------------------------------------------------


def test_unknown_package_leaves_no_prefix(box: Sandbox) -> None:
    answer = box.create("nosuchpkg")
    assert answer.code == 1
    assert "nosuchpkg =* * does not exist (perhaps a typo or a missing channel)." in answer.err
    assert not box.prefix.exists()


@pytest.mark.parametrize("shape", SHAPES)
def test_solver_problems_are_in_the_document(box: Sandbox, shape: str) -> None:
    said = replace(box, shape=shape).create("--json", "nosuchpkg").json
    assert said["success"] is False
    assert said["solver_problems"] == ["unsupported request"]
    assert ("nosuchpkg =* * does not exist" in json.dumps(said)) is (shape == "main")


def test_unsatisfiable_version_fails(box: Sandbox) -> None:
    answer = box.create("toy-bz2=7")
    assert answer.code == 1
    assert "Could not solve" in answer.err


def test_missing_gpu_is_said(box: Sandbox) -> None:
    answer = box.set(CONDA_OVERRIDE_CUDA="").create("toy-cuda")
    assert answer.code == 1
    assert "__cuda >=12 *, which is missing on the system" in answer.err


@pytest.mark.parametrize(("version", "code"), [("12.4", 0), ("11.8", 1)])
def test_cuda_override_decides(box: Sandbox, version: str, code: int) -> None:
    assert box.set(CONDA_OVERRIDE_CUDA=version).create("toy-cuda").code == code


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ("http://127.0.0.1:9", "Download error (7)"),
        ("http://nosuch.invalid", "(6) Could not resolve hostname"),
    ],
)
def test_unreachable_channel_fails_after_some_tries(box: Sandbox, channel: str, words: str) -> None:
    start = time.monotonic()
    answer = replace(box, channel=channel).create("--json", "toy-bz2")
    assert (answer.code, answer.out) == (1, "")
    assert words in answer.err
    assert time.monotonic() - start > 0.6


def test_main_reports_network_errors_in_the_document_without_success(box: Sandbox) -> None:
    said = replace(box, channel="http://127.0.0.1:9", shape="main").create("--json", "toy-bz2").json
    assert "success" not in said
    assert "Download error (7)" in said["log_history"][-1]["message"]


def test_channel_404(box: Sandbox) -> None:
    with serve(box.folder) as server:
        answer = replace(box, channel=server.url).create("toy-bz2")
    assert answer.code == 1
    assert re.search(r"status: 404 \[.*/repodata.json\]", answer.err)


def test_broken_repodata_looks_like_a_missing_package(box: Sandbox) -> None:
    for subdir in ("linux-64", "noarch"):
        (box.folder / "channel" / subdir).mkdir(parents=True)
        (box.folder / "channel" / subdir / "repodata.json").write_text('{"packages": {')
    answer = replace(box, channel=f"file://{box.folder}/channel").create("toy-bz2")
    assert answer.code == 1
    assert "toy-bz2 =* * does not exist" in answer.err


@pytest.mark.parametrize("path", ["has space", "has%20space"])
def test_space_in_a_local_channel_fails(box: Sandbox, channel: Path, path: str) -> None:
    (box.folder / "has space").symlink_to(channel)
    assert replace(box, channel=f"file://{box.folder}/{path}").create("toy-bz2").code == 1


def test_wrong_hash_deletes_the_archive(box: Sandbox) -> None:
    answer = box.create("toy-badhash")
    assert answer.code == 1
    assert "SHA256 doesn't match expectation" in answer.err
    assert "Found incorrect downloads. Aborting" in answer.err
    assert "toy-badhash-1.0-0.conda" not in box.archives()
    assert [path.name for path in box.prefix.iterdir()] == ["conda-meta"]
    assert not list((box.prefix / "conda-meta").glob("*.json"))


def test_wrong_bytes_from_a_server_are_caught(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        server.faults["*/toy-bz2*"] = Fault(wrong_bytes=True, times=1)
        served = replace(box, channel=server.url)
        assert "SHA256 doesn't match expectation" in served.create("toy-bz2").err
        assert served.create("toy-bz2").code == 0


def test_cut_download_is_retried_three_times_from_the_start(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        server.faults["*/toy-bz2*"] = Fault(cut_after_bytes=50)
        answer = replace(box, channel=server.url).create("toy-bz2")
        assert server.requests["linux-64/toy-bz2-1.0-0.tar.bz2"] == 4
    assert answer.code == 1
    assert "(18) Transferred a partial file" in answer.err


def test_cut_download_recovers(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        server.faults["*/toy-bz2*"] = Fault(cut_after_bytes=50, times=2)
        assert replace(box, channel=server.url).create("toy-bz2").code == 0


def test_stalled_download_is_given_up_after_two_waits(box: Sandbox, channel: Path) -> None:
    start = time.monotonic()
    with serve(channel) as server:
        server.faults[f"*/{LARGE}"] = Fault(stall_after_bytes=1000)
        answer = replace(box, channel=server.url, knobs=("stall-seconds=0.5",)).create("toy-large")
    assert answer.code == 1
    assert "Less than 30 bytes/sec" in answer.err
    assert time.monotonic() - start > 1.0


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("download", "No space left on device"),
        ("extract", "json.exception.parse_error"),
        ("link", "Input/output error"),
    ],
)
def test_disk_full(box: Sandbox, phase: str, words: str) -> None:
    url = f"{box.channel}/linux-64/toy-bz2-1.0-0.tar.bz2"
    answer = replace(box, knobs=(f"disk-full={phase}",)).install_lock(url)
    assert answer.code == 1
    assert words in answer.err


def test_unwritable_root_falls_back_to_home_unless_pinned(box: Sandbox) -> None:
    box.root.mkdir()
    (box.root / "pkgs").write_text("a file where a folder should be")
    assert box.create("toy-bz2").code == 0
    assert list((box.home / ".mamba/pkgs").rglob("toy-bz2-1.0-0.tar.bz2"))
    assert box.set(CONDA_PKGS_DIRS=str(box.root / "pkgs")).create("toy-bz2").code == 1


# --- servers -----------------------------------------------------------------------------------------------


def test_full_cache_works_offline_with_the_server_down(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        served = replace(box, channel=server.url)
        assert served.create("toy-bz2").code == 0
    assert served.create("--offline", "toy-bz2").code == 0
    assert served.create("toy-bz2").code == 1


def test_offline_still_downloads_packages(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        served = replace(box, channel=server.url)
        served.create("--dry-run", "toy-bz2")
        asked = server.requests["linux-64/repodata.json.zst"]
        assert served.create("--offline", "toy-bz2").code == 0
        assert server.requests["linux-64/repodata.json.zst"] == asked == 1


def test_cache_layout_over_http(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        assert replace(box, channel=server.url).create("toy-bz2").code == 0
    host = server.url.removeprefix("http://").replace(":", "_")
    assert (box.root / "pkgs/http" / host / "linux-64/toy-bz2-1.0-0.tar.bz2").is_file()
    assert (box.home / ".cache/conda/pkgs/cache/shards").is_dir()


def test_login_in_the_url_is_used_and_kept_out_of_the_prefix(box: Sandbox, channel: Path) -> None:
    with serve(channel, login="reader:s3cret") as server:
        assert "status: 401" in replace(box, channel=server.url).create("toy-bz2").err
        assert replace(box, channel=server.url_with_login).create("toy-bz2").code == 0
    assert "s3cret" not in (box.prefix / "conda-meta/toy-bz2-1.0-0.json").read_text()


def test_proxy_variable_is_honoured(box: Sandbox, channel: Path) -> None:
    with serve(channel) as proxy:
        far = replace(box, channel="http://far.invalid").set(http_proxy=proxy.url)
        assert far.create("toy-bz2").code == 0
        assert proxy.proxied["linux-64/toy-bz2-1.0-0.tar.bz2"] == 1


def test_three_creates_on_one_root_fetch_each_file_once(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        server.faults["*/toy-bz2*"] = Fault(bytes_per_second=400)
        slow = replace(box, channel=server.url, knobs=("extract-delay=1",))
        boxes = [replace(slow, prefix_name=f"env{number}") for number in range(3)]
        answers = [finish(process) for process in [b.start(b.create_arguments("toy-bz2")) for b in boxes]]
        assert server.requests["linux-64/toy-bz2-1.0-0.tar.bz2"] == 1
    assert [answer.code for answer in answers] == [0, 0, 0]
    assert sum("Waiting for other mamba process" in answer.err for answer in answers) >= 1
    assert all((b.prefix / "share/toy/bz2.txt").exists() for b in boxes)


# --- locks -------------------------------------------------------------------------------------------------


def test_lock_from_a_dry_run_installs_without_repodata(box: Sandbox, channel: Path) -> None:
    with serve(channel) as server:
        served = replace(box, channel=server.url)
        lines = served.lines_of_lock(f"python={MINOR}", "toy-entry")
        server.requests.clear()
        answer = served.install_lock(*reversed(lines))
        assert answer.code == 0, answer.text
        assert not [path for path in server.requests if "repodata" in path]
    assert subprocess.check_output([box.prefix / "bin/toy-entry"], text=True).startswith("toy-entry in")


@pytest.mark.parametrize("form", ["{md5}", "{sha256}", "sha256:{sha256}"])
@pytest.mark.parametrize("scheme", ["file://", ""])
def test_lock_takes_all_hashes_and_local_paths(box: Sandbox, channel: Path, form: str, scheme: str) -> None:
    path = channel / "linux-64" / "toy-bz2-1.0-0.tar.bz2"
    data = path.read_bytes()
    digest = form.format(md5=hashlib.md5(data).hexdigest(), sha256=hashlib.sha256(data).hexdigest())
    assert box.install_lock(f"{scheme}{path}#{digest}").code == 0
    assert (box.prefix / "share/toy/bz2.txt").exists()


@pytest.mark.parametrize("digest", ["0" * 32, "0" * 64, "sha256:" + "0" * 64])
def test_lock_with_a_wrong_hash_is_refused(box: Sandbox, digest: str) -> None:
    answer = box.install_lock(f"{box.channel}/linux-64/toy-bz2-1.0-0.tar.bz2#{digest}")
    assert answer.code == 1
    assert "doesn't match expectation" in answer.err
    assert not (box.prefix / "share").exists()


# --- prefixes ----------------------------------------------------------------------------------------------


def test_foreign_folder_is_refused(box: Sandbox) -> None:
    box.prefix.mkdir()
    (box.prefix / "precious.txt").write_text("keep")
    answer = box.create("toy-bz2")
    assert answer.code == 1
    assert "Non-conda folder exists at prefix - aborting." in answer.err
    assert (box.prefix / "precious.txt").read_text() == "keep"


def test_conda_prefix_is_emptied_before_solving(box: Sandbox) -> None:
    assert box.create("toy-bz2").code == 0
    assert box.create("nosuchpkg").code == 1
    assert not box.prefix.exists()


# --- the child's environment -------------------------------------------------------------------------------


def test_writes_outside_root_and_prefix(box: Sandbox) -> None:
    assert box.create("toy-bz2").code == 0
    assert (box.home / ".conda/environments.txt").read_text() == f"{box.prefix}\n"
    assert (box.home / ".mamba/pkgs/urls.txt").exists()
    assert list(box.temporary.glob("mamba*"))


def test_pinned_package_folder_keeps_home_clean(box: Sandbox) -> None:
    assert box.set(CONDA_PKGS_DIRS=str(box.root / "pkgs")).create("toy-bz2").code == 0
    assert not (box.home / ".mamba").exists()


def test_missing_tmpdir_is_a_segmentation_fault(box: Sandbox) -> None:
    assert box.set(TMPDIR=str(box.folder / "gone")).create("toy-bz2").code == -signal.SIGSEGV


def test_unusable_home_fails(box: Sandbox) -> None:
    (box.folder / "file").write_text("")
    assert box.set(HOME=str(box.folder / "file" / "home")).create("toy-bz2").code == 1


@pytest.mark.parametrize(("value", "code"), [("true", 0), ("1", 1)])
def test_boolean_variables_must_be_true(box: Sandbox, value: str, code: int) -> None:
    assert box.set(MAMBA_NO_RC=value).create("toy-bz2").code == code


def test_dry_run_variable_breaks_extraction_despite_no_env(box: Sandbox) -> None:
    assert box.set(MAMBA_DRY_RUN="1").create("--no-env", "toy-bz2").code == 1


def test_broken_condarc_reaches_extraction_despite_no_rc(box: Sandbox) -> None:
    box.home.mkdir()
    (box.home / ".condarc").write_text("channels: [a\n\tb: {\n")
    assert "configuration file" in box.create("toy-bz2").err
    answer = box.create("toy-bz2", "--no-rc")
    assert answer.code == 1
    assert "extraction failed" in answer.out
    assert box.set(MAMBA_NO_RC="true").create("toy-bz2").code == 0


def test_condarc_channels_count_unless_overridden(box: Sandbox) -> None:
    box.home.mkdir()
    (box.home / ".condarc").write_text(f"channels:\n  - {box.channel}\n")
    arguments = ["create", "-p", str(box.prefix), "-r", str(box.root), "--yes", "--dry-run", "toy-bz2"]
    assert box.run(*arguments).code == 0
    assert box.run(*arguments, "--no-rc").code == 1
    assert box.run(*arguments, "--override-channels").code == 1


# --- kills and cancelling ----------------------------------------------------------------------------------


def test_archive_grows_under_its_final_name(box: Sandbox) -> None:
    slow = replace(box, knobs=("bytes-per-second=5000000",))
    process = slow.start(slow.create_arguments("toy-large"))
    sizes: set[int] = set()

    def has_grown() -> bool:
        sizes.update(path.stat().st_size for name, path in box.archives().items() if name == LARGE)
        return len(sizes) > 3

    wait_until(has_grown)
    os.killpg(process.pid, signal.SIGTERM)
    assert finish(process).code == -signal.SIGTERM
    assert 0 < max(sizes) < 30_000_000


def test_sigterm_to_the_group_leaves_nothing_alive(box: Sandbox) -> None:
    slow = replace(box, knobs=("extract-delay=30",))
    process = slow.start(slow.create_arguments("toy-large"))
    wait_until(lambda: any(box.root.glob("pkgs/**/toy-large-1.0-0")))
    os.killpg(process.pid, signal.SIGTERM)
    finish(process)
    wait_until(lambda: not processes_naming(str(box.root)))


def test_extraction_outlives_a_killed_parent_and_the_next_create_works(box: Sandbox) -> None:
    slow = replace(box, knobs=("extract-delay=1",))
    process = slow.start(slow.create_arguments("toy-prefix", "--no-pyc"))
    wait_until(lambda: any(box.root.glob("pkgs/**/python-3*/bin")))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert processes_naming(str(box.root))
    wait_until(lambda: not processes_naming(str(box.root)))
    assert next(box.root.glob("pkgs/**/python-3*/lib/python3*/zipapp.py")).exists()
    assert not list(box.root.glob("pkgs/**/python-3*/info/repodata_record.json"))
    assert box.create("toy-prefix", "--no-pyc").code == 0
    assert python_of(box, "print(1)") == "1"


def test_half_linked_prefix_is_made_whole_by_the_next_create(box: Sandbox) -> None:
    slow = replace(box, knobs=("link-delay=30",))
    process = slow.start(slow.create_arguments("toy-bz2", "libblas"))
    wait_until(lambda: len(list(box.prefix.glob("conda-meta/*.json"))) == 1)
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    assert box.create("toy-bz2", "libblas").code == 0
    assert len(list(box.prefix.glob("conda-meta/*.json"))) == 2


def test_compilation_writes_into_a_deleted_prefix(box: Sandbox) -> None:
    slow = replace(box, knobs=("compile-delay=1",))
    process = slow.start(slow.create_arguments(f"python={MINOR}", "toy-entry"))
    wait_until(lambda: bool(processes_naming(str(box.python))))
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(box.prefix)
    wait_until(lambda: not processes_naming(str(box.python)))
    assert "Non-conda folder exists at prefix" in box.create("toy-bz2").err


def test_sigint_waits_for_started_downloads(box: Sandbox) -> None:
    slow = replace(box, knobs=("bytes-per-second=20000000",))
    process = slow.start(slow.create_arguments("toy-large"))
    wait_until(lambda: LARGE in box.archives())
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    assert finish(process).code == 1
    assert box.archives()[LARGE].stat().st_size > 30_000_000
    assert not list(box.prefix.glob("conda-meta/*.json"))


# --- the pieces --------------------------------------------------------------------------------------------


def test_wrapper_is_an_executable_shell_script(box: Sandbox) -> None:
    box.run("--version")
    wrapper = box.folder / "bin" / "micromamba"
    assert wrapper.stat().st_mode & stat.S_IXUSR
    assert wrapper.read_text().startswith(f"#!/bin/sh\nexec {sys.executable} -I ")


def test_channel_is_not_built_twice(channel: Path) -> None:
    from standin.channel import build_channel

    before = (channel / "linux-64/repodata.json").stat().st_mtime_ns
    build_channel(channel)
    assert (channel / "linux-64/repodata.json").stat().st_mtime_ns == before


def test_recorded_hashes_are_true_except_where_meant(channel: Path) -> None:
    index = json.loads((channel / "linux-64/repodata.json").read_text())
    for name, record in {**index["packages"], **index["packages.conda"]}.items():
        data = (channel / "linux-64" / name).read_bytes()
        assert len(data) == record["size"]
        assert (hashlib.sha256(data).hexdigest() == record["sha256"]) is ("badhash" not in name)
