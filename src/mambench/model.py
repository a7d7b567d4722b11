"""Every value that passes between the parts of mambench. Read this first.

    EnvironmentSpec  BenchmarkSpec      what the catalogue's TOML files say            (catalogue.manifest)
    Machine                             what this computer is                          (machine)
    Choices  ->  Plan                   which trials of which stacks                   (catalogue.plan)
    Environment                         a stack made ready: a python and its packages  (environments)
    Trial    ->  Round                  one fresh worker process, its samples, checks  (measurement.runner)
    Rounds   ->  Result                 median, interval, warnings                     (analysis.results)
    Report                              all of it, kept after every trial              (measurement.session, app.saver)
    Event                               what happens meanwhile: measurement tells it, terminal draws it

Units live in names: `_seconds`, `_bytes`, `_mhz`. A rate is in its benchmark's unit: work / seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any, Literal

SourceName = Literal["conda", "pypi", "existing"]
Status = Literal["ok", "failed", "unavailable"]

SCHEMA_VERSION = 1
"""Of the report's JSON; changes when a key is renamed, removed or changes its meaning."""

METHODOLOGY = 2
"""Of the measurement; changes when numbers stop being comparable with earlier ones. 1 had three rounds in shuffled
order; docs/methodology.md says what 2 does and why."""

DEFAULT_BENCHMARK = "matmul"
"""What is measured where no benchmark is named."""

SEED = 1
"""Of the operands and of the order of trials, in every report."""

DTYPES: Mapping[str, int] = {"float64": 8, "float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2, "float8": 1}
"""The names of element types and their bytes in memory; tf32 is float32 operands with TF32 products, float8 is e4m3."""


# ---------------------------------------------------------------------------------------------- catalogue


@dataclass(frozen=True)
class Variables:
    """What a recipe sets in its environment: everywhere, and on one platform only, by its name."""

    everywhere: Mapping[str, str] = field(default_factory=dict)
    by_platform: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def on(self, platform: str) -> dict[str, str]:
        """All that a child gets there."""
        return {**self.everywhere, **self.by_platform.get(platform, {})}


@dataclass(frozen=True)
class CondaRecipe:
    """What micromamba installs."""

    channels: tuple[str, ...]
    packages: tuple[str, ...]
    platforms: tuple[str, ...] = ()
    """Where the channels have it; empty: wherever the stack exists."""
    variables: Variables = Variables()
    megabytes: int | None = None
    """About how much is downloaded, as measured once; the exact number comes with the lock file."""
    longest_paths: Mapping[str, int] = field(default_factory=dict)
    """Characters of the longest path in a package, by its name, for those that have long ones."""
    lock: str = ""
    """The text of a lock file, which is installed in the place of what `packages` would be solved to today."""


@dataclass(frozen=True)
class PypiRecipe:
    """What uv installs, and the pythons that may carry it (a version specifier such as `>=3.10,<3.14`)."""

    python: str
    packages: tuple[str, ...]
    torch_backend: str | None = None
    exclude_newer: str | None = None
    platforms: tuple[str, ...] = ()
    variables: Variables = Variables()
    megabytes: int | None = None
    longest_paths: Mapping[str, int] = field(default_factory=dict)
    lock: str = ""


@dataclass(frozen=True)
class CudaNeeds:
    """What a CUDA stack asks of the driver and the GPU, checked before anything is downloaded."""

    version: str
    compute_capability: str


@dataclass(frozen=True)
class EnvironmentSpec:
    """A stack of the catalogue, or a python the user already has (`python` is set, no recipes)."""

    name: str
    title: str
    kernel: str
    devices: tuple[DeviceKind, ...]
    platforms: tuple[str, ...]
    tested: bool
    origin: str
    conda: CondaRecipe | None = None
    pypi: PypiRecipe | None = None
    cuda: CudaNeeds | None = None
    expect: Mapping[str, str] = field(default_factory=dict)
    python: Path | None = None
    file: Path | None = None
    tested_on: Mapping[str, str] = field(default_factory=dict)
    """When it was run, by platform: `2026-11-21`, or `2026-11-27 under wine`; `tested` says whether at all."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What its kernel is told of it: texts, whole numbers, lists of texts."""
    instead: str = ""
    """Another stack that tells nearly the same: named where no source can make this one, never taken silently."""

    @property
    def sources(self) -> tuple[SourceName, ...]:
        """The sources that have a recipe, in the order in which `--source auto` tries them."""
        if self.python is not None:
            return ("existing",)
        sources: list[SourceName] = []
        if self.conda is not None:
            sources.append("conda")
        if self.pypi is not None:
            sources.append("pypi")
        return tuple(sources)


@dataclass(frozen=True)
class Kernel:
    """The file that does a benchmark with one framework."""

    file: str
    module: str
    """What must be importable, to find out what an existing python can run; empty: only a stack of its own can."""
    devices: tuple[DeviceKind, ...]


@dataclass(frozen=True)
class Parameter:
    """What a benchmark can be asked for: its default, and which values are taken."""

    default: int
    least: int = 1
    """Down to which the probe makes it smaller."""
    multiple: int = 1


@dataclass(frozen=True)
class MatrixSpec:
    """An operand or the result; `rows` and `columns` are formulas of the parameters."""

    name: str
    rows: str
    columns: str
    changes: int = 0
    """One row in so many changes its sign before each sample; 0: none."""
    random: bool = True
    """Full of independent random values, which the worker looks at."""
    symmetric: bool = False
    """Columns of the same numbers change their signs too."""


@dataclass(frozen=True)
class CheckSpec:
    """What holds a result against its operands: a check of ours by name, or a file in the benchmark's folder."""

    stock: str = ""
    file: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Amounts:
    """What a preset measures on one kind of device: parameters by name for each size, and element types."""

    sizes: tuple[Mapping[str, int], ...]
    dtypes: tuple[str, ...]


@dataclass(frozen=True)
class Benchmark:
    """What a report says of a benchmark."""

    name: str
    title: str
    unit: str
    """Of its rate: GFLOPS, GB/s, or anything `/s`."""
    origin: str = "builtin"
    description: str = ""
    limit: str = ""
    """What bounds its rate."""


@dataclass(frozen=True)
class BenchmarkSpec:
    """A benchmark's folder: what it measures, how much of it, how that is checked, and its kernels by framework."""

    about: Benchmark
    folder: Path
    kernels: Mapping[str, Kernel]
    work: Mapping[str, str]
    """Formulas of flops, bytes or items; that of the unit is among them."""
    memory: str
    """Formula of the bytes that lie in memory meanwhile, without those of the check."""
    dtypes: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    size: tuple[str, ...]
    """The parameters that one number sets, and that the probe makes smaller."""
    shape: tuple[str, ...]
    """Those that `MxNxK` sets one by one."""
    operands: tuple[MatrixSpec, ...]
    result: MatrixSpec
    check: CheckSpec
    presets: Mapping[str, Mapping[str, Amounts]]
    """By the names of the preset and of the kind of device, `cpu` or `gpu`."""
    items_in_unit: float = 1.0
    """So many items make one of the unit, such as 1e6 of Mitems/s."""

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.about.name

    @property
    def unit(self) -> str:
        """Of its rate."""
        return self.about.unit

    @property
    def origin(self) -> str:
        """`builtin` or `home`."""
        return self.about.origin


@dataclass(frozen=True)
class BrokenFile:
    """A user's stack or benchmark that is left out: the name that it would have, and what is wrong with it."""

    name: str
    message: str


@dataclass(frozen=True)
class Catalogue:
    """All that can be asked for, and what was left out because its file is broken."""

    benchmarks: Mapping[str, BenchmarkSpec]
    environments: Mapping[str, EnvironmentSpec]
    broken: tuple[BrokenFile, ...] = ()


# ------------------------------------------------------------------------------------------------ machine


class DeviceKind(StrEnum):
    """What kind of device computes."""

    CPU = "cpu"
    CUDA = "cuda"
    METAL = "metal"


@dataclass(frozen=True, order=True)
class Device:
    """What computes; written `cuda:0`, numbered as a CUDA program numbers the GPUs that it sees."""

    kind: DeviceKind
    index: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.index}"


CPU = Device(DeviceKind.CPU)


@dataclass(frozen=True)
class Throughput:
    """What one core, or one multiprocessor of a GPU, can do in a clock cycle."""

    name: str
    """The microarchitecture, or the compute capability."""
    per_cycle: Mapping[str, int]
    """Operations a cycle by element type; a type that is missing is unknown."""
    arithmetic: Mapping[str, str]
    """How they come about, such as `8 lanes x 2 FMA units x 2`."""
    source: str
    unknown: str = ""
    """Why none are given although the name is known."""


@dataclass(frozen=True)
class Reference:
    """A published result of this computer's kind of device."""

    kind: DeviceKind
    dtype: str
    stacks: tuple[str, ...]
    """Beginnings of the names of the stacks that it can be compared with."""
    gflops: float
    source: str
    conditions: str
    benchmark: str = DEFAULT_BENCHMARK


@dataclass(frozen=True)
class Cpu:
    """The processor; `usable_cores` is what affinity and cgroup leave to this process."""

    model: str
    physical_cores: int
    logical_cores: int
    usable_cores: int
    simd: tuple[str, ...] = ()
    max_mhz: float | None = None
    throughput: Throughput | None = None
    """Of one core; None for a processor that the table of microarchitectures lacks."""
    microcode: str | None = None
    """Its revision, such as `0x2b000603`."""
    boost: bool | None = None
    """Whether clocks above the base clock are allowed."""
    numa_nodes: int | None = None
    """Parts of the memory that are nearer to some cores: as the firmware divides them."""


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver tells it."""

    kind: DeviceKind
    index: int
    name: str
    uuid: str | None = None
    memory_bytes: int | None = None
    free_bytes: int | None = None
    driver: str | None = None
    cuda_version: str | None = None
    compute_capability: str | None = None
    multiprocessors: int | None = None
    max_mhz: float | None = None
    """The highest clock of the multiprocessors."""
    throughput: Throughput | None = None
    """Of one multiprocessor."""

    @property
    def device(self) -> Device:
        """What trials call it."""
        return Device(self.kind, self.index)


@dataclass(frozen=True)
class Machine:
    """What this computer is; `platform` is conda's name for it, such as `linux-64`."""

    hostname: str
    platform: str
    os: str
    cpu: Cpu
    memory_bytes: int
    gpus: tuple[Gpu, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be found out, and limits that matter, in words."""
    references: tuple[Reference, ...] = ()
    kernel: str | None = None
    """The whole release of the operating system's kernel."""
    firmware: str | None = None
    """The version of the BIOS or UEFI."""


@dataclass(frozen=True)
class Launcher:
    """What started this process, and others beside it: a scheduler or an MPI, as its variables tell it."""

    name: str
    """`slurm`, `openmpi`, `kubernetes` and so on."""
    node: str
    """What the launcher calls this computer."""
    rank: int = 0
    tasks: int | None = None
    """How many processes it started together, if it tells."""
    job: str | None = None
    array_task: str | None = None


# --------------------------------------------------------------------------------------------------- plan


@dataclass(frozen=True)
class Limits:
    """How long a worker measures one round; `min_runs` beats `max_seconds` beats `target_spread`."""

    warmups: int
    min_runs: int
    max_runs: int
    max_seconds: float
    target_spread: float | None
    max_run_seconds: float | None = None
    """A single run that is predicted to take longer makes the trial `too_slow`."""
    loops: int | None = None
    """Executions that make up one sample; None lets the worker find it."""
    probe: bool = False
    """Predict the time of one run from smaller ones."""
    second_look: bool = False
    """Predict once more before a trial is `too_slow`: nobody named its size."""
    warmup_seconds: float = 0.0
    """Warmups go on for so long at least: a cold device is faster."""
    budget_seconds: float | None = None
    """Fewer warmups and runs are done, with a warning, where all of them would take longer than this."""


@dataclass(frozen=True)
class Preset:
    """A named amount of measuring: rounds, and the worker's limits; sizes and dtypes are the benchmark's."""

    name: str
    title: str
    rounds: int
    limits: Limits
    timeout_seconds: float
    sustained_seconds: float | None = None
    """A round of the largest size lasts so long, so that its steady state can be told apart."""


@dataclass(frozen=True)
class Choices:
    """What a person asked for, on the command line or in the wizard; empty means the preset's choice."""

    environments: tuple[str, ...] = ()
    everything: bool = False
    benchmarks: tuple[str, ...] = (DEFAULT_BENCHMARK,)
    preset: str = "standard"
    sizes: tuple[int, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    parameters: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Values of single parameters by name, such as those of `batch`."""
    dtypes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    source: str = "auto"
    channels: tuple[str, ...] = ()
    rounds: int | None = None
    timeout_seconds: float | None = None
    max_run_seconds: float | None = None
    offline: bool = False
    warmup_seconds: float | None = None
    sustained_seconds: float | None = None
    at_once: bool = False
    """Measure each GPU a second time, while the other chosen ones run the same."""
    until_sure: bool = False
    """Stop as soon as each group of rows has a fastest one, by a sequential rule."""


@dataclass(frozen=True, order=True)
class Size:
    """A benchmark's parameters with their values, and what one run of it comes to."""

    name: str
    """In the key of a trial: `8000x8000x8000`, `512x512x512,batch=16`."""
    params: tuple[tuple[str, int], ...] = field(compare=False)
    work: tuple[tuple[str, float], ...] = field(compare=False)
    """By unit: how much one run does, in that unit times a second. The first is that of the row's rate."""
    memory_bytes: int = field(default=0, compare=False)
    growth: float = field(default=1.0, compare=False)
    """Memory grows with the parameters of a size to this power."""
    step: int = field(default=64, compare=False)
    """A size that is advised is a multiple of this."""

    @property
    def unit(self) -> str:
        """Of the rate."""
        return self.work[0][0]

    @property
    def rate_is_gflops(self) -> bool:
        """Whether readers of earlier reports find the rate where it was."""
        return self.unit == "GFLOPS"

    @property
    def gflop(self) -> float | None:
        """Floating-point operations of one run, in billions; None where they are not what counts."""
        return dict(self.work).get("GFLOPS")

    @property
    def label(self) -> str:
        """In a table: `8000` where all of a shape are the same."""
        shape, *others = self.name.split(",")
        extents = shape.split("x")
        return ",".join([extents[0] if len(set(extents)) == 1 else shape, *others])

    @property
    def words(self) -> str:
        """In a sentence: `n = 8000`; what is no single number stands as it is."""
        return f"n = {self.label}" if self.label.isdigit() and "n" in dict(self.params) else self.label


@dataclass(frozen=True, order=True)
class StackKey:
    """Which stack a row is about: `numpy-mkl`, once it is made `numpy-mkl@conda`; `existing:lab`."""

    name: str
    source: SourceName | None = None
    """None before it is made."""

    def __str__(self) -> str:
        return self.name if self.source in (None, "existing") else f"{self.name}@{self.source}"


@dataclass(frozen=True)
class Trial:
    """benchmark x stack x device x dtype x size x threads: one row of the table."""

    benchmark: str
    stack: StackKey
    framework: str
    device: Device
    dtype: str
    size: Size
    threads: int | None = None
    beside: tuple[Device, ...] = ()
    """Devices that run the same meanwhile, as in a node under full load."""

    @property
    def place(self) -> str:
        """The device that is measured, and those that work beside it: `cuda:0`, `cuda:0+cuda:1`."""
        return "+".join(map(str, (self.device, *self.beside)))

    @property
    def key(self) -> str:
        """The name by which reports are compared and merged."""
        framework = f"/{self.framework}" if self.stack.source == "existing" else ""
        threads = "default" if self.threads is None else self.threads
        return f"{self.benchmark}/{self.stack}{framework}/{self.place}/{self.dtype}/{self.size.name}/threads={threads}"

    @property
    def stack_name(self) -> str:
        """The stack in a sentence or a table; a python of the user's own runs several frameworks."""
        return f"{self.stack} ({self.framework})" if self.stack.source == "existing" else self.stack.name

    @property
    def group(self) -> tuple[object, ...]:
        """What trials share whose stacks are compared with each other: everything but the stack."""
        return self.benchmark, self.place, self.dtype, self.size.name, self.threads

    @property
    def unit(self) -> str:
        """Of its rate."""
        return self.size.unit

    @property
    def work(self) -> float:
        """Of one run: its rate is this over its seconds."""
        return self.size.work[0][1]


class Reason(StrEnum):
    """Why a row has no number, in the report's words: first those of `failed`, then those of `unavailable`."""

    RAISED = "raised"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    WRONG_RESULT = "wrong_result"
    IMPLAUSIBLE = "implausible"
    MISLABELLED = "mislabelled"
    PROVISION = "provision"
    PROTOCOL = "protocol"

    PLATFORM = "platform"
    KERNEL = "kernel"
    NO_DEVICE = "no_device"
    DTYPE = "dtype"
    MEMORY = "memory"
    TOO_SLOW = "too_slow"
    SOURCE = "source"
    OFFLINE = "offline"


@dataclass(frozen=True)
class Failure:
    """Why a row has no number: the report's status and reason, and what to do next."""

    status: Status
    reason: Reason
    message: str
    log: str | None = None


@dataclass(frozen=True)
class Stack:
    """One environment of a plan, with its trials; `failure` when it is known beforehand that it cannot run."""

    spec: EnvironmentSpec
    sources: tuple[SourceName, ...]
    trials: tuple[Trial, ...]
    failure: Failure | None = None


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    choices: Choices
    preset: Preset
    rounds: int
    limits: Limits
    timeout_seconds: float
    stacks: tuple[Stack, ...]
    benchmarks: Mapping[str, BenchmarkSpec]
    """Those that were chosen."""
    limits_of_largest: Limits
    seed: int = SEED
    repeats: str = ""
    """The id of the run that is done once more."""
    differences: tuple[str, ...] = ()
    """What cannot be as it was in that run, in words."""

    def limits_of(self, trial: Trial) -> Limits:
        """Those of the largest size on each device may be others."""
        alike = (trial.benchmark, trial.device)
        trials = (each for stack in self.stacks for each in stack.trials if (each.benchmark, each.device) == alike)
        return self.limits_of_largest if trial.work == max(each.work for each in trials) else self.limits


# ------------------------------------------------------------------------------------------- environments


@dataclass(frozen=True)
class Package:
    """One installed package, as the lock file names it."""

    name: str
    version: str
    build: str | None = None
    channel: str | None = None
    url: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class Environment:
    """A stack that is ready: run its `python` with `variables` and `paths` added to a clean environment."""

    spec: EnvironmentSpec
    source: SourceName
    python: Path
    prefix: Path | None
    version: str
    channels: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
    lock_file: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    installer_variables: Mapping[str, str] = field(default_factory=dict)
    """What the user told uv about indexes and how to reach them, without logins; its python does not see them."""

    @property
    def key(self) -> StackKey:
        """Of its rows."""
        return StackKey(self.spec.name, self.source)


@dataclass(frozen=True)
class Destination:
    """Another computer, for which packages are fetched: its platform, the newest CUDA of its driver, its python."""

    platform: str
    cuda_version: str | None = None
    python: str | None = None
    """Such as `3.12`; None: the one that a stack would have here."""


# ------------------------------------------------------------------------------------------------ measured


@dataclass(frozen=True)
class Sample:
    """The seconds of `loops` executions in a row, which ended `at_seconds` after the worker's start."""

    at_seconds: float
    seconds: float
    loops: int = 1

    @property
    def run_seconds(self) -> float:
        """The time of one execution."""
        return self.seconds / self.loops


@dataclass(frozen=True)
class WrongEntry:
    """The entry of a result that is most wrong."""

    index: tuple[int, ...]
    """Counted from 0: row and column of a matrix, behind the number of its matrix in a batch."""
    value: float | None
    """None for what is no finite number."""
    expected: float | None


@dataclass(frozen=True)
class Check:
    """One verification of a result: the error seen and the bound it must keep."""

    name: str
    error: float | None
    tolerance: float | None
    ok: bool
    seed: int | None = None
    """From which its vectors were drawn when it began."""
    wrong_entry: WrongEntry | None = None


class WarningKind(StrEnum):
    """What may make a row's number worth less than it looks."""

    SPREAD = "spread"
    OUTPACED = "outpaced"
    REPEATED = "repeated"
    DRIFT = "drift"
    OTHER_PROGRAM = "other_program"
    STEAL = "steal"
    QUOTA = "quota"
    THROTTLED = "throttled"
    BATTERY = "battery"
    THREAD_VARIABLES = "thread_variables"
    SHAPING_VARIABLE = "shaping_variable"
    FRESH_MEMORY = "fresh_memory"
    UNCHECKED = "unchecked"
    UNPROVEN = "unproven"
    WORKER = "worker"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class RowWarning:
    """One warning of one row; `words.sentence` makes a sentence of it."""

    kind: WarningKind
    text: str = ""
    """What it is about (a variable's name, CPU or GPU); the whole sentence of a worker or an environment."""
    percent: float | None = None


@dataclass(frozen=True)
class Clocks:
    """Seconds of the timed runs, by clock and by processor; from `ready` to the end, by two clocks."""

    run_seconds: float
    cpu_seconds: float
    worker_seconds: float
    launcher_seconds: float


@dataclass(frozen=True)
class Round:
    """One fresh worker process for one trial."""

    index: int
    order: int
    started: str
    warmup_seconds: tuple[float, ...]
    samples: tuple[Sample, ...]
    facts: Mapping[str, Any]
    checks: tuple[Check, ...]
    conditions: Mapping[str, Any]
    log: str
    failure: Failure | None = None
    warnings: tuple[RowWarning, ...] = ()
    clocks: Clocks | None = None

    @property
    def median_seconds(self) -> float:
        """Of one execution; the round must have a sample."""
        return median(sample.run_seconds for sample in self.samples)


@dataclass(frozen=True)
class Statistic:
    """Over rounds; `low` and `high` bound the interval and are None below three rounds."""

    median: float
    best: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Result:
    """A trial and all that was found out about it."""

    trial: Trial
    status: Status
    rounds: tuple[Round, ...] = ()
    seconds: Statistic | None = None
    rate: Statistic | None = None
    """In the unit of its trial."""
    spread: float | None = None
    failure: Failure | None = None
    warnings: tuple[RowWarning, ...] = ()
    disturbed_rounds: tuple[Round, ...] = ()
    """Rounds that do not count: something disturbed them, and they were measured twice."""

    @property
    def verified(self) -> bool:
        """Whether the number can be trusted: every round was checked, and nothing else made the row a failure."""
        return self.status == "ok" and bool(self.rounds) and all(each.checks for each in self.rounds)


@dataclass(frozen=True)
class Report:
    """The outcome of a run; `complete` only when every trial had its turn."""

    run_id: str
    mambench: str
    created: str
    finished: str | None
    complete: bool
    argv: tuple[str, ...]
    seed: int
    settings: Mapping[str, Any]
    machine: Machine
    benchmarks: tuple[Benchmark, ...] = ()
    environments: tuple[Environment, ...] = ()
    results: tuple[Result, ...] = ()
    warnings: tuple[str, ...] = ()
    methodology: int = METHODOLOGY
    """With which it was measured: that of an earlier version in an earlier report."""
    launcher: Launcher | None = None

    @property
    def node(self) -> str:
        """Which computer of a fleet it is about."""
        return self.launcher.node if self.launcher is not None else self.machine.hostname


# -------------------------------------------------------------------------------------------------- events


@dataclass(frozen=True)
class Provisioning:
    """An environment is being made: the phase in words, and bytes where they are known."""

    environment: str
    phase: str
    done_bytes: int | None = None
    total_bytes: int | None = None
    host: str = ""
    """Whose answer is waited for, where nothing moves."""


@dataclass(frozen=True)
class Provisioned:
    """An environment is ready, or why it is not."""

    name: str
    environment: Environment | None
    failure: Failure | None


@dataclass(frozen=True)
class TrialStarted:
    """A worker is being started for this trial."""

    trial: Trial
    round_index: int
    rounds: int
    position: int
    total: int


@dataclass(frozen=True)
class Measured:
    """How far a worker has come; `phase` is starting, warmup, run or check."""

    trial: Trial
    phase: str
    runs: int = 0
    elapsed_seconds: float = 0.0
    remaining_seconds: float | None = None
    median_seconds: float | None = None


@dataclass(frozen=True)
class TrialFinished:
    """A round of this trial is over; the result holds all rounds so far."""

    result: Result
    round_index: int
    rounds: int


@dataclass(frozen=True)
class Note:
    """Something a person should know, in one line."""

    message: str


Event = Provisioning | Provisioned | TrialStarted | Measured | TrialFinished | Note
OnEvent = Callable[[Event], None]
