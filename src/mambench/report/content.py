"""What a digest needs of a report file, as msgspec builds it; the rest of the text is skipped without being built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mambench.model import METHODOLOGY, SCHEMA_VERSION, Statistic, Status, WrongEntry
from mambench.report import document, journal
from mambench.system import contents, values

Broken = msgspec.MsgspecError
"""Raised for a text that is no such content."""


class Part(msgspec.Struct, gc=False):
    """A part of a report; keys that it does not name are skipped."""


class Failure(Part):
    reason: str
    message: str


class Check(Part):
    ok: bool
    wrong_entry: WrongEntry | None = None


class Facts(Part):
    """Whatever a worker told: of any type."""

    blas: Any = None
    blas_version: Any = None
    threads: Any = None
    threadpools: Any = None
    framework_version: Any = None


class Conditions(Part):
    governor: str | None = None
    power_plan: str | None = None
    on_battery: bool | None = None
    throttled: bool | None = None
    other_cpu_percent: float = 0.0
    steal_percent: float = 0.0
    quota_percent: float = 0.0
    cpu_mhz: float | None = None
    temperature_celsius: float | None = None
    gpu_clock_mhz: float | None = None
    gpu_temperature_celsius: float | None = None
    gpu_power_watts: float | None = None


class Round(Part):
    facts: msgspec.Raw
    checks: msgspec.Raw
    conditions: Conditions


class Device(Part):
    kind: str
    index: int
    name: str = ""


class Threads(Part):
    requested: int | None


class Row(Part):
    trial: str
    benchmark: str
    environment: str
    framework: str
    dtype: str
    params: dict[str, int]
    devices: list[Device]
    threads: Threads
    status: Status
    verified: bool
    seconds: Statistic | None
    rounds: list[Round]
    failure: Failure | None
    size: str = ""
    work: dict[str, float] | None = None
    memory_bytes: int = 0


class Package(Part):
    name: str
    version: str
    build: str | None = None


class Environment(Part):
    python: str
    channels: list[str]
    packages: list[Package]
    variables: dict[str, str]


class Cpu(Part):
    model: str
    usable_cores: int
    physical_cores: int | None = None
    logical_cores: int | None = None
    microcode: str | None = None
    boost: bool | None = None
    numa_nodes: int | None = None


class Gpu(Part):
    kind: str
    index: int
    name: str
    driver: str | None = None
    cuda_version: str | None = None


class Machine(Part):
    hostname: str
    os: str
    cpu: Cpu
    memory_bytes: int
    gpus: list[Gpu]
    kernel: str | None = None
    firmware: str | None = None


class Launcher(Part):
    node: str
    job: str | None = None


class Report(Part):
    schema_version: int
    run_id: str
    mambench: str
    created: str
    complete: bool
    settings: dict[str, Any]
    machine: Machine
    environments: dict[str, msgspec.Raw]
    results: list[Row]
    finished: str | None = None
    methodology: int = METHODOLOGY
    launcher: Launcher | None = None


_REPORT, _ENVIRONMENT = msgspec.json.Decoder(Report), msgspec.json.Decoder(Environment)
_FACTS, _CHECKS = msgspec.json.Decoder(Facts), msgspec.json.Decoder(list[Check])


def read(path: Path) -> Report:
    """The content of a report file. Raises Broken, ReportError, TypeError, ValueError, RecursionError.

    A page, a report with a journal beside it and whatever is broken is the business of `document.load`.
    """
    if not path.with_suffix(journal.SUFFIX).exists():
        try:
            content = _REPORT.decode(contents.bytes_of(path, largest=document.LARGEST_BYTES))
        except (OSError, Broken, RecursionError):
            pass  # read in the other way, which says what is wrong
        else:
            if content.schema_version == SCHEMA_VERSION:
                return content
    return _REPORT.decode(msgspec.json.encode(values.anything(document.load(path))))


def environment(text: bytes) -> Environment:
    """One environment of a report. Raises Broken."""
    return _ENVIRONMENT.decode(text)


def facts(text: bytes) -> Facts:
    """The facts of one round. Raises Broken."""
    return _FACTS.decode(text)


def checks(text: bytes) -> list[Check]:
    """The checks of one round. Raises Broken."""
    return _CHECKS.decode(text)


def told(conditions: Conditions) -> tuple[Any, ...]:
    """The values of all conditions, in the order of their names."""
    return msgspec.structs.astuple(conditions)


CONDITIONS = Conditions.__struct_fields__
"""Their names."""
