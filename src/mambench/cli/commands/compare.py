"""`compare`: reports against reports, with what differs, what may explain it, and an exit code for CI."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands, add_fail_slower
from mambench.cli.exports import STANDARD_OUTPUT
from mambench.cli.output import print_document
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.analysis.matching import Pair
    from mambench.app.context import Mambench
    from mambench.report.comparison import Compared

RESULT = "files, ids, `latest`, or folders of reports"


def add(commands: Commands) -> None:
    """`mambench compare`."""
    parser = commands.add(
        "compare", "what became faster or slower, and what changed", run, example="compare before.json after.json"
    )
    parser.add_argument(
        "results", nargs="+", metavar="RESULT", help=f"{RESULT}: the first is the baseline, the others candidates"
    )
    parser.add_argument(
        "--to", nargs="+", default=[], metavar="RESULT", help="candidates; what stands before are all baselines then"
    )
    add_fail_slower(parser, "exit code 6 if a row is proven slower, by more than this")
    parser.add_argument("--fail-on-incomparable", action="store_true", help="exit code 4 if a row cannot be compared")
    parser.add_argument("--html", metavar="PATH", help="the comparison as a page")
    parser.add_argument(
        "--json", nargs="?", const=STANDARD_OUTPUT, metavar="PATH", help="as JSON (default: standard output)"
    )


def run(app: Mambench, arguments: Namespace) -> int:
    """Read, compare, show, write. Raises ReportError where a side has nothing that can be read, UsageError."""
    from mambench.app.comparing import compare
    from mambench.app.copy import copy_path

    before, after = _sides(arguments)
    page, text = copy_path(arguments.html, option="--html"), copy_path(arguments.json)
    if page == STANDARD_OUTPUT:
        raise UsageError("--html needs a file", remedy="name one: --html comparison.html")
    compared = compare(app, before, after, keep=[Path(path) for path in (page, text) if path and path != "-"])
    app.terminal.comparison(compared.pairs)
    _write(app, compared, arguments, page=page, text=text)
    return _exit_code(compared.pairs, arguments, broken=bool(compared.problems))


def _sides(arguments: Namespace) -> tuple[list[str], list[str]]:
    names: list[str] = arguments.results
    if arguments.to:
        return names, arguments.to
    if len(names) < 2:
        raise UsageError(
            "compare needs a baseline and a candidate",
            remedy="mambench compare BEFORE AFTER, or mambench compare BEFORE ... --to AFTER ...",
        )
    return names[:1], names[1:]


def _write(app: Mambench, compared: Compared, arguments: Namespace, *, page: str | None, text: str | None) -> None:
    from mambench.app.pages import materials, write_text
    from mambench.report import comparison, document
    from mambench.system import process

    if page:
        command = " ".join(process.quoted(("mambench", *arguments.argv), app.machine.platform))
        write_text(Path(page), comparison.page(compared, materials(), command=command))
        app.terminal.say(f"Page: {page}")
    if text == STANDARD_OUTPUT:
        print_document(document.text_of(comparison.to_dict(compared)))
    elif text:
        write_text(Path(text), document.text_of(comparison.to_dict(compared)))


def _exit_code(pairs: Sequence[Pair], arguments: Namespace, *, broken: bool) -> ExitCode:
    """6 before 5 before 4: what was asked for most plainly counts most."""
    from mambench.analysis.matching import slower_than

    if arguments.fail_slower is not None and any(slower_than(pair, arguments.fail_slower) for pair in pairs):
        return ExitCode.SLOWER
    if broken:
        return ExitCode.FILE
    if arguments.fail_on_incomparable and any(pair.verdict is None for pair in pairs):
        return ExitCode.NOT_OK
    return ExitCode.OK
