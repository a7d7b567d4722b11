"""Repeats the experiment of docs/methodology.md: how good intervals and verdicts are on this machine.

Each session measures one stack three times, as three rows: twice as it is, and once with a pause of 3 % after each run.
Then: whether the interval of each session holds the median of the others; how often the two equal rows are told
apart; how often the slower one is found. Needs a python with numpy (`--python`); prints one line for each session.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from mambench.analysis.compare import compare
from mambench.machine.inspect import inspect
from mambench.model import Result
from mambench.report import reading

KERNELS = Path(__file__).resolve().parents[1] / "resources" / "benchmarks" / "matmul"
ROWS = ("numpy", "again", "slower")
SLOWER = """

import time

INJECTED = {injected}
_run = run


def run(state):
    begin = time.perf_counter()
    _run(state)
    end = time.perf_counter()
    until = end + INJECTED * (end - begin)
    while time.perf_counter() < until:
        pass
"""


def main() -> int:
    """Measure, print what was found, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="a python with numpy (default: this one)")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--injected", type=float, default=0.03, help="part of a run's time (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="no session begins after (default: %(default)s)")
    arguments = parser.parse_args()
    machine = inspect()
    print(
        f"{machine.cpu.model}, {machine.cpu.usable_cores} usable cores, {machine.os}; n = {arguments.size}", flush=True
    )
    until = time.monotonic() + 60 * arguments.minutes
    sessions = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_benchmark(home / "benchmarks" / "matmul", arguments.injected)
        for _ in range(arguments.sessions):
            if time.monotonic() > until:
                break
            sessions.append(session(home, arguments))
            print(session_words(sessions[-1]), flush=True)
    print(summary(sessions))
    return 0


def write_benchmark(folder: Path, injected: float) -> None:
    """Our benchmark with NumPy's kernel under three names, one of them slower."""
    folder.mkdir(parents=True)
    kernel = (KERNELS / "kernel_numpy.py").read_text()
    lines = ['title = "Matrix multiplication"', 'description = "One kernel three times."', "[kernels]"]
    for name in ROWS:
        text = kernel + SLOWER.format(injected=injected) if name == "slower" else kernel
        (folder / f"kernel_{name}.py").write_text(text)
        lines.append(f'{name} = {{ file = "kernel_{name}.py", module = "numpy", devices = ["cpu"] }}')
    (folder / "benchmark.toml").write_text("\n".join(lines) + "\n")


def session(home: Path, arguments: argparse.Namespace) -> dict[str, Result]:
    """One run with short rounds, by the command line that anybody would use; its rows by kernel."""
    command = [sys.executable, "-m", "mambench", "run", "--home", str(home), "--python", f"lab={arguments.python}"]
    command += ["--preset", "quick", "--rounds", str(arguments.rounds), "--size", str(arguments.size)]
    command += ["--dtype", "float64", "--yes", "--quiet", "--json", "-"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    report = reading.from_dict(json.loads(done.stdout))
    return {result.trial.framework: result for result in report.results}


def session_words(rows: dict[str, Result]) -> str:
    """The values of one session, its ratios, and what disturbed it."""
    values = ", ".join(f"{name} {row.rate.median:.2f}" if row.rate else f"{name} -" for name, row in rows.items())
    equal, slower = compare(rows["numpy"], rows["again"]), compare(rows["numpy"], rows["slower"])
    other = max(
        (each.conditions.get("other_cpu_percent", 0.0) for row in rows.values() for each in row.rounds), default=0.0
    )
    return f"{values} GFLOPS; A/A {equal}; injected {slower}; other programs up to {other:.0f} %"


def summary(sessions: list[dict[str, Result]]) -> str:
    """Coverage, false alarms and power, as counts of what was measured."""
    held = 0
    firsts = [rows["numpy"].seconds for rows in sessions]
    for index, seconds in enumerate(firsts):
        others = [other.median for position, other in enumerate(firsts) if position != index and other]
        if seconds and seconds.low and seconds.high and others:
            held += seconds.low <= median(others) <= seconds.high
    alarms = sum(compare(rows["numpy"], rows["again"]).verdict in ("faster", "slower") for rows in sessions)
    detected = sum(compare(rows["numpy"], rows["slower"]).verdict == "faster" for rows in sessions)
    wrong = sum(compare(rows["numpy"], rows["slower"]).verdict == "slower" for rows in sessions)
    count = len(sessions)
    return (
        f"{held} of {count} intervals hold the median of the other sessions; "
        f"{alarms} of {count} equal pairs told apart; "
        f"{detected} of {count} injected differences found, {wrong} the wrong way round"
    )


if __name__ == "__main__":
    sys.exit(main())
