"""The manual page: one for all commands, made from the parser, with what a parser does not know below."""

from __future__ import annotations

import argparse
import os
import re
import textwrap
import time
from collections.abc import Iterator

from mambench import __version__
from mambench.cli.parser import parser
from mambench.errors import ExitCode

VARIABLES = {
    "MAMBENCH_HOME": "the one folder that holds everything, where --home does not name it",
    "MAMBENCH_MICROMAMBA": "a micromamba to use instead of the carried or downloaded one",
    "MAMBENCH_UV": "a uv to use instead of the one on PATH or a downloaded one",
    "MAMBENCH_OTHER_HOMES": "with the value `ignore` a run does not wait for a run of another home on the same cores",
    "NO_COLOR": "if it is set, nothing is coloured",
    "HTTPS_PROXY, SSL_CERT_FILE": "the proxy, and the certificates that are believed",
}
"""What a person may set; pip's and uv's own for indexes, mirrors and certificates are heeded as well."""

FILES = {
    "~/.local/share/mambench": "the home on Linux, unless another is named; `mambench info` prints it",
    "envs": "in the home: the environments",
    "results": "in the home: the reports, and their pages",
    "logs": "in the home: logs of commands and rounds",
    "benchmarks, environments": "in the home: benchmarks and stacks of one's own",
}


def page() -> str:
    """The manual page of all commands, in roff for man(7)."""
    return "\n".join(line for part in _page(parser()) for line in _filled(part)) + "\n"


def _page(whole: argparse.ArgumentParser) -> Iterator[str]:
    date = time.strftime("%Y-%m-%d", time.gmtime(float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    examples, about = _epilogue(whole.epilog or "")
    commands = dict(_commands(whole))
    known = {option for action in _options(whole, all_of_them=True) for option in action.option_strings}
    yield f'.TH MAMBENCH 1 {date} "mambench {__version__}" "User Commands"'
    description = whole.description or ""
    yield from (".SH NAME", rf"mambench \- {_escaped(description[0].lower() + description[1:].rstrip('.'))}")
    yield from (".SH SYNOPSIS", r"\fBmambench\fR [\fIOPTION\fR ...] [\fICOMMAND\fR [\fIARGUMENT\fR ...]]")
    yield from (".SH DESCRIPTION", _escaped(description), _escaped("Without a command it asks what to measure."))
    yield _escaped(about)
    yield ".SH COMMANDS"
    for name, (each, text) in commands.items():
        yield f".SS {_usage(name, each)}"
        yield _escaped(each.description or text)
        own = [action for action in _options(each) if not known.intersection(action.option_strings)]
        for action in (*_arguments(each), *own):
            yield from _item(_invocation(action), action.help or "")
    yield ".SH OPTIONS"
    yield _escaped("Each command has --help and, but for groups of commands, --home and --verbose.")
    run = commands["mambench run"][0]
    for action in {
        each.dest: each for each in (*_options(whole), *_options(run)) if known.intersection(each.option_strings)
    }.values():
        yield from _item(_invocation(action), action.help or "")
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from _item(rf"\fB{code}\fR", code.words)
    for title, entries in (("ENVIRONMENT", VARIABLES), ("FILES", FILES)):
        yield f".SH {title}"
        for name, text in entries.items():
            yield from _item(rf"\fB{_escaped(name)}\fR", text)
    yield ".SH EXAMPLES"
    own_examples = (each.epilog.removeprefix("example: ") for each, _ in commands.values() if each.epilog)
    for line in dict.fromkeys((*examples, *own_examples)):
        command, _, text = line.partition("  ")
        yield from _item(rf"\fB{_escaped(command)}\fR", text.strip())


def _epilogue(text: str) -> tuple[list[str], str]:
    """The lines of the examples, and the paragraph below them."""
    examples, about = text.split("\n\n")[:2]
    return [line.strip() for line in examples.splitlines()[1:]], " ".join(about.split())


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, tuple[argparse.ArgumentParser, str]]]:
    """Every command and verb by its full name, with its parser and its words in the list."""
    for group in (each for each in parser._actions if isinstance(each, argparse._SubParsersAction)):
        texts = {each.dest: each.help or "" for each in group._choices_actions}
        for name, command in group.choices.items():
            yield command.prog, (command, texts[name])
            yield from _commands(command)


def _options(parser: argparse.ArgumentParser, *, all_of_them: bool = False) -> list[argparse.Action]:
    shown = (each for each in parser._actions if each.option_strings)
    return [each for each in shown if all_of_them or each.help != argparse.SUPPRESS]


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    named = (each for each in parser._actions if not each.option_strings)
    return [each for each in named if not isinstance(each, argparse._SubParsersAction)]


def _usage(name: str, parser: argparse.ArgumentParser) -> str:
    positional = [each for each in parser._actions if not each.option_strings]
    formatter = argparse.HelpFormatter(prog="", width=1000)
    formatter.add_usage(None, positional, [], prefix="")
    return rf"\fB{_escaped(name)}\fR [\fIOPTION\fR ...] {_escaped(formatter.format_help().strip())}".rstrip()


def _invocation(action: argparse.Action) -> str:
    formatter = argparse.HelpFormatter(prog="", width=1000)
    if not action.option_strings:
        return rf"\fI{_escaped(str(action.metavar or action.dest))}\fR"
    names = ", ".join(rf"\fB{_escaped(name)}\fR" for name in action.option_strings)
    value = "" if action.nargs == 0 else formatter._format_args(action, action.dest.upper())
    return rf"{names} \fI{_escaped(value)}\fR" if value else names


def _item(head: str, text: str) -> Iterator[str]:
    yield from (".TP", head)
    if text:
        yield _escaped(text.replace("%%", "%"))


def _escaped(text: str) -> str:
    """Words for roff: dashes that can be copied, what stands in `quotes` in bold."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", plain)


def _filled(line: str) -> list[str]:
    """Text in short lines, none of which roff takes for a request; a heading and a tag stay in one."""
    if line.startswith("."):
        return [line]
    lines = textwrap.wrap(line, 78, break_long_words=False, break_on_hyphens=False)
    return [rf"\&{each}" if each[0] in ".'" else each for each in lines]
