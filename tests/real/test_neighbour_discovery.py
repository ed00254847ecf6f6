"""Neighbour discovery on both data planes: a guest speaks for its own addresses only, and is no router."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import OUT, allow, group, ip, mac, network, port
from tests.real.bridgehost import bridge_lab
from tests.real.conftest import Agent, Lab
from tests.real.testhost import host, wait_until
from tests.real.traffic import bare, catching, send

from heddle.view.types import AddressPair, FixedIp

NONCE = "20010db80000000000000000000004d2"
ROUTER, SOLICIT, ADVERT, REDIRECT, ECHO = 134, 135, 136, 137, 128
EVERYBODY = ("ff02::1", "33:33:00:00:00:01")


@pytest.fixture(params=["openvswitch", "linuxbridge"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    if request.param == "linuxbridge":
        with bridge_lab(tmp_path) as made:
            yield made
        return
    cloud = FakeCloud("host1")
    cloud.serve(tmp_path / "bus.sock")
    with host() as test_host:
        agent = Agent(test_host, tmp_path / "bus.sock", tmp_path / "agent.log")
        agent.start()
        wait_until(lambda: cloud.reports, 15, f"the agent reports: {agent.log}")
        yield Lab(test_host, cloud, agent)
        agent.stop()
    cloud.stop_serving()


def ip6(number: int) -> str:
    return f"2001:db8::{number:x}"


def frame(sender: int, source: str, kind: int, body: str, target: tuple[str, str] = EVERYBODY) -> str:
    """An ICMPv6 frame from a guest; `body` (hex) is what follows the checksum."""
    addresses = ip_address(source).packed + ip_address(target[0]).packed
    length = 4 + len(body) // 2
    message = bytes([kind, 0, 0, 0]) + bytes.fromhex(body)
    data = addresses + length.to_bytes(4) + (58).to_bytes(4) + message
    total = sum(int.from_bytes(data[place : place + 2]) for place in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    text = f"{kind:02x}00{~total & 0xFFFF:04x}" + body
    return bare(target[1]) + bare(mac(sender)) + "86dd" + f"60000000{length:04x}3aff" + addresses.hex() + text


def hexed(address: str) -> str:
    return ip_address(address).packed.hex()


def about(address: str, option: str = "") -> str:
    """What a solicitation or advertisement says, and a nonce in an option that nobody knows (RFC 4861)."""
    return "00000000" + hexed(address) + option + "fe03" + NONCE + "000000000000"


def guests(lab: Lab) -> None:
    lab.cloud.put(network(), group("open", *OUT, allow(), allow(ethertype=6)))
    for number in (1, 2, 3):
        fixed = [FixedIp("s4", ip(number)), FixedIp("s6", ip6(number))]
        pairs = [AddressPair("2001:db8:7::/64", mac(1))] if number == 1 else []
        lab.cloud.port(port(number, ("open",), fixed_ips=fixed, allowed_address_pairs=pairs))
        lab.plug(number, f"{ip6(number)}/64", f"{ip(number)}/16")
    lab.wait_up(1, 2, 3)


def test_what_a_guest_says_of_neighbours(lab: Lab) -> None:
    guests(lab)
    own, other = f"0201{bare(mac(1))}", f"0201{bare(mac(3))}"
    asking_own, asking_other = f"0101{bare(mac(1))}", f"0101{bare(mac(3))}"
    link = "fe80::f816:3eff:fe00:1"
    passes = {
        "its own address": frame(1, ip6(1), ADVERT, about(ip6(1), own)),
        "its link-local address": frame(1, link, ADVERT, about(link, own)),
        "an allowed address": frame(1, ip6(1), ADVERT, about("2001:db8:7::5", own)),
        "a question": frame(1, ip6(1), SOLICIT, about(ip6(9), asking_own)),
        "a probe for its own address": frame(1, "::", SOLICIT, about(ip6(1))),
    }
    dropped = {
        "another's address": frame(1, ip6(1), ADVERT, about(ip6(3), own)),
        "its address at another's MAC": frame(1, ip6(1), ADVERT, about(ip6(1), other)),
        "under another's address": frame(1, ip6(3), ADVERT, about(ip6(3), own)),
        "a question of another's MAC": frame(1, ip6(1), SOLICIT, about(ip6(9), asking_other)),
        "a question under another's address": frame(1, ip6(3), SOLICIT, about(ip6(9), asking_own)),
        "a probe for another's address": frame(1, "::", SOLICIT, about(ip6(3))),
    }
    found = {name: heard(lab, sent) for name, sent in (passes | dropped).items()}
    assert found == {**dict.fromkeys(passes, True), **dict.fromkeys(dropped, False)}


def test_a_guest_is_no_router(lab: Lab) -> None:
    guests(lab)
    prefix = "40000708" + "00000000" * 2 + "fe03" + NONCE + "000000000000"
    found = {
        kind: heard(lab, frame(1, "fe80::f816:3eff:fe00:1", kind, body))
        for kind, body in ((ECHO, "00010001" + NONCE), (ROUTER, prefix), (REDIRECT, about(ip6(2), hexed(ip6(3)))))
    }
    assert found == {ECHO: True, ROUTER: False, REDIRECT: False}


def heard(lab: Lab, sent: str) -> bool:
    with catching(lab.host, ["g2"], NONCE, 0.3) as caught:
        send(lab.host, "g1", sent)
    return bool(caught["g2"])
