"""The reports of many nodes, read and held against each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from mambench.analysis.fleet import Fleet, Missing, fleet
from mambench.app.comparing import refuse_to_overwrite
from mambench.app.context import Mambench
from mambench.errors import ReportError, UsageError
from mambench.report import library
from mambench.system import contents

NO_REPORT = "there is no report of it"


def read(
    app: Mambench, names: Sequence[str], *, missing: Sequence[Missing] = (), nodes: Sequence[str] = (),
    keep: Iterable[Path] = (),
) -> Fleet:  # fmt: skip
    """What the reports of these names say; one that cannot be read is named, and the others go on.

    `missing` are nodes that are known to have no report, `nodes` those that should have one, `keep` files that will be
    written. Raises ReportError where nothing can be read and no node is missing, UsageError where one of the files to
    be written is a report that is read.
    """
    files = _files(app, names, may_be_none=bool(missing))
    refuse_to_overwrite(keep, files)
    many = library.library(files)
    problems = list(many.problems.values())
    if problems and not many.digests and not missing:
        raise problems[0]
    for problem in problems:
        app.terminal.error(ReportError(str(problem), remedy=problem.remedy))
    there = {digest.node for digest in many.digests.values()} | {each.node for each in missing}
    silent = (Missing(node, NO_REPORT) for node in absent(nodes, there))
    return fleet(many.digests.values(), missing=(*missing, *silent), problems=map(str, problems))


def _files(app: Mambench, names: Sequence[str], *, may_be_none: bool) -> list[Path]:
    try:
        return library.find_all(names, app.home.results)
    except ReportError:
        if not may_be_none:
            raise
        return []


def absent(nodes: Iterable[str], there: Collection[str]) -> list[str]:
    """Those that are not there, also not by the short name of a whole one, or the other way round."""
    short = {name.partition(".")[0] for name in there}
    return [node for node in nodes if node not in there and node not in short and node.partition(".")[0] not in there]


def nodes_named(text: str) -> list[str]:
    """The names of nodes in a list with commas, or in a file with one or more on each line. Raises UsageError."""
    path = Path(text)
    try:
        names = contents.text_of(path) if path.is_file() else text
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--nodes {text}: {contents.words(error)}", remedy="name a file with one node on each line"
        ) from error
    if "[" in names:
        raise UsageError(
            f"--nodes {text}: a list in brackets is Slurm's own, which mambench does not expand",
            remedy="scontrol show hostnames LIST > nodes.txt, and --nodes nodes.txt",
        )
    return list(dict.fromkeys(filter(None, re.split(r"[\s,]+", names))))
