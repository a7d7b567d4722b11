"""How a command says its arguments: argparse with our exit code, and what several commands share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mambench.errors import ExitCode
from mambench.system import streams

if TYPE_CHECKING:
    from mambench.app.context import Mambench

Call = Callable[["Mambench", argparse.Namespace], int]
"""What a command does; gives the exit code."""


class Parser(argparse.ArgumentParser):
    """argparse with our exit code, and options that are written out: scripts outlive today's abbreviations."""

    behind = ""
    """Where the words behind `--` go, for another program; "" leaves them to argparse, as names that begin with -."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The same, once what is for another program is set apart."""
        if not self.behind:
            return super().parse_known_args(args, namespace)
        words, others = apart(args)
        namespace, unknown = super().parse_known_args(words, namespace)
        setattr(namespace, self.behind, others)
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        """Say how it goes, and end."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """argparse's own hides that help could not be written."""
        streams.write(message, file)


def apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words before the first `--`, and those behind it."""
    words = list(words)
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end + 1 :]


class Several(argparse._AppendAction):
    """An option that may stand several times, which completions see by its class, and take commas."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        del parser, option_string
        words = [word for word in str(values).split(",") if word]
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *words])


class Commands:
    """The commands of a parser, or the verbs of a command; each has the common options."""

    def __init__(
        self, parser: argparse.ArgumentParser, common: Parser, *, group: str = "", required: bool = False
    ) -> None:
        self.parser, self._common, self._group = parser, common, group
        dest, metavar = ("verb", "VERB") if group else ("command", "COMMAND")
        # Without a command the wizard starts, without a verb nothing does but for groups that list what they are about.
        self._parsers = parser.add_subparsers(dest=dest, metavar=metavar, required=required, parser_class=Parser)

    def add(
        self, name: str, text: str, call: Call, *, json: bool = False, example: str = "", **manner: bool
    ) -> argparse.ArgumentParser:
        """A command's parser; its caller adds the arguments. `manner` is that of `set_call`."""
        words = " ".join(filter(None, ("mambench", self._group, example or name)))
        parser: argparse.ArgumentParser = self._parsers.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            parents=[self._common],
            epilog=f"example: {words}",
        )
        set_call(parser, f"{self._group}-{name}" if self._group else name, call, **manner)
        if json:
            parser.add_argument("--json", action="store_true", help="one JSON document to standard output")
        return parser

    def group(self, name: str, text: str, *, example: str) -> Commands:
        """A command that has verbs."""
        parser = self._parsers.add_parser(name, help=text, epilog=f"example: mambench {name} {example}")
        return Commands(parser, self._common, group=name, required=True)

    def listing_group(self, name: str, text: str, call: Call, *, example: str) -> Commands:
        """A command that has verbs, and without one lists what they are about."""
        return Commands(self.add(name, text, call, json=True, example=f"{name} {example}"), self._common, group=name)


def set_call(
    parser: argparse.ArgumentParser, name: str, call: Call, *, makes_environments: bool = False, keeps_log: bool = False
) -> None:
    """Let `parser` end in `call`.

    A command that makes environments refuses a home in which they could not work, and its log is kept, as is that of
    one that `keeps_log`, even if nothing goes wrong.
    """
    parser.set_defaults(
        call=call, name=name, makes_environments=makes_environments, keeps_log=keeps_log or makes_environments
    )


def add_fail_slower(parser: argparse.ArgumentParser, text: str) -> None:
    """`--fail-slower 5%`, as a part."""
    parser.add_argument("--fail-slower", type=percent, metavar="5%", help=text)


def percent(text: str) -> float:
    """`5%` or `5` as a part. Raises ArgumentTypeError."""
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 100:
        raise argparse.ArgumentTypeError(f"a percentage from 0 to below 100, such as 5%, not {text}")
    return value / 100


def add_channel(parser: argparse.ArgumentParser, text: str) -> None:
    """`--channel` may stand several times and take commas, though one may be part of a URL or a folder's name."""
    parser.add_argument("--channel", metavar="URL", action="extend", type=_channels, default=[], help=text)


def _channels(text: str) -> tuple[str, ...]:
    from mambench.environments.conda.channels import channel_address, channels_in
    from mambench.system import addresses

    channels = channels_in(text, exists=lambda path: os.path.exists(os.path.expanduser(path)))
    for channel in channels:
        if problem := addresses.url_problem(channel):
            raise argparse.ArgumentTypeError(f"{addresses.without_credentials(channel)}: {problem}")
        try:
            channel_address(channel)
        except OSError as error:  # the current folder is gone
            raise argparse.ArgumentTypeError(f"{channel}: {error.strerror}; give an absolute path") from error
    return channels


def add_source(parser: argparse.ArgumentParser) -> None:
    """Where packages come from."""
    parser.add_argument("--source", default="auto", metavar="S", help="auto (default), conda, pypi")
    add_channel(parser, "conda channels instead of the recipe's: names, URLs, folders")
    parser.add_argument("--offline", action="store_true", help="use no network")
