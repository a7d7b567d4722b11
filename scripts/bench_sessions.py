"""Measures what rounds cannot see: how far two sessions of one unchanged stack lie apart on this machine.

    python scripts/bench_sessions.py [--stack numpy-openblas] [--sessions 15] [--size 1024] [--pause 10]

Each session is a `mambench run` of its own in one home. With x the logarithm of a round's median, the variance between
sessions is (MSB - MSW) / rounds, from a one-way analysis of variance (Searle, Casella, McCulloch, "Variance
Components", 1992, 3.6). Then every pair of sessions is compared, with and without it: nothing differs, so each
difference that is seen is a false one. docs/compare.md has what this gave.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev, variance

from mambench.machine.inspect import inspect
from mambench.model import Result
from mambench.report import document, library

MAX_OTHER_CPU_PERCENT = 10.0
"""As in analysis/warnings.py: a session with more in any round is told as disturbed."""


def main() -> int:
    """Measure, print what was found, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="numpy-openblas")
    parser.add_argument("--sessions", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, help="of the processor (default: the stack's own choice)")
    parser.add_argument("--pause", type=float, default=10, help="seconds between sessions (default: %(default)s)")
    parser.add_argument("--home", help="a home to use and keep; else a temporary one")
    arguments = parser.parse_args()
    machine = inspect()
    cpu = machine.cpu
    print(f"{cpu.model}, {cpu.usable_cores} usable cores, {machine.os}; n = {arguments.size}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(arguments.home or folder)
        rows = [session(home, arguments) for _ in range(arguments.sessions)]
    print(summary("all sessions", rows))
    print(summary("sessions that nothing disturbed", [row for row in rows if not disturbed(row)]))
    return 0


def session(home: Path, arguments: argparse.Namespace) -> Result:
    """One run by the command line that anybody would use; its only row."""
    command = [sys.executable, "-m", "mambench", "run", arguments.stack, "--home", str(home), "--preset", "quick"]
    command += ["--rounds", str(arguments.rounds), "--size", str(arguments.size), "--dtype", "float64"]
    command += [] if arguments.threads is None else ["--threads", str(arguments.threads)]
    subprocess.run([*command, "--yes", "--quiet", "--no-html"], stdout=subprocess.DEVNULL, check=True)
    (row,) = document.read(library.find(library.LATEST, home / "results")).results
    other = max(each.conditions.get("other_cpu_percent", 0.0) for each in row.rounds)
    print(f"{row.rate.median if row.rate else 0:.2f} GFLOPS; other programs up to {other:.0f} %", flush=True)
    time.sleep(arguments.pause)
    return row


def disturbed(row: Result) -> bool:
    """Whether another program used much of the processor."""
    return any(each.conditions.get("other_cpu_percent", 0.0) > MAX_OTHER_CPU_PERCENT for each in row.rounds)


def logs(row: Result) -> list[float]:
    """Of the medians of its rounds."""
    return [math.log(each.median_seconds) for each in row.rounds]


def summary(title: str, rows: Sequence[Result]) -> str:
    """Standard deviations between rounds and between sessions, and false differences among all pairs."""
    if len(rows) < 3:
        return f"{title}: {len(rows)}, too few"
    sessions = [logs(row) for row in rows]
    rounds = len(sessions[0])
    within = fmean(variance(values) for values in sessions)
    between = max(0.0, variance(map(fmean, sessions)) - within / rounds)
    pairs = list(combinations(sessions, 2))
    without = sum(abs(distance(a, b, 0.0)) > 2.306 for a, b in pairs)  # t of 8 degrees of freedom, 95 %
    taken = sum(abs(distance(a, b, between)) > 2.306 for a, b in pairs)
    means = 100 * stdev(map(fmean, sessions))
    return (
        f"{title}: {len(rows)}; between rounds {100 * math.sqrt(within):.2f} %, between sessions "
        f"{100 * math.sqrt(between):.2f} % (means of sessions {means:.2f} %); of {len(pairs)} pairs {without} are told "
        f"apart without the shift between sessions, {taken} with it"
    )


def distance(a: Sequence[float], b: Sequence[float], between: float) -> float:
    """Welch's t, with the variance between sessions added to that of each mean."""
    return (fmean(a) - fmean(b)) / math.sqrt(variance(a) / len(a) + variance(b) / len(b) + 2 * between)


if __name__ == "__main__":
    sys.exit(main())
