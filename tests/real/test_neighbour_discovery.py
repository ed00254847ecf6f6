"""Neighbour discovery on both data planes: a guest speaks for its own addresses only, and is no router."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, group, ip, mac, network, port
from tests.real.conftest import Lab
from tests.real.ipv6_frames import ADVERT, ECHO, REDIRECT, ROUTER, SOLICIT, frame, hexed, ip6
from tests.real.planes import PLANES, plane_lab
from tests.real.traffic import bare, catching, send

from heddle.view.types import AddressPair, FixedIp

NONCE = "20010db80000000000000000000004d2"


@pytest.fixture(params=PLANES)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    with plane_lab(request.param, tmp_path) as made:
        yield made


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
    with catching(lab.host, ["g2"], NONCE, 0.8) as caught:
        send(lab.host, "g1", sent)
    return bool(caught["g2"])
