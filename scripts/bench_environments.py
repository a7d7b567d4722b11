"""What making an environment through micromamba costs: mambench beside bare micromamba, and a second run's start.

Prints figures beside their bounds; judges nothing. Pairs are interleaved. Needs Linux, MAMBENCH_MICROMAMBA and a
channel that holds python, numpy and libblas, such as the one that tests/standin/channel.py builds. The stand-in of the
tests will do for all but byte code, which it never compiles.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mambench.catalogue.manifest import load_catalogue
from mambench.environments.conda import micromamba
from mambench.system import resources
from mambench.system.home import Home

MAMBENCH = [sys.executable, "-m", "mambench"]
STACK = "numpy-openblas"


def main() -> None:
    """Measure what was asked for, all by default."""
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "create": creating,
        "second": second_run,
        "first": first_table,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--channel", required=True, help="its address")
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    arguments.micromamba = os.environ["MAMBENCH_MICROMAMBA"]
    for name in arguments.parts or parts:
        parts[name](arguments)


# ------------------------------------------------------------------------------------------------ environments


def creating(arguments: argparse.Namespace) -> None:
    """`env create` against the same dry run and `create -f` by hand, from an empty and from a full package cache."""
    for cache in ("cold", "warm"):
        for bytecode in (False, True):
            ours, theirs = [], []
            for pair in range(arguments.pairs):
                mine, bare = interleaved(
                    pair,
                    lambda cache=cache: in_home(cache, arguments, by_mambench),
                    lambda cache=cache, bytecode=bytecode: in_home(
                        cache, arguments, lambda home, given: by_hand(home, given, bytecode=bytecode)
                    ),
                )
                ours.append(mine)
                theirs.append(bare)
            what = f"{cache} cache, {'with byte code' if bytecode else '--no-pyc'} by hand"
            tell(f"env create, {what}: seconds", ours, "")
            tell(f"by hand, {what}: seconds", theirs, "")
            ratios = [mine / bare for mine, bare in zip(ours, theirs, strict=True)]
            tell(f"env create over by hand, {what}", ratios, "see the next line")
            beyond = [mine - 1.05 * bare for mine, bare in zip(ours, theirs, strict=True)]
            tell(f"seconds beyond 1.05 times by hand, {what}", beyond, "at most 0.3")


def in_home(cache: str, arguments: argparse.Namespace, make: Callable[[Home, argparse.Namespace], None]) -> float:
    """Seconds to make the environment in a fresh home, or in one from which it was just removed."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        if cache == "warm":
            by_mambench(home, arguments)
            shutil.rmtree(home.environments)
        home.prepare()
        os.sync()
        begin = time.monotonic()
        make(home, arguments)
        return time.monotonic() - begin


def by_mambench(home: Home, arguments: argparse.Namespace) -> None:
    """One command."""
    called("env", "create", STACK, *from_conda(arguments), "--home", str(home.root))


def by_hand(home: Home, arguments: argparse.Namespace, *, bytecode: bool) -> None:
    """The same two commands of micromamba with the same surroundings."""
    prefix, lock = home.environments / "by-hand", home.temporary / "by-hand.lock"
    users = home.user_benchmarks, home.user_environments
    packages = load_catalogue((resources.benchmarks(), resources.environments()), users).environments[STACK].conda
    assert packages is not None
    tool = micromamba.Micromamba(
        Path(arguments.micromamba), home, platform="linux-64", environ=os.environ, cuda_version=None
    )
    command = [arguments.micromamba, "create", "-y", "-p", str(prefix), "-r", str(home.mamba_root), "--no-rc"]
    solve = [*command, *packages.packages, "-c", arguments.channel, "--override-channels", "--dry-run", "--json"]
    answer = subprocess.run(solve, check=True, capture_output=True, env=tool.child_environ()).stdout
    linked = json.loads(answer)["actions"]["LINK"]
    lock.write_text("@EXPLICIT\n" + "".join(f"{entry['url']}#{entry['sha256']}\n" for entry in linked))
    install = [*command, "-f", str(lock), *([] if bytecode else ["--no-pyc"])]
    subprocess.run(install, check=True, capture_output=True, env=tool.child_environ())


# ----------------------------------------------------------------------------------------------------- tables


def second_run(arguments: argparse.Namespace) -> None:
    """From the start of a `run` that finds all ready to its first worker's event `started`."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        run(home, arguments)
        seconds = [until_started(home, arguments) for _ in range(2 * arguments.pairs)]
    tell("second run: seconds to its first worker's `started`", seconds, "at most 0.5")


def until_started(home: Path, arguments: argparse.Namespace) -> float:
    """Until the worker's process is seen, and what its python then needs to begin."""
    command = [*MAMBENCH, "run", STACK, *small(), *from_conda(arguments), "--home", str(home)]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while (worker := worker_of(process.pid)) is None and process.poll() is None:
        time.sleep(0.002)
    seen = time.monotonic() - begin
    assert worker is not None and process.wait() == 0
    begin = time.monotonic()
    subprocess.run([worker, "-I", "-X", "utf8", "-u", "-c", "import json, threading"], check=True)
    return seen + time.monotonic() - begin


def worker_of(pid: int) -> str | None:
    """The python of the launcher's child that is a worker."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            if any(word.endswith("worker.py") for word in words):
                return words[0]
    except OSError:
        return None
    return None


def first_table(arguments: argparse.Namespace) -> None:
    """A whole first `run` in a fresh home, as it is and with byte code compiled by micromamba."""
    with tempfile.TemporaryDirectory() as folder:
        eager = Path(folder) / "micromamba"
        eager.write_text(
            '#!/bin/sh\nfor word; do shift; [ "$word" = --no-pyc ] || set -- "$@" "$word"; done\n'
            f'exec "{arguments.micromamba}" "$@"\n'
        )
        eager.chmod(0o755)
        without, compiled = [], []
        for pair in range(arguments.pairs):
            plain, with_byte_code = interleaved(
                pair, lambda: timed_first(arguments, None), lambda: timed_first(arguments, str(eager))
            )
            without.append(plain)
            compiled.append(with_byte_code)
    tell("first table with --no-pyc: seconds", without, "as it is")
    tell("first table with byte code: seconds", compiled, "the other way")
    gains = [slow - fast for fast, slow in zip(without, compiled, strict=True)]
    tell("seconds that --no-pyc saves until the first table", gains, "more than 0")


def timed_first(arguments: argparse.Namespace, tool: str | None) -> float:
    """Seconds of a first run."""
    with tempfile.TemporaryDirectory() as folder:
        os.sync()
        begin = time.monotonic()
        run(Path(folder) / "home", arguments, tool=tool)
        return time.monotonic() - begin


# ----------------------------------------------------------------------------------------------------- common


def run(home: Path, arguments: argparse.Namespace, *, tool: str | None = None) -> None:
    """One small row."""
    called("run", STACK, *small(), *from_conda(arguments), "--home", str(home), tool=tool)


def small() -> list[str]:
    """A row that takes no time."""
    return ["--preset", "quick", "--size", "64", "--dtype", "float64", "--threads", "1"]


def from_conda(arguments: argparse.Namespace) -> list[str]:
    """Where the packages come from."""
    return ["--source", "conda", "--channel", arguments.channel, "--yes"]


def called(*words: str, tool: str | None = None) -> None:
    """mambench, to its end."""
    environ = {**os.environ, **({"MAMBENCH_MICROMAMBA": tool} if tool else {})}
    subprocess.run([*MAMBENCH, *words], check=True, capture_output=True, env=environ)


def interleaved(pair: int, first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """Both, in changing order: a drift of the machine must not favour either."""
    if pair % 2:
        last = second()
        return first(), last
    return first(), second()


def tell(what: str, values: list[float], bound: str) -> None:
    """The median, the range, the bound."""
    low, median, high = min(values), statistics.median(values), max(values)
    note = f"; {bound}" if bound else ""
    print(f"{what}: {median:.3f} ({low:.3f} .. {high:.3f}, {len(values)}{note})", flush=True)


if __name__ == "__main__":
    main()
