"""The content of a report file -> its digest, without reading what a digest does not hold."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from mambench.analysis.digest import Digest, DigestRow, Surroundings
from mambench.analysis.warnings import disturbed_by
from mambench.errors import ReportError
from mambench.model import DTYPES, METHODOLOGY, Device, DeviceKind, Size, Statistic, Status, Trial
from mambench.report import document, journal, reading
from mambench.system import contents, values

Content = Mapping[str, Any]
Kept = TypeVar("Kept")

LISTS = tuple(
    (re.compile(start.replace(b"[", rb"\[") + b"[^]]*"), start)
    for start in (b'\n     "warmup_seconds": [', b'\n     "samples": [')
)
"""Of a round, as `document.text_of` writes them: most of a file, and nothing of a digest. No text in JSON holds a
newline, so these are keys, and no bracket is in the lists; a file that was written in another way is read whole."""
OURS = b'{\n "schema_version": '
ENVIRONMENTS, END_OF_ENVIRONMENTS = b'\n "environments": {', b"\n }"
MAX_KEPT_ENVIRONMENTS = 256


class Reader:
    """Reads digests; what many reports have in common is kept once."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}
        self._environments: dict[bytes, Any] = {}
        self._stacks: dict[int, tuple[Content, Mapping[str, Any]]] = {}

    def read(self, path: Path) -> Digest:
        """The digest of a report file. Raises ReportError, which names the file."""
        try:
            return self.digest(self._content(path))
        except (TypeError, ValueError, OverflowError, LookupError, AttributeError, RecursionError) as error:
            detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ReportError(
                f"broken: {path}: this is not a whole mambench report: {detail}",
                remedy="name a report that `mambench run` wrote",
            ) from error

    def digest(self, content: Content) -> Digest:
        """Of the content of a report. Raises what is wrong with it."""
        machine = _machine_facts(content["machine"])
        stacks = self._stacks_of(content["environments"])
        own = (("mambench", values.text(content["mambench"])), *_settings(content["settings"]))
        return Digest(
            run_id=values.text(content["run_id"]),
            created=values.instant(content["created"]),
            machine=values.text(content["machine"]["hostname"]),
            mambench=values.text(content["mambench"]),
            methodology=values.whole(content.get("methodology", METHODOLOGY)),
            complete=values.flag(content["complete"]),
            rows=tuple(self._row(row, stacks, (*own, *machine)) for row in content["results"]),
        )

    def _row(self, row: Content, stacks: Mapping[str, Any], facts: Iterable[tuple[str, str]]) -> DigestRow:
        rounds = row["rounds"]
        packages, told = stacks.get(row["environment"], ((), ()))
        status = values.known(row["status"], reading.STATUSES, "status")
        seconds = values.maybe(_statistic, row["seconds"])
        if status == "ok" and seconds is None:
            raise ValueError(f"the row {values.text(row['trial'])} is ok and has no number")
        return DigestRow(
            trial=_trial(row),
            status=cast(Status, status),
            reason=None if row["failure"] is None else values.text(row["failure"]["reason"]),
            verified=values.flag(row["verified"]) and seconds is not None,
            rounds=len(rounds),
            seconds=seconds,
            surroundings=self._once(Surroundings(packages, (*facts, *told, *_round_facts(rounds)))),
            other_cpu_percent=_worst(rounds, "other_cpu_percent"),
            disturbed=any(disturbed_by(each["conditions"]) for each in rounds),
        )

    def _content(self, path: Path) -> Content:
        """Of a report file; where a journal lies beside it, or the text is not as we write it, read whole."""
        if not path.with_suffix(journal.SUFFIX).exists():
            try:
                text, environments = _without_environments(
                    _without_lists(contents.bytes_of(path, largest=document.LARGEST_BYTES))
                )
                content = json.loads(text)
                if environments:
                    content["environments"] = self._parsed(environments)
            except (OSError, ValueError, RecursionError, TypeError):
                return document.load(path)  # says what is wrong
            if isinstance(content, dict) and content.get("schema_version") == 1:
                return content
        return document.load(path)

    def _parsed(self, environments: bytes) -> Any:
        """The same text is parsed once: runs of one stack, on however many machines, have it in common."""
        if environments not in self._environments:
            if len(self._environments) >= MAX_KEPT_ENVIRONMENTS:
                self._environments.clear()
            self._environments[environments] = json.loads(environments)
        return self._environments[environments]

    def _stacks_of(self, environments: Content) -> Mapping[str, Any]:
        """Packages and facts of each stack; of environments that are kept, once."""
        kept = self._stacks.get(id(environments))
        if kept is not None and kept[0] is environments:
            return kept[1]
        stacks = {name: (self._once(_packages(each)), _stack_facts(each)) for name, each in environments.items()}
        if len(self._stacks) >= MAX_KEPT_ENVIRONMENTS:
            self._stacks.clear()
        self._stacks[id(environments)] = environments, stacks
        return stacks

    def _once(self, value: Kept) -> Kept:
        return cast(Kept, self._kept.setdefault(value, value))


def _without_environments(text: bytes) -> tuple[bytes, bytes]:
    """The text with no environments, and these, where it is one of ours."""
    begin = text.find(ENVIRONMENTS)
    end = text.find(END_OF_ENVIRONMENTS, begin)
    if begin < 0 or end < 0 or not text.startswith(OURS):
        return text, b""
    begin, end = begin + len(ENVIRONMENTS) - 1, end + len(END_OF_ENVIRONMENTS)
    return text[:begin] + b"{}" + text[end:], text[begin:end]


def _without_lists(text: bytes) -> bytes:
    """The text with those lists empty, where it is one of ours."""
    if text.startswith(OURS):
        for pattern, start in LISTS:
            text = pattern.sub(start, text)
    return text


def _statistic(content: Content) -> Statistic:
    low, high = values.maybe(values.positive, content["low"]), values.maybe(values.positive, content["high"])
    return Statistic(values.positive(content["median"]), values.positive(content["best"]), low, high)


def _trial(row: Content) -> Trial:
    devices = tuple((each["kind"], each["index"]) for each in row["devices"])
    names = row["benchmark"], row["environment"], row["framework"], devices, row["dtype"]
    return _known_trial(*names, reading.size(row), row["threads"]["requested"])


@functools.lru_cache(maxsize=4096, typed=True)
def _known_trial(
    benchmark: Any, stack: Any, framework: Any, devices: Any, dtype: Any, size: Size, threads: Any
) -> Trial:
    device, *beside = [Device(DeviceKind(kind), values.whole(index)) for kind, index in devices]
    return Trial(
        benchmark=values.text(benchmark),
        stack=reading.stack_key(values.text(stack)),
        framework=values.text(framework),
        device=device,
        beside=tuple(beside),
        dtype=values.known(dtype, tuple(DTYPES), "dtype"),
        size=size,
        threads=values.maybe(values.whole, threads),
    )


# -------------------------------------------------------------------------------------------- surroundings


def _packages(environment: Content) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted(
            (values.text(each["name"]), values.cleaned(" ".join(filter(None, (each["version"], each.get("build"))))))
            for each in environment["packages"]
        )
    )


def _stack_facts(environment: Content) -> tuple[tuple[str, str], ...]:
    set_variables = ", ".join(f"{name}={text}" for name, text in values.texts(environment["variables"]).items())
    channels = ", ".join(values.several(values.text, environment["channels"]))
    facts = ("python", values.text(environment["python"])), ("variables", set_variables), ("channels", channels)
    return tuple((name, words) for name, words in facts if words)


def _machine_facts(machine: Content) -> tuple[tuple[str, str], ...]:
    cpu = machine["cpu"]
    facts: list[tuple[str, str]] = [
        ("CPU", values.text(cpu["model"])),
        ("usable cores", str(values.whole(cpu["usable_cores"]))),
        ("memory", f"{values.whole(machine['memory_bytes']) / 2**30:.0f} GiB"),
        ("system", values.text(machine["os"])),
    ]
    told_by_some: tuple[tuple[str, Any], ...] = (
        ("microcode", cpu.get("microcode")),
        ("boost", _on_or_off(cpu.get("boost"))),
        ("NUMA nodes", cpu.get("numa_nodes")),
        ("kernel", machine.get("kernel")),
        ("firmware", machine.get("firmware")),
    )
    facts += [(name, values.cleaned(str(words))) for name, words in told_by_some if words]
    for gpu in machine["gpus"]:
        name = f"GPU {values.text(gpu['kind'])}:{values.whole(gpu['index'])}"
        told: tuple[tuple[str, Any], ...] = (
            (name, gpu["name"]),
            (f"driver of {name}", gpu.get("driver")),
            (f"CUDA of {name}", gpu.get("cuda_version")),
        )
        facts += [(what, values.text(words)) for what, words in told if words]
    return tuple(facts)


def _on_or_off(told: Any) -> str | None:
    return None if told is None else "on" if told else "off"


def _settings(settings: Content) -> Iterator[tuple[str, str]]:
    """How it was measured, as far as it can move a number."""
    limits = settings.get("limits")
    if isinstance(limits, dict):
        names = ("warmups", "warmup_seconds", "max_seconds", "min_runs")
        yield "limits", values.cleaned(", ".join(f"{name} {limits.get(name)}" for name in names))


def _round_facts(rounds: Sequence[Content]) -> Iterator[tuple[str, str]]:
    """What the workers saw, in the first round that tells it."""
    facts: Content = next((each["facts"] for each in rounds if each["facts"]), {})
    blas = " ".join(str(facts[name]) for name in ("blas", "blas_version") if facts.get(name))
    pools = facts.get("threadpools")
    kernels = {str(each.get("architecture")) for each in pools if isinstance(each, dict)} if pools else set()
    told: tuple[tuple[str, Any], ...] = (
        ("BLAS", blas),
        ("BLAS kernels", ", ".join(sorted(kernels - {"None"}))),
        ("threads", facts.get("threads")),
        ("framework", facts.get("framework_version")),
    )
    yield from ((name, values.cleaned(str(words))) for name, words in told if words)
    for name, title in CONDITIONS.items():
        seen = {str(each["conditions"][name]) for each in rounds if name in each["conditions"]}
        if seen:
            yield title, values.cleaned(", ".join(sorted(seen)))


CONDITIONS = {
    "governor": "governor",
    "power_plan": "power plan",
    "on_battery": "on battery",
    "throttled": "slowed down by heat or power",
}
"""Of rounds, as they are called in a list of what changed."""


def _worst(rounds: Sequence[Content], name: str) -> float:
    """The largest of a condition over rounds, 0 where none tells it."""
    told = [each["conditions"][name] for each in rounds if name in each["conditions"]]
    return max(map(values.number, told), default=0.0)
