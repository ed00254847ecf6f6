"""What hosts tell each other of routers: between versions, and signed."""

from __future__ import annotations

import msgspec
from tests.fakes.elections import ROUTER

from heddle.agent.ha.election import ACTIVE, Claim
from heddle.agent.ha.message import Beat, claims_of, opened, sealed


def test_what_an_earlier_version_says_and_hears() -> None:
    """It knows nothing of what is lost: it is read, and reads the rest."""

    class Earlier(msgspec.Struct, array_like=True):
        sender: str
        recipient: str
        incarnation: int
        number: int
        yours: int
        claims: list[tuple[int, bool, int]] = []
        grace: float = 0.0
        answer: bool = False

    beat = Beat("a", "b", 1, 2, 3, [(7, True, 4)], lost=[(7, 1)])
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(beat), type=Earlier)
    assert (told.claims, told.answer) == ([(7, True, 4)], False)
    heard = msgspec.msgpack.decode(msgspec.msgpack.encode(Earlier("a", "b", 1, 2, 3, [(7, True, 4)])), type=Beat)
    assert claims_of(heard, {7: ROUTER}) == {ROUTER: Claim(ACTIVE, 4)}
    assert claims_of(beat, {7: ROUTER}) == {ROUTER: Claim(ACTIVE, 4, 1)}


def test_a_message_is_signed_with_one_of_the_keys_that_count() -> None:
    beat, one, other = Beat("a", "b", 1, 2, 3), b"1" * 32, b"2" * 32
    assert opened(sealed(beat, one), other, one) == opened(sealed(beat, one), one) == beat
    assert opened(sealed(beat, one), other) is None and opened(sealed(beat, one)) is None
