"""`fetch`: what stacks need on a computer without a network, for this platform or another one."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands, Several, add_channel
from mambench.cli.output import code_of, print_json, show_findings
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench fetch`."""
    parser = commands.add(
        "fetch", "download what stacks need for a computer without a network", run, json=True,
        example="fetch numpy-openblas torch-cpu --platform win-64", keeps_log=True,
    )  # fmt: skip
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help="names from `mambench list`")
    parser.add_argument(
        "--platform", metavar="P", action=Several, default=[], help="linux-64, win-64, osx-arm64 ...; default this one"
    )
    parser.add_argument("--cuda", metavar="V", help="of that computer's driver, as nvidia-smi shows it")
    parser.add_argument("--python", metavar="V", help="that it has, such as 3.13, for PyPI; else one is fetched")
    parser.add_argument("--source", default="auto", metavar="S", help="auto (default), conda, pypi")
    add_channel(parser, "conda channels instead of the recipe's: names, URLs, folders")
    parser.add_argument("--list", action="store_true", help="what is here, for which platform, and how big")
    parser.add_argument("--check", action="store_true", help="compare every file with its SHA-256")
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(app: Mambench, arguments: Namespace) -> int:
    """Fetch, list or verify. Raises UsageError, ProvisionError, UnavailableError, NetworkError, HomeError."""
    if arguments.list or arguments.check:
        if arguments.environments:
            raise UsageError("--list and --check look at all that was fetched, and take no names")
        return _check(app, arguments) if arguments.check else _list(app, arguments)
    if not arguments.environments:
        raise UsageError("fetch needs the name of a stack", remedy="`mambench list` has the names")
    if arguments.json:
        raise UsageError("--json goes with --list or --check")
    return _fetch(app, arguments)


def _fetch(app: Mambench, arguments: Namespace) -> int:
    from functools import partial

    from mambench.analysis.words import counted
    from mambench.app.consent import confirm
    from mambench.app.fetching import Wanted, fetch
    from mambench.catalogue import fields
    from mambench.catalogue.manifest import PLATFORMS
    from mambench.system import files
    from mambench.terminal.table import megabytes

    if arguments.source not in ("auto", "conda", "pypi"):
        raise UsageError(f"--source {arguments.source}: it takes auto, conda or pypi")
    for platform in arguments.platform:
        if platform not in PLATFORMS:
            raise UsageError(f"--platform {platform}: {fields.nearest(platform, PLATFORMS)}")
    wanted = Wanted(
        stacks=tuple(arguments.environments),
        platforms=tuple(arguments.platform),
        cuda_version=_version(arguments.cuda, "--cuda", "12.9, as nvidia-smi shows it"),
        python=_version(arguments.python, "--python", "3.13"),
        source=arguments.source,
        channels=tuple(arguments.channel),
    )
    own = app.machine.platform
    agree = partial(confirm, app, yes=arguments.yes, unpacked=not wanted.platforms or own in wanted.platforms)
    try:
        for entry in fetch(app, wanted, agree=agree):
            app.terminal.stop_progress()
            words = f"{counted(len(entry.files), 'file')}, {megabytes(entry.size_bytes)}"
            needs = f"; the computer needs {' and '.join(entry.needs)} of its own" if entry.needs else ""
            app.terminal.say(f"{entry.key} for {entry.identity.platform} is in the kit: {words}{needs}")
    except KeyboardInterrupt:
        app.terminal.stop_progress()
        app.terminal.say("stopped; the same command goes on where it was")
        raise
    kept = megabytes(sum(files.tree_bytes(folder) for folder in (app.home.kit, app.home.tools)))
    app.terminal.say(
        f"{app.home.root} has {megabytes(files.tree_bytes(app.home.root))}, of which kit and tools ({kept}) are "
        "needed on a computer without a network, as mambench-home beside the program or anywhere with --home: there "
        "`mambench run NAME --offline` makes and measures the stacks"
    )
    return ExitCode.OK


def _version(text: str | None, option: str, example: str) -> str | None:
    import re

    if text is not None and not re.fullmatch(r"[0-9]+\.[0-9]+", text):
        raise UsageError(f"{option} {text}: it takes a version such as {example}")
    return text


def _check(app: Mambench, arguments: Namespace) -> int:
    from dataclasses import asdict

    from mambench.app.fetching import findings
    from mambench.environments.kit import Kit

    seen = list(findings(Kit(app.home), full=True))
    if arguments.json:
        print_json({"findings": [asdict(finding) for finding in seen]})
    elif seen:
        show_findings(app.terminal, seen)
    else:
        app.terminal.say("nothing was fetched; `mambench fetch NAME` fetches a stack")
    return code_of(seen)


def _list(app: Mambench, arguments: Namespace) -> int:
    from mambench.app.fetching import listed
    from mambench.terminal.table import megabytes

    rows = listed(app.home)
    if arguments.json:
        print_json({"kit": rows})
    elif not rows:
        app.terminal.say("nothing was fetched; `mambench fetch NAME` fetches a stack")
    else:
        columns = ("stack", "source", "platform", "python", "fetched", "size", "state")
        shown = [
            (
                *(row[name] for name in columns[:4]),
                row["fetched"][:10],
                megabytes(row["size_bytes"]),
                "; needs ".join(filter(None, (row["state"], ", ".join(row["needs"])))),
            )
            for row in rows
        ]
        app.terminal.rows("", columns, shown)
    return ExitCode.OK
