"""Forwarded ports of UDP, SCTP and DCCP, with packets: at the guest with its port and a right checksum, and answered
under the floating IP; or, where the kernel does not track their ports, not at all, which is told.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.sctp_frames import ACKNOWLEDGED, INIT, NONCE, SCTP, Ports, crc32c, packet
from tests.real.tenant import Tenant, with_outside
from tests.real.test_bridge_protocols import DCCP, dccp
from tests.real.traffic import catching

from heddle.host.tracked_ports import untracked
from heddle.host.wire import checksum
from heddle.view.types import Ref

UDP = 17
NAMES = {UDP: "udp", SCTP: "sctp", DCCP: "dccp"}
ADDRESS, OUTSIDE = "203.0.113.25", "203.0.113.1"
INSIDE = {"blue1": "10.0.0.10", "blue2": "10.0.1.10"}
SEND = (
    "import socket, sys; out = socket.socket(socket.AF_INET, socket.SOCK_RAW, int(sys.argv[1]))\n"
    "out.sendto(bytes.fromhex(sys.argv[3]), (sys.argv[2], 0))"
)
Seen = tuple[str, Ports, bool]
BEGUN: list[tuple[int, str, int]] = [(80, "blue1", 80), (81, "blue2", 81), (2000, "blue1", 90)]


def udp(ends: bytes, ports: Ports, answers: bool) -> bytes:
    body = struct.pack("!HHHH", *ports, 8 + len(NONCE) // 2, 0) + bytes.fromhex(NONCE)
    value = checksum(ends + struct.pack("!BBH", 0, UDP, len(body)) + body)
    return body[:6] + struct.pack("!H", value) + body[8:]


def sctp(ends: bytes, ports: Ports, answers: bool) -> bytes:
    return packet(2, 1, ports, ACKNOWLEDGED) if answers else packet(1, 2, ports, INIT)


MADE: dict[int, Callable[[bytes, Ports, bool], bytes]] = {UDP: udp, SCTP: sctp, DCCP: dccp}


def right(protocol: int, ends: bytes, body: bytes) -> bool:
    """Whether the checksum is, which an address of the packet is part of, but for SCTP."""
    if protocol == SCTP:
        return crc32c(body[:8] + bytes(4) + body[12:]) == int.from_bytes(body[8:12], "little")
    return checksum(ends + struct.pack("!BBH", 0, protocol, len(body)) + body) == 0


def passed(made: L3Lab, protocol: int, ways: tuple[str, str], sinks: list[str], ports: Ports, answers: bool = False,
           source: str = "outside") -> dict[str, list[Seen]]:  # fmt: skip
    """What of one packet between these addresses comes to the guests: from whom, its ports, and whether it is right."""
    body = MADE[protocol](b"".join(ip_address(each).packed for each in ways), ports, answers)
    with catching(made.host, sinks, NONCE, 0.5) as caught:
        made.in_space(source, "python3", "-c", SEND, str(protocol), ways[1], body.hex())
    found: dict[str, list[Seen]] = {}
    for sink, frames in caught.items():
        packets = [bytes.fromhex(each)[14:] for each in frames]
        found[sink] = [
            (str(ip_address(each[12:16])), (int.from_bytes(each[20:22]), int.from_bytes(each[22:24])),
             right(protocol, each[12:20], each[20:int.from_bytes(each[2:4])]))
            for each in packets if each[9] == protocol
        ]  # fmt: skip
    return found


def answered(made: L3Lab, protocol: int, port: int, guest: str, inner: int) -> None:
    """A port of the floating IP leads to this guest's, whose answer comes back under the floating IP."""
    own = (OUTSIDE, (3000, inner), True)
    there = passed(made, protocol, (OUTSIDE, ADDRESS), [*INSIDE], (3000, port))
    assert there == {name: [own] if name == guest else [] for name in INSIDE}
    back = passed(made, protocol, (INSIDE[guest], OUTSIDE), ["outside"], (inner, 3000), True, guest)
    assert back == {"outside": [(ADDRESS, (port, 3000), True)]}


@pytest.mark.parametrize("protocol", [SCTP, DCCP], ids=["sctp", "dccp"])
def test_ports_of_a_protocol_are_forwarded_or_it_is_told(protocol: int) -> None:
    """UDP beside it is forwarded in any case, and other ports never are."""
    with l3_lab() as made:
        with_outside(made)
        blue = Tenant(made, "blue", 0x100, "203.0.113.10", 100)
        made.until(lambda: blue.pings(0, OUTSIDE) and blue.pings(1, OUTSIDE), 10, "the guests reach the outside")
        waits = "net.netfilter.nf_conntrack_sctp_timeout_cookie_wait=60"  # for an answer: 3 s, else
        made.in_space(blue.space, "sysctl", "-qw", waits)
        ranges = [
            l3.forwarding((port, port), INSIDE[guest], (inner, inner), NAMES[each])
            for each in (UDP, protocol) for port, guest, inner in BEGUN
        ]  # fmt: skip
        made.cloud.put(l3.forwarding_ip("w1", blue.router, ADDRESS, *ranges))
        told = made.until(lambda: made.cloud.statuses.get(Ref("floating_ip", "w1")), 10, "the host tells of it")
        lacking = bool(untracked([NAMES[protocol]]))
        assert told.state == ("error" if lacking else "up")
        assert not lacking or f"does not track the ports of {NAMES[protocol]}" in told.message
        assert made.cloud.state_of("router", blue.router) == "up"
        for each in BEGUN:
            answered(made, UDP, *each)
            if not lacking:
                answered(made, protocol, *each)
        for port in [99] + [port for port, _, _ in BEGUN if lacking]:
            other = passed(made, protocol, (OUTSIDE, ADDRESS), [*INSIDE], (3000, port))
            assert other == {name: [] for name in INSIDE}
