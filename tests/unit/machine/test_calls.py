"""What other systems would answer."""

from __future__ import annotations

import sys

import pytest

from mambench.machine import calls, processor


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="calls what only these have")
def test_calls_of_other_systems_answer_nothing_here() -> None:
    assert calls.sysctl_text("machdep.cpu.brand_string") is None
    assert calls.sysctl_number("hw.optional.AdvSIMD") is None
    assert calls.registry(processor.WINDOWS_CPU_KEY, "ProcessorNameString") is None
    assert calls.windows_native_machine() is None and not calls.windows_feature(40)
