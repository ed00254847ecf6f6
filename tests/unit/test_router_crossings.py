"""Which connections through a router end when the scopes of its subnets change."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from tests.fakes import l3

from heddle.agent.roles.router_crossings import crossing
from heddle.agent.roles.router_plan import RouterInput, plan
from heddle.host.conntrack import Passing
from heddle.view.types import Route

ROUTER = l3.uuid(1)
OUTSIDE, OUTSIDE6, GATEWAY, FLOATING = "198.51.100.7", "2001:db8:9::7", "203.0.113.10", "203.0.113.20"
ONE, TWO, FAR = "10.0.1.10", "10.0.2.10", "10.9.0.4"
ONE6, TWO6 = "fd00:1::10", "fd00:2::10"


def given(one: str, two: str, out: str, snat: bool = True) -> RouterInput:
    """A router between two networks, with addresses of both IP versions in these scopes, and a gateway in another.

    Behind the first network is one more, by a route.
    """
    subnets = {}
    ports = []
    for number, scope in ((1, one), (2, two)):
        own = {f"four{number}": f"10.0.{number}.1", f"six{number}": f"fd00:{number}::1"}
        for name, cidr in zip(own, (f"10.0.{number}.0/24", f"fd00:{number}::/64"), strict=True):
            subnets[name] = l3.subnet(name, f"n{number}", cidr, own[name], address_scope=scope)
        ports.append(l3.interface_port(0x10 + number, ROUTER, f"n{number}", own))
    subnets["out4"] = l3.subnet("out4", "public", "203.0.113.0/24", "203.0.113.1", address_scope=out)
    subnets["out6"] = l3.subnet("out6", "public", "2001:db8::/64", "2001:db8::1", address_scope=out)
    gateway = l3.gateway_port(0x20, ROUTER, {"out4": GATEWAY, "out6": "2001:db8::10"})
    networks = {name: l3.network(name, external=name == "public") for name in ("n1", "n2", "public")}
    floating = (l3.floating_ip("f", ROUTER, FLOATING, TWO, l3.port(0x99, "n2", {"four2": TWO})),)
    router = l3.router(ROUTER, gateway, enable_snat=snat, routes=[Route("10.9.0.0/24", "10.0.1.9")])
    return RouterInput(router, (*ports, gateway), networks, subnets, floating)


def passing(source: str, target: str, answerer: str = "", answered: str = "") -> Passing:
    return Passing(*(ip_address(each) for each in (source, target, answerer or target, answered or source)))


def is_cut(each: Passing, one: str, two: str, out: str, snat: bool = True) -> bool:
    wanted = plan(given(one, two, out, snat))
    return crossing(wanted.layout, wanted.scopes)(each)


@pytest.mark.parametrize(("each", "scopes", "cut"), [
    (passing(ONE, TWO), ("A", "A", "C"), False),
    (passing(ONE, TWO), ("A", "B", "C"), True),
    (passing(TWO, ONE), ("A", "", "C"), True),
    (passing(ONE6, TWO6), ("A", "A", "C"), False),
    (passing(ONE6, TWO6), ("A", "B", "C"), True),
    (passing(ONE, "10.0.1.11"), ("A", "B", "C"), False),
    (passing(FAR, TWO), ("A", "A", "C"), False),
    (passing(FAR, TWO), ("A", "B", "C"), True),
    (passing(FAR, ONE), ("A", "B", "C"), False),
    (passing(ONE, "10.0.2.1"), ("A", "B", "C"), False),
    (passing("fe80::1", "ff02::1"), ("A", "B", "C"), False),
    (passing(ONE6, OUTSIDE6), ("A", "B", "A"), False),
    (passing(ONE6, OUTSIDE6), ("A", "B", "C"), True),
])  # fmt: skip
def test_between_subnets_and_by_ipv6(each: Passing, scopes: tuple[str, str, str], cut: bool) -> None:
    assert is_cut(each, *scopes) == cut


@pytest.mark.parametrize(("each", "alike", "apart"), [
    (passing(ONE, OUTSIDE), False, True),
    (passing(OUTSIDE, ONE), False, True),
    (passing(ONE, OUTSIDE, answered=GATEWAY), True, False),
    (passing(TWO, OUTSIDE, answered=FLOATING), False, False),
    (passing(OUTSIDE, FLOATING, answerer=TWO), False, False),
    (passing(ONE, FLOATING, answerer=TWO, answered=GATEWAY), False, False),
    (passing(ONE, "169.254.169.254", answerer="10.0.1.1"), False, False),
])  # fmt: skip
def test_through_the_gateway_by_ipv4(each: Passing, alike: bool, apart: bool) -> None:
    """Where the subnet is of the gateway's scope, and where it is not."""
    assert (is_cut(each, "A", "A", "A"), is_cut(each, "A", "A", "C")) == (alike, apart)


def test_without_translation_all_goes_out_as_it_is() -> None:
    assert not is_cut(passing(ONE, OUTSIDE), "A", "A", "C", snat=False)
    assert not is_cut(passing(OUTSIDE, ONE), "A", "A", "C", snat=False)
