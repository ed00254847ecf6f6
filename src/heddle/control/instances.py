"""Two agents with one host name: which one is the host's, and what the other is told.

A process of an agent names itself in all that it sends.  One that is heard for the first time is taken for the
host's restarted agent, at once.  When an earlier one is heard again after that, both are alive: the one that was heard
first stays the host's agent, and the other is refused until nothing has been heard of the first, or of one that has
followed it, for `RIVAL_SECONDS`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heddle.errors import Conflict
from heddle.store import clock
from heddle.store.engine import Tx
from heddle.store.query import instances as q
from heddle.store.query.instances import Instance

log = logging.getLogger(__name__)

RIVAL_SECONDS = 45
WRITE_SECONDS = 5
LATE_SECONDS = 2  # a report of a process that has ended may come this much after the first of the next one
KEEP_SECONDS = 3600


@dataclass(frozen=True)
class Verdict:
    """`refused`: the agent that reports is not the host's; `rivals`: how many others report as its host and are."""

    refused: bool = False
    rivals: int = 0


def hear(tx: Tx, host: str, instance: str, now: int) -> Verdict:
    """Note that an agent's process was heard."""
    if not instance:
        return Verdict()
    known = q.of_host(tx, host)
    mine = next((each for each in known if each.instance == instance), None)
    me = replace(mine, last=now) if mine else Instance(host, instance, now, now)
    refused = _is_refused(me, known, now)
    me = replace(me, refused=refused, first=now if me.refused and not refused else me.first)
    if mine is None:
        q.forget_older(tx, host, now - KEEP_SECONDS)
    if mine is None or now - mine.last >= WRITE_SECONDS or mine.refused != me.refused:
        q.save(tx, me)
    if me.refused and not (mine and mine.refused):
        log.error("a second agent reports as host=%s and is refused; the first goes on", host)
    rivals = [each for each in known if each.instance != instance and each.refused and _recent(each, now)]
    return Verdict(me.refused, 0 if me.refused else len(rivals))


def check(tx: Tx, host: str, instance: str) -> None:
    """Raises `Conflict` for an agent that is not the host's."""
    known = q.of_host(tx, host) if instance else []
    if len(known) > 1:
        now = clock.now(tx)
        if any(each.instance == instance and _is_refused(each, known, now) for each in known):
            raise refusal(host)


def refusal(host: str) -> Conflict:
    return Conflict(
        "HostNameInUse",
        f"another agent reports as host {host}, and was there before: this one is refused. Give each host a name of "
        "its own (agent.host in its settings, or the name of the machine); if this is the one to stay, stop the other: "
        f"{RIVAL_SECONDS} s later this one is taken.",
    )


def _is_refused(me: Instance, known: Sequence[Instance], now: int) -> bool:
    """Whether one that was heard first before this one was heard after that, and not long ago.

    One that was refused stays so while any other is there that was not.
    """
    others = [each for each in known if each.instance != me.instance and not each.refused and _recent(each, now)]
    if me.refused:
        return bool(others)
    return any(each.first <= me.first and each.last > me.first + LATE_SECONDS for each in others)


def _recent(each: Instance, now: int) -> bool:
    return each.last >= now - RIVAL_SECONDS
