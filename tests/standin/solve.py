"""Repodata and virtual packages in, records out: rattler solves, the explanations are micromamba's."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from rattler import (
    BuildString,
    Channel,
    GenericVirtualPackage,
    MatchSpec,
    PackageName,
    SparseRepoData,
    Version,
    VirtualPackage,
    solve_with_sparse_repodata,
)
from rattler.exceptions import SolverError

from standin.download import Missing, download, local_path
from standin.knobs import Knobs
from standin.messages import Failure, Output, does_not_exist, requires_missing
from standin.records import Record, from_repodata

UNNAMED_HOST = "https://channel.invalid"  # where a channel given by name only is looked for
FOREIGN_VIRTUAL_PACKAGES = {
    "linux": (("__unix", "0"), ("__linux", "6.1"), ("__glibc", "2.28")),
    "osx": (("__unix", "0"), ("__osx", "14.0")),
    "win": (("__win", "0"),),
}


@dataclass(frozen=True)
class Subdir:
    """One index: its place, the file it was written to, and its entries by file name."""

    channel: str
    name: str
    path: Path
    entries: dict[str, dict[str, Any]]


def channel_url(channel: str) -> str:
    if "://" in channel:
        return channel.rstrip("/")
    if channel.startswith(("/", ".", "~")):
        return f"file://{Path(channel).expanduser().absolute()}"
    return f"{UNNAMED_HOST}/{channel}"


def load_subdirs(
    channels: list[str], platform: str, cache: Path, *, offline: bool, knobs: Knobs, output: Output
) -> list[Subdir]:
    """Fetch the index of `platform` and of noarch for every channel."""
    return [
        load_subdir(channel, subdir, cache, offline=offline, knobs=knobs, output=output)
        for channel in channels
        for subdir in (platform, "noarch")
    ]


def load_subdir(channel: str, name: str, cache: Path, *, offline: bool, knobs: Knobs, output: Output) -> Subdir:
    url = f"{channel}/{name}/repodata.json"
    path = cache / f"{hashlib.md5(url.encode()).hexdigest()[:8]}.json"
    if not offline or url.startswith("file://"):
        fetch_index(url, path, knobs)
    try:
        document = json.loads(path.read_bytes())
        entries = {**document.get("packages", {}), **document.get("packages.conda", {})}
    except (OSError, ValueError, AttributeError) as error:
        output.log("warning", f"Could not load repodata of {name}: {error}")
        path.write_text('{"packages": {}, "packages.conda": {}}')
        entries = {}
    return Subdir(channel, name, path, entries)


def fetch_index(url: str, path: Path, knobs: Knobs) -> None:
    """Write the index to `path`, from the compressed form where there is one."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if not fetch_compressed_index(f"{url}.zst", part, knobs):
            download(url, part, knobs)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def fetch_compressed_index(url: str, part: Path, knobs: Knobs) -> bool:
    """Write the index to `part` and say so, or say that there is none to be had in this form."""
    if url.startswith("file://") and not local_path(url).exists():
        return False
    try:
        download(url, part, knobs)
        part.write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(part.read_bytes()))
    except (Missing, zstandard.ZstdError):
        return False
    return True


def solve(specs: list[str], subdirs: list[Subdir], virtual: list[tuple[str, str, str]]) -> list[Record]:
    """Choose packages; raises Failure with micromamba's explanation."""
    parsed = [parse_spec(spec) for spec in specs]
    names = {exact_name(spec) for spec in parsed}
    if "python" in names and "pip" not in names:
        parsed.append(MatchSpec("pip"))
    explain_missing(parsed, subdirs, virtual, added_pip="pip" not in names)
    sparse = [SparseRepoData(Channel(subdir.channel), subdir.name, subdir.path) for subdir in subdirs]
    known = [GenericVirtualPackage(PackageName(n), Version(v), BuildString(b)) for n, v, b in virtual]
    try:
        found = asyncio.run(solve_with_sparse_repodata(parsed, sparse, virtual_packages=known))
    except SolverError as error:
        unknown = re.findall(r"No candidates were found for ([^\n]+?)\.?$", str(error), re.MULTILINE)
        raise unsolvable([does_not_exist(libsolv_spec(MatchSpec(spec))) for spec in unknown] or [str(error)]) from error
    return [record_of(str(record.channel), str(record.subdir), str(record.file_name), subdirs) for record in found]


def record_of(channel: str, subdir: str, file_name: str, subdirs: list[Subdir]) -> Record:
    """The record under the URL that was given, which rattler would rewrite."""
    candidates = [known for known in subdirs if known.name == subdir and file_name in known.entries]
    chosen = next((known for known in candidates if known.channel == channel.rstrip("/")), candidates[0])
    entry = chosen.entries[file_name]
    return from_repodata(entry, channel=chosen.channel, subdir=subdir, file_name=file_name)


def parse_spec(spec: str) -> MatchSpec:
    try:
        return MatchSpec(spec)
    except Exception as error:  # rattler's parse errors share no base class
        raise Failure(f"Could not parse '{spec}' as a package spec: {error}") from error


def exact_name(spec: MatchSpec) -> str:
    return str(spec).split()[0]


def explain_missing(
    specs: list[MatchSpec], subdirs: list[Subdir], virtual: list[tuple[str, str, str]], *, added_pip: bool
) -> None:
    """Raise for a name that no channel has, and for a virtual package that this machine lacks."""
    entries = [entry for subdir in subdirs for entry in subdir.entries.values()]
    known = {entry["name"] for entry in entries}
    present = {name for name, _, _ in virtual}
    problems = []
    for spec in specs:
        name = exact_name(spec)
        if name == "pip" and added_pip and name not in known:
            problems.append(requires_missing("python =* *", "pip =* *"))
        elif name not in known:
            problems.append(does_not_exist(libsolv_spec(spec)))
        else:
            problems += missing_virtual(name, entries, present)
    if problems:
        raise unsolvable(problems)


def missing_virtual(name: str, entries: list[dict[str, Any]], present: set[str]) -> list[str]:
    """One problem if every variant of a package needs a virtual package that is not there."""
    variants = [entry for entry in entries if entry["name"] == name]
    lacking = [
        [spec for spec in entry["depends"] if spec.startswith("__") and spec.split()[0] not in present]
        for entry in variants
    ]
    if not all(lacking):
        return []
    return [requires_missing(f"{name} =* *", f"{lacking[0][0]} *")]


def libsolv_spec(spec: MatchSpec) -> str:
    version = re.sub(r"\.\*$", "", spec.version or "*")
    return f"{exact_name(spec)} {'' if version[0] in '<>!~' else '='}{version} {spec.build or '*'}"


def unsolvable(problems: list[str]) -> Failure:
    heading = "The following packages could not be installed"
    tree = "\n".join(f"    └─ {problem}" for problem in problems)
    raw = ["unsupported request" if "perhaps a typo" in problem else problem for problem in problems]
    return Failure(f"Could not solve for environment specs\n    {heading}\n{tree}", problems=raw)


def virtual_packages(environ: Mapping[str, str], platform: str, host: str) -> list[tuple[str, str, str]]:
    """Name, version and build of what the system offers for `platform`."""
    if platform == host:
        detected = [package.into_generic() for package in VirtualPackage.detect()]
        found = [(package.name.source, str(package.version), str(package.build_string)) for package in detected]
    else:
        system = platform.partition("-")[0]
        found = [(name, version, "0") for name, version in FOREIGN_VIRTUAL_PACKAGES.get(system, ())]
    cuda = environ.get("CONDA_OVERRIDE_CUDA")
    if cuda is None and platform == host:
        cuda = cuda_of_driver(environ)
    return [entry for entry in found if entry[0] != "__cuda"] + ([("__cuda", cuda, "0")] if cuda else [])


def cuda_of_driver(environ: Mapping[str, str]) -> str:
    """What nvidia-smi from PATH says, as in libmamba."""
    program = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if not program:
        return ""
    command = [program, "--query", "-u", "-x"]
    answer = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = re.search(r"<cuda_version>([\d.]+)</cuda_version>", answer.stdout)
    return found[1] if found else ""
