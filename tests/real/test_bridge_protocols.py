"""Ports of DCCP and UDP-Lite in rules on Linux bridges, with packets; what is refused stands beside what passes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, group, ip, mac, network, port
from tests.real.bridgehost import BridgeLab, bridge_lab
from tests.real.traffic import bare, catching, eventually, send

from heddle.host.wire import checksum
from heddle.view.types import RuleView

NONCE = "726172656e657373"
UDPLITE, DCCP = 136, 33
REQUEST, RESPONSE = 0, 1
SERVICE = struct.pack("!I", 42)


def udplite(ends: bytes, ports: tuple[int, int], answers: bool) -> bytes:
    """A datagram (RFC 3828) whose checksum covers its head."""
    body = struct.pack("!HHHH", *ports, 8, 0) + bytes.fromhex(NONCE)
    value = checksum(ends + struct.pack("!BBH", 0, UDPLITE, len(body)) + body[:8])
    return body[:6] + struct.pack("!H", value) + body[8:]


def dccp(ends: bytes, ports: tuple[int, int], answers: bool) -> bytes:
    """A request for a connection (RFC 4340), or the response."""
    more = struct.pack("!II", 0, 1) + SERVICE if answers else SERVICE
    kind = (RESPONSE if answers else REQUEST) << 1 | 1
    head = struct.pack("!HHBBHBBHI", *ports, (16 + len(more)) // 4, 0, 0, kind, 0, 0, 1)
    body = head + more + bytes.fromhex(NONCE)
    value = checksum(ends + struct.pack("!BBH", 0, DCCP, len(body)) + body)
    return body[:6] + struct.pack("!H", value) + body[8:]


KINDS: dict[int, Callable[[bytes, tuple[int, int], bool], bytes]] = {UDPLITE: udplite, DCCP: dccp}


class Pair:
    """Guest 1 may send everything, and UDP-Lite without state; guest 2 has the group "web"."""

    def __init__(self, lab: BridgeLab, protocol: int) -> None:
        self.lab, self.protocol = lab, protocol
        lab.cloud.put(network(), group("open", *OUT, stateful=protocol != UDPLITE), group("web", *OUT))
        for number, name in ((1, "open"), (2, "web")):
            lab.cloud.port(port(number, (name,)))
            lab.plug(number, f"{ip(number)}/16")
        lab.wait_up(1, 2)

    def web(self, *ports: tuple[int, int], stateful: bool = True) -> None:
        rules: list[RuleView] = [allow(protocol=self.protocol, ports=each) for each in ports]
        self.lab.cloud.put(group("web", *OUT, *rules, stateful=stateful))

    def arrives(self, source: int, sink: int, ports: tuple[int, int]) -> bool:
        ends = ip_address(ip(source)).packed + ip_address(ip(sink)).packed
        body = KINDS[self.protocol](ends, ports, source == 2)
        top = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, self.protocol, 0) + ends
        frame = bare(mac(sink)) + bare(mac(source)) + "0800"
        frame += (top[:10] + struct.pack("!H", checksum(top)) + top[12:] + body).hex()
        with catching(self.lab.host, [f"g{sink}"], NONCE, 0.4) as caught:
            send(self.lab.host, f"g{source}", frame)
        return bool(caught[f"g{sink}"])


@pytest.fixture(params=[UDPLITE, DCCP], ids=["udplite", "dccp"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    with bridge_lab(tmp_path) as lab:
        yield Pair(lab, request.param)


@pytest.mark.parametrize("pair", [DCCP], indirect=True)
def test_a_port_lets_in_and_no_other_does(pair: Pair) -> None:
    """Not even where an allowed connection was answered; and its end ends what it let in."""
    assert not pair.arrives(1, 2, (1000, 80)), "no rule"
    pair.web((80, 80), (90, 95))
    assert eventually(lambda: pair.arrives(1, 2, (1000, 80)), 10)
    assert pair.arrives(2, 1, (80, 1000)), "the answer"
    assert pair.arrives(1, 2, (1000, 80)) and pair.arrives(1, 2, (1001, 93))
    assert not pair.arrives(1, 2, (1000, 81)) and not pair.arrives(1, 2, (1000, 96))
    pair.web((90, 95))
    assert eventually(lambda: not pair.arrives(1, 2, (1000, 80)), 10)
    assert pair.arrives(1, 2, (1001, 93))


@pytest.mark.parametrize("pair", [DCCP], indirect=True)
def test_who_was_sent_to_answers_from_every_port_where_everything_may_be_sent(pair: Pair) -> None:
    """The kernel's table has no ports of it, so what answers is what comes from there."""
    pair.lab.cloud.put(group("open", *OUT, allow(protocol=DCCP)))
    assert not pair.arrives(1, 2, (1000, 81)), "nobody was sent to"
    assert eventually(lambda: pair.arrives(2, 1, (80, 1000)), 10)
    assert pair.arrives(1, 2, (1000, 81))


@pytest.mark.parametrize("pair", [UDPLITE], indirect=True)
def test_what_a_kernel_cannot_track_is_said_of_the_group(pair: Pair) -> None:
    pair.web((80, 80))
    assert eventually(lambda: pair.lab.cloud.state_of("group", "web") == "error", 10)
    assert not pair.arrives(1, 2, (1000, 80))
    pair.web((80, 80), stateful=False)
    assert eventually(lambda: pair.lab.cloud.state_of("group", "web") == "up", 10)
    assert eventually(lambda: pair.arrives(1, 2, (1000, 80)), 10)


def test_groups_without_state(pair: Pair) -> None:
    pair.web((80, 80), stateful=False)
    assert eventually(lambda: pair.arrives(1, 2, (1000, 80)), 10)
    assert not pair.arrives(1, 2, (1000, 81))
