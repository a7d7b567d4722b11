"""What the stand-in prints, in both JSON shapes, and the failures that it ends with."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANSWERS = tomllib.loads(Path(__file__).with_name("answers.toml").read_text(encoding="utf-8"))


class Failure(Exception):
    """Ends the program with `code`, saying a recorded text."""

    def __init__(self, text: str, *, code: int = 1, unsolvable: bool = False) -> None:
        super().__init__(text)
        self.text, self.code, self.unsolvable = text.strip(), code, unsolvable


def failure(case: str, *, code: int = 1, **words: object) -> Failure:
    """The Failure of a case in answers.toml."""
    return Failure(ANSWERS[case].format(**words), code=code)


@dataclass(frozen=True)
class Output:
    """Standard output and error; in shape "main" with --json, all that is logged goes into the document."""

    shape: str
    json: bool
    history: list[dict[str, str]] = field(default_factory=list)

    def say(self, text: str) -> None:
        if not self.json:
            print(text, flush=True)

    def log(self, level: str, text: str) -> None:
        if self.json and self.shape == "main":
            self.history.append({"level": level, "message": text, "source": "libmamba"})
        else:
            print(f"{level:<8} libmamba {text}", file=sys.stderr, flush=True)

    def document(self, content: dict[str, Any]) -> None:
        """Print the one JSON document of a run."""
        history = {"log_history": self.history} if self.shape == "main" else {}
        print(json.dumps({**content, **history}, indent=4, ensure_ascii=False), flush=True)

    def failure(self, ended: Failure) -> None:
        """The release's --json leaves a solver's reasons out, and prints no document of anything else."""
        hidden = ended.unsolvable and self.json and self.shape == "release"
        self.log("critical", ended.text.partition("\n")[0] if hidden else ended.text)
        if self.json and ended.unsolvable:
            self.document({"solver_problems": ["unsupported request"], "success": False})
        elif self.json and self.shape == "main":
            self.document({})
