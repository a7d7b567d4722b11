"""What the stand-in prints, in both JSON shapes, and the failures it ends with."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any

BAD_USAGE = 109


class Failure(Exception):
    """Ends the program with `code` after saying `text`."""

    def __init__(self, text: str, *, code: int = 1, problems: list[str] | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.problems = problems


@dataclass(frozen=True)
class Output:
    """Standard output and error; in shape "main" with --json, all that is logged goes into the document."""

    shape: str
    json: bool = False
    quiet: bool = False
    history: list[dict[str, str]] = field(default_factory=list)

    @property
    def keeps_history(self) -> bool:
        return self.json and self.shape == "main"

    def say(self, text: str) -> None:
        if not self.json and not self.quiet:
            print(text, flush=True)

    def log(self, level: str, text: str) -> None:
        if self.keeps_history:
            self.history.append({"level": level, "message": text, "source": "libmamba"})
        else:
            print(f"{level:<8} libmamba {text}", file=sys.stderr, flush=True)

    def document(self, content: dict[str, Any] | list[Any]) -> None:
        """Print the one JSON document of a run."""
        if self.keeps_history and isinstance(content, dict):
            content = {**content, "log_history": self.history}
        print(json.dumps(content, indent=4, ensure_ascii=False), flush=True)

    def failure(self, failure: Failure) -> None:
        if failure.problems is not None and (self.shape == "main" or not self.json):
            self.log("error", failure.text)  # the release's --json leaves the explanation out
        self.log("critical", failure.text if failure.problems is None else failure.text.partition("\n")[0])
        if self.json and failure.problems is not None:
            self.document({"solver_problems": failure.problems, "success": False})
        elif self.keeps_history:
            self.document({})

    def confirmed(self, question: str, *, default: str) -> bool:
        """Ask on standard output, as the release does even with --json; a closed input takes the default."""
        if self.keeps_history:
            return True
        print(f"{question}: {'[Y/n]' if default == 'y' else '[y/N]'} ", end="", flush=True)
        answer = (sys.stdin.readline() if sys.stdin else "").strip() or default
        if answer.lower() in ("y", "yes"):
            return True
        print("Aborted.", flush=True)
        return False


def does_not_exist(spec: str) -> str:
    return f"{spec} does not exist (perhaps a typo or a missing channel)."


def requires_missing(dependent: str, spec: str) -> str:
    virtual = spec.startswith("__")
    reason = "is missing on the system" if virtual else "does not exist (perhaps a missing channel)"
    return f"{dependent} is not installable because it requires\n       └─ {spec}, which {reason}."
