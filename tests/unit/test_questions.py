"""Questions to an agent: each in a thread of its own, one of a kind at a time, and none that ends the agent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from heddle import __version__
from heddle.agent import questions
from heddle.agent.questions import MOST_WAITING, Questions
from heddle.bus.ask import Outcome
from heddle.checks.questions import encoded, said
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.view.questions import Answer, Asked, Ping, Pong, Question, Told

BUSY = "the agent is asked this by too many at once"
PONG = Pong(release=__version__)


class Replies:
    """What was replied, decoded as a check does."""

    def __init__(self) -> None:
        self.came: list[object] = []
        self._news = threading.Condition()

    def __call__(self, told: bytes) -> None:
        with self._news:
            self.came.append(said(Outcome(told)))
            self._news.notify_all()

    def wait(self, number: int) -> list[object]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.came) >= number, 5), self.came
            return self.came


@pytest.fixture
def replies() -> Replies:
    return Replies()


@pytest.fixture
def agent() -> Questions:
    return Questions(Settings())


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Answers wait until the test ends; gives how many are worked on at the moment, and the most there ever were."""
    go, lock, at_once = threading.Event(), threading.Lock(), [0, 0]

    def answer(question: Question, settings: Settings) -> Answer:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        go.wait(0.3)
        with lock:
            at_once[0] -= 1
        return PONG

    monkeypatch.setattr(questions, "answer", answer)
    yield lambda: at_once[1]
    go.set()


def test_a_ping_is_answered_with_the_release(agent: Questions, replies: Replies) -> None:
    agent.take(encoded(Ping(), 5), replies)
    assert replies.wait(1) == [PONG]


def test_without_room_for_a_thread_it_says_so_and_goes_on(
    agent: Questions, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*parts: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short:
        short.setattr(questions, "thread", full)
        for _ in range(MOST_WAITING + 1):
            agent.take(encoded(Ping(), 5), replies)
    assert replies.wait(MOST_WAITING + 1) == ["the agent cannot look: can't start new thread"] * (MOST_WAITING + 1)
    agent.take(encoded(Ping(), 5), replies)
    assert replies.wait(MOST_WAITING + 2)[-1] == PONG


@pytest.mark.parametrize("body", [b"", b"\xc1", msgspec.msgpack.encode({"question": {"question": "weather"}})])
def test_what_it_does_not_know_is_said(agent: Questions, replies: Replies, body: bytes) -> None:
    agent.take(body, replies)
    told = replies.wait(1)[0]
    assert isinstance(told, str) and f"an agent of {__version__} does not know this question" in told


def test_a_kind_of_later_is_said(agent: Questions, replies: Replies) -> None:
    later = msgspec.Raw(msgspec.msgpack.encode({"question": "weather", "where": "here"}))
    agent.take(msgspec.msgpack.encode(Asked(question=later, seconds=5)), replies)
    assert "weather" in str(replies.wait(1)[0])


def test_one_of_a_kind_at_a_time_and_not_too_many(
    agent: Questions, replies: Replies, hold: Callable[[], int]
) -> None:
    began = time.monotonic()
    for _ in range(MOST_WAITING + 2):
        agent.take(encoded(Ping(), 30), replies)
    assert time.monotonic() - began < 0.25
    assert [each for each in replies.came if isinstance(each, str)] == [BUSY, BUSY]
    assert replies.wait(MOST_WAITING + 2).count(PONG) == MOST_WAITING and hold() == 1
    agent.take(encoded(Ping(), 30), replies)
    assert replies.wait(MOST_WAITING + 3)[-1] == PONG


def test_what_nobody_waits_for_any_more_is_not_answered(
    agent: Questions, replies: Replies, hold: Callable[[], int]
) -> None:
    agent.take(encoded(Ping(), 5), replies)
    agent.take(encoded(Ping(), 0.05), replies)
    time.sleep(0.8)
    assert replies.came == [PONG]


@pytest.mark.parametrize(
    ("error", "told"),
    [(HeddleError("no room"), "no room"), (OSError(13, "denied"), "denied"), (KeyError("secret"), "KeyError")],
)
def test_what_goes_wrong_is_told_and_no_more(
    agent: Questions, replies: Replies, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def answer(question: Question, settings: Settings) -> Answer:
        raise error

    monkeypatch.setattr(questions, "answer", answer)
    agent.take(encoded(Ping(), 5), replies)
    assert told in str(replies.wait(1)[0]) and "secret" not in str(replies.came)


def test_an_answer_that_is_none_is_said() -> None:
    told = msgspec.msgpack.encode(Told(answer=msgspec.Raw(msgspec.msgpack.encode({"answer": "sunny"}))))
    assert "is not understood" in str(said(Outcome(told))) and "is not understood" in str(said(Outcome(b"\xc1")))
