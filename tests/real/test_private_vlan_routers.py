"""A router on a private VLAN, with packets: guests reach it and what is behind it, not their neighbours through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec import structs
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab

from heddle.view.types import AssignmentView, GroupView, PortView, RuleView

RULES = [RuleView(id=f"{way}{ip}", direction=way, ethertype=ip) for way in ("ingress", "egress") for ip in (4, 6)]
ROUTER, FLOATING = l3.uuid(0x900), "203.0.113.20"
ADDRESSES = {name: (f"10.0.0.{n}", f"fd00:1::{n}") for n, name in ((10, "one"), (11, "other"), (12, "server"))}
KINDS = {"one": "isolated", "other": "isolated", "server": "promiscuous"}


class Site:
    """Two isolated guests and a promiscuous one behind a router; the second has a floating IP."""

    def __init__(self, lab: L3Lab) -> None:
        self.lab = lab
        self.own = l3.interface_port(0x902, ROUTER, "n", {"n4": "10.0.0.1", "n6": "fd00:1::1"})
        self.guests = {
            name: l3.port(0x910 + place, "n", dict(zip(("n4", "n6"), addresses, strict=True)), security_groups=["open"])
            for place, (name, addresses) in enumerate(ADDRESSES.items())
        }
        gateway = l3.gateway_port(0x901, ROUTER, {"public4": "203.0.113.10"})
        lab.cloud.put(
            GroupView(id="open", rules=RULES), l3.network("n"), l3.network("public", mtu=1500, external=True),
            l3.subnet("n4", "n", "10.0.0.0/24", "10.0.0.1"), l3.subnet("n6", "n", "fd00:1::/64", "fd00:1::1"),
            l3.subnet("public4", "public", "203.0.113.0/24", "203.0.113.1"), l3.router(ROUTER, gateway),
            AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
            l3.floating_ip("f", ROUTER, FLOATING, ADDRESSES["other"][0], self.guests["other"]),
        )  # fmt: skip
        for port in (gateway, self.own, *self.guests.values()):
            lab.cloud.port(port)
        for name, port in self.guests.items():
            four, six = ADDRESSES[name]
            lab.host.plug(name, port.mac_address, [f"{four}/24", f"{six}/64"], port.id, gateway="10.0.0.1")
        lab.until(lambda: "br-ex" in lab.host.run("ovs-vsctl", "list-br").split(), 10, "br-ex is there")
        lab.outside("outside", "203.0.113.1/24")

    def divide(self) -> None:
        put = self.lab.cloud.port
        put(structs.replace(self.own, pvlan_type="promiscuous"))
        for name, port in self.guests.items():
            put(structs.replace(port, pvlan_type=KINDS[name]))

    def by_heart(self, way: PortView) -> None:
        """The first guest takes the MAC address of `way` for that of the second, who knows the first's."""
        for name, there, mac in (("one", "other", way.mac_address), ("other", "one", self.guests["one"].mac_address)):
            for address in ADDRESSES[there]:
                entry = ("replace", address, "lladdr", mac, "dev", "eth0", "nud", "permanent")
                self.lab.in_space(name, "ip", "neigh", *entry)

    def reaches(self, address: str) -> bool:
        return self.lab.host.pings("one", address)


@pytest.fixture
def site() -> Iterator[Site]:
    with l3_lab() as lab:
        yield Site(lab)


def test_a_router_is_no_way_between_neighbours(site: Site) -> None:
    until, other = site.lab.until, ADDRESSES["other"]
    allowed = ("10.0.0.1", "fd00:1::1", *ADDRESSES["server"], "203.0.113.1", FLOATING)
    site.by_heart(site.own)
    for address in (*other, *allowed):
        until(lambda a=address: site.reaches(a), 15, f"{address} is reached while all meet")
    site.divide()
    until(lambda: not any(site.reaches(address) for address in other), 15, "neighbours are not, by way of the router")
    for address in allowed:
        until(lambda a=address: site.reaches(a), 10, f"{address} is reached")
    assert not any(site.reaches(address) for address in other)
    site.by_heart(site.guests["other"])
    assert not any(site.reaches(address) for address in other), "nor directly"
