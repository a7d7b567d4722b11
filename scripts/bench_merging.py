"""What it costs to compare many reports and to judge a fleet: time grows with their number only, memory stays small.

    python scripts/bench_merging.py [--reports 1000 10000] [--folder DIR]

Reports of 8 rows, five rounds of 20 runs each, with 60 packages, of as many machines, are written; then one of them as
the baseline is compared with all the others, and then each with all, in processes of their own. The limit is 10 s and
500 MB for 10,000.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

from builders import a_report, a_round, a_trial, an_environment  # noqa: E402

from mambench.analysis.fleet import fleet  # noqa: E402
from mambench.analysis.fleet_answer import headline  # noqa: E402
from mambench.analysis.matching import pairs, summary  # noqa: E402
from mambench.analysis.results import summarise  # noqa: E402
from mambench.model import Package, Report  # noqa: E402
from mambench.report import document, library  # noqa: E402

ROWS, ROUNDS, RUNS, PACKAGES = 8, 5, 20, 60
FACTS = {
    "framework": "numpy", "framework_version": "2.4.6", "blas": "openblas", "blas_version": "0.3.30", "threads": 48,
    "threadpools": [{"user_api": "blas", "architecture": "SkylakeX", "num_threads": 48, "version": "0.3.30"}],
    "device_kind": "cpu", "result_dtype": "float64",
}  # fmt: skip
CONDITIONS = {
    "other_cpu_percent": 0.4, "steal_percent": 0.0, "load_1min": 40.1, "cpu_mhz": 3100.0, "cpu_busiest_mhz": 3200.0,
    "temperature_celsius": 61.0, "governor": "performance", "on_battery": False, "throttled": False,
}  # fmt: skip
MEDIAN = re.compile(r'(?<="seconds": {\n    "median": )[0-9.e-]+')
COMMON, TOGETHER = "one-run-id-of-32-letters-for-all", "machine-of-all"


def a_large_report() -> Report:
    """As a standard run leaves it."""
    results = []
    for size in range(ROWS):
        trial = a_trial("numpy-openblas@pypi", n=1000 + size)
        seconds = [[0.1 * (1 + 0.001 * (i + run)) for run in range(RUNS)] for i in range(ROUNDS)]
        rounds = [a_round(i, i, seconds[i], facts=FACTS, conditions=CONDITIONS) for i in range(ROUNDS)]
        results.append(summarise(trial, rounds))
    packages = tuple(Package(f"package-{i}", "1.2.3", url=f"https://example.org/{i}.whl") for i in range(PACKAGES))
    machine = replace(a_report().machine, hostname=TOGETHER)
    environments = (replace(an_environment(), packages=packages),)
    return a_report(run_id=COMMON, results=tuple(results), machine=machine, complete=True, environments=environments)


def write(folder: Path, count: int) -> int:
    """So many reports of different runs and machines, each with rates of its own; gives the bytes of one."""
    text = document.dumps(a_large_report())
    pieces = MEDIAN.split(text)
    chance = random.Random(1)
    for number in range(count):
        seconds = (0.1 * math.exp(chance.gauss(0, 0.007)) for _ in pieces[1:])
        own = "".join(part for pair in zip(pieces, [*map(repr, seconds), ""], strict=True) for part in pair)
        own = own.replace(COMMON, f"{number:032x}").replace(TOGETHER, f"machine-{number}")
        (folder / f"20261121T100000Z-machine-{number}-{number:08x}.json").write_text(own, encoding="utf-8")
    return len(text)


def compared(files: list[Path]) -> str:
    """The first with all the others; what was found."""
    first, *others = library.library(files).digests.values()
    return summary(pairs([first], others))


def judged(files: list[Path]) -> str:
    """Each with all the others."""
    return headline(fleet(library.library(files).digests.values()))


WHAT: dict[str, Callable[[list[Path]], str]] = {"compare": compared, "fleet": judged}


def merge(folder: str, what: str, answers: multiprocessing.Queue[tuple[float, float, int, str]]) -> None:
    """Read and merge; the seconds, the largest memory and what was found."""
    begin, processor = time.perf_counter(), time.process_time()
    words = WHAT[what](library.find_all([folder], Path(folder)))
    seconds = time.perf_counter() - begin, time.process_time() - processor
    answers.put((*seconds, peak_bytes(), words))


def measured(folder: str, what: str) -> tuple[float, float, int, str]:
    """The same in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[tuple[float, float, int, str]] = spawn.Queue()
    process = spawn.Process(target=merge, args=(folder, what, answers))
    process.start()
    answer = answers.get()
    process.join()
    return answer


def peak_bytes() -> int:
    """Of this process."""
    memory = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(memory.peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reports", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--folder", help="on the disk to try; else the system's temporary folder")
    arguments = parser.parse_args()
    for count in arguments.reports:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            size = write(Path(folder), count)
            for what in WHAT:
                seconds, processor, memory, words = measured(folder, what)
                each = f"{processor:.1f} s of the processor, {1e3 * seconds / count:.2f} ms each, {size:,} bytes each"
                print(f"{what}, {count:,} reports: {seconds:.1f} s, {each}, {memory / 1e6:.0f} MB; {words}", flush=True)


if __name__ == "__main__":
    main()
