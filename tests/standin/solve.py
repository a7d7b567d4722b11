"""Channels and specs in, records out: rattler solves, the explanations are micromamba's."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rattler import (
    BuildString,
    Channel,
    GenericVirtualPackage,
    MatchSpec,
    PackageName,
    SparseRepoData,
    Version,
    VirtualPackage,
    VirtualPackageOverrides,
)
from rattler import solve_with_sparse_repodata as solve_with
from rattler.exceptions import SolverError

from standin.download import download
from standin.messages import ANSWERS, Failure, Output

UNKNOWN = re.compile(r"No candidates were found for (\S+) (\S+?)(?: (\S+?))?\.?$", re.MULTILINE)
NO_VIRTUAL = re.compile(r"(\S+) \S+ would require\s+└─ (__\w+ \S+), for which no candidates")


@dataclass(frozen=True)
class Subdir:
    """One index: its place, the file it was written to, and its entries by file name."""

    channel: str
    name: str
    path: Path
    entries: dict[str, dict[str, Any]]


def solve(options: Namespace, folder: Path, output: Output) -> list[dict[str, Any]]:
    """Choose packages; raises Failure with micromamba's explanation. `folder` keeps the indexes."""
    urls = [channel if "://" in channel else f"file://{channel}" for channel in options.channels]
    subdirs = [load(url, name, folder, options, output) for url in urls for name in (options.platform, "noarch")]
    time.sleep(options.solve_delay)
    sparse = [SparseRepoData(Channel(subdir.channel), subdir.name, subdir.path) for subdir in subdirs]
    system = VirtualPackage.detect(VirtualPackageOverrides.from_env())
    if options.platform != "linux-64":
        system = [
            GenericVirtualPackage(PackageName(f"__{name}"), Version(v), BuildString("0")) for name, v in overrides()
        ]
    specs = [MatchSpec(spec) for spec in options.specs]
    try:
        found = asyncio.run(
            solve_with(specs, sparse, virtual_packages=system, add_pip_as_python_dependency=True)
        )  # fmt: skip
    except SolverError as error:
        raise explained(str(error)) from error
    return [record_of(str(each.subdir), str(each.file_name), subdirs) for each in found]


def overrides() -> Iterator[tuple[str, str]]:
    """What another computer is said to have: the virtual packages that CONDA_OVERRIDE_* give a version."""
    for name, value in os.environ.items():
        if name.startswith("CONDA_OVERRIDE_") and value:
            yield name.removeprefix("CONDA_OVERRIDE_").lower(), value


def load(channel: str, name: str, folder: Path, options: Namespace, output: Output) -> Subdir:
    """One index; a broken one counts as empty, and so does one that --offline does not find in the cache."""
    url = f"{channel}/{name}/repodata.json"
    path = folder / f"{hashlib.md5(url.encode()).hexdigest()[:8]}.json"
    if not options.offline or url.startswith("file://"):
        part = path.with_suffix(f".{os.getpid()}")
        download(url, part, options)
        part.replace(path)
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        output.log("warning", f"Could not load repodata of {name}: {error}")
        document = {"packages": {}, "packages.conda": {}}
        path.write_text(json.dumps(document))
    return Subdir(channel, name, path, {**document["packages"], **document["packages.conda"]})


def record_of(name: str, file_name: str, subdirs: list[Subdir]) -> dict[str, Any]:
    """The record under the URL that was given, which rattler would rewrite."""
    subdir = next(each for each in subdirs if each.name == name and file_name in each.entries)
    entry = subdir.entries[file_name]
    url = f"{subdir.channel}/{name}/{file_name}"
    return {**entry, "build_string": entry["build"], "fn": file_name, "url": url, "channel": subdir.channel}


def explained(reasons: str) -> Failure:
    """rattler's reasons as micromamba gives them."""
    if match := UNKNOWN.search(reasons):
        problem = ANSWERS["unknown"].format(name=match[1], version=match[2].removesuffix(".*"), build=match[3] or "*")
    elif match := NO_VIRTUAL.search(reasons):
        problem = ANSWERS["no-virtual"].format(name=match[1], needs=match[2])
    else:
        problem = reasons
    return Failure(ANSWERS["unsolvable"].format(problem=problem), unsolvable=True)
