"""What it costs to keep each of 1,000 trials: the last must not be dearer than the first.

    python scripts/bench_saving.py [--trials 1000] [--rounds 1] [--folder DIR]

A session of fakes, with the product's own saver: no worker is started, every round has 50 samples. The median of 50
saves stands for the first and for the last. Waiting for a disk that others use says little: the processor's time,
which is all that could grow, is told beside it. With several rounds a row's own statistics are over all of its rounds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

from builders import a_machine, a_plan, a_report, a_round, a_spec, a_stack, a_trial, an_environment  # noqa: E402

from mambench.app.saver import Saver  # noqa: E402
from mambench.measurement import session  # noqa: E402
from mambench.model import Report, Result  # noqa: E402

SAVES = 50
"""So many at each end."""


class Timed:
    """The product's saver, with the seconds and the processor's seconds from the end of a trial to that of its save."""

    def __init__(self, path: Path) -> None:
        self._saver = Saver(path, a_machine())
        self.measured = (0.0, 0.0)
        self.seconds: list[tuple[float, float]] = []

    def save(self, report: Report) -> None:
        self._saver.save(report)

    def add(self, result: Result) -> None:
        self._saver.add(result)
        wall, processor = self.measured
        self.seconds.append((time.perf_counter() - wall, time.process_time() - processor))


class Fakes:
    """Every stack is ready and every round is good."""

    def __init__(self, timed: Timed) -> None:
        self._timed = timed

    def prepare(self, stack: Any) -> Any:
        return an_environment(stack.spec)

    def measure(self, _trial: Any, _environment: Any, *, index: int, order: int, **_rest: Any) -> Any:
        measured = a_round(index, order, seconds=[0.1 + 1e-4 * each for each in range(50)])
        self._timed.measured = (time.perf_counter(), time.process_time())
        return measured


def save_seconds(folder: Path, *, trials: int, rounds: int) -> list[tuple[float, float]]:
    """The seconds of each save of a run, on the wall and of the processor."""
    timed = Timed(folder / "report.json")
    fakes: Any = Fakes(timed)
    stack = a_stack(a_spec(), *(a_trial(m=size, n=size, k=size) for size in range(64, 64 + trials)))
    using = session.Collaborators(
        provisioner=fakes,
        measurer=fakes,
        confirm=lambda _drafts: True,
        saver=timed,
        on_event=lambda _event: None,
        available_bytes=lambda: 2**40,
    )
    session.execute(a_plan(stack, rounds=rounds), report=a_report(), machine=a_machine(), using=using)
    return timed.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", help="on the disk to try; else the system's temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        seconds = save_seconds(Path(folder), trials=arguments.trials, rounds=arguments.rounds)
    print(f"{arguments.trials} trials, {arguments.rounds} rounds of each")
    for name, values in zip(("wall clock", "processor"), zip(*seconds, strict=True), strict=True):
        first, last = median(values[:SAVES]), median(values[-SAVES:])
        print(f"{name}: first save {first * 1e3:.2f} ms, last save {last * 1e3:.2f} ms, ratio {last / first:.2f}")


if __name__ == "__main__":
    main()
