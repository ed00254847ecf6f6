"""What hosts say to each other of highly available routers: one datagram, signed with the key of the cloud.

A message counts only when it answers to this very process: it names the recipient and the incarnation by which the
sender knows it, and its number is greater than that of all before.  So nothing that was recorded can be said again,
to a process that has been started anew neither.  Who does not know the other's incarnation yet says 0, and hears it
with the answer.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from heddle.agent.ha.election import ACTIVE, STANDBY, Claim
from heddle.host.ha_gate import number_of

MAGIC = b"HDLH\x01"
_SIZE = 32


class Beat(msgspec.Struct, frozen=True, array_like=True):
    """`incarnation` names the sender's process, `yours` the recipient's as the sender knows it.

    `claims`: (the router's number, whether active, term); `grace`: the sender says nothing for so many seconds, and all
    is well; `answer`: nobody answers it; `lost`: (the router's number, how many of its physical networks are lost), of
    those that have lost some.  What is added comes last: a process of another version reads what it knows.
    """

    sender: str
    recipient: str
    incarnation: int
    number: int
    yours: int
    claims: list[tuple[int, bool, int]] = []
    grace: float = 0.0
    answer: bool = False
    lost: list[tuple[int, int]] = []


def sealed(beat: Beat, key: bytes) -> bytes:
    body = MAGIC + msgspec.msgpack.encode(beat)
    return body + hmac.digest(key, body, hashlib.sha256)


def opened(data: bytes, *keys: bytes) -> Beat | None:
    """None for what is not signed with one of the keys."""
    body, signature = data[:-_SIZE], data[-_SIZE:]
    right = (hmac.compare_digest(hmac.digest(key, body, hashlib.sha256), signature) for key in keys)
    if not body.startswith(MAGIC) or not any(right):
        return None
    try:
        return msgspec.msgpack.decode(body[len(MAGIC) :], type=Beat)
    except msgspec.MsgspecError:
        return None


class Known:
    """What is known of each other host's process."""

    def __init__(self, me: str, incarnation: int, forget_after: float) -> None:
        self._me, self.incarnation, self._forget_after = me, incarnation, forget_after
        self._number = 0
        self._theirs: dict[str, tuple[int, int, float]] = {}

    def beat(self, recipient: str, claims: dict[str, Claim], grace: float = 0.0, answer: bool = False) -> Beat:
        self._number += 1
        yours = self._theirs[recipient][0] if recipient in self._theirs else 0
        said = [(number_of(router), claim.state == ACTIVE, claim.term) for router, claim in sorted(claims.items())]
        lost = [(number_of(router), claim.lost) for router, claim in sorted(claims.items()) if claim.lost]
        return Beat(self._me, recipient, self.incarnation, self._number, yours, said, grace, answer, lost)

    def counts(self, beat: Beat, now: float) -> bool:
        """Whether it says something to this process now; it is noted who says it."""
        if beat.recipient != self._me:
            return False
        incarnation, number, heard = self._theirs.get(beat.sender, (0, 0, now))
        if beat.incarnation != incarnation:
            if beat.incarnation < incarnation and now - heard < self._forget_after:
                return False
            number = 0
        if beat.number <= number:
            return False
        if beat.yours != self.incarnation:
            self._theirs[beat.sender] = (beat.incarnation, number, heard)
            return False
        self._theirs[beat.sender] = (beat.incarnation, beat.number, now)
        return True


def claims_of(beat: Beat, routers: dict[int, str]) -> dict[str, Claim]:
    """What it says of the routers, by their numbers, that are ready here."""
    lost = dict(beat.lost)
    return {
        routers[number]: Claim(ACTIVE if active else STANDBY, term, lost.get(number, 0))
        for number, active, term in beat.claims
        if number in routers
    }
