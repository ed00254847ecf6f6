"""What waits to be handed to somebody who may be slow: answers first, then wake-ups, in bounded memory."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from heddle.view.types import Wake

log = logging.getLogger(__name__)

MAX_WAKES = 1000

Answer = TypeVar("Answer")


class Outbox(Generic[Answer]):
    """When `limit` wake-ups wait, they become one without scopes: "anything may have changed"."""

    def __init__(self, limit: int = MAX_WAKES) -> None:
        self._limit = limit
        self._news = threading.Condition()
        self._answers: deque[Answer] = deque()
        self._wakes: deque[Wake] = deque()
        self._open = True

    def put(self, answer: Answer) -> None:
        with self._news:
            self._answers.append(answer)
            self._news.notify()

    def put_wake(self, wake: Wake) -> None:
        with self._news:
            if len(self._wakes) >= self._limit:
                self._wakes.clear()
                wake = Wake(scopes=[])
            self._wakes.append(wake)
            self._news.notify()

    def take(self) -> Answer | Wake | None:
        """Wait for the next; None when the outbox was closed."""
        with self._news:
            self._news.wait_for(lambda: self._answers or self._wakes or not self._open)
            if not self._open:
                return None
            return self._answers.popleft() if self._answers else self._wakes.popleft()

    def __len__(self) -> int:
        with self._news:
            return len(self._answers) + len(self._wakes)

    def close(self) -> None:
        with self._news:
            self._open = False
            self._news.notify_all()


def hand_on(wakes: Outbox[Wake], on_wake: Callable[[Wake], None]) -> None:
    """Give each wake-up to who wants them, until the outbox is closed."""
    while (wake := wakes.take()) is not None:
        try:
            on_wake(wake)
        except Exception:
            log.exception("handling a wake-up failed request_id=%s", wake.request_id)
