"""Build a small conda channel of the running interpreter and a few wheels, which lie beside it with `LINKS` to them.

Command line: `python channel.py FOLDER`.
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
import zipfile
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from standin.packages import File, Package, write_channel

NUMPY_VERSION = "2.4.6"
PLATFORM = "linux-64"
LARGE_BYTES = 30_000_000
STAMP = "channel-stamp.json"
LINKS = "wheels/links.html"
"""For pip's and uv's --find-links."""

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE_PACKAGES = f"lib/python{MINOR}/site-packages"
STDLIB_LEFT_OUT = {
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "pydoc_data",
    "ensurepip", "site-packages", "dist-packages", "sitecustomize.py", "EXTERNALLY-MANAGED",
}  # fmt: skip


def build_channel(folder: Path) -> Path:
    """Build the channel in `folder` unless one made from the same inputs is there; return `folder`."""
    stamp, inputs = folder / STAMP, stamp_text()
    if stamp.is_file() and stamp.read_text() == inputs:
        return folder
    stamp.unlink(missing_ok=True)
    for subdir in (PLATFORM, "noarch", "wheels"):
        shutil.rmtree(folder / subdir, ignore_errors=True)
    wheel = numpy_wheel(folder / "wheels")
    link = f'<a href="{wheel.name}" data-core-metadata="true">{wheel.name}</a>'
    (folder / LINKS).write_text(f"<!DOCTYPE html><html>{link}</html>")
    with zipfile.ZipFile(wheel) as content:
        metadata = content.read(f"numpy-{NUMPY_VERSION}.dist-info/METADATA")
    wheel.with_name(f"{wheel.name}.metadata").write_bytes(metadata)
    write_channel(folder, [python_package(), numpy_package(wheel), *labels(), *toys()], platform=PLATFORM)
    stamp.write_text(inputs)
    return folder


def stamp_text() -> str:
    sources = [Path(__file__), Path(__file__).with_name("packages.py")]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return json.dumps({"python": sys.version, "base": sys.base_prefix, "builder": digest}, indent=1)


def labels() -> list[Package]:
    """Packages without content: the wheel's numpy brings its own OpenBLAS whatever is asked for."""
    return [
        Package("pip", "26.0", "0", {"share/pip/label.txt": File(b"pip")}, noarch=True),
        *(
            Package("libblas", "3.11.0", f"5_h0_{flavour}", {f"share/libblas/{flavour}.txt": File(flavour.encode())},
                    track_features=features)
            for flavour, features in (("openblas", ""), ("mkl", "blas_mkl"))
        ),
    ]  # fmt: skip


def toys() -> list[Package]:
    entry = b"#!/usr/bin/env python\nimport sys\n\nprint('toy-entry in', sys.prefix)\n"
    return [
        Package("toy-prefix", "1.0", "0", {"share/toy/where.txt": File(b"here\n")}, ("python",)),
        Package("toy-entry", "1.0", "0", {"bin/toy-entry": File(entry, executable=True)}, ("python",)),
        Package("toy-cuda", "1.0", "0", {"share/toy/cuda.txt": File(b"cuda\n")}, ("__cuda >=12",)),
        Package("toy-bz2", "1.0", "0", {"share/toy/bz2.txt": File(b"bz2\n")}, tar_bz2=True),
        Package("toy-large", "1.0", "0", {"share/toy/large.bin": File(os.urandom(LARGE_BYTES))}),
        Package("toy-badhash", "1.0", "0", {"share/toy/badhash.txt": File(b"bad\n")}, sha256="0" * 64),
    ]


def numpy_wheel(folder: Path) -> Path:
    """The wheel for the running interpreter, fetched through pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), f"numpy=={NUMPY_VERSION}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (found,) = folder.glob("*.whl")
    return found


def numpy_package(file: Path) -> Package:
    """The same, without test suites."""
    with zipfile.ZipFile(file) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/") and "/tests/" not in name]
        files = {f"{SITE_PACKAGES}/{name}": File(wheel.read(name)) for name in names if ".data/" not in name}
    depends = (f"python >={MINOR},<{sys.version_info.major}.{sys.version_info.minor + 1}.0a0", "libblas >=3.9.0,<4.0a0")
    return Package("numpy", NUMPY_VERSION, f"py{MINOR.replace('.', '')}h0_0", files, depends)


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="build a small conda channel")
    parser.add_argument("folder", type=Path)
    build_channel(parser.parse_args().folder)
