"""What the agent says when it is asked (`view/questions.py`).

A question is answered in a thread of its own: neither the loop nor the bus waits for it.  Of each kind one is worked on
at a time; some more may wait for their turn, as long as somebody waits for them, and what is beyond is told so at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable

import msgspec

from heddle import __version__
from heddle.agent.facts import facts
from heddle.bus.connection import thread
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.view.facts import FactsQuestion
from heddle.view.questions import Answer, Asked, Pong, Question, Told
from heddle.view.tunnels import TunnelsQuestion

log = logging.getLogger(__name__)

MOST_WAITING = 8
Reply = Callable[[bytes], None]

_asked = msgspec.msgpack.Decoder(Asked)
_question: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_encode = msgspec.msgpack.Encoder().encode


def answer(question: Question, settings: Settings) -> Answer:
    """Look, and change nothing.  Raises `HeddleError` and `OSError` for what could not be seen."""
    if isinstance(question, TunnelsQuestion):
        from heddle.agent.ways import ways
        return ways(question, settings.agent)
    if isinstance(question, FactsQuestion):
        return facts(question, settings)
    return Pong(release=__version__)


class Questions:
    """Those that this agent is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._waiting: defaultdict[str, int] = defaultdict(int)
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def take(self, body: bytes, reply: Reply) -> None:
        """Returns at once; `reply` is called with an encoded `Told`, unless nobody waits for it any more."""
        try:
            asked = _asked.decode(body)
            question = _question.decode(asked.question)
        except msgspec.MsgspecError as error:
            reply(_error(f"an agent of {__version__} does not know this question: {error}"))
            return
        kind = type(question).__name__
        with self._lock:
            busy = self._waiting[kind] >= MOST_WAITING
            self._waiting[kind] += not busy
            turn = self._turns[kind]
        if busy:
            reply(_error("the agent is asked this by too many at once"))
        else:
            self._begin(kind, turn, question, time.monotonic() + asked.seconds, reply)

    def _begin(self, kind: str, turn: threading.Lock, question: Question, end: float, reply: Reply) -> None:
        """Who hands questions on is not ended by a host that has no room for another thread."""
        try:
            thread(f"answer-{kind}", self._work, kind, turn, question, end, reply)
        except RuntimeError as error:
            with self._lock:
                self._waiting[kind] -= 1
            reply(_error(f"the agent cannot look: {error}"))

    def _work(self, kind: str, turn: threading.Lock, question: Question, end: float, reply: Reply) -> None:
        try:
            if turn.acquire(timeout=max(0.0, end - time.monotonic())):
                try:
                    told = self._told(question)
                finally:
                    turn.release()
                reply(told)
        finally:
            with self._lock:
                self._waiting[kind] -= 1

    def _told(self, question: Question) -> bytes:
        try:
            return _encode(Told(answer=msgspec.Raw(_encode(answer(question, self._settings)))))
        except (HeddleError, OSError) as error:
            return _error(str(error))
        except Exception as error:
            log.exception("a question could not be answered")
            return _error(f"the agent failed: {type(error).__name__}")


def _error(text: str) -> bytes:
    return _encode(Told(error=text))
