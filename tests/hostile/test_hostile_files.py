"""Files and answers that anybody may have written: our own errors only, in bounded time and memory.

Each is tried with a hundred examples, and with ten thousand under `-m long`; `examples` says how they are made.
"""

from __future__ import annotations

import io
import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from builders import LIMITS, a_gpu, a_machine, a_round, a_spec, a_trial
from comparisons import a_comparison, a_row, across_benchmarks
from hypothesis import strategies as st

from hostile.examples import HOW_MANY, STEERING, as_json, as_toml, changed, scrambled, tried
from mambench.analysis.fleet import fleet
from mambench.analysis.history import histories
from mambench.analysis.matching import pairs
from mambench.analysis.results import summarise
from mambench.analysis.rounds import failure_of
from mambench.app import recovery
from mambench.app.context import Mambench
from mambench.app.installed import installed
from mambench.app.results import entries
from mambench.catalogue import feasibility
from mambench.catalogue import plan as planning
from mambench.catalogue.manifest import load_catalogue
from mambench.catalogue.tested import evidence
from mambench.environments import prefix as prefixes
from mambench.environments.conda import explicit
from mambench.environments.conda.micromamba import Micromamba
from mambench.environments.conda.source import python_version
from mambench.environments.existing import ExistingSource
from mambench.environments.integrity import PackageOnDisk
from mambench.environments.pypi import pylock
from mambench.environments.pypi.messages import failure
from mambench.environments.pypi.pythons import Pythons
from mambench.environments.pypi.source import PypiSource, wrong_build
from mambench.environments.pypi.uv import Uv
from mambench.errors import MambenchError, ReportError
from mambench.measurement import labels, plausible, protocol
from mambench.measurement.follower import Follower, Heard
from mambench.model import BenchmarkSpec, Choices, Package, PypiRecipe
from mambench.report import document, formats, history, library
from mambench.report import fleet as fleet_texts
from mambench.system import process, resources
from mambench.system.home import Home
from mambench.terminal.console import CleanConsole, Terminal
from promises import Cases

MOST_BYTES = 2_000_000_000
"""That the whole process may take beside what it has: a file of some kilobytes needs little of it."""

MACHINE = a_machine("linux-64", a_gpu())

pytestmark = pytest.mark.promise("files")

every = pytest.mark.parametrize("many", HOW_MANY)


@pytest.fixture(autouse=True)
def _counted(many: int, cases: Cases) -> None:
    cases.count(many)


@pytest.fixture(autouse=True)
def _bounded_memory() -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def a_terminal() -> Terminal:
    terminal = Terminal()
    terminal.messages = terminal.output = CleanConsole(file=io.StringIO(), width=100, highlight=False)
    return terminal


def drawn(draw: Callable[..., None], *what: Any, **how: Any) -> None:
    """Nothing of what anybody wrote steers the terminal."""
    terminal = a_terminal()
    draw(terminal, *what, **how)
    shown = cast(io.StringIO, terminal.output.file).getvalue()
    assert not set(shown) & (set(STEERING) - set("[2J]0;owned31m")), shown


# --------------------------------------------------------------------------------------------------- catalogue


STACK = tomllib.loads((resources.environments() / "numpy-mkl.toml").read_text(encoding="utf-8")) | {
    "cuda": {"version": "12.8", "compute_capability": "7.5"},
    "settings": {"library": "openblas", "levels": [1, 2]},
}
BENCHMARK = tomllib.loads((resources.benchmarks() / "matmul" / "benchmark.toml").read_text(encoding="utf-8"))


@pytest.fixture
def catalogues(tmp_path: Path) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
    """Folders of ours with matmul and no stack; the user's own with a sound stack."""
    ours, own = tmp_path / "ours", tmp_path / "own"
    folders = (ours / "benchmarks", ours / "environments", own / "environments", own / "benchmarks" / "hostile")
    for folder in folders:
        folder.mkdir(parents=True)
    (ours / "benchmarks" / "matmul").symlink_to(resources.benchmarks() / "matmul")
    (own / "environments" / "sound.toml").write_bytes(as_toml(STACK))
    for kernel in BENCHMARK["kernels"].values():
        (own / "benchmarks" / "hostile" / kernel["file"]).touch()
    return (ours / "benchmarks", ours / "environments"), (own / "benchmarks", own / "environments")


def tomls(honest: dict[str, Any]) -> st.SearchStrategy[bytes]:
    return st.one_of(changed(honest).map(as_toml), scrambled(as_toml(honest)), st.binary(max_size=200))


def used(folders: tuple[tuple[Path, Path], tuple[Path, Path]], benchmark: str, stack: str) -> None:
    """The catalogue is read, whatever is in it; what is sound is planned, and drawn."""
    catalogue = load_catalogue(*folders)
    assert "sound" in catalogue.environments and "matmul" in catalogue.benchmarks
    assert all(each.message.startswith("broken: ") and each.name == "hostile" for each in catalogue.broken)
    drawn(Terminal.say, "".join(each.message for each in catalogue.broken))
    if benchmark not in catalogue.benchmarks or stack not in catalogue.environments:
        return
    spec = catalogue.environments[stack]
    feasibility.impossible(spec, MACHINE)
    words = evidence(spec, "linux-64").words
    drawn(Terminal.rows, "", ("stack", "what"), [(spec.name, spec.title), (str(spec.devices), words)])
    try:
        plan = planning.build(Choices(environments=(stack,), benchmarks=(benchmark,)), catalogue, MACHINE)
    except MambenchError:
        return
    for trial in [trial for each in plan.stacks for trial in each.trials]:
        feasibility.static_failure(trial, spec, MACHINE)
        asked_of(plan.benchmarks[trial.benchmark], trial, spec.settings)


def asked_of(benchmark: BenchmarkSpec, trial: Any, settings: Any) -> None:
    code = protocol.Code(Path("kernel.py"), Path("check.py"), settings, benchmark)
    assert json.loads(protocol.request(trial, LIMITS, runs=code, seed=1))


@every
def test_a_stack_of_anything(catalogues: Any, many: int) -> None:
    file = catalogues[1][1] / "hostile.toml"

    def holds(content: bytes) -> None:
        file.write_bytes(content)
        used(catalogues, "matmul", "hostile")

    tried(many, tomls(STACK), holds)


@every
def test_a_benchmark_of_anything(catalogues: Any, many: int) -> None:
    file = catalogues[1][0] / "hostile" / "benchmark.toml"

    def holds(content: bytes) -> None:
        file.write_bytes(content)
        used(catalogues, "hostile", "sound")

    tried(many, tomls(BENCHMARK), holds)


# ----------------------------------------------------------------------------------------------------- reports


SOUND = a_comparison()
REPORT = json.loads(
    document.dumps(
        replace(
            across_benchmarks("numpy-openblas@pypi", "numpy-mkl@conda", run_id="f" * 32),
            machine=MACHINE,
            warnings=("a warning",),
        )
    )
)
ROW = {**REPORT["results"][0], "rounds": REPORT["results"][0]["rounds"][:1]}


@every
def test_a_report_of_anything(home: Home, many: int) -> None:
    sound, hostile = home.results / "sound.json", home.results / "hostile.json"
    sound.write_text(document.dumps(SOUND), encoding="utf-8")

    def holds(content: bytes) -> None:
        hostile.write_bytes(content)
        read = library.library(library.reports_in(home.results))
        assert sound in read.digests or hostile in read.digests  # one with its run's id counts once
        assert all(str(error).startswith("broken: ") or "version" in str(error) for error in read.problems.values())
        compared = pairs([read.digests.get(hostile, read.digests.get(sound))], read.digests.values())  # type: ignore[list-item]
        past = histories(read.digests.values())
        json.dumps(history.to_list(past))
        [each.as_dict() for each in entries(read)]
        drawn(Terminal.comparison, compared)
        told = fleet(read.digests.values(), problems=map(str, read.problems.values()))
        json.dumps(fleet_texts.to_dict(told), allow_nan=False)
        fleet_texts.csv(told)
        drawn(Terminal.fleet, told)
        try:
            report = document.read(hostile)
            for write in formats.FORMATS.values():
                write([report])
        except ReportError as error:
            drawn(Terminal.error, error)
        else:
            drawn(Terminal.report, report, path=str(hostile), bars=True)

    tried(many, st.one_of(changed(REPORT).map(as_json), scrambled(document.text_of(REPORT).encode())), holds)


@every
def test_a_journal_of_anything(home: Home, many: int) -> None:
    report = home.results / "killed.json"
    other = home.results / "other.json"
    app = Mambench(home, environ={}, terminal=a_terminal())

    def holds(example: tuple[bytes, bytes]) -> None:
        content, journal = example
        report.write_bytes(content)
        report.with_suffix(".journal").write_bytes(journal)
        other.write_bytes(as_json({**REPORT, "finished": None, "results": []}))
        other.with_suffix(".journal").write_bytes(as_json(ROW))
        recovery.recover(app)
        assert not other.with_suffix(".journal").exists()  # a broken one keeps no other back
        library.library([report, other])

    unfinished = {**REPORT, "finished": None}
    rows = st.one_of(changed(ROW).map(as_json), scrambled(as_json(ROW)))
    reports = st.one_of(st.just(as_json(unfinished)), changed(unfinished).map(as_json))
    tried(many, st.tuples(reports, st.lists(rows, max_size=3).map(b"\n".join)), holds)


# ------------------------------------------------------------------------------------- markers and lock files


IDENTITY = prefixes.Identity("numpy", "pypi", "linux-64", ("numpy==2.4.6",), (), "3.12")
LOCK = """\
lock-version = "1.0"
created-by = "uv"

[[packages]]
name = "numpy"
version = "2.4.6"
index = "https://example.org/simple"
wheels = [{ url = "https://example.org/numpy.whl", size = 123, hashes = { sha256 = "aa" } }]

[[packages]]
name = "torch"
version = "2.13.0+cpu"
archive = { path = "/wheels/torch.whl", hashes = { sha256 = "cc" } }
"""


def a_prefix(home: Home, identity: prefixes.Identity) -> Path:
    prefix = prefixes.prefix_of(home, identity)
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").touch()
    packages = (Package("numpy", "2.4.6", "h0", "c", "https://example.org/numpy.whl", "aa", 10),)
    draft = prefixes.Draft(a_spec(), identity, prefix, sys.executable, LOCK, packages, ("a warning",))
    held = [PackageOnDisk("numpy", "2.4.6", prefix, prefix, list)]
    made = prefixes.finish(draft, version="3.12.7", lock_file=LOCK, on_disk=held)
    assert made == prefixes.ready(a_spec(), identity, prefix)
    return prefix


@every
def test_a_marker_of_anything(home: Home, many: int) -> None:
    sound = a_prefix(home, replace(IDENTITY, name="sound", base_python="3.13"))
    hostile = a_prefix(home, IDENTITY)
    marker = hostile / prefixes.MARKER
    honest = json.loads(marker.read_text())

    def holds(content: bytes) -> None:
        marker.write_bytes(content)
        ready = prefixes.ready(a_spec(), IDENTITY, hostile)
        assert ready is None or ready.version
        found = {each.prefix: each for each in installed(home)}
        assert found[sound].python == "3.12.7" and found[hostile].name
        [each.as_dict() for each in found.values()]
        drawn(Terminal.say, "".join(each.entry.problem for each in found.values()))

    tried(many, st.one_of(changed(honest).map(as_json), scrambled(as_json(honest))), holds)


@every
def test_a_lock_file_of_anything(home: Home, many: int) -> None:
    prefix = a_prefix(home, IDENTITY)
    lock = prefixes.lock_path(prefix)
    offline = PypiSource(home, cast(Any, None), platform="linux-64", offline=True)
    torch = PypiRecipe(">=3.9", ("torch==2",), torch_backend="cpu")

    def holds(content: bytes) -> None:
        lock.write_bytes(content)
        ready = prefixes.ready(a_spec(), IDENTITY, prefix)
        assert ready is None or isinstance(ready.lock_file, str)
        try:
            text, _ = offline._kept(prefix) or ("", ())
        except MambenchError as error:
            assert str(error).startswith(f"broken: {lock}")
            return
        packages = pylock.packages_in(text)
        assert len(packages) == len(pylock.urls_in(text))
        draft = replace(prefixes.Draft(a_spec(), IDENTITY, prefix, "", text, ()), packages=packages)
        assert isinstance(draft.download_bytes, int)
        wrong_build(torch, packages, "linux-64")
        wrong_build(replace(torch, torch_backend="cu128"), packages, "linux-64")

    tried(many, st.one_of(changed(tomllib.loads(LOCK)).map(as_toml), scrambled(LOCK.encode())), holds)


# ------------------------------------------------------------------------------------------------------ events


EVENTS: list[dict[str, Any]] = [
    {"event": "started", "protocol": 2, "pid": 4242, "python": "3.12.7"},
    {"event": "ready", "seconds": 1.84, "at_seconds": 1.0, "facts": {
        "framework": "numpy", "framework_version": "2.4.6", "blas": "openblas", "blas_version": "0.3.30", "threads": 2,
        "threadpools": [{"architecture": "Zen", "num_threads": 2}], "device_kind": "cpu",
        "float32_precision": "ieee", "result_dtype": "float64", "result_device": "cpu"}},
    {"event": "sample", "phase": "probe", "seconds": 0.1, "predicted_seconds": 1.0},
    {"event": "sample", "phase": "warmup", "index": 0, "at_seconds": 2.0, "seconds": 0.1, "loops": 1},
    {"event": "sample", "phase": "run", "index": 0, "at_seconds": 3.0, "seconds": 0.1, "loops": 1},
    {"event": "sample", "phase": "run", "index": 1, "at_seconds": 4.0, "seconds": 0.1, "loops": 2},
    {"event": "warning", "message": "fewer runs"},
    {"event": "check", "name": "freivalds", "error": 1e-15, "tolerance": 1e-13, "ok": True, "seed": 1},
    {"event": "finished", "facts": {"fresh_memory": False}, "run_seconds": 0.2, "cpu_seconds": 0.3, "at_seconds": 5.0},
]  # fmt: skip
FAILED = [*EVENTS[:2], {"event": "failed", "reason": "raised", "message": "no", "traceback": "Traceback"}]


class Talker:
    """A worker that has said all of it, and ended."""

    returncode = 1

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = list(lines)

    def line(self, _timeout_seconds: float) -> bytes | None:
        return self._lines.pop(0) if self._lines else None

    def drain(self) -> None:
        """It is there already."""


@every
def test_events_of_anything(home: Home, many: int) -> None:
    trial, spec = a_trial("numpy-openblas@pypi"), a_spec(expect={"blas": "openblas"})
    file = home.results / "events.json"

    def holds(lines: list[bytes]) -> None:
        heard = Heard()
        talker = cast(Any, Talker(lines))
        Follower(trial, LIMITS, 60, heard, lambda _event: None).to_the_end(talker, looks=())
        measured = a_round(
            samples=tuple(heard.samples), warmup_seconds=tuple(heard.warmups), facts=heard.facts,
            checks=tuple(heard.checks), failure=heard.failure, clocks=heard.clocks, warnings=tuple(heard.warnings),
        )  # fmt: skip
        measured = replace(measured, failure=failure_of(measured))
        rounds = [measured, a_round(1, 1)]
        result = plausible.checked(labels.checked(summarise(trial, rounds), spec, None), MACHINE)
        report = a_comparison(results=(result, a_row("numpy-mkl@conda")), machine=MACHINE)
        file.write_text(document.dumps(report), encoding="utf-8")
        document.read(file)
        library.library([file])
        drawn(Terminal.report, report, path=str(file))

    lines = st.one_of(changed(EVENTS), changed(FAILED)).map(lambda events: [as_json(each) + b"\n" for each in events])
    raw = scrambled(b"".join(as_json(each) + b"\n" for each in EVENTS)).map(lambda text: text.splitlines(keepends=True))
    tried(many, st.one_of(lines, raw), holds)


# ----------------------------------------------------------------------------- what micromamba, uv and pythons say


RECORD = {
    "name": "python", "version": "3.12.7", "build": "h0", "build_string": "h0", "channel": "https://example.org/c",
    "url": "https://example.org/c/linux-64/python-3.12.7-h0.conda", "sha256": "aa", "md5": "bb", "size": 10,
}  # fmt: skip
SOLVED = {"actions": {"LINK": [RECORD, {**RECORD, "name": "toy"}], "FETCH": [RECORD]}, "success": True}
REFUSED = {
    "success": False, "solver_problems": ["nothing provides toy"], "message": "no", "error": "x",
    "log_history": [{"message": "Download error (6) Could not resolve host [https://example.org/x]"}],
}  # fmt: skip


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[process.Finished]:
    """What programs answer, one after the other, the last one again and again."""
    queue: list[process.Finished] = []

    def run(*_command: Any, **_options: Any) -> process.Finished:
        return queue.pop(0) if len(queue) > 1 else queue[0]

    monkeypatch.setattr(process, "run", run)
    return queue


def said(honest: Any) -> st.SearchStrategy[str]:
    texts = st.one_of(changed(honest).map(as_json), scrambled(as_json(honest)), st.binary(max_size=100))
    return texts.map(lambda text: text.decode(errors="replace"))


def replies(*honest: Any) -> st.SearchStrategy[process.Finished]:
    texts = st.one_of(*map(said, honest))
    return st.builds(process.Finished, st.sampled_from([0, 0, 1, -9, 2**32 - 1]), texts, st.one_of(st.just(""), texts))


CHANNELS = ["https://example.org/t/TOKEN/c"]


@every
def test_answers_of_micromamba(home: Home, many: int, answers: list[process.Finished]) -> None:
    micromamba = Micromamba(Path("mm"), home, platform="linux-64", environ={}, cuda_version=None)

    def holds(told: list[process.Finished]) -> None:
        answers[:] = told
        try:
            micromamba.version()
            answers[:] = told
            solution = micromamba.solve(["toy"], CHANNELS, log=home.logs / "x.log", on_tick=lambda: None)
            packages = explicit.packages_of(solution.records)
            python_version(packages)
        except MambenchError:
            return
        lock = explicit.lock_text(solution.records, CHANNELS)
        assert len(lock.splitlines()) == len(packages) + 1
        assert len(explicit.shown(lock).splitlines()) == len(packages) + 1
        draft = prefixes.Draft(a_spec(), IDENTITY, home.environments / "x", "3.12", lock, packages)
        assert isinstance(draft.download_bytes, int)

    tried(many, st.lists(replies(SOLVED, REFUSED), min_size=1, max_size=2), holds)


@every
def test_answers_of_uv_and_pythons(home: Home, many: int, answers: list[process.Finished]) -> None:
    python = Path(sys.executable)
    uv_says = [["uv 0.13.1 (x86_64)"], "/usr/bin/python3.12\n", "3.12.7\n", [str(python), "3.12.7", ["numpy"]]]

    def holds(told: list[process.Finished]) -> None:
        from mambench.environments import existing
        from mambench.environments.pypi import uv

        uv._ANSWERS.clear()
        existing._ANSWERS.clear()
        answers[:] = told
        tool = Uv(Path("uv"), home, platform="linux-64", environ={"PIP_CONFIG_FILE": "/dev/null"}, offline=False)
        tool.problem()
        attempts: list[Callable[[], object]] = [
            lambda: tool.find_python(">=3.99"),
            lambda: Pythons(tool, spare=python).find(">=3.99"),
            lambda: Pythons(tool)._version(python),
            lambda: ExistingSource(home, environ={}).ask(python, {"numpy": "numpy"}),
            lambda: tool.compile(
                PypiRecipe(">=3", ("toy",)),
                python=python,
                folder=home.temporary,
                log=home.logs / "x",
                torch_index=True,
                on_tick=lambda: None,
            ),
        ]
        for attempt in attempts:
            try:
                attempt()
            except MambenchError as error:
                drawn(Terminal.error, error)
        for offline in (False, True):
            failure("resolve", told[0], None, offline=offline)

    honest_lines = st.sampled_from(
        ["uv 0.13.1 (x86_64)", "/usr/bin/python3.12\n", "3.12.7\n", "uv 0..1", "uv ٣.1", "٣.1.1"]
    )
    texts = st.one_of(honest_lines, said(uv_says[3]), st.text(max_size=30))
    told = st.builds(process.Finished, st.sampled_from([0, 0, 0, 1, -9]), texts, texts)
    tried(many, st.lists(told, min_size=1, max_size=5), holds)
