"""What agents say when they are asked: the way of checks to the hosts, over the bus that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from heddle import __version__
from heddle.bus import registry
from heddle.bus.ask import Outcome
from heddle.bus.base import BusError
from heddle.checks.base import CannotSee, Finding, unknown
from heddle.config import Settings
from heddle.errors import ConfigError
from heddle.view.questions import Answer, Asked, Question, Told

SECONDS = 4.0
ANOTHER = "it answers another question"
Said = Answer | str

_encode = msgspec.msgpack.Encoder().encode
_told = msgspec.msgpack.Decoder(Told)
_answer: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def outcomes(
    settings: Settings, keys: Callable[[Collection[str]], Mapping[str, str]], asked: Mapping[str, Question],
    seconds: float,
) -> dict[str, Outcome]:
    """Ask each host its question.  Raises `CannotSee` where nobody can be asked."""
    if not asked:
        return {}
    bodies = {host: encoded(question, seconds) for host, question in asked.items()}
    try:
        return registry.asker(settings, keys).ask(bodies, seconds)
    except (BusError, ConfigError) as error:
        raise CannotSee(f"no agent can be asked: {error}") from error


def encoded(question: Question, seconds: float) -> bytes:
    return _encode(Asked(question=msgspec.Raw(_encode(question)), seconds=seconds))


def said(outcome: Outcome) -> Said:
    """The answer, or why there is none."""
    if outcome.lack is not None:
        return outcome.reason
    try:
        told = _told.decode(outcome.body)
        return told.error or _answer.decode(told.answer)
    except msgspec.MsgspecError as error:
        return f"its answer is not understood by {__version__}: {error}"


def unanswered(answers: Mapping[str, Said]) -> list[Finding]:
    """What a check says of the hosts that it could not see: one finding for each reason.

    `answers`: those that are not what was asked for.
    """
    by_reason: dict[str, list[str]] = {}
    for host, each in sorted(answers.items()):
        by_reason.setdefault(each if isinstance(each, str) else ANOTHER, []).append(host)
    return [_unseen(names, reason) for reason, names in by_reason.items()]


def _unseen(names: Iterable[str], reason: str) -> Finding:
    first, *others = names
    return unknown(f"{', '.join([first, *others])} could not be asked: {reason}", node="" if others else first)
