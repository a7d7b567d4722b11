"""The words that say what to measure: stacks, sizes, devices, rounds; `run` and `slurm` share them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mambench.cli.arguments import Several, add_source
from mambench.errors import UsageError

if TYPE_CHECKING:
    from mambench.model import Choices

LARGEST_EXTENT = 2**40
LARGEST_THREADS = 4096
LARGEST_ROUNDS = 1000

DEFAULT_PRESET = "standard"


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Names of stacks, and how they are measured."""
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help="names from `mambench list`")
    parser.add_argument("--all", action="store_true", help="every stack that can run here")
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
    parser.add_argument("--timeout", metavar="SECONDS", help="for one worker, imports included")
    parser.add_argument("--max-run-seconds", metavar="SECONDS", help="for one run; what takes longer is too slow")
    parser.add_argument("--python", metavar="[NAME=]PATH", action="append", default=[], help="a python you have")
    add_source(parser)


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
