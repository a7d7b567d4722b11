"""In a home of several computers one makes environments, and what it could not make the others do not try."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from builders import a_stack

from mambench.environments.turns import Turn
from mambench.errors import MambenchError, ProvisionError, UnavailableError
from mambench.model import Event, Provisioning, Reason
from mambench.system import leases, locks, mutex
from mambench.system.home import Home

STACK = a_stack()

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a home on a network drive is refused there")


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(locks, "is_shared", lambda _folder: True)
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(mutex, "_ASK_AGAIN_SECONDS", 0.1)
    return tmp_path


class Node:
    """A computer that takes its turn, and what came of it."""

    def __init__(self, root: Path, name: str, error: MambenchError | None = None) -> None:
        self.events: list[Event] = []
        self.waits = threading.Event()
        self.attempts = 0
        self.error, self.raised = error, None
        self.turn = Turn(Home(root, node=name), self.take)

    raised: MambenchError | None

    def take(self, event: Event) -> None:
        self.events.append(event)
        self.waits.set()

    def make(self, until: threading.Event | None = None, begun: threading.Event | None = None) -> None:
        try:
            with self.turn.held(["numpy-openblas"]), self.turn.attempt(STACK):
                self.attempts += 1
                if begun is not None:
                    begun.set()
                if until is not None:
                    assert until.wait(30)
                if self.error is not None:
                    raise self.error
        except MambenchError as error:
            self.raised = error


def one_after_the_other(first: Node, second: Node) -> None:
    begun = threading.Event()
    threads = [threading.Thread(target=first.make, args=(second.waits, begun))]
    threads[0].start()
    assert begun.wait(30)
    threads.append(threading.Thread(target=second.make))
    threads[1].start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "error",
    [ProvisionError("no such package", remedy="edit it"), UnavailableError(Reason.SOURCE, "no network", remedy="wait")],
)
def test_who_waited_has_the_failure_of_who_tried(root: Path, error: MambenchError) -> None:
    first, second, third = Node(root, "n1", error), Node(root, "n2", error), Node(root, "n3")
    one_after_the_other(first, second)
    assert (first.attempts, second.attempts) == (1, 0)
    assert type(second.raised) is type(error) and str(second.raised) == f"{error} (found by n1)"
    assert second.raised is not None and second.raised.remedy == error.remedy
    waiting = [event for event in second.events if isinstance(event, Provisioning)]
    assert waiting[0].phase.startswith("waiting for the mambench that makes numpy-openblas (pid ")
    assert " on n1, since " in waiting[0].phase
    third.make()  # later: things may be better
    assert (third.attempts, third.raised) == (1, None)


@pytest.mark.parametrize("error", [None, UnavailableError(Reason.OFFLINE, "it is to use no network")])
def test_who_waited_tries_itself_after_a_success_and_where_the_other_was_told_to_stay_offline(
    root: Path, error: MambenchError | None
) -> None:
    first, second = Node(root, "n1", error), Node(root, "n2")
    one_after_the_other(first, second)
    assert (second.attempts, second.raised) == (1, None)


def test_a_damaged_answer_is_none(root: Path) -> None:
    file = Home(root).mutexes / f"{mutex.MAKING}-failed.json"
    for text in ("", "[]", '{"id": 3, "failures": {}}', '{"id": "x", "failures": {"y": 5}}'):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        node = Node(root, "n1")
        node.make()
        assert node.raised is None


def test_in_a_home_of_one_computer_nothing_is_held(tmp_path: Path) -> None:
    Node(tmp_path, "").make()
    assert list(tmp_path.iterdir()) == []
