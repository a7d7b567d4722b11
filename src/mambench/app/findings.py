"""What was looked at, and how it is: for `doctor` and `selftest`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` says what to do unless all is well."""

    name: str
    state: State
    message: str
    remedy: str = ""

    @property
    def words(self) -> str:
        """What was found, and what to do."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message
