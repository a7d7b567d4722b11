"""Pure: the words of a command and what is asked of Slurm -> the text of a job's script."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mambench import __version__
from mambench.analysis.words import counted
from mambench.cluster.job import ENDED, LOG, NODES

MEASURES_ALONE = ("--exclusive", "--cpus-per-task", "-c", "--cores-per-socket", "--mincpus")
"""With one of these a person has said how much of a node a job gets."""

OWN_OPTIONS = {"-N": "--nodes", "-p": "--partition", "-A": "--account", "-t": "--time"}
"""Of sbatch, that `slurm run` takes itself."""

_EACH_NODE = """\
for each in "$0" "$1"; do
    [ -e "$each" ] || { echo "mambench: this node does not see $each" >&2; exit 5; }
done
exec "$@\""""
"""Run by bash on each node: a home that is elsewhere would be made anew on the node's own disk."""


@dataclass(frozen=True)
class Request:
    """What is asked of Slurm; `options` are words for sbatch, which count more than ours."""

    nodes: int
    partition: str | None = None
    account: str | None = None
    time: str | None = None
    exclusive: bool = False
    options: tuple[str, ...] = ()

    def asks_for(self, *names: str) -> bool:
        """Whether a word for sbatch is one of these options."""
        return any(_is(word, name) for word in self.options for name in names)


def _is(word: str, name: str) -> bool:
    return word == name or word.startswith(f"{name}=") or (len(name) == 2 and word.startswith(name))


@dataclass(frozen=True)
class Measurement:
    """What each node does: the program, its words, and variables of its own."""

    program: tuple[str, ...]
    words: tuple[str, ...]
    home: str
    variables: Mapping[str, str] = field(default_factory=dict)


def script(request: Request, measurement: Measurement, folder: str | None, *, created: str) -> str:
    """A job that measures on each of its nodes; it keeps what it says in `folder`, or where it was submitted."""
    return "\n".join(["#!/bin/bash", *_directives(request, folder), *_about(request, measurement, folder, created),
                      *_steps(measurement, folder)]) + "\n"  # fmt: skip


def _directives(request: Request, folder: str | None) -> Iterator[str]:
    log = f"{folder}/{LOG}".replace("%", "%%") if folder else "mambench-%j.log"
    options = [
        "--job-name=mambench", f"--nodes={request.nodes}", "--ntasks-per-node=1", "--no-kill", "--no-requeue",
        f"--output={log}",
    ]  # fmt: skip
    named = {"partition": request.partition, "account": request.account, "time": request.time}
    options += [f"--{name}={value}" for name, value in named.items() if value]
    if request.exclusive:
        options.append("--exclusive")
        if not request.asks_for("--mem", "--mem-per-cpu", "--mem-per-gpu"):
            options.append("--mem=0")  # all of it: a node of one's own does not come with its memory
    yield from (f"#SBATCH {shlex.quote(option)}" for option in options)
    yield from (f"#SBATCH {shlex.join(words)}" for words in _with_values(request.options))


def _with_values(words: Sequence[str]) -> Iterator[list[str]]:
    """Each option with the words behind it that are none: a line of a script each."""
    option: list[str] = []
    for word in words:
        if word.startswith("-") and option:
            yield option
            option = []
        option.append(word)
    if option:
        yield option


def _about(request: Request, measurement: Measurement, folder: str | None, created: str) -> Iterator[str]:
    yield "#"
    yield f"# Written by mambench {__version__}, {created}: measures on {counted(request.nodes, 'node')} at once."
    yield f"# Reports go to {measurement.home}/results,"
    yield f"# what the nodes say {f'to {LOG} beside this file' if folder else 'to the output above'}."
    yield "# Every node must see that home and the program at the same paths."
    yield ""


def _steps(measurement: Measurement, folder: str | None) -> Iterator[str]:
    yield from (f"export {name}={shlex.quote(value)}" for name, value in sorted(measurement.variables.items()))
    yield f"home={shlex.quote(measurement.home)}"
    if folder:
        yield f"folder={shlex.quote(folder)}"
        yield f'echo "$SLURM_JOB_NODELIST" >"$folder/{NODES}"'
    yield ""
    yield "# One process on each node, with all that the job has of it; one that fails does not end the others."
    yield "srun --ntasks-per-node=1 --cpu-bind=none --label --kill-on-bad-exit=0 --no-kill --wait=0 \\"
    yield f'    bash -c {shlex.quote(_EACH_NODE)} "$home" \\'
    yield f"    {shlex.join(measurement.program)} \\"
    yield f'    {shlex.join(measurement.words)} --home "$home"'
    yield "code=$?"
    if folder:
        yield f'echo "$code" >"$folder/{ENDED}"'
    yield 'exit "$code"'
