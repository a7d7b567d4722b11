"""The driver, opened once, and which of its GPUs a CUDA program sees."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from mambench.machine import nvml
from mambench.machine.nvml import Driver, open_driver, visible_gpus


class FakeNvmlError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"error {value}")
        self.value = value


class FakeNvml:
    """A driver that starts, or fails with an error of NVML's."""

    NVMLError = FakeNvmlError
    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    NVML_ERROR_DRIVER_NOT_LOADED = 9

    def __init__(self, *, fails_with: int | None = None) -> None:
        self.fails_with = fails_with

    def nvmlInit(self) -> None:
        if self.fails_with is not None:
            raise FakeNvmlError(self.fails_with)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("-1", ()),
        ("2,0", (2, 0)),
        ("1, 2", (1, 2)),
        ("0,7,1", (0,)),
        ("0,0", ()),
        ("GPU-b", (1,)),
        ("GPU-b,2", (1, 2)),
        ("GPU-", ()),
        ("GPU-c,GPU-a", (2, 0)),
        ("MIG-1", ()),
        ("NoDevFiles", ()),
    ],
)
def test_visible_gpus_are_those_that_cuda_sees(setting: str | None, expected: tuple[int, ...]) -> None:
    environ = {} if setting is None else {"CUDA_VISIBLE_DEVICES": setting}
    assert visible_gpus(["GPU-a1", "GPU-b1", "GPU-c1"], environ) == expected


def test_working_driver_is_ready_to_be_asked() -> None:
    fake = FakeNvml()
    assert open_driver(lambda: fake) == Driver(nvml=fake)


@pytest.mark.parametrize("error", [9, 12])
def test_absent_driver_is_no_problem(error: int) -> None:
    assert open_driver(lambda: FakeNvml(fails_with=error)) == Driver()


def test_missing_binding_is_no_problem() -> None:
    def missing() -> Any:
        raise ImportError("pynvml")

    assert open_driver(missing) == Driver()


def test_broken_driver_is_said_in_one_line() -> None:
    driver = open_driver(lambda: FakeNvml(fails_with=18))
    assert driver.nvml is None and driver.problem is not None
    assert "error 18" in driver.problem and "restart" in driver.problem


def test_driver_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "NVML_SECONDS", 0.05)
    released = Event()

    def late() -> FakeNvml:
        released.wait(10)
        return FakeNvml()

    driver = open_driver(late)
    released.set()
    assert driver.nvml is None and driver.problem is not None and "did not answer" in driver.problem
