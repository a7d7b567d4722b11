"""What the processor's own meter counts: RAPL, through Linux's powercap.

Ref: https://www.kernel.org/doc/html/latest/power/powercap/powercap.html. Only the administrator may read it on most
systems since CVE-2020-8694; where it cannot be read there is no energy.
"""

from __future__ import annotations

from pathlib import Path

from mambench.machine.readings import read_number


class PackageMeter:
    """The energy of all processor packages since the first reading; read it more often than a counter goes round."""

    def __init__(self, root: Path) -> None:
        self._folders = sorted((root / "sys/class/powercap").glob("intel-rapl:[0-9]*"))
        self._folders = [folder for folder in self._folders if folder.name.count(":") == 1]
        self._last: list[float] | None = None
        self._joules = 0.0

    def joules(self) -> float | None:
        """None where a package does not tell."""
        told = [read_number(folder / "energy_uj") for folder in self._folders]
        now = [value for value in told if value is not None]
        if not now or len(now) < len(told):
            return None
        for folder, before, value in zip(self._folders, self._last or now, now, strict=True):
            turn = 0.0 if value >= before else read_number(folder / "max_energy_range_uj") or 0.0
            self._joules += max(0.0, value + turn - before) * 1e-6
        self._last = now
        return self._joules
