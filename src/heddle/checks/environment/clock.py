"""The clocks of this server and of the hosts agree with the database's.

Heddle compares no clocks of two machines; but by a wrong one certificates are refused, updates of DNS (TSIG allows
300 s), and logs of several machines cannot be read side by side.  What a host tells is of a moment between question
and answer: only what is certainly off is told, and the least that it can be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from heddle.checks import nodes
from heddle.checks.base import Check, Finding, Level, failure, unknown, warning, well
from heddle.checks.context import Context
from heddle.checks.told import Node
from heddle.checks.words import counted
from heddle.store import clock

WARN, FAIL = 5.0, 300.0


@dataclass(frozen=True, slots=True)
class DatabaseClock:
    """It said `seconds`, whole ones, at a moment between `asked` and `answered` of this process's monotonic clock."""

    seconds: int
    asked: float
    answered: float

    def earliest(self, moment: float) -> float:
        """What it said at least at that moment."""
        return self.seconds + (moment - self.answered)

    def latest(self, moment: float) -> float:
        return self.seconds + 1 + (moment - self.asked)


def check(context: Context) -> list[Finding]:
    asked = time.monotonic()
    with context.reading() as tx:
        database = DatabaseClock(clock.now(tx), asked, time.monotonic())
    return nodes.judged(nodes.everywhere(context), lambda node: judge(node, database), _praise)


def judge(node: Node, database: DatabaseClock) -> list[Finding]:
    if not node.facts.clock:
        return [unknown(f"{node.where} does not tell its clock", node=node.name)]
    off = ahead(node, database)
    if abs(off) < WARN:
        return []
    say = failure if abs(off) >= FAIL else warning
    way = "ahead of" if off > 0 else "behind"
    return [say(f"the clock of {node.where} is {abs(off):.0f} s {way} the database's", f"{off:+.1f} s", node=node.name)]


def ahead(node: Node, database: DatabaseClock) -> float:
    """By how many seconds it is ahead at least, or, negative, behind; 0 when it may be right."""
    before = node.facts.clock - database.earliest(node.asked)
    after = node.facts.clock - database.latest(node.answered)
    return max(after, 0.0) or min(before, 0.0)


def _praise(seen: list[Node]) -> Finding:
    return well(f"the clocks of {counted(len(seen), 'machine')} are less than {WARN:g} s off the database's",
                ", ".join(node.where for node in seen))  # fmt: skip


CHECK = Check(
    id="environment-clock",
    title="Clocks agree",
    reads="the clock of this machine, of each host, and of the database",
    severity=Level.FAILURE,
    remedy="Have the clock of that machine follow a time server (chrony); when all are told, the database's is wrong.",
    check=check,
)
