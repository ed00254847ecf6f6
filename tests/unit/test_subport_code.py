"""Programs at the card of a trunk, run by a machine that knows the few instructions of theirs."""

from __future__ import annotations

import struct

import pytest

from heddle.host.subport_code import tag_code, untag_code

DROP, GO_ON = 2, -1
PRESENT, TCI, PROTOCOL = 20, 24, 28
VLAN, QINQ = (struct.unpack("=H", struct.pack("!H", kind))[0] for kind in (0x8100, 0x88A8))


def run(code: bytes, frame: dict[int, int], refuse: int = 0) -> tuple[int, list[tuple[int, ...]]]:
    """What a program answers, and its calls with their arguments; the call `refuse` fails."""
    registers, calls, place = {1: 0}, list[tuple[int, ...]](), 0
    while True:
        kind, pair, offset, value = struct.unpack_from("=BBhi", code, 8 * place)
        to, source = pair & 15, pair >> 4
        place += 1
        if kind == 0x95:
            return registers[0], calls
        if kind == 0xB7:
            registers[to] = value
        elif kind == 0xBF:
            registers[to] = registers[source]
        elif kind == 0x57:
            registers[to] &= value
        elif kind == 0x61:
            registers[to] = frame.get(offset, 0)
        elif kind in (0x15, 0x55):
            place += offset if (registers[to] == value) is (kind == 0x15) else 0
        else:
            assert kind == 0x85
            calls.append((value, *(registers[each] for each in (1, 2, 3) if each in registers)))
            registers = {each: held for each, held in registers.items() if each > 5} | {
                0: -1 if value == refuse else 7
            }
            registers[0] = registers[0] if value == 23 or value == refuse else 0


def tagged(vlan: int, kind: int = VLAN) -> dict[int, int]:
    return {PRESENT: 1, TCI: 0x6000 | vlan, PROTOCOL: kind}


@pytest.mark.parametrize("count", [1, 3, 4094])
def test_a_frame_goes_to_the_device_of_its_tag(count: int) -> None:
    code = untag_code([(vlan, 10_000 + vlan) for vlan in range(count, 0, -1)])
    for vlan in {1, (count + 1) // 2, count}:
        answer, calls = run(code, tagged(vlan))
        assert answer == 7 and [call[0] for call in calls] == [19, 23]
        assert calls[1][1:3] == (10_000 + vlan, 1), "as if it came from there"
    for other in ({}, tagged(0), tagged(count + 1), tagged(1, QINQ)):
        assert run(code, other) == (GO_ON, []), "the card's own port is asked"
    assert run(code, tagged(1), refuse=19)[0] == DROP


def test_what_goes_to_a_subport_gets_its_tag() -> None:
    code = tag_code(101, 7)
    answer, (push, redirect) = run(code, {})
    assert answer == 7 and push[0] == 18 and push[2:4] == (VLAN, 101) and redirect[:3] == (23, 7, 0)
    assert run(code, tagged(5)) == (DROP, [])
    assert run(code, {}, refuse=18)[0] == DROP
