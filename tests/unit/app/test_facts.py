"""This computer in words."""

from __future__ import annotations

from dataclasses import replace

from mambench.app.facts import machine_facts
from mambench.model import Cpu, Gpu, Machine

LAPTOP = Machine("host", "linux-64", "A system", Cpu("A processor", 4, 8, 8, ("avx", "avx2", "fma")), 16 * 2**30)
GPU = Gpu("cuda", 0, "A GPU", None, 80 * 2**30, None, "570.10", "12.8", "9.0")
WORKSTATION = replace(LAPTOP, gpus=(GPU, replace(GPU, index=1)))


def test_the_machine_is_told_in_four_lines():
    facts = dict(machine_facts(WORKSTATION))
    assert list(facts) == ["CPU", "memory", "GPU", "system"]
    assert facts["CPU"] == "A processor, 4 cores, avx2"
    assert facts["GPU"] == "2 x A GPU, 80 GiB, driver 570.10 (CUDA 12.8)"
    assert dict(machine_facts(LAPTOP))["GPU"] == "none found"
