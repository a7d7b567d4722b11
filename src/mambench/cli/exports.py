"""The options that turn a report into other files: `run` and `report` share them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambench.cli import placeholders
from mambench.cli.output import print_document
from mambench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mambench.analysis.summary import SummaryOptions
    from mambench.model import Launcher, Report, Trial

TEXTS = {
    "json": "the report itself",
    "markdown": "a table for an issue",
    "csv": "one line a row",
    "csv-samples": "one line a sample",
}
"""Options, and what each writes; each is a name in `report.formats.FORMATS`."""

STANDARD_OUTPUT = "-"


def add_exports(parser: argparse.ArgumentParser, *, path_needed: bool) -> None:
    """`--json`, `--html` and so on; without a path, where none is needed, texts go to standard output."""
    may: dict[str, Any] = {"metavar": "PATH"} if path_needed else {"metavar": "PATH", "nargs": "?"}
    text: dict[str, Any] = {} if path_needed else {"const": STANDARD_OUTPUT}
    page: dict[str, Any] = {} if path_needed else {"const": ""}
    default = "as well; - for standard output" if path_needed else "(default: standard output)"
    parser.add_argument("--html", help="the page, there instead of beside the report", **may, **page)
    for name, words in TEXTS.items():
        parser.add_argument(f"--{name}", help=f"{words} {default}", **may, **text)


def chosen(arguments: Namespace) -> dict[str, str]:
    """The texts that were asked for, and where to, known to be possible. Raises UsageError, ReportError."""
    from mambench.app.copy import copy_path

    asked = {name: getattr(arguments, name.replace("-", "_")) for name in TEXTS}
    paths = {name: copy_path(path, option=f"--{name}") for name, path in asked.items() if path}
    if list(paths.values()).count(STANDARD_OUTPUT) > 1:
        raise UsageError("standard output takes one document", remedy="name files for the others")
    return {name: path for name, path in paths.items() if path}


def with_placeholders_filled(arguments: Namespace, launcher: Launcher | None, *, hostname: str) -> Namespace:
    """`%h`, `%j`, `%t` and `%a` in the paths of texts and page. Raises UsageError."""
    filled = argparse.Namespace(**vars(arguments))
    for option in ("html", *TEXTS):
        name = option.replace("-", "_")
        path = placeholders.filled(getattr(arguments, name), launcher, hostname=hostname, option=f"--{option}")
        setattr(filled, name, path)
    return filled


def add_summary(parser: argparse.ArgumentParser) -> None:
    """`--baseline` and `--score`: of the table across benchmarks."""
    parser.add_argument("--baseline", metavar="STACK", help="compare speeds with its, across benchmarks and sizes")
    parser.add_argument("--score", action="store_true", help="and the geometric mean of each stack's ratios to it")


def summary_options(arguments: Namespace, reports: Iterable[Iterable[Trial]]) -> SummaryOptions:
    """What was asked for; the baseline is in each report, of which only the trials matter. Raises UsageError."""
    from mambench.analysis.summary import SummaryOptions, named
    from mambench.catalogue.fields import nearest

    name = arguments.baseline
    for trials in map(tuple, reports) if name is not None else ():
        meant = named(trials, name)
        if not meant:
            known = nearest(name, {trial.stack_name for trial in trials} or {"no stack"})
            raise UsageError(f"--baseline {name}: no stack of that name is measured here; {known}")
        if len(meant) > 1:
            raise UsageError(f"--baseline {name} may be {' or '.join(meant)}", remedy="name one of them")
    return SummaryOptions(baseline=name, score=arguments.score)


def write(reports: Sequence[Report], wanted: Mapping[str, str], across: SummaryOptions) -> None:
    """Every text to its place. Raises ReportError, UsageError, BrokenPipeError."""
    from mambench.app.pages import write_text
    from mambench.report.formats import formats

    texts = formats(across)
    for name, path in wanted.items():
        text = texts[name](reports)
        if path == STANDARD_OUTPUT:
            print_document(text)
        else:
            write_text(Path(path), text)
