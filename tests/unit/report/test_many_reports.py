"""What many reports cost, against what parsing all of their text would: a busy computer is slower at both."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mambench.report.digests import Reader

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

MOST_OF_PARSING = 0.45
"""Measured: 0.21 to 0.32. Cutting lists out before parsing the rest came to 0.63 to 1.0."""

MOST_SECONDS, MOST_BYTES = 10, 500_000_000
"""For 10,000 reports."""

QUIET_SECONDS = 1.6e-3
"""That json.loads takes for one of these reports on a computer that has nothing else to do."""


def fastest(call: Callable[[], object], times: int) -> float:
    """Seconds of the processor of the quickest of some calls."""

    def seconds() -> float:
        begin = time.process_time()
        call()
        return time.process_time() - begin

    return min(seconds() for _ in range(times))


def test_reading_a_report_costs_far_less_than_parsing_it(tmp_path: Path) -> None:
    import bench_merging

    bench_merging.write(tmp_path, 40)
    files, reader = sorted(tmp_path.iterdir()), Reader()
    ratios = []
    for _ in range(5):
        parsing = fastest(lambda: [json.loads(file.read_bytes()) for file in files], 2)
        ratios.append(fastest(lambda: [reader.read(file) for file in files], 3) / parsing)
    assert min(ratios) < MOST_OF_PARSING, ratios


@pytest.mark.long
@pytest.mark.parametrize("what", ["fleet", "compare"])
def test_10_000_reports_are_read_and_merged_in_time(tmp_path: Path, what: str) -> None:
    import bench_merging

    bench_merging.write(tmp_path, 10_000)
    one = min(tmp_path.iterdir()).read_bytes()
    busy = max(1.0, fastest(lambda: [json.loads(one) for _ in range(50)], 5) / 50 / QUIET_SECONDS)
    code = f"""
import queue, sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import bench_merging
answers = queue.Queue()
bench_merging.merge({str(tmp_path)!r}, {what!r}, answers)
print(*answers.get()[1:3])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    processor, memory = map(float, done.stdout.split())
    assert processor < MOST_SECONDS * busy and memory < MOST_BYTES, (processor, busy, memory)
