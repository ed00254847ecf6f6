"""Asking agents: one question to each of several hosts, all at once, and what came back until the time was over.

Over AMQP (`amqp_ask.py`) the asker is whoever has the server's account at the broker and the secrets of the hosts,
which lie in the database; over the Unix socket (`local_ask.py`) it is root or the server's user.  What is carried are
bytes: `view/questions.py` says of what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

CONNECT_SECONDS = 3.0
TOO_OLD = "its agent is of a release that takes no questions"
GONE = "its agent is not connected to the server"


class Lack(Enum):
    """Why there is no answer."""

    ABSENT = "absent"  # nobody takes questions to this host, as far as the bus can see
    OLD = "old"  # its agent is there, and of before there were questions
    LATE = "late"  # the agent took it, or may have, and has not answered in time
    REFUSED = "refused"  # what came back is no answer of this host


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: the `body` of the answer and the `seconds` that it took, or the `reason` of a lack."""

    body: bytes = b""
    seconds: float = 0.0
    lack: Lack | None = None
    reason: str = ""


class Asker(Protocol):
    def ask(self, questions: Mapping[str, bytes], seconds: float) -> dict[str, Outcome]:
        """An outcome for each host.  Raises `BusError` where nobody can be asked."""


def late(seconds: float) -> Outcome:
    return Outcome(lack=Lack.LATE, reason=f"no answer within {seconds:g} s")
