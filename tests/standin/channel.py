"""Build a small conda channel out of the running interpreter and a few wheels.

Command line: `python channel.py FOLDER [--large-megabytes N] [--numpy VERSION]`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform as host
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from standin.packages import PLACEHOLDER, File, Package, write_channel

NUMPY_VERSION = "2.4.6"
THREADPOOLCTL_VERSION = "3.6.0"
LARGE_BYTES = 30_000_000
STAMP = "channel-stamp.json"
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE_PACKAGES = f"lib/python{MINOR}/site-packages"
STDLIB_LEFT_OUT = {
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "pydoc_data",
    "ensurepip", "site-packages", "dist-packages", "sitecustomize.py", "EXTERNALLY-MANAGED",
}  # fmt: skip


def build_channel(
    folder: Path,
    *,
    platform: str = "linux-64",
    numpy_version: str = NUMPY_VERSION,
    large_bytes: int = LARGE_BYTES,
) -> Path:
    """Build the channel in `folder` unless one made from the same inputs is there; return `folder`."""
    stamp = folder / STAMP
    inputs = stamp_text(platform=platform, numpy_version=numpy_version, large_bytes=large_bytes)
    if stamp.is_file() and stamp.read_text() == inputs:
        return folder
    stamp.unlink(missing_ok=True)
    for subdir in (platform, "noarch"):
        shutil.rmtree(folder / subdir, ignore_errors=True)
    with tempfile.TemporaryDirectory() as downloads:
        packages = [*framework_packages(Path(downloads), numpy_version), *toy_packages(large_bytes)]
    write_channel(folder, packages, platform=platform)
    stamp.write_text(inputs)
    return folder


def stamp_text(**inputs: object) -> str:
    sources = [Path(__file__), Path(__file__).with_name("packages.py")]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return json.dumps({**inputs, "python": sys.version, "base": sys.base_prefix, "builder": digest}, indent=1)


def framework_packages(downloads: Path, numpy_version: str) -> list[Package]:
    numpy = download_wheel(f"numpy=={numpy_version}", downloads)
    threadpoolctl = download_wheel(f"threadpoolctl=={THREADPOOLCTL_VERSION}", downloads)
    pip = download_wheel("pip", downloads)
    abi = f"python >={MINOR},<{sys.version_info.major}.{sys.version_info.minor + 1}.0a0"
    tag = f"py{MINOR.replace('.', '')}"
    return [
        python_package(),
        Package("pip", wheel_version(pip), "pyh0_0", wheel_files(pip, "site-packages"), ("python >=3.9",),
                noarch_python=True, entry_points=("pip = pip._internal.cli.main:main",)),
        Package("numpy", numpy_version, f"{tag}h0_0", wheel_files(numpy, SITE_PACKAGES),
                (abi, "libblas >=3.9.0,<4.0a0")),
        Package("threadpoolctl", THREADPOOLCTL_VERSION, "pyh0_0", wheel_files(threadpoolctl, "site-packages"),
                ("python >=3.9",), noarch_python=True),
        libblas("openblas"),
        libblas("mkl", track_features="blas_mkl"),
    ]  # fmt: skip


def libblas(flavour: str, *, track_features: str = "") -> Package:
    """A label without a library: the wheel's numpy brings its own OpenBLAS whatever is asked for."""
    files = {f"share/libblas/{flavour}.txt": File(flavour.encode())}
    build = f"5_h0_{flavour}"
    return Package("libblas", "3.11.0", build, files, build_number=5, track_features=track_features)


def toy_packages(large_bytes: int) -> list[Package]:
    where = f"{PLACEHOLDER}/share/toy\n".encode()
    script = f"#!{PLACEHOLDER}/bin/python\nimport sys\nprint(sys.prefix)\n".encode()
    padded = b"\x7fTOY" + f"{PLACEHOLDER}/lib".encode() + b"\0" * 8 + b"end"
    entry = File(b"import sys\n\n\ndef main() -> None:\n    print('toy-entry in', sys.prefix)\n")
    return [
        Package("toy-prefix", "1.0", "0", {
            "share/toy/where.txt": File(where, placeholder=PLACEHOLDER),
            "share/toy/where.bin": File(padded, placeholder=PLACEHOLDER, binary=True),
            "bin/toy-where": File(script, placeholder=PLACEHOLDER, executable=True),
        }, ("python",)),
        Package("toy-entry", "1.0", "pyh0_0", {"site-packages/toy_entry.py": entry}, ("python",),
                noarch_python=True, entry_points=("toy-entry = toy_entry:main",)),
        Package("toy-cuda", "1.0", "0", {"share/toy/cuda.txt": File(b"cuda\n")}, ("__cuda >=12",)),
        Package("toy-bz2", "1.0", "0", {"share/toy/bz2.txt": File(b"bz2\n")}, tar_bz2=True),
        Package("toy-large", "1.0", "0", {"share/toy/large.bin": File(os.urandom(large_bytes))}),
        Package("toy-badhash", "1.0", "0", {"share/toy/badhash.txt": File(b"bad\n")},
                index_overrides={"sha256": "0" * 64, "md5": "0" * 32}),
    ]  # fmt: skip


def python_package() -> Package:
    """The running interpreter, able to start from any prefix."""
    name = f"python{MINOR}"
    stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    binary = File(relocated(Path(sys.base_prefix, "bin", name).read_bytes()), executable=True)
    files = {f"bin/{name}": binary, "bin/python": File(link=name), "bin/python3": File(link=name)}
    library = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME") or "")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and library.is_file():
        files[f"lib/{library.name}"] = File(library.read_bytes(), executable=True)
    for path in stdlib_files(stdlib):
        relative = path.relative_to(stdlib).as_posix()
        files[f"lib/{name}/{relative}"] = File(path.read_bytes())
    files[f"{SITE_PACKAGES}/README.txt"] = File(b"Installed packages go here.\n")
    if "deb_system" in sysconfig.get_scheme_names():
        files[f"lib/{name}/sitecustomize.py"] = File(DEBIAN_SITE_PACKAGES.encode())
    return Package("python", host.python_version(), "0_cpython", files)


DEBIAN_SITE_PACKAGES = """\
# Debian's site module looks in dist-packages only.
import os, site, sys
site.addsitedir(os.path.join(sys.prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages"))
"""


def stdlib_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in STDLIB_LEFT_OUT or path.name.startswith("config-") or path.suffix == ".a":
            continue
        if path.is_dir():
            yield from stdlib_files(path)
        elif path.is_file():
            yield path


def relocated(binary: bytes) -> bytes:
    """Point an absolute run path at the prefix's own lib folder; both are NUL-terminated strings."""
    old = str(Path(sys.base_prefix, "lib")).encode() + b"\0"
    new = b"$ORIGIN/../lib"
    if len(new) >= len(old):
        return binary
    return binary.replace(b"\0" + old, b"\0" + new.ljust(len(old), b"\0"))


def download_wheel(requirement: str, folder: Path) -> Path:
    """Fetch one wheel for the running interpreter through pip and return its path."""
    target = folder / requirement.partition("=")[0]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(target), requirement]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return next(target.glob("*.whl"))


def wheel_version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


def wheel_files(wheel: Path, site_packages: str) -> dict[str, File]:
    """The wheel's files below `site_packages`, without test suites, marked as installed by conda."""
    files = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith("/") or "/tests/" in name or ".data/" in name:
                continue
            files[f"{site_packages}/{name}"] = File(archive.read(name))
            if name.endswith(".dist-info/METADATA"):
                files[f"{site_packages}/{Path(name).with_name('INSTALLER').as_posix()}"] = File(b"conda")
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description="build a small conda channel")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--platform", default="linux-64")
    parser.add_argument("--numpy", default=NUMPY_VERSION, metavar="VERSION")
    parser.add_argument("--large-megabytes", type=float, default=LARGE_BYTES / 1e6)
    chosen = parser.parse_args()
    large_bytes = int(chosen.large_megabytes * 1e6)
    build_channel(chosen.folder, platform=chosen.platform, numpy_version=chosen.numpy, large_bytes=large_bytes)


if __name__ == "__main__":
    main()
