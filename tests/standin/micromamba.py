"""A stand-in for micromamba, for tests: python -I micromamba.py [--standin-KNOB=VALUE ...] ARGUMENTS.

It solves, fetches, extracts, links, writes outside, reads, fails and is killed as was recorded of the real program, for
the command lines that mambench gives. It compiles no byte code, with `--no-pyc` and without.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

sys.path.append(str(Path(__file__).resolve().parents[1]))

from standin.cache import Cache, extract, fetch, link, locked, open_cache
from standin.install import KNOBS
from standin.messages import Failure, Output, failure

VERSION = "2.8.1"
BAD_USAGE = 109
BOOLEANS = ("NO_RC", "NO_ENV", "DRY_RUN", "OFFLINE", "ALWAYS_YES", "JSON", "QUIET", "DOWNLOAD_ONLY")


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise failure("usage", code=BAD_USAGE, words=message)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read a command line; anything that mambench does not give is a Failure with code 109."""
    parser = Parser(prog="micromamba", allow_abbrev=False, add_help=False)
    for name, default in KNOBS.items():
        parser.add_argument(f"--standin-{name}", dest=name.replace("-", "_"), type=type(default), default=default)
    parser.add_argument("command", nargs="?", choices=["create"])
    parser.add_argument("specs", nargs="*")
    parser.add_argument("-p", dest="prefix", type=Path)
    parser.add_argument("-r", dest="root", type=Path)
    parser.add_argument("-c", dest="channels", action="append", default=[])
    parser.add_argument("-f", dest="file", type=Path)
    parser.add_argument("--platform", default="linux-64")
    parser.add_argument("--safety-checks", choices=["enabled"])
    for flag in ("--version", "--no-rc", "--dry-run", "--json", "--override-channels", "--offline", "--no-pyc"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("-y", "--yes", action="store_true", required="create" in arguments)  # else it would ask
    return parser.parse_intermixed_args(arguments)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the real one finishes what it has begun, which may take a minute
    output = Output("main" if "--standin-shape=main" in arguments else "release", json="--json" in arguments)
    try:
        options = parse(arguments)
        if options.version:
            print(VERSION)
        else:
            create(options, output)
    except Failure as ended:
        output.failure(ended)
        return ended.code
    except OSError as error:
        output.failure(failure("file-system", why=error.strerror, file=error.filename))
        return 1
    return 0


def create(options: argparse.Namespace, output: Output) -> None:
    """Solve or read a lock, then fetch, extract and link."""
    check_settings([options.root, options.prefix], no_rc=options.no_rc)
    home = leave_traces()
    if not options.dry_run:
        clear(options.prefix)
    cache = open_cache(options.root, home, checks_sizes=options.safety_checks == "enabled")
    if options.file:
        records = [locked_record(line) for line in options.file.read_text().splitlines()[1:]]
    else:
        from standin.solve import solve

        if not options.override_channels:
            options.channels += json.loads(f"[{os.environ.get('CONDA_CHANNELS', '')}]")
        elif not options.channels:
            raise failure("usage", code=BAD_USAGE, words="--override-channels without channels")
        records = solve(options, cache.folder / "cache", output)
    missing = [record for record in records if not cache.has(record)]
    if options.dry_run:
        if options.json:
            output.document(transaction(records, missing, options.prefix))
        return
    (options.prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
    install(records, cache, options, output)
    with (home / ".conda" / "environments.txt").open("a") as listing:  # which no flag prevents
        listing.write(f"{options.prefix}\n")


def install(records: list[dict[str, Any]], cache: Cache, options: argparse.Namespace, output: Output) -> None:
    """Fetch what is missing, extract it, link all, naming each package."""
    with locked(cache.folder, output):
        for record in records:
            if not cache.has(record):
                fetch(record, cache, options)
        for record in records:
            if not cache.has_package(record):
                extract(record, cache, options, lambda: check_settings([], child=True))
    output.say("\nTransaction starting")
    for record in records:
        output.say(f"Linking {cache.package(record).name}")
        link(record, cache, options.prefix, options)
    output.say("\nTransaction finished")


def transaction(records: list[dict[str, Any]], missing: list[dict[str, Any]], prefix: Path) -> dict[str, Any]:
    """The document of a dry run, which of a prefix that exists tells the difference only."""
    there = {path.stem for path in prefix.glob("conda-meta/*.json")}
    fetched = [shown(record) for record in missing]
    linked = [shown(record) for record in records if "{name}-{version}-{build}".format(**record) not in there]
    actions = {**({"FETCH": fetched} if fetched else {}), "LINK": linked, "PREFIX": str(prefix)}
    return {"actions": actions, "dry_run": True, "prefix": str(prefix), "success": True}


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """A record with stars for the token of its channel."""
    channel = re.sub(r"/t/[^/]+", "", record["channel"])
    return {**record, "url": re.sub(r"/t/[^/]+", "/t/*****", record["url"]), "channel": channel}


def locked_record(line: str) -> dict[str, Any]:
    """What a line of an @EXPLICIT file says of a package."""
    url, _, sha256 = line.partition("#")
    return {"url": url, "sha256": sha256}


def clear(prefix: Path) -> None:
    """Delete a conda prefix, before anything is solved; refuse any other folder with something in it."""
    if (prefix / "conda-meta").is_dir():
        shutil.rmtree(prefix)
    elif prefix.exists() and any(prefix.iterdir()):
        raise failure("foreign-prefix")


# ------------------------------------------------------------------------------------ outside ROOT and PREFIX


def check_settings(folders: list[Path], *, no_rc: bool = False, child: bool = False) -> None:
    """Stumble over variables and rc files; the child that extracts sees no flags, and heeds MAMBA_DRY_RUN."""
    for name in BOOLEANS:
        value = os.environ.get(f"MAMBA_{name}", "false")
        if value not in ("true", "false") or (child and name == "DRY_RUN" and value == "true"):
            raise failure("boolean", name=f"MAMBA_{name}", value=value)
    if no_rc or os.environ.get("MAMBA_NO_RC") == "true":
        return
    home, config = Path(os.environ["HOME"]), os.environ.get("XDG_CONFIG_HOME")
    folders = [*folders, home, home / ".conda", home / ".mamba"]
    folders += [Path(config, "conda"), Path(config, "mamba")] if config else []
    folders += [Path(os.environ["CONDA_PREFIX"])] if "CONDA_PREFIX" in os.environ else []
    files = [folder / name for folder in folders for name in (".condarc", "condarc", ".mambarc")]
    files += [Path(os.environ[name]) for name in ("CONDARC", "MAMBARC") if os.environ.get(name)]
    for file in files:
        if file.is_file() and file.read_text().count("[") != file.read_text().count("]"):  # broken, as tests break them
            raise failure("settings", file=file)


def leave_traces() -> Path:
    """Die without a TMPDIR; leave files there and in HOME, which is returned, and in XDG_CACHE_HOME."""
    if not Path(os.environ.get("TMPDIR", "/tmp")).is_dir():
        os.kill(os.getpid(), signal.SIGSEGV)
    os.close(tempfile.mkstemp(prefix="mambaf")[0])
    home = Path(os.environ["HOME"])
    (home / ".conda").mkdir(parents=True, exist_ok=True)
    shards = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache", "conda", "pkgs", "cache", "shards")
    shards.mkdir(parents=True, exist_ok=True)
    (shards / "standin.msgpack.zst").touch()
    return home


def leave(code: int) -> NoReturn:
    """End without the interpreter's shutdown, during which rattler's threads now and then crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
