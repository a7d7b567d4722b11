"""What was measured since a report was written: a line for each trial, in a file beside it.

A report is written whole before the first trial and after the last one. In between every trial appends its row, with
its latest round only, so that saving costs the same however much was measured. A run that was killed leaves both files:
`merged` puts them together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mambench.system import contents

SUFFIX = ".journal"

LARGEST_BYTES = 256_000_000
"""Of a journal, and of a report: a hundred rows of five rounds with all their samples have 10 MB."""


class Journal:
    """Beside the report at `report`; nothing is written before the first line."""

    def __init__(self, report: Path) -> None:
        self._path = report.with_suffix(SUFFIX)
        self._unwritten = b""

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row, and those that could not be written before. Raises OSError, ValueError."""
        # The newline in front keeps half a line, left by a full disk, apart from what comes after it.
        self._unwritten += f"\n{json.dumps(row, allow_nan=False)}\n".encode("ascii")
        with self._path.open("ab") as stream:
            stream.write(self._unwritten)
            stream.flush()
            os.fsync(stream.fileno())
        self._unwritten = b""

    def remove(self) -> None:
        """The report holds it all. Raises OSError."""
        self._path.unlink(missing_ok=True)


def left_in(folder: Path) -> list[Path]:
    """The reports in a folder that have a journal."""
    return sorted(path.with_suffix(".json") for path in folder.glob(f"*{SUFFIX}"))


def lines_beside(report: Path) -> bytes:
    """The journal of a report, empty where it has none. Raises OSError."""
    try:
        return contents.bytes_of(report.with_suffix(SUFFIX), largest=LARGEST_BYTES)
    except FileNotFoundError:
        return b""


def merged(report: Mapping[str, Any], lines: bytes) -> dict[str, Any]:
    """The report with the rows of its journal; a line that was written in part is left out."""
    rows = {row["trial"]: row for row in report["results"]}
    for row in filter(None, map(_row, lines.splitlines())):
        before = rows[row["trial"]]["rounds"] if row["trial"] in rows else []
        new = {each["index"] for each in row["rounds"]}
        rounds = [*(each for each in before if each["index"] not in new), *row["rounds"]]
        rows[row["trial"]] = {**row, "rounds": rounds}
    return {**report, "results": list(rows.values())}


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = contents.json_in(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and {"trial", "rounds"} <= set(row) else None
