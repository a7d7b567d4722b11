"""Questions put at once, in threads that hold nobody up: neither a signal nor the end of the program waits for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

_THREADS = 16
_TICK_SECONDS = 0.1


def answers(
    ask: Callable[[Question], Answer], questions: Iterable[Question], *, within_seconds: float
) -> dict[Question, Answer]:
    """The answers that came in time, by question; `ask` raises nothing."""
    left = deque(dict.fromkeys(questions))
    answered: dict[Question, Answer] = {}
    deadline = time.monotonic() + within_seconds

    def work() -> None:
        while time.monotonic() < deadline:
            try:
                question = left.popleft()
            except IndexError:
                return
            answered[question] = ask(question)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(_THREADS, len(left)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(_TICK_SECONDS)
    return answered.copy()
