"""SCTP between guests, with packets: rules for its ports, and the end of what no rule permits any more.

The frames are INITs (RFC 9260) of a test's own making, for not every kernel has SCTP; a nonce tells each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import ip_address

import pytest
from tests.fakes.objects import OUT, allow, group, ip, mac, network, port
from tests.real.conftest import Lab
from tests.real.traffic import bare, catching, eventually, send

from heddle.host.wire import checksum
from heddle.view.types import RuleView

INIT, ACKNOWLEDGED, SCTP = 1, 2, 132
TAGS = {1: 0x11111111, 2: 0x22222222}
NONCE = "7363747073637470"


def frame(source: int, sink: int, ports: tuple[int, int], kind: int) -> str:
    """The first packet of an association, or the answer to it."""
    parameter = struct.pack("!HH", 0xC001, 4 + len(NONCE) // 2) + bytes.fromhex(NONCE)
    chunk = struct.pack("!BBHIIHHI", kind, 0, 20 + len(parameter), TAGS[source], 65535, 1, 1, 1) + parameter
    head = struct.pack("!HHI", *ports, TAGS[sink] if kind == ACKNOWLEDGED else 0)
    body = head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk
    ends = ip_address(ip(source)).packed + ip_address(ip(sink)).packed
    top = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, SCTP, 0) + ends
    top = top[:10] + struct.pack("!H", checksum(top)) + top[12:]
    return bare(mac(sink)) + bare(mac(source)) + "0800" + (top + body).hex()


def crc32c(data: Iterable[int]) -> int:
    """The checksum of RFC 9260, appendix A."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def sctp(number: int) -> RuleView:
    return allow(protocol=SCTP, ports=(number, number))


@pytest.fixture
def pair(lab: Lab) -> Lab:
    lab.cloud.put(network(), group("open", *OUT), group("web", *OUT))
    for number, name in ((1, "open"), (2, "web")):
        lab.cloud.port(port(number, (name,)))
        lab.plug(number, f"{ip(number)}/16")
    lab.wait_up(1, 2)
    return lab


def arrives(lab: Lab, source: int, sink: int, ports: tuple[int, int], kind: int = INIT) -> bool:
    with catching(lab.host, [f"g{sink}"], NONCE, 0.4) as caught:
        send(lab.host, f"g{source}", frame(source, sink, ports, kind))
    return bool(caught[f"g{sink}"])


def test_a_rule_lets_a_port_in_and_its_end_cuts_the_association(pair: Lab) -> None:
    assert not arrives(pair, 1, 2, (1000, 80)), "no rule"
    pair.cloud.put(group("web", *OUT, sctp(80)))
    assert eventually(lambda: arrives(pair, 1, 2, (1000, 80)), 10)
    assert arrives(pair, 2, 1, (80, 1000), ACKNOWLEDGED) and arrives(pair, 1, 2, (1000, 80))
    pair.cloud.put(group("web", *OUT))
    assert eventually(lambda: not arrives(pair, 1, 2, (1000, 80)), 10)
    assert not arrives(pair, 2, 1, (80, 1000), ACKNOWLEDGED), "nor what answers"


def test_other_ports_are_refused(pair: Lab) -> None:
    pair.cloud.put(group("web", *OUT, sctp(81)))
    assert eventually(lambda: not arrives(pair, 1, 2, (1000, 80)) and arrives(pair, 1, 2, (1000, 81)), 10)
