"""GPUs as NVML tells them."""

from __future__ import annotations

from pathlib import Path

from fake_computer import FAKE_DRIVER, looked_at

from mambench.machine.inspect import GIB
from mambench.machine.nvml import Driver


def test_gpus_are_told_by_nvml(tmp_path: Path) -> None:
    first, second = looked_at(tmp_path, driver=FAKE_DRIVER).gpus
    assert (first.kind, first.index, first.name, first.uuid) == ("cuda", 0, "NVIDIA H100", "GPU-aaaa-0")
    assert (first.memory_bytes, first.free_bytes) == (80 * GIB, 79 * GIB)
    assert (first.driver, first.cuda_version, first.compute_capability) == ("535.104", "12.2", "9.0")
    assert (second.index, second.compute_capability, second.memory_bytes) == (1, "8.9", None)


def test_order_of_several_gpus_is_noted(tmp_path: Path) -> None:
    assert ["PCI" in note for note in looked_at(tmp_path, driver=FAKE_DRIVER).notes] == [True]


def test_hidden_gpus_are_not_listed_and_positions_are_those_of_cuda(tmp_path: Path) -> None:
    machine = looked_at(tmp_path, driver=FAKE_DRIVER, environ={"CUDA_VISIBLE_DEVICES": "GPU-bb"})
    assert [(gpu.index, gpu.uuid) for gpu in machine.gpus] == [(0, "GPU-bbbb-1")]
    assert machine.notes == ("CUDA_VISIBLE_DEVICES hides 1 of 2 GPUs",)


def test_part_of_a_gpu_is_noted_and_not_listed(tmp_path: Path) -> None:
    machine = looked_at(tmp_path, driver=FAKE_DRIVER, environ={"CUDA_VISIBLE_DEVICES": "MIG-1234"})
    assert machine.gpus == () and any("MIG" in note for note in machine.notes)


def test_broken_driver_is_a_note_and_an_absent_one_is_nothing(tmp_path: Path) -> None:
    assert looked_at(tmp_path, driver=Driver(problem="restart the computer")).notes == ("restart the computer",)
    assert looked_at(tmp_path).notes == () and looked_at(tmp_path).gpus == ()
