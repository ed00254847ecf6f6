"""What becomes of frames with a VLAN tag on the card of a trunk, as programs that the kernel runs on them.  Pure.

    untag   at what comes from the card: a frame with the tag of a subport loses it, and comes from the subport's own
            device; any other goes on as it is, for the card's own port
    tag     at what goes to a subport's device: it gets the tag, and goes to the card

A device of a subport so is to its bridge what the card of any other port is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from heddle.host.bpf import DROP, GO_ON, LOCAL, SKB, answer, call, copy, field_of, keep_bits, leave, put, skip_if
from heddle.host.bpf import skip_unless as unless

_PUSH, _POP, _REDIRECT = 18, 19, 23
_PRESENT, _TCI, _PROTOCOL = 20, 24, 28
_ID, _TARGET = 7, 8
_INGRESS = 1
_TAGGED = struct.unpack("=H", struct.pack("!H", 0x8100))[0]


def untag_code(targets: Iterable[tuple[int, int]]) -> bytes:
    """`targets`: the VLAN ID of each subport and the index of its device."""
    found = sorted(targets)
    head = [
        copy(LOCAL, SKB),
        field_of(2, LOCAL, _PRESENT),
        unless(2, 0, 2),
        answer(GO_ON),
        field_of(2, LOCAL, _PROTOCOL),
        skip_if(2, _TAGGED, 2),
        answer(GO_ON),
        field_of(_ID, LOCAL, _TCI),
        keep_bits(_ID, 0xFFF),
    ]
    chosen = []
    for place, (vlan, index) in enumerate(found):
        left = 2 * (len(found) - place - 1) + 2
        chosen += [put(_TARGET, index), skip_if(_ID, vlan, left)]
    taken = [copy(SKB, LOCAL), call(_POP), skip_if(0, 0, 2), answer(DROP), copy(1, _TARGET), put(2, _INGRESS)]
    return b"".join([*head, *chosen, answer(GO_ON), *taken, call(_REDIRECT), leave()])


def tag_code(vlan: int, card: int) -> bytes:
    """`card` by its index.  What has a tag already goes nowhere."""
    return b"".join([
        copy(LOCAL, SKB),
        field_of(2, LOCAL, _PRESENT),
        skip_if(2, 0, 2),
        answer(DROP),
        put(2, _TAGGED),
        put(3, vlan),
        call(_PUSH),
        skip_if(0, 0, 2),
        answer(DROP),
        put(1, card),
        put(2, 0),
        call(_REDIRECT),
        leave(),
    ])  # fmt: skip
