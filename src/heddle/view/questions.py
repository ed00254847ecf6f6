"""Questions to agents, and their answers: what `heddle upgrade check` and `heddle doctor` want to know of hosts.

A question goes from a check to the agent of one host, and one answer comes back (`bus/ask.py`).  It changes nothing
on the host, and the server keeps nothing of it.  Each kind is a message of its own: a new one is added to the two
unions below and to `agent/questions.py`.  An agent that does not know the kind says so; one from before there were
questions never hears them.
"""

from __future__ import annotations

import msgspec

from heddle.view.facts import Facts, FactsQuestion
from heddle.view.tunnels import Tunnels, TunnelsQuestion
from heddle.view.types import Message


class Ping(Message, frozen=True, tag_field="question", tag="ping"):
    """Whether the agent is there."""


class Pong(Message, frozen=True, tag_field="answer", tag="pong", kw_only=True):
    """`release`: the version of Heddle that the agent is of."""

    release: str


Question = Ping | FactsQuestion | TunnelsQuestion
Answer = Pong | Facts | Tunnels


class Asked(Message, frozen=True, kw_only=True):
    """What travels to the agent: an encoded `Question`, and for how many seconds somebody waits for its answer."""

    question: msgspec.Raw
    seconds: float


class Told(Message, frozen=True, kw_only=True):
    """What travels back: an encoded `Answer`, empty when `error` says why there is none."""

    answer: msgspec.Raw = msgspec.Raw(b"")
    error: str = ""
