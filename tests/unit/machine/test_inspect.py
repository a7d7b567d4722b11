"""What a computer is, told from fake /proc trees; what is worth a note; a computer that tells nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_computer import NO_DRIVER, X86, BlindPsutil, looked_at, tree

from mambench.machine import calls, memory, processor
from mambench.machine.inspect import inspect
from mambench.machine.memory import available_bytes


def test_virtual_machine_is_noted(tmp_path: Path) -> None:
    notes = looked_at(tree(tmp_path, {"proc/cpuinfo": X86})).notes
    assert notes == ("a virtual machine: its host may take processor time from it",)


def test_wsl_is_noted_instead_of_the_virtual_machine_that_it_is(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": X86, "proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}
    (note,) = looked_at(tree(tmp_path, files)).notes
    assert note.startswith("Windows Subsystem for Linux")


def test_x86_linux_emulated_on_apple_silicon_is_noted(tmp_path: Path) -> None:
    (note,) = looked_at(tree(tmp_path, {"proc/cpuinfo": "model name : VirtualApple @ 2.50GHz\n"})).notes
    assert "emulated on Apple silicon" in note


def test_rosetta_is_noted_and_offers_no_metal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "sysctl_text", lambda _name: "Apple M3 Pro")
    monkeypatch.setattr(calls, "sysctl_number", lambda name: int(name == "sysctl.proc_translated"))
    machine = looked_at(tmp_path, system="Darwin")
    assert machine.platform == "osx-64" and machine.gpus == ()
    assert len(machine.notes) == 1 and "Rosetta" in machine.notes[0]


@pytest.mark.parametrize(("architecture", "emulated"), [("amd64", True), ("arm64", False)])
def test_x64_emulation_on_windows_for_arm_is_noted(
    architecture: str, emulated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "windows_native_machine", lambda: 0xAA64)
    machine = looked_at(tmp_path, system="Windows", architecture=architecture)
    assert any("emulated" in note for note in machine.notes) is emulated


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows", "FreeBSD"])
def test_nothing_readable_still_gives_a_machine(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (memory, processor):
        monkeypatch.setattr(module, "psutil", BlindPsutil())
    monkeypatch.setattr(memory, "_pages", lambda _name: None)
    machine = looked_at(tmp_path, system=system)
    assert machine.cpu.logical_cores >= 1 and machine.cpu.usable_cores >= 1 and machine.cpu.model
    assert machine.memory_bytes == 0 and "the size of the memory could not be found out" in machine.notes
    assert available_bytes(root=tmp_path, system=system) == 0


def test_kernel_and_firmware_are_told(tmp_path: Path) -> None:
    told = {"proc/sys/kernel/osrelease": "6.1.0-18-amd64\n", "sys/class/dmi/id/bios_version": "2.19.1\n"}
    machine = looked_at(tree(tmp_path, told))
    assert (machine.kernel, machine.firmware) == ("6.1.0-18-amd64", "2.19.1")
    assert looked_at(tmp_path / "elsewhere").firmware is None


def test_this_computer_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    machine = inspect(driver=NO_DRIVER)
    assert 1 <= machine.cpu.usable_cores <= machine.cpu.logical_cores
    assert 0 < available_bytes() <= machine.memory_bytes
    assert machine.platform.split("-")[0] in ("linux", "osx", "win")
    assert machine.os and machine.hostname and all("\n" not in note for note in machine.notes)
