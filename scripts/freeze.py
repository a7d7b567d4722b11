"""Freeze mambench into one file and into one folder, with the micromamba archive of this platform.

    python scripts/freeze.py                         fetches the pinned archive where it is not yet
    python scripts/freeze.py --micromamba FILE       takes this archive; its hash must match the pin
    python scripts/freeze.py --no-micromamba         the program downloads it at first use

Needs PyInstaller beside mambench. Writes DIR/mambench-<version>-<platform>[.exe] and a .tar.gz or .zip of the
folder form; the folder itself stays under DIR/folder.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from mambench import __version__
from mambench.environments import pinned
from mambench.environments.conda.bootstrap import read_pin
from mambench.errors import MambenchError, NetworkError
from mambench.frozen.beside import HOME_NAME
from mambench.frozen.bundle import MARKER
from mambench.machine import operating_system
from mambench.system import resources

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "specs"), str(ROOT / "scripts")]

import artwork  # noqa: E402
import notices  # noqa: E402
import windows_version  # noqa: E402

import fetch_micromamba  # noqa: E402
import share  # noqa: E402

DESCRIPTION = "mambench: matrix multiplication, measured"

DESKTOP = """\
[Desktop Entry]
Type=Application
Name=mambench
Comment=Measure matrix multiplication
Exec=sh -c "exec env MAMBENCH_WINDOW=1 \\"\\$(dirname \\"\\$1\\")/mambench\\"" sh %k
Terminal=true
Categories=Science;System;
"""
COMMAND = '#!/bin/sh\n# Double-click me.\ncd "$(dirname "$0")" && exec ./mambench\n'


def main() -> int:
    """Freeze as the command line says."""
    chosen = _parser().parse_args()
    platform = operating_system.platform_here()
    try:
        if chosen.pack_only:
            _say(pack(chosen.out / "folder" / f"mambench-{__version__}-{platform}", chosen.out))
        else:
            build(chosen, platform)
    except MambenchError as error:
        print(f"freeze: {error}; {error.remedy}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--micromamba", type=Path, metavar="FILE", help="carry this archive")
    parser.add_argument("--unpinned", action="store_true", help="take it whatever its hash is; the program says so")
    parser.add_argument("--pins", type=Path, metavar="FILE", help="another micromamba.toml")
    parser.add_argument("--no-micromamba", action="store_true", help="carry none")
    parser.add_argument("--onefile", action="store_true", help="only this form")
    parser.add_argument("--onedir", action="store_true", help="only this form")
    parser.add_argument("--pack-only", action="store_true", help="pack the folder again, after signing what is in it")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR")
    return parser


def build(chosen: argparse.Namespace, platform: str) -> None:
    """Stage the resources, run PyInstaller, pack the folder. Raises MambenchError."""
    name = f"mambench-{__version__}-{platform}"
    folder = chosen.out / "folder" / name
    work = chosen.out / "work"
    stage = work / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    stage_resources(stage, chosen, platform)
    forms = [form for form in ("onefile", "onedir") if getattr(chosen, form)] or ["onefile", "onedir"]
    shutil.rmtree(folder, ignore_errors=True)
    run_pyinstaller(stage, name, forms, out=chosen.out, work=work)
    if "onefile" in forms:
        _say(chosen.out / (f"{name}.exe" if sys.platform == "win32" else name))
    if "onedir" in forms:
        complete_folder(folder, stage)
        _say(pack(folder, chosen.out))


# -------------------------------------------------------------------------------------------------- staging


def stage_resources(stage: Path, chosen: argparse.Namespace, platform: str) -> None:
    """All that goes into the program beside its modules."""
    target = stage / "resources"
    archives = shutil.ignore_patterns("*micromamba-*.tar.bz2", "__pycache__")
    shutil.copytree(ROOT / "resources", target, ignore=archives)
    if chosen.pins:
        shutil.copyfile(chosen.pins, target / "mm" / "micromamba.toml")
    if not chosen.no_micromamba:
        carry(target / "mm", chosen, platform)
    if sys.platform == "win32":  # a downloaded micromamba needs it too
        carry_runtime(target / "mm")
    carry_index(target / "uv" / "uv.toml", help_of_pip())
    worker_copy = resources.threadpoolctl()
    if worker_copy is None:
        raise MambenchError("threadpoolctl is not installed here", remedy="pip install -e .")
    shutil.copyfile(worker_copy, target / "threadpoolctl.py")
    write_notices(stage / "licenses", target / "licenses.txt")
    (stage / MARKER).write_text("mambench\n", encoding="utf-8")
    (stage / MARKER).chmod(0o755)
    (stage / "mambench.ico").write_bytes(artwork.ico())
    (stage / "mambench.png").write_bytes(artwork.png(256))
    resource = windows_version.version_resource(__version__, description=DESCRIPTION, file_name="mambench.exe")
    (stage / "version.txt").write_text(resource, encoding="utf-8")


def carry(folder: Path, chosen: argparse.Namespace, platform: str) -> None:
    """Put the platform's archive into `folder`, unmodified, with the licences in it. Raises MambenchError."""
    pins = folder / "micromamba.toml"
    try:
        archive = chosen.micromamba or fetch_micromamba.fetch(platform)
    except NetworkError as error:
        raise MambenchError(
            str(error),
            remedy="--micromamba FILE takes an archive that you have; with --no-micromamba the program downloads it "
            "when it is first needed",
        ) from error
    if chosen.unpinned:
        pins.write_text(own_pin(archive, platform), encoding="utf-8")
        print(f"freeze: {archive} is carried UNPINNED: `mambench info` and `doctor` will say so")
    pin = read_pin(pins, platform)
    if pinned.sha256_of(archive) != pin.archive_sha256:
        raise MambenchError(f"{archive} is not the pinned micromamba", remedy="--unpinned takes it all the same")
    shutil.copyfile(archive, folder / pin.archive_name)
    for name, text in notices.of_archive(archive).items():
        (folder / "licenses" / name).write_bytes(text)


def help_of_pip() -> str:
    """`pip install --help` in wide lines, untouched by this machine's configuration; nothing where there is no pip."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = [sys.executable, "-m", "pip", "help", "install"]
    wide = {"PIP_CONFIG_FILE": os.devnull, "COLUMNS": "1000"}
    return subprocess.run(command, env=environ | wide, capture_output=True, text=True, check=False).stdout


def carry_index(pins: Path, help_text: str) -> None:
    """Write pip's default index into `pins`: the program asks it for uv where the user has configured none."""
    named = re.search(r"--index-url <url>[^(]*\(default (https://[^\s)]+)\)", help_text)
    if named is None:
        print("freeze: pip names no default index: the program fetches uv only where one is configured")
        return
    pins.write_text(f'index = "{named[1]}"\n{pins.read_text(encoding="utf-8")}', encoding="utf-8")


def carry_runtime(folder: Path) -> None:
    """The Visual C++ runtime that micromamba.exe needs and a clean Windows lacks. Raises MambenchError."""
    system = Path(os.environ["SYSTEMROOT"]) / "System32"
    for name in ("msvcp140.dll", "vcruntime140.dll", "vcruntime140_1.dll"):
        if not (system / name).is_file():
            raise MambenchError(f"{name} is not here", remedy="install the Visual C++ redistributable")
        shutil.copyfile(system / name, folder / name)


def own_pin(archive: Path, platform: str) -> str:
    """A micromamba.toml for an archive that is not the official one."""
    content = archive.read_bytes()
    member = "Library/bin/micromamba.exe" if sys.platform == "win32" else "bin/micromamba"
    with tarfile.open(archive, "r:bz2") as bundle:
        stream = bundle.extractfile(member)
        executable = stream.read() if stream is not None else b""
    return (
        'version = "unpinned"\nbuild = "0"\nofficial = false\n'
        'url = "file:///unpinned/{platform}/micromamba-{version}-{build}.tar.bz2"\n'
        f'[{platform}]\narchive = "{hashlib.sha256(content).hexdigest()}"\n'
        f'executable = "{hashlib.sha256(executable).hexdigest()}"\n'
    )


def write_notices(folder: Path, together: Path) -> None:
    """The licences of python, our dependencies and the system's libraries: file by file, and in one file.

    The one-file program carries the one: each file costs it time at every start.
    """
    folder.mkdir()
    texts, missing = notices.gather()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    together.write_text("\n".join(f"{'=' * 20} {name}\n\n{text}" for name, text in texts.items()), encoding="utf-8")
    if missing:
        print(f"freeze: no licence text found of {', '.join(missing)}: only named, or missing")


# ------------------------------------------------------------------------------------------------- building


def run_pyinstaller(stage: Path, name: str, forms: list[str], *, out: Path, work: Path) -> None:
    """One analysis, the forms asked for. Raises MambenchError."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(out), "--workpath", str(work), str(ROOT / "specs" / "mambench.spec")]
    command += ["--", "--stage", str(stage.resolve()), "--name", name, *(f"--{form}" for form in forms)]
    # Byte code depends on the order of sets; two builds of one state should not differ.
    environ = {**os.environ, "PYTHONHASHSEED": "1"}
    if subprocess.run(command, env=environ, cwd=ROOT, check=False).returncode != 0:
        raise MambenchError("PyInstaller failed", remedy="its messages are above")


def complete_folder(folder: Path, stage: Path) -> None:
    """What a person double-clicks in the folder form, where the program itself is not enough, and manuals."""
    if sys.platform.startswith("linux"):
        _write_executable(folder / "mambench.desktop", DESKTOP)
        shutil.copyfile(stage / "mambench.png", folder / "mambench.png")
    elif sys.platform == "darwin":
        _write_executable(folder / "mambench.command", COMMAND)
    share.write(folder)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE.txt")
    shutil.copytree(stage / "licenses", folder / "licenses")
    shutil.copytree(stage / "resources" / "mm" / "licenses", folder / "licenses" / "micromamba")


def pack(folder: Path, out: Path) -> Path:
    """The folder as .tar.gz, on Windows as .zip."""
    if sys.platform != "win32":
        archive = out / f"{folder.name}.tar.gz"
        with tarfile.open(archive, "w:gz") as bundle:
            bundle.add(folder, folder.name, filter=_anonymous)
        return archive
    archive = out / f"{folder.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            if HOME_NAME not in path.parts:
                packed.write(path, Path(folder.name) / path.relative_to(folder))
    return archive


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Nobody's files; what a trial of the program left beside it stays out."""
    if HOME_NAME in entry.name.split("/"):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _write_executable(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _say(file: Path) -> None:
    print(f"freeze: {file}, {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
