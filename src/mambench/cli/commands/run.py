"""`run`: measure what was asked for, show it, keep the report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambench.cli.arguments import Commands, Several, add_source
from mambench.cli.ending import exit_code
from mambench.cli.exports import add_exports, add_summary, chosen, summary_options, write
from mambench.cli.repeating import add_repeat, repeated, require_something
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.analysis.summary import SummaryOptions
    from mambench.app.context import Mambench
    from mambench.model import Choices, Plan, Report

LARGEST_EXTENT = 2**40
LARGEST_THREADS = 4096
LARGEST_ROUNDS = 1000

DEFAULT_PRESET = "standard"


def add(commands: Commands) -> None:
    """`mambench run`."""
    parser = commands.add(
        "run", "measure stacks and show a table", run,
        example="run numpy-openblas jax-cpu --preset quick --yes --json result.json", makes_environments=True,
    )  # fmt: skip
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help="names from `mambench list`")
    parser.add_argument("--all", action="store_true", help="every stack that can run here")
    add_repeat(parser)
    several: dict[str, Any] = {"action": Several, "default": []}
    parser.add_argument("--benchmark", metavar="NAME", help="names from `list --benchmarks`; default matmul", **several)
    parser.add_argument("--preset", metavar="NAME", help="quick, standard (default), thorough")
    parser.add_argument("--size", metavar="N", help="rows and columns of matrices, points of a transform", **several)
    parser.add_argument("--shape", metavar="MxNxK", help="each extent by itself, such as 8192x64x8192", **several)
    parser.add_argument("--batch", metavar="B", help="so many at once, where the benchmark has batches", **several)
    parser.add_argument("--param", metavar="NAME=N", action="append", default=[], help="any other parameter of it")
    parser.add_argument("--dtype", metavar="D", help="float64, float32, tf32, float16, bfloat16, float8", **several)
    parser.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1, metal", **several)
    parser.add_argument("--gpus", metavar="all|N", help="GPUs in turn: all, or numbers such as 0,1", **several)
    parser.add_argument("--at-once", action="store_true", help="and each GPU while the others run the same")
    parser.add_argument("--threads", metavar="N", help="threads of the CPU", **several)
    parser.add_argument("--rounds", metavar="R", help="fresh processes for each trial")
    parser.add_argument("--until-sure", action="store_true", help="5 to 20 rounds, until every comparison is decided")
    parser.add_argument("--warmup", metavar="SECONDS", help="before the runs of each round; longer where speed drifts")
    parser.add_argument(
        "--sustained", metavar="SECONDS", help="let each round run so long, tell its steady state apart"
    )
    parser.add_argument("--fail-on-noise", action="store_true", help="exit code 4 if something disturbed a row")
    parser.add_argument("--timeout", metavar="SECONDS", help="for one worker, imports included")
    parser.add_argument("--max-run-seconds", metavar="SECONDS", help="for one run; what takes longer is too slow")
    parser.add_argument("--python", metavar="[NAME=]PATH", action="append", default=[], help="a python you have")
    add_source(parser)
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument("--no-wait", action="store_true", help="refuse if another run is measuring here")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")
    add_exports(parser, path_needed=True)
    add_summary(parser)
    parser.add_argument("--no-html", action="store_true", help="no page beside the report")


def run(app: Mambench, arguments: Namespace) -> int:
    """Measure what was asked for, and show it. Raises UsageError, ReportError, HomeError, Interrupted."""
    from functools import partial

    from mambench.app.consent import confirm
    from mambench.app.copy import copy_path
    from mambench.app.measure import measure

    require_something(arguments)
    wanted = chosen(arguments)
    page = copy_path(arguments.html, option="--html")
    if page == "-" or (page and arguments.no_html):
        raise UsageError("--html takes a file, and not --no-html", remedy="name a file: --html page.html")
    before = repeated(app, arguments.repeat, keep=[*wanted.values(), page])
    app.home.prepare()
    plan = _plan(app, arguments) if before is None else before.plan(app, offline=arguments.offline)
    across = summary_options(arguments, [[trial for stack in plan.stacks for trial in stack.trials]])
    _say_what_never_fits(app, plan)
    kept: list[Path] = []
    report = measure(
        app,
        plan,
        argv=arguments.argv,
        agree=partial(confirm, app, yes=arguments.yes),
        show=partial(_show, app, kept, wanted=wanted, page=page, no_page=arguments.no_html, across=across),
        wait=not arguments.no_wait,
    )
    is_measured = any(result.status == "ok" for result in report.results)
    if before is not None and is_measured and before.shows_slower(app, kept[-1], arguments.fail_slower):
        return ExitCode.SLOWER
    named = before if before is not None else plan.choices
    return exit_code(
        report, environments=named.environments, dtypes=named.dtypes, fail_on_noise=arguments.fail_on_noise
    )


def _plan(app: Mambench, arguments: Namespace) -> Plan:
    """Of the command line's words. Raises UsageError, ManifestError."""
    from mambench.app.pythons import existing_specs
    from mambench.catalogue import plan as planning

    choices = choices_from(arguments)
    pythons = [spec for text in arguments.python for spec in existing_specs(app, text, choices.benchmarks)]
    return planning.build(choices, app.catalogue, app.machine, pythons)


def _say_what_never_fits(app: Mambench, plan: Plan) -> None:
    """Before anything is downloaded for it."""
    from mambench.catalogue import feasibility
    from mambench.model import Reason

    rows = [row for stack in plan.stacks if stack.failure is None for row in feasibility.refused(stack, app.machine)]
    for message in dict.fromkeys(failure.message for _, failure in rows if failure.reason == Reason.MEMORY):
        app.terminal.say(message)


def _show(
    app: Mambench,
    kept: list[Path],
    report: Report,
    path: Path,
    *,
    wanted: Mapping[str, str],
    page: str | None,
    no_page: bool,
    across: SummaryOptions,
) -> None:
    """The table, the page, and what else was asked for; the report's path goes into `kept`."""
    from mambench.app.pages import offer_page, write_page

    kept.append(path)
    app.terminal.report(report, path=str(path), across=across)
    write([report], wanted, across)
    if page:
        app.terminal.page(write_page(report, path, to=page, across=across))
    elif not no_page:
        offer_page(app.terminal, report, path, across=across)


def choices_from(arguments: Namespace) -> Choices:
    """The command line's words, read. Raises UsageError."""
    from mambench.model import DEFAULT_BENCHMARK, Choices

    return Choices(
        environments=tuple(arguments.environments),
        everything=arguments.all,
        benchmarks=tuple(dict.fromkeys(arguments.benchmark)) or (DEFAULT_BENCHMARK,),
        preset=arguments.preset or DEFAULT_PRESET,
        sizes=tuple(_number(text, "--size", LARGEST_EXTENT) for text in arguments.size),
        shapes=tuple(_shape(text) for text in arguments.shape),
        parameters=_parameters(arguments.param, arguments.batch),
        dtypes=tuple(arguments.dtype),
        devices=(*arguments.device, *(device for text in arguments.gpus for device in _gpus(text))),
        threads=tuple(_number(text, "--threads", LARGEST_THREADS) for text in arguments.threads),
        source=arguments.source,
        channels=tuple(arguments.channel),
        rounds=None if arguments.rounds is None else _number(arguments.rounds, "--rounds", LARGEST_ROUNDS),
        timeout_seconds=_seconds(arguments.timeout, "--timeout"),
        warmup_seconds=_seconds(arguments.warmup, "--warmup"),
        until_sure=arguments.until_sure,
        at_once=arguments.at_once,
        sustained_seconds=_seconds(arguments.sustained, "--sustained"),
        max_run_seconds=_seconds(arguments.max_run_seconds, "--max-run-seconds"),
        offline=arguments.offline,
    )


def _shape(text: str) -> tuple[int, ...]:
    return tuple(_number(extent, f"--shape {text}:", LARGEST_EXTENT) for extent in text.lower().split("x"))


def _parameters(texts: Sequence[str], batches: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """`NAME=N[,N]` by name; `--batch` is one of them. Raises UsageError."""
    parameters = {"batch": tuple(_number(text, "--batch", LARGEST_EXTENT) for text in batches)} if batches else {}
    for text in texts:
        name, _, values = text.partition("=")
        if not name or not values:
            raise UsageError(f"--param {text}: it takes NAME=N, such as layers=12")
        numbers = (_number(value, f"--param {name}", LARGEST_EXTENT) for value in values.split(","))
        parameters[name] = (*parameters.get(name, ()), *numbers)
    return parameters


def _gpus(text: str) -> tuple[str, ...]:
    """What `--device` calls the GPUs of `--gpus`. Raises UsageError."""
    if text == "all":
        return ("cuda", "metal")
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"--gpus {text}: it takes all, or numbers of GPUs such as 0,1; `mambench info` lists them")
    return (f"cuda:{int(text)}",)


def _number(text: str, option: str, largest: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
        raise UsageError(f"{option} {text}: it takes a whole number from 1 to {largest}")
    return int(text)


def _seconds(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e6:
        raise UsageError(f"{option} {text}: it takes seconds, more than 0")
    return value
