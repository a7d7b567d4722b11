"""Lines from a worker: each event as it should be, and each way in which one may be damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import LIMITS, a_benchmark, a_trial

from mambench.errors import ProtocolError
from mambench.measurement.protocol import (
    LONGEST_LINE_BYTES,
    Checked,
    Code,
    Failed,
    Finished,
    Ready,
    Sampled,
    Started,
    Warned,
    parse,
    request,
)
from mambench.model import Check, Sample, WrongEntry

WHOLE: dict[str, dict[str, Any]] = {
    "started": {"event": "started", "protocol": 2, "pid": 4242, "python": "3.12.7"},
    "ready": {"event": "ready", "seconds": 1.84, "facts": {"numpy": "2.4.6"}},
    "sample": {"event": "sample", "phase": "run", "index": 0, "at_seconds": 12.01, "seconds": 8.1, "loops": 2},
    "check": {"event": "check", "name": "freivalds", "error": 2e-15, "tolerance": 9e-14, "ok": True},
    "warning": {"event": "warning", "message": "slow"},
    "failed": {"event": "failed", "reason": "raised", "message": "no", "traceback": "Traceback"},
}


def line(name: str, /, **changes: Any) -> bytes:
    content = {key: value for key, value in {**WHOLE[name], **changes}.items() if value is not ...}
    return json.dumps(content).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("started", Started(4242, "3.12.7")),
        ("ready", Ready(1.84, {"numpy": "2.4.6"})),
        ("sample", Sampled("run", Sample(at_seconds=12.01, seconds=8.1, loops=2), None)),
        ("check", Checked(Check("freivalds", 2e-15, 9e-14, True))),
        ("warning", Warned("slow")),
        ("failed", Failed("raised", "no", "Traceback")),
    ],
)
def test_a_whole_event_is_read(name: str, event: object) -> None:
    assert parse(line(name)) == event


@pytest.mark.parametrize("value", [-1.25, 3, None])
def test_a_check_may_name_the_entry_that_is_wrong(value: float | None) -> None:
    event = parse(line("check", ok=False, wrong_entry={"index": [2, 0], "value": value, "expected": -0.5}))
    assert isinstance(event, Checked) and event.check.wrong_entry == WrongEntry((2, 0), value, -0.5)


ENTRY = {"index": [2, 0], "value": 1.0, "expected": 2.0}


@pytest.mark.parametrize(
    "entry",
    [
        7,
        [],
        {},
        {**ENTRY, "index": []},
        {**ENTRY, "index": 2},
        {**ENTRY, "index": [-1]},
        {**ENTRY, "index": [1.5]},
        {**ENTRY, "index": [True]},
        {**ENTRY, "index": [2**63]},
        {**ENTRY, "value": "1"},
        {**ENTRY, "expected": True},
        {"index": [2, 0], "value": 1.0},
    ],
)
def test_a_damaged_entry_is_refused(entry: object) -> None:
    with pytest.raises(ProtocolError, match="a damaged event"):
        parse(line("check", ok=False, wrong_entry=entry))


@pytest.mark.parametrize("phase", ["probe", "warmup", "run"])
@pytest.mark.parametrize(("seconds", "loops"), [(5e-324, 1), (5e-324, 1000), (1e-10, 1000), (1e300, 1), (0, 1)])
def test_a_time_that_no_run_can_take_is_refused(phase: str, seconds: float, loops: int) -> None:
    """The rate of the first is no finite number, and a run of the second takes none at all."""
    with pytest.raises(ProtocolError, match="a time that no run can take"):
        parse(line("sample", phase=phase, seconds=seconds, loops=loops))


def test_finished_may_carry_facts_or_none() -> None:
    assert parse(b'{"event":"finished"}') == Finished({})
    assert parse(b'{"event":"finished","facts":{"peak_bytes":1}}') == Finished({"peak_bytes": 1})


def test_a_check_may_lack_its_numbers() -> None:
    event = parse(line("check", error=None, tolerance=None, ok=False))
    assert event == Checked(Check("freivalds", None, None, False))


REQUIRED = {
    "started": ("event", "protocol", "pid", "python"),
    "ready": ("seconds",),
    "sample": ("phase", "seconds"),
    "check": ("name", "ok"),
    "warning": ("message",),
    "failed": ("reason", "message"),
}


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in REQUIRED.items() for key in keys])
def test_a_missing_key_is_refused(name: str, key: str) -> None:
    with pytest.raises(ProtocolError):
        parse(line(name, **{key: ...}))


NUMBERS = [
    ("ready", "seconds"),
    ("sample", "seconds"),
    ("sample", "at_seconds"),
    ("sample", "predicted_seconds"),
    ("check", "error"),
    ("check", "tolerance"),
]


@pytest.mark.parametrize(("name", "key"), NUMBERS)
@pytest.mark.parametrize("value", [True, False, "1.0", -0.5, [], 10**400], ids=repr)
def test_what_is_no_amount_is_refused(name: str, key: str, value: Any) -> None:
    with pytest.raises(ProtocolError):
        parse(line(name, **{key: value}))


@pytest.mark.parametrize(("name", "key"), NUMBERS)
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(name: str, key: str, text: str) -> None:
    with pytest.raises(ProtocolError):
        parse(line(name, **{key: "HERE"}).replace(b'"HERE"', text.encode()))


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "[1, -1e999]"])
def test_facts_hold_finite_numbers_only(text: str) -> None:
    """One infinity in them and the whole report could not be written."""
    with pytest.raises(ProtocolError):
        parse(line("ready", facts={"x": "HERE"}).replace(b'"HERE"', text.encode()))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("started", {"pid": "4242"}),
        ("started", {"pid": True}),
        ("started", {"python": 3.12}),
        ("ready", {"facts": []}),
        ("sample", {"seconds": 0}),
        ("sample", {"loops": 0}),
        ("sample", {"loops": True}),
        ("sample", {"loops": 1.5}),
        ("sample", {"loops": None}),
        ("sample", {"phase": "cooldown"}),
        ("check", {"ok": 1}),
        ("check", {"ok": "true"}),
        ("check", {"name": 7}),
        ("warning", {"message": None}),
        ("failed", {"message": ""}),
        ("failed", {"message": ["no"]}),
        ("failed", {"reason": "bored"}),
        ("failed", {"reason": ["raised"]}),
        ("failed", {"reason": "crashed"}),
    ],
    ids=str,
)
def test_a_damaged_event_is_refused(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        parse(line(name, **changes))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"hello\n",
        b'{"event":"finished"',
        b'{"event":"finished"} {"event":"finished"}',
        b"[]",
        b'"finished"',
        b"null",
        b"{}",
        b'{"event":"sleeping"}',
        b'{"event":["finished"]}',
        b"[" * 5000,
        '{"event":"warning","message":"ü"}'.encode(),
        b'{"event":"warning","message":"\xff"}',
        b"\x00" * 10,
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_is_no_event_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(text)


def test_a_huge_line_is_refused() -> None:
    short = line("warning", message="x" * (LONGEST_LINE_BYTES - 100))
    assert isinstance(parse(short), Warned)
    with pytest.raises(ProtocolError, match="more than"):
        parse(line("warning", message="x" * LONGEST_LINE_BYTES))


def test_an_error_shows_the_beginning_of_the_line_only() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(b"x" * 10_000)
    assert len(str(caught.value)) < 200


def test_another_version_of_the_protocol_is_told() -> None:
    with pytest.raises(ProtocolError, match="protocol 3, not 2"):
        parse(line("started", protocol=3))


CODE = Code(Path("/José/kernel_numpy.py"), Path("/José/check.py"), {"library": "libmkl_rt*"}, a_benchmark())


def test_a_request_is_one_line_of_ascii_with_all_that_the_worker_needs() -> None:
    trial = a_trial(m=1, n=2, k=3, threads=4, dtype="float32", device="cuda:1")
    text = request(trial, LIMITS, runs=CODE, seed=7)
    assert text.isascii()
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")
    content = json.loads(text)
    assert content["kernel"] == str(Path("/José/kernel_numpy.py"))
    assert content["params"] == {
        "m": 1, "n": 2, "k": 3, "batch": 1, "dtype": "float32", "device": "cuda:1", "seed": 7, "threads": 4,
        "settings": {"library": "libmkl_rt*"}, "check": {},
    }  # fmt: skip
    assert {key: content[key] for key in content if key not in ("kernel", "params", "smaller")} == {
        "check": str(Path("/José/check.py")),
        "size": "1x2x3",
        "work": 1.2e-8,
        "operands": [
            {"name": "A", "rows": 1, "columns": 3, "changes": 64, "random": True, "symmetric": False},
            {"name": "B", "rows": 3, "columns": 2, "changes": 2, "random": True, "symmetric": False},
        ],
        "result": {"name": "C", "rows": 1, "columns": 2, "changes": 0, "random": True, "symmetric": False},
        "protocol": 2,
        "warmups": 1,
        "min_runs": 3,
        "max_runs": 50,
        "max_seconds": 3,
        "target_spread": 0.01,
        "max_run_seconds": 20,
        "loops": None,
        "probe": True,
        "second_look": False,
        "warmup_seconds": 0.0,
        "budget_seconds": None,
    }
    assert content["smaller"] == [{"params": {"m": 1, "n": 2, "k": 3, "batch": 1}, "work": 1.2e-8}] * 3
