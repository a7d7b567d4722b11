"""In a home of several computers one makes environments while the others wait.

What it could not make, those that waited for it need not try one after the other: they have its answer.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mambench.errors import MambenchError, ProvisionError, UnavailableError
from mambench.model import OnEvent, Provisioning, Reason, Stack
from mambench.system import contents, files, mutex, values
from mambench.system.home import Home


class Turn:
    """Held by one computer at a time; in a home of one computer it costs nothing."""

    def __init__(self, home: Home, on_event: OnEvent) -> None:
        self._home, self._on_event = home, on_event
        self._failures: dict[str, dict[str, str]] = {}
        self._known: dict[str, dict[str, str]] = {}

    @contextlib.contextmanager
    def held(self, names: Iterable[str]) -> Iterator[None]:
        """While environments are made; the others wait, and say for whom. Raises HomeError."""
        if not self._home.node:
            yield
            return
        stacks, before, waited = ", ".join(names), _answer(self._file), []

        def on_wait(who: str) -> None:
            waited.append(who)
            self._on_event(Provisioning(stacks, f"waiting for {who}"))

        with mutex.held(self._home, mutex.MAKING, f"the mambench that makes {stacks}", on_wait):
            self._see_what_others_made()
            answer = _answer(self._file)
            self._known = answer["failures"] if waited and answer["id"] != before["id"] else {}
            self._failures = {}
            try:
                yield
            finally:
                self._leave_answer()

    @contextlib.contextmanager
    def attempt(self, stack: Stack) -> Iterator[None]:
        """What fails in here is told to those that wait; what they told us fails at once."""
        if (known := self._known.get(_key(stack))) is not None:
            raise _error(known)
        try:
            yield
        except (UnavailableError, ProvisionError) as error:
            reason = error.reason if isinstance(error, UnavailableError) else ""
            if reason != Reason.OFFLINE:  # of `--offline`, which is found out at once
                text = f"{error} (found by {self._home.node})"
                self._failures[_key(stack)] = {"message": text, "remedy": error.remedy, "reason": reason}
            raise

    def _see_what_others_made(self) -> None:
        folders = (self._home.mutexes, self._home.environments, *self._home.environments.glob("*/"))
        for folder in folders:
            files.look_anew(folder)

    @property
    def _file(self) -> Path:
        return self._home.mutexes / f"{mutex.MAKING}-failed.json"

    def _leave_answer(self) -> None:
        text = json.dumps({"id": secrets.token_hex(8), "failures": {**self._known, **self._failures}})
        with contextlib.suppress(OSError):
            files.write(self._file, text)


def _key(stack: Stack) -> str:
    """Stacks that are made in the same way have the same."""
    conda, pypi = stack.spec.conda, stack.spec.pypi
    recipes = [(each.packages, each.lock) for each in (conda, pypi) if each is not None]
    return json.dumps([stack.spec.name, stack.sources, recipes])


def _answer(file: Path) -> dict[str, Any]:
    try:
        content = values.table(contents.json_in(contents.text_of(file)))
        failures = {name: values.texts(each) for name, each in values.table(content["failures"]).items()}
        return {"id": values.text(content["id"]), "failures": failures}
    except (OSError, ValueError, TypeError, KeyError):
        return {"id": "", "failures": {}}


def _error(known: dict[str, str]) -> MambenchError:
    message, remedy = known.get("message", "it could not be made"), known.get("remedy", "")
    if known.get("reason") in list(Reason):
        return UnavailableError(Reason(known["reason"]), message, remedy=remedy)
    return ProvisionError(message, remedy=remedy)
