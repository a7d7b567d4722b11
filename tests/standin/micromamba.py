"""A stand-in for micromamba, for tests: python -I micromamba.py [--standin-KNOB=VALUE ...] ARGUMENTS.

It answers, writes, fails and is killed as the real program is, for the few commands that mambench gives.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

sys.path.append(str(Path(__file__).resolve().parents[1]))

from standin import surroundings
from standin.cache import Cache, fetch_and_extract, open_cache, package_folders
from standin.extract import extract_command
from standin.knobs import Knobs, split_knobs
from standin.link import link_all
from standin.messages import Failure, Output
from standin.options import Options, parse
from standin.records import Record, in_link_order, read_explicit, with_index

VERSION = "2.8.1"
HOST_PLATFORM = "linux-64"


@dataclass(frozen=True)
class Program:
    """One run: what was asked, and the surroundings it found."""

    options: Options
    knobs: Knobs
    output: Output
    root: Path
    prefix: Path

    @property
    def reads_rc(self) -> bool:
        return self.options.rc and os.environ.get("MAMBA_NO_RC") != "true"

    @property
    def platform(self) -> str:
        return self.options.platform or HOST_PLATFORM


class Interrupt:
    """SIGINT is remembered and acted on between steps; started downloads run to their end."""

    def __init__(self) -> None:
        self.seen = False
        signal.signal(signal.SIGINT, self.note)

    def note(self, *_: object) -> None:
        self.seen = True

    def __call__(self) -> bool:
        return self.seen


def main(arguments: list[str]) -> int:
    knobs, arguments = split_knobs(arguments)
    quiet = "--quiet" in arguments or "-q" in arguments
    output = Output(knobs.shape, json="--json" in arguments, quiet=quiet)
    try:
        return run(parse(arguments), knobs, output, Interrupt())
    except Failure as failure:
        output.failure(failure)
        return failure.code


def run(options: Options, knobs: Knobs, output: Output, interrupted: Interrupt) -> int:
    if options.version:
        print(VERSION)
        return 0
    if options.command == "package":
        extract_command(Path(options.words[1]), Path(options.words[2]), knobs, os.environ)
        return 0
    if options.env:
        surroundings.check_booleans(os.environ)
    root = Path(options.root or os.environ.get("MAMBA_ROOT_PREFIX") or Path.home() / "micromamba")
    program = Program(options, knobs, output, root.absolute(), Path(options.prefix).absolute())
    if program.reads_rc:
        surroundings.check_rc_files(os.environ, [program.root, program.prefix])
    if options.command == "create":
        create(program, interrupted)
    elif options.command == "list":
        list_packages(program)
    elif options.command == "info":
        info(program)
    return 0


def create(program: Program, interrupted: Interrupt) -> None:
    """Solve or read a lock, then fetch, extract and link."""
    surroundings.die_without_tmpdir(os.environ)
    if not program.options.prefix:
        raise Failure("No target prefix specified")
    surroundings.leave_temporary_file()
    home = surroundings.home_folder(os.environ)
    if not program.options.dry_run:
        clear_prefix(program)
    cache = open_cache(os.environ, program.root, home, checks=program.options.safety_checks)
    records = choose_records(program, cache, home)
    if program.options.dry_run and (records := not_installed(program.prefix, records)) == []:
        message = "All requested packages already installed"
        finish(program, {"dry_run": True, "message": message, "prefix": str(program.prefix), "success": True})
        return
    result = transaction(program, cache, records)
    if program.options.dry_run:
        finish(program, result)
        return
    if not (program.options.yes or program.output.confirmed("Confirm changes", default="y")):
        raise Failure("Aborted by user")
    if interrupted():
        raise Failure("User interrupted process")
    (program.prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
    install(program, cache, records, interrupted)
    surroundings.register_environment(home, program.prefix)
    finish(program, result)


def clear_prefix(program: Program) -> None:
    """Delete a conda prefix, before anything is solved; refuse any other folder with something in it."""
    prefix = program.prefix
    if not prefix.exists():
        return
    if not prefix.is_dir():
        raise Failure("Target prefix already exists and is not a folder - aborting.")
    if not any(prefix.iterdir()):
        program.output.log("warning", "Using existing empty folder as target prefix")
    elif not (prefix / "conda-meta").exists():
        raise Failure("Non-conda folder exists at prefix - aborting.")
    elif program.options.yes or program.output.confirmed(overwrite_question(prefix), default="n"):
        shutil.rmtree(prefix)
    else:
        raise Failure("Aborting.")


def overwrite_question(prefix: Path) -> str:
    return f"Found conda-prefix at '{prefix}'. Overwrite?"


def choose_records(program: Program, cache: Cache, home: Path) -> list[Record]:
    options = program.options
    lines = Path(options.file).read_text().splitlines() if options.file else []
    if "@EXPLICIT" in (line.strip() for line in lines):
        return read_explicit(lines)
    specs = [*options.words, *(line.strip() for line in lines if line.strip() and not line.startswith("#"))]
    if not specs:
        return []
    return solve_specs(program, specs, cache, home)


def solve_specs(program: Program, specs: list[str], cache: Cache, home: Path) -> list[Record]:
    from standin import solve

    channels = list(program.options.channels)
    if program.reads_rc and not program.options.override_channels:
        channels += surroundings.rc_channels(os.environ, [program.root, program.prefix])
    if not channels:
        raise Failure("No channels specified")
    urls = [solve.channel_url(channel) for channel in channels]
    if any(url.startswith("http") for url in urls):
        surroundings.leave_shard_cache(os.environ, home)
    subdirs = solve.load_subdirs(
        urls, program.platform, cache.writable / "cache",
        offline=program.options.offline, knobs=program.knobs, output=program.output,
    )  # fmt: skip
    time.sleep(program.knobs.solve_delay)
    virtual = solve.virtual_packages(os.environ, program.platform, HOST_PLATFORM)
    return in_link_order(solve.solve(specs, subdirs, virtual))


def not_installed(prefix: Path, records: list[Record]) -> list[Record]:
    """A dry run on a prefix that exists tells the difference only."""
    return [record for record in records if not (prefix / "conda-meta" / f"{record.stem}.json").exists()]


def transaction(program: Program, cache: Cache, records: list[Record]) -> dict[str, Any]:
    """The JSON document of a run, made before the run changes the cache."""
    fetched = [record.as_json() for record in records if not cache.has(record)]
    actions: dict[str, Any] = {"FETCH": fetched} if fetched else {}
    actions |= {"LINK": [record.as_json() for record in records], "PREFIX": str(program.prefix)}
    return {
        "actions": actions,
        "dry_run": program.options.dry_run,
        "prefix": str(program.prefix),
        "success": True,
    }


def install(program: Program, cache: Cache, records: list[Record], interrupted: Interrupt) -> None:
    knobs, output = program.knobs, program.output
    output.say(f"Transaction\n\n  Prefix: {program.prefix}\n\n  Install: {len(records)} packages\n")
    try:
        folders = fetch_and_extract(records, cache, knobs, output, interrupted)
        complete = [with_index(record, folders[record.name]) for record in records]
        output.say("\nTransaction starting")
        (program.prefix / "conda-meta" / "history").write_text("==> stand-in <==\n")
        link_all(
            in_link_order(complete), folders, program.prefix, knobs, output,
            compile_bytecode=program.options.pyc, interrupted=interrupted,
        )  # fmt: skip
    except OSError as error:
        raise Failure(f"filesystem error: {error.strerror} [{error.filename}]") from error
    output.say("\nTransaction finished")


def finish(program: Program, result: dict[str, Any]) -> None:
    if program.options.json:
        program.output.document(result)


def list_packages(program: Program) -> None:
    if not (program.prefix / "conda-meta").is_dir():
        raise Failure(f"could not load prefix data: environment does not exist: {program.prefix}")
    found = [*conda_packages(program.prefix), *pip_packages(program.prefix)]
    found.sort(key=lambda entry: entry["name"])
    if program.options.json:
        program.output.document(found if program.output.shape == "release" else {"packages": found})
        return
    for entry in found:
        print(f"  {entry['name']}  {entry['version']}  {entry['build_string']}  {entry['channel']}")


def conda_packages(prefix: Path) -> list[dict[str, Any]]:
    entries = [json.loads(path.read_text()) for path in sorted((prefix / "conda-meta").glob("*.json"))]
    copied = ("name", "version", "build_string", "build_number", "url", "md5", "sha256")
    return [
        {key: entry[key] for key in copied}
        | {
            "channel": entry["channel"].rpartition("/")[2],
            "base_url": entry["channel"],
            "dist_name": f"{entry['name']}-{entry['version']}-{entry['build']}",
            "platform": entry["subdir"],
        }
        for entry in entries
    ]


def pip_packages(prefix: Path) -> list[dict[str, Any]]:
    """Packages that pip put there, told by their INSTALLER file."""
    found = []
    for installer in prefix.glob("lib/python3*/site-packages/*.dist-info/INSTALLER"):
        if installer.read_text().strip() == "pip":
            name, _, version = installer.parent.name.removesuffix(".dist-info").partition("-")
            found.append(
                {
                    "name": name,
                    "version": version,
                    "build_string": "pypi_0",
                    "build_number": 0,
                    "url": "",
                    "md5": "",
                    "sha256": "",
                    "channel": "pypi",
                    "base_url": "",
                    "dist_name": f"{name}-{version}-pypi_0",
                    "platform": "pypi",
                }
            )
    return found


def info(program: Program) -> None:
    from standin import solve

    virtual = solve.virtual_packages(os.environ, program.platform, HOST_PLATFORM)
    home = Path(os.environ.get("HOME", "/"))
    content = {
        "base environment": str(program.root),
        "channels": [],
        "env location": str(program.prefix) if program.options.prefix else "-",
        "envs directories": [str(program.root / "envs")],
        "libmamba version": VERSION,
        f"{Path(program.knobs.name).stem} version": VERSION,
        "package cache": [str(folder) for folder in package_folders(os.environ, program.root, home)],
        "platform": program.platform,
        "user config files": [str(home / ".mambarc")],
        "virtual packages": ["=".join(entry) for entry in virtual],
    }
    if program.options.json:
        program.output.document(content)
        return
    for key, value in content.items():
        print(f"{key:>20} : {value}")


def leave(code: int) -> NoReturn:
    """End without the interpreter's shutdown, during which rattler's threads now and then crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
