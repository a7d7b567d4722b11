"""The command line: micromamba's options as far as mambench could give them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import NoReturn

from standin.messages import BAD_USAGE, Failure

COMMANDS = ("create", "list", "info", "package")
FLAGS_ANYWHERE = ("--json", "--dry-run", "--offline", "--no-rc", "--no-env", "--version", "--download-only")
VALUES_ANYWHERE = ("--log-level", "--rc-file")
CREATE_FLAGS = ("--override-channels", "--no-pyc", "--pyc", "--no-deps", "--always-copy",
                "--retry-clean-cache", "--strict-channel-priority", "--no-channel-priority",
                "--allow-softlinks")  # fmt: skip
CREATE_VALUES = ("--platform", "--safety-checks", "--channel-priority", "--repodata-ttl", "--lock-timeout",
                 "--ssl-verify", "--cacert-path")  # fmt: skip


@dataclass(frozen=True)
class Options:
    """A parsed command line."""

    command: str
    words: tuple[str, ...]
    prefix: str
    root: str
    channels: tuple[str, ...]
    override_channels: bool
    file: str
    platform: str
    safety_checks: str
    yes: bool
    json: bool
    quiet: bool
    dry_run: bool
    offline: bool
    pyc: bool
    rc: bool
    env: bool
    version: bool


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failure(f"The following arguments were not expected: {message}", code=BAD_USAGE)


def parse(arguments: list[str]) -> Options:
    """Read a command line; anything unknown is a Failure with code 109."""
    head, tail = split_at_command(arguments)
    parser = general_parser()
    if not tail:
        chosen = parser.parse_args(head)
        return options("", [], chosen)
    parser.parse_args(head)
    if tail[0] == "create":
        add_create_options(parser)
    elif tail[0] == "list":
        parser.add_argument("--no-pip", action="store_true")
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_intermixed_args([*head, *tail[1:]])
    return options(tail[0], chosen.words, chosen)


def split_at_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    takes_value = {"-p", "--prefix", "-r", "--root-prefix", *VALUES_ANYWHERE}
    skip = False
    for position, argument in enumerate(arguments):
        if not skip and not argument.startswith("-"):
            if argument not in COMMANDS:
                raise Failure(f"The following argument was not expected: {argument}", code=BAD_USAGE)
            return arguments[:position], arguments[position:]
        skip = not skip and argument in takes_value
    return arguments, []


def general_parser() -> Parser:
    parser = Parser(prog="micromamba", allow_abbrev=False, add_help=False)
    parser.add_argument("-p", "--prefix", default="")
    parser.add_argument("-r", "--root-prefix", default="")
    parser.add_argument("-y", "--yes", action="store_true")
    parser.add_argument("-q", "--quiet", action="count", default=0)
    parser.add_argument("-v", "--verbose", action="count", default=0)
    for flag in FLAGS_ANYWHERE:
        parser.add_argument(flag, action="store_true")
    for name in VALUES_ANYWHERE:
        parser.add_argument(name)
    return parser


def add_create_options(parser: Parser) -> None:
    parser.add_argument("-c", "--channel", action="append", default=[])
    parser.add_argument("-f", "--file", default="")
    for flag in CREATE_FLAGS:
        parser.add_argument(flag, action="store_true")
    for name in CREATE_VALUES:
        parser.add_argument(name, default="")


def options(command: str, words: list[str], chosen: argparse.Namespace) -> Options:
    return Options(
        command=command,
        words=tuple(words),
        prefix=chosen.prefix,
        root=chosen.root_prefix,
        channels=tuple(getattr(chosen, "channel", ())),
        override_channels=getattr(chosen, "override_channels", False),
        file=getattr(chosen, "file", ""),
        platform=getattr(chosen, "platform", ""),
        safety_checks=getattr(chosen, "safety_checks", ""),
        yes=chosen.yes,
        json=chosen.json,
        quiet=chosen.quiet > 0,
        dry_run=chosen.dry_run,
        offline=chosen.offline,
        pyc=not getattr(chosen, "no_pyc", False),
        rc=not chosen.no_rc,
        env=not chosen.no_env,
        version=chosen.version,
    )
