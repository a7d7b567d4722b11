"""The content of a report file -> a Report: what is missing, foreign or of a wrong type is told, never guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from mambench.analysis.warnings import warnings
from mambench.analysis.words import drift_of, sentence
from mambench.errors import ReportError
from mambench.model import (
    DEFAULT_BENCHMARK,
    DTYPES,
    METHODOLOGY,
    Benchmark,
    Check,
    Clocks,
    Cpu,
    Device,
    DeviceKind,
    Environment,
    EnvironmentSpec,
    Failure,
    Gpu,
    Launcher,
    Machine,
    Package,
    Reason,
    Reference,
    Report,
    Result,
    Round,
    RowWarning,
    Sample,
    Size,
    StackKey,
    Statistic,
    Status,
    Throughput,
    Trial,
    WarningKind,
    WrongEntry,
)
from mambench.system import values

Content = Mapping[str, Any]

STATUSES = ("ok", "failed", "unavailable")


def from_dict(content: Content) -> Report:
    """What `document.to_dict` wrote, by this version or an earlier one. Raises ReportError."""
    try:
        return _report(content)
    except (TypeError, ValueError, OverflowError, LookupError, AttributeError, RecursionError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ReportError(
            f"this is not a whole mambench report: {detail}", remedy="name a report that `mambench run` wrote"
        ) from error


def _report(content: Content) -> Report:
    machine = _machine(content["machine"])
    results = values.several(_result, content["results"])
    units = {(row.trial.benchmark, row.trial.unit) for row in results}
    if len(units) > len({benchmark for benchmark, _ in units}):
        raise ValueError("rows of one benchmark have different units")
    return Report(
        run_id=values.text(content["run_id"]),
        mambench=values.text(content["mambench"]),
        methodology=values.whole(content.get("methodology", METHODOLOGY)),
        created=values.instant(content["created"]),
        finished=values.maybe(values.instant, content["finished"]),
        complete=values.flag(content["complete"]),
        argv=values.several(values.text, content["argv"]),
        seed=values.whole(content["seed"]),
        settings=values.anything(values.table(content["settings"])),
        machine=machine,
        launcher=values.maybe(_launcher, content.get("launcher")),
        benchmarks=tuple(_benchmark(name, values.table(each)) for name, each in content.get("benchmarks", {}).items()),
        environments=tuple(_environment(values.table(each)) for each in values.table(content["environments"]).values()),
        results=results,
        warnings=values.several(values.text, content["warnings"]),
    )


def _machine(content: Content) -> Machine:
    cpu = values.table(content["cpu"])
    return Machine(
        hostname=values.text(content["hostname"]),
        platform=values.text(content["platform"]),
        os=values.text(content["os"]),
        cpu=Cpu(
            model=values.text(cpu["model"]),
            physical_cores=values.whole(cpu["physical_cores"]),
            logical_cores=values.whole(cpu["logical_cores"]),
            usable_cores=values.whole(cpu["usable_cores"]),
            simd=values.several(values.text, cpu.get("simd", [])),
            max_mhz=values.maybe(values.number, cpu.get("max_mhz")),
            throughput=values.maybe(_throughput, cpu.get("throughput")),
            microcode=values.maybe(values.text, cpu.get("microcode")),
            boost=values.maybe(values.flag, cpu.get("boost")),
            numa_nodes=values.maybe(values.at_least_one, cpu.get("numa_nodes")),
        ),
        memory_bytes=values.whole(content["memory_bytes"]),
        gpus=values.several(_gpu, content["gpus"]),
        notes=values.several(values.text, content.get("notes", [])),
        references=values.several(_reference, content.get("references", [])),
        kernel=values.maybe(values.text, content.get("kernel")),
        firmware=values.maybe(values.text, content.get("firmware")),
    )


def _launcher(content: Content) -> Launcher:
    return Launcher(
        name=values.text(content["name"]),
        node=values.text(content["node"]),
        rank=values.whole(content["rank"]),
        tasks=values.maybe(values.at_least_one, content["tasks"]),
        job=values.maybe(values.text, content["job"]),
        array_task=values.maybe(values.text, content["array_task"]),
    )


def _throughput(content: Content) -> Throughput:
    return Throughput(
        name=values.text(content["name"]),
        per_cycle={values.text(name): values.at_least_one(each) for name, each in content["per_cycle"].items()},
        arithmetic=values.texts(content["arithmetic"]),
        source=values.text(content["source"]),
        unknown=values.text(content["unknown"]),
    )


def _reference(content: Content) -> Reference:
    return Reference(
        kind=DeviceKind(content["kind"]),
        dtype=values.text(content["dtype"]),
        stacks=values.several(values.text, content["stacks"]),
        gflops=values.positive(content["gflops"]),
        source=values.text(content["source"]),
        conditions=values.text(content["conditions"]),
        benchmark=values.text(content.get("benchmark", DEFAULT_BENCHMARK)),
    )


def _gpu(content: Content) -> Gpu:
    return Gpu(
        kind=DeviceKind(content["kind"]),
        index=values.whole(content["index"]),
        name=values.text(content["name"]),
        uuid=values.maybe(values.text, content.get("uuid")),
        memory_bytes=values.maybe(values.whole, content.get("memory_bytes")),
        driver=values.maybe(values.text, content.get("driver")),
        cuda_version=values.maybe(values.text, content.get("cuda_version")),
        compute_capability=values.maybe(values.text, content.get("compute_capability")),
        multiprocessors=values.maybe(values.at_least_one, content.get("multiprocessors")),
        max_mhz=values.maybe(values.positive, content.get("max_mhz")),
        throughput=values.maybe(_throughput, content.get("throughput")),
    )


def _benchmark(name: str, content: Content) -> Benchmark:
    texts = {each: values.cleaned(str(content[each])) for each in ("title", "unit", "origin", "description", "limit")}
    return Benchmark(name=values.text(name), **texts)


def _environment(content: Content) -> Environment:
    executable = values.maybe(values.text, content.get("executable"))
    spec = EnvironmentSpec(
        name=values.text(content["name"]),
        title=values.text(content.get("title", content["name"])),
        kernel="",
        devices=(),
        platforms=(),
        tested=values.flag(content.get("tested", False)),
        origin=values.text(content["origin"]),
    )
    return Environment(
        spec=spec,
        source=values.source(content["source"]),
        python=Path(executable or ""),
        prefix=None if executable else Path(),
        version=values.text(content["python"]),
        channels=values.several(values.text, content["channels"]),
        packages=values.several(_package, content["packages"]),
        lock_file=values.maybe(values.text, content["lock"]),
        variables=values.texts(content["variables"]),
        warnings=values.several(values.text, content.get("warnings", [])),
        installer_variables=values.texts(content.get("installer_variables", {})),
    )


def _package(content: Content) -> Package:
    return Package(
        name=values.text(content["name"]),
        version=values.text(content["version"]),
        build=values.maybe(values.text, content.get("build")),
        channel=values.maybe(values.text, content.get("channel")),
        url=values.maybe(values.text, content.get("url")),
        sha256=values.maybe(values.text, content.get("sha256")),
        size_bytes=values.maybe(values.whole, content.get("size_bytes")),
    )


def _result(content: Content) -> Result:
    status = values.known(content["status"], STATUSES, "status")
    trial, rounds = _trial(content), values.several(_round, content["rounds"])
    result = Result(
        trial=trial,
        status=cast(Status, status),
        rounds=rounds,
        seconds=values.maybe(_statistic, content["seconds"]),
        rate=values.maybe(_statistic, content["rate"] if "rate" in content else content["gflops"]),
        spread=values.maybe(values.number, content["spread"]),
        failure=_failure(content["failure"], status),
        disturbed_rounds=values.several(_round, content.get("disturbed_rounds", [])),
        warnings=_warnings(values.several(values.text, content["warnings"]), trial, rounds),
    )
    if status == "ok" and not (result.rate and result.seconds and all(each.samples for each in result.rounds)):
        raise ValueError(f"the row {result.trial.key} is ok and has no number or no samples")
    return result


def _warnings(texts: tuple[str, ...], trial: Trial, rounds: tuple[Round, ...]) -> tuple[RowWarning, ...]:
    """A file holds sentences: what they are about is found again from the rounds, where those tell it."""
    told = {sentence(warning): warning for warning in warnings(trial, rounds)}
    return tuple(told.get(text) or drift_of(text) or RowWarning(WarningKind.WORKER, text) for text in texts)


def _trial(content: Content) -> Trial:
    device, *beside = [_device(each) for each in content["devices"]]
    return Trial(
        benchmark=values.text(content["benchmark"]),
        stack=stack_key(values.text(content["environment"])),
        framework=values.text(content["framework"]),
        device=device,
        beside=tuple(beside),
        dtype=values.known(content["dtype"], tuple(DTYPES), "dtype"),
        size=size(content),
        threads=values.maybe(values.whole, content["threads"]["requested"]),
    )


def size(row: Content) -> Size:
    """Of a row; one of before 0.2 has the extents of a product of matrices, and no more."""
    params = tuple((values.text(name), values.at_least_one(value)) for name, value in row["params"].items())
    name = values.text(row.get("size") or "x".join(str(value) for _, value in params))
    if "work" not in row:
        return Size(name, params, (("GFLOPS", 2e-9 * math.prod(value for _, value in params)),))
    work = tuple((values.text(unit), values.positive(amount)) for unit, amount in row["work"].items())
    if not work:
        raise ValueError(f"the row {values.text(row['trial'])} has no work")
    return Size(name, params, work, values.whole(row["memory_bytes"]))


def _device(content: Content) -> Device:
    return Device(DeviceKind(content["kind"]), values.whole(content["index"]))


def stack_key(text: str) -> StackKey:
    """`numpy-mkl@conda` or `existing:lab`, as a report writes it."""
    if text.startswith("existing:"):
        return StackKey(text, "existing")
    name, _, source = text.partition("@")
    return StackKey(name, values.source(source) if source else None)


def _round(content: Content) -> Round:
    return Round(
        index=values.whole(content["index"]),
        order=values.whole(content["order"]),
        started=values.instant(content["started"]),
        warmup_seconds=values.several(values.number, content["warmup_seconds"]),
        samples=values.several(_sample, content["samples"]),
        facts=values.anything(values.table(content["facts"])),
        checks=values.several(_check, content["checks"]),
        clocks=_clocks(content.get("clocks")),
        conditions=values.anything(values.table(content["conditions"])),
        log=values.text(content["log"]),
        failure=_failure(content["failure"], "failed"),
    )


def _sample(content: Content) -> Sample:
    return Sample(
        values.number(content["at_seconds"]), values.positive(content["seconds"]), values.at_least_one(content["loops"])
    )


def _clocks(content: Content | None) -> Clocks | None:
    if content is None:
        return None
    return Clocks(**{field.name: values.number(content[field.name]) for field in fields(Clocks)})


def _check(content: Content) -> Check:
    return Check(
        name=values.text(content["name"]),
        error=values.maybe(values.number, content["error"]),
        tolerance=values.maybe(values.number, content["tolerance"]),
        ok=values.flag(content["ok"]),
        seed=content.get("seed") if type(content.get("seed")) is int else None,
        wrong_entry=values.maybe(_wrong_entry, content.get("wrong_entry")),
    )


def _wrong_entry(content: Content) -> WrongEntry:
    return WrongEntry(
        index=values.several(values.whole, content["index"]),
        value=values.maybe(values.number, content["value"]),
        expected=values.maybe(values.number, content["expected"]),
    )


def _statistic(content: Content) -> Statistic:
    low, high = values.maybe(values.positive, content["low"]), values.maybe(values.positive, content["high"])
    return Statistic(values.positive(content["median"]), values.positive(content["best"]), low, high)


def _failure(content: Content | None, status: str) -> Failure | None:
    if content is None:
        return None
    reason = Reason(content["reason"])
    return Failure(
        cast(Status, status), reason, values.text(content["message"]), values.maybe(values.text, content["log"])
    )
