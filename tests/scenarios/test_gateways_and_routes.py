"""A router's way outside and its extra routes, from the API to packets.

    outside ── public ── router ── a ── one, two
                           └────── b ── middle ── stub: 192.168.77.2, 192.168.78.2, fd77::2

`middle` is a guest that forwards for the hosts behind it.  Of IPv6 all networks are in one address scope.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.cloud import NAME, Cloud, running
from tests.real.testhost import wait_until
from tests.real.traffic import answer, eventually, serve
from tests.scenarios.test_who_reaches_whom import Project
from tests.scenarios.test_who_reaches_whom import pytestmark as pytestmark

PREFIXES = {"public": "2001:db8:0:1", "a": "2001:db8:0:a", "b": "2001:db8:0:b"}
OUTSIDE = ("203.0.113.1", f"{PREFIXES['public']}::1")
GUESTS = {"one": ("a", 10), "two": ("a", 11), "middle": ("b", 10)}
STUB, OTHER, STUB6 = "192.168.77.2", "192.168.78.2", "fd77::2"
NETS = {STUB: "192.168.77.0/24", OTHER: "192.168.78.0/24", STUB6: "fd77::/64"}


def address(guest: str, version: int = 4) -> str:
    network, number = GUESTS[guest]
    return f"10.{'ab'.index(network) + 1}.0.{number}" if version == 4 else f"{PREFIXES[network]}::{number}"


class Site:
    """What the picture shows; the router has a gateway with source NAT, and nothing else of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.host, self.project = cloud, cloud.host, Project(cloud, "blue")
        scope = self.admin("address-scopes", name="six", ip_version=6, shared=True)["id"]
        pool = self.admin("subnetpools", name="six", prefixes=["2001:db8::/48"], shared=True, address_scope_id=scope)
        self.pool: str = pool["id"]
        public = {"router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"}
        self.public: str = self.admin("networks", name="public", **public)["id"]
        self.admin("subnets", **self.subnet(self.public, "public", "203.0.113.0/24"))
        self.admin("subnets", **self.subnet(self.public, "public"))
        self.router = self.project.make("routers", name="r", external_gateway_info={"network_id": self.public})
        self.group = self.project.make("security-groups", name="open")["id"]
        for version in ("IPv4", "IPv6"):
            rule = {"security_group_id": self.group, "direction": "ingress", "ethertype": version}
            self.project.make("security-group-rules", **rule)
        self.networks = {name: self.network(name, f"10.{number}.0.0/24") for number, name in ((1, "a"), (2, "b"))}
        self.ports = {name: self.guest(name) for name in GUESTS}
        self.outside()
        self.behind_middle()

    def admin(self, path: str, **body: Any) -> dict[str, Any]:
        member = path[:-1].replace("-", "_")
        made: dict[str, Any] = self.cloud.api.call("POST", f"/v2.0/{path}", {member: body})[member]
        return made

    def subnet(self, network: str, name: str, cidr: str = "") -> dict[str, Any]:
        if cidr:
            return {"network_id": network, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
        return {"network_id": network, "ip_version": 6, "cidr": f"{PREFIXES[name]}::/64", "subnetpool_id": self.pool,
                "enable_dhcp": False}  # fmt: skip

    def network(self, name: str, cidr: str) -> str:
        id: str = self.project.make("networks", name=name)["id"]
        for body in (self.subnet(id, name, cidr), self.subnet(id, name)):
            self.act("add_router_interface", subnet_id=self.project.make("subnets", **body)["id"])
        return id

    def guest(self, name: str) -> str:
        """A port with a guest plugged to it, whose default routes lead to the router; gives the port's id."""
        network = GUESTS[name][0]
        fixed = [{"ip_address": address(name, version)} for version in (4, 6)]
        port = self.project.make("ports", network_id=self.networks[network], fixed_ips=fixed,
                                 security_groups=[self.group])  # fmt: skip
        self.cloud.api.call("PUT", f"/v2.0/ports/{port['id']}", {"port": {"binding:host_id": NAME}})
        gateway, gateway6 = f"{address(name).rpartition('.')[0]}.1", f"{PREFIXES[network]}::1"
        cidrs = [f"{address(name)}/24", f"{address(name, 6)}/64"]
        self.host.plug(name, port["mac_address"], cidrs, port["id"], gateway=gateway)
        self.host.run("ip", "-n", name, "-6", "route", "add", "default", "via", gateway6)
        return str(port["id"])

    def outside(self) -> None:
        wait_until(lambda: "br-ex" in self.host.run("ovs-vsctl", "list-br").split(), 10, "br-ex is there")
        self.host.add_guest("outside", "fa:16:3e:ff:00:01", [f"{OUTSIDE[0]}/24", f"{OUTSIDE[1]}/64"], mtu=1500)
        self.host.run("ovs-vsctl", "add-port", "br-ex", "p-outside")
        serve(self.host, "outside", 80)

    def behind_middle(self) -> None:
        self.host.sh("""
            ip netns add stub; ip -n stub link set lo up
            ip link add inner netns middle type veth peer name eth0 netns stub
            ip netns exec middle sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
            ip -n middle addr add 192.168.77.1/24 dev inner; ip -n middle addr add 192.168.78.1/24 dev inner
            ip -n middle addr add fd77::1/64 dev inner nodad; ip -n middle link set inner up
            ip -n stub link set eth0 up; ip -n stub addr add 192.168.77.2/24 dev eth0
            ip -n stub addr add 192.168.78.2/24 dev eth0; ip -n stub addr add fd77::2/64 dev eth0 nodad
            ip -n stub route add default via 192.168.77.1; ip -n stub -6 route add default via fd77::1
        """)

    # What is asked and what is seen

    def act(self, action: str, **body: Any) -> None:
        self.project.api.call("PUT", f"/v2.0/routers/{self.router['id']}/{action}", body)

    def change(self, **body: Any) -> None:
        """By the administrator: source NAT is not for everybody to switch."""
        self.cloud.api.call("PUT", f"/v2.0/routers/{self.router['id']}", {"router": body})

    def snat(self, enabled: bool) -> None:
        self.change(external_gateway_info={"network_id": self.public, "enable_snat": enabled})

    def port(self, name: str, **body: Any) -> None:
        self.project.api.call("PUT", f"/v2.0/ports/{self.ports[name]}", {"port": body})

    def gateway(self, version: int = 4) -> str:
        router = self.project.api.call("GET", f"/v2.0/routers/{self.router['id']}")["router"]
        fixed = [str(each["ip_address"]) for each in router["external_gateway_info"]["external_fixed_ips"]]
        return next(each for each in fixed if (":" in each) == (version == 6))

    def gateway_mac(self) -> str:
        query = f"/v2.0/ports?device_id={self.router['id']}&device_owner=network:router_gateway"
        (port,) = self.cloud.api.call("GET", query)["ports"]
        return str(port["mac_address"])

    def seen(self, guest: str) -> str:
        """Whom the outside sees when the guest connects to it; "" when it is not answered."""
        return answer(self.host, guest, OUTSIDE[0], 80).rpartition(" ")[2]

    def becomes(self, guest: str, source: str) -> None:
        wait_until(lambda: self.seen(guest) == source, 10, f"{guest} is seen as {source}: {self.cloud.log_tail()}")

    def reaches(self, guest: str, target: str) -> bool:
        return eventually(lambda: self.host.pings(guest, target), 10)

    def silent(self, guest: str, target: str) -> bool:
        """Whether there is no answer any more, and none comes."""
        return (eventually(lambda: not self.host.pings(guest, target, wait=0.5), 10)
                and not self.host.pings(guest, target, 2, 0.5))  # fmt: skip

    def outside_routes(self, verb: str, *words: str) -> None:
        self.host.run("ip", "-n", "outside", *(["-6"] if ":" in words[0] else []), "route", verb, *words)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running(Path("/var/tmp")) as cloud:
        made = Site(cloud)
        made.becomes("one", made.gateway())
        yield made


def test_without_source_nat_guests_are_seen_as_they_are(site: Site) -> None:
    """And are reached from outside by whoever has a route; a floating IP is translated nevertheless."""
    site.outside_routes("add", "10.1.0.0/24", "via", site.gateway())
    assert not site.host.pings("outside", address("one")) and site.seen("two") == site.gateway()
    floating = site.project.make("floatingips", floating_network_id=site.public, port_id=site.ports["two"])
    site.becomes("two", floating["floating_ip_address"])
    site.snat(False)
    site.becomes("one", address("one"))
    assert site.reaches("outside", address("one"))
    assert site.seen("two") == floating["floating_ip_address"]
    site.project.api.call("DELETE", f"/v2.0/floatingips/{floating['id']}")
    site.becomes("two", address("two"))
    site.outside_routes("del", "10.1.0.0/24")
    assert site.seen("one") == "", "the outside has no way back to that address"
    site.snat(True)
    site.becomes("one", site.gateway())
    site.outside_routes("add", "10.1.0.0/24", "via", site.gateway())
    assert site.seen("one") == site.gateway() and site.silent("outside", address("one"))
    site.outside_routes("del", "10.1.0.0/24")


def test_extra_routes_lead_through_a_guest(site: Site) -> None:
    """Of both IP versions; each comes and goes alone, and with the whole list."""
    site.port("middle", allowed_address_pairs=[{"ip_address": each} for each in NETS.values()])
    assert site.reaches("one", address("middle")) and site.reaches("one", address("middle", 6))
    assert not any(site.host.pings("one", each, wait=0.5) for each in NETS)
    routes = {target: {"destination": net, "nexthop": address("middle", 6 if ":" in net else 4)}
              for target, net in NETS.items()}  # fmt: skip
    site.change(routes=[routes[STUB]])
    assert site.reaches("one", STUB) and site.reaches("stub", address("two"))
    assert not any(site.host.pings("one", each, wait=0.5) for each in (OTHER, STUB6))
    site.act("add_extraroutes", router={"routes": [routes[OTHER], routes[STUB6]]})
    assert all(site.reaches("one", each) for each in NETS)
    site.act("remove_extraroutes", router={"routes": [routes[STUB]]})
    assert site.silent("one", STUB) and site.reaches("one", OTHER) and site.reaches("one", STUB6)
    site.change(routes=[])
    assert site.silent("one", OTHER) and site.silent("one", STUB6)
    assert site.reaches("one", address("middle")) and site.reaches("one", address("middle", 6))


def test_a_guest_forwards_for_others_only_as_its_port_may(site: Site) -> None:
    """What it sends for them passes by an allowed address pair, or where port security is off."""
    site.change(routes=[{"destination": NETS[STUB], "nexthop": address("middle")}])
    site.port("middle", allowed_address_pairs=[{"ip_address": NETS[STUB]}])
    assert site.reaches("one", STUB)
    site.port("middle", allowed_address_pairs=[])
    assert site.silent("one", STUB) and site.reaches("one", address("middle"))
    site.port("middle", security_groups=[], port_security_enabled=False)
    assert site.reaches("one", STUB)
    site.port("middle", security_groups=[site.group], port_security_enabled=True)
    assert site.silent("one", STUB) and site.reaches("one", address("middle"))
    site.change(routes=[])


def test_a_router_answers_outside_for_guests_that_are_told_there(site: Site) -> None:
    """The outside takes the guests' prefix for its own link, and asks there who has an address.

    Then nobody else is reached, by a route neither.
    """
    one, two, prefix = address("one", 6), address("two", 6), f"{PREFIXES['a']}::/64"
    site.outside_routes("add", prefix, "via", site.gateway(6))
    assert site.reaches("outside", one) and site.reaches("outside", two)
    site.outside_routes("replace", prefix, "dev", "eth0")

    def asked_anew(target: str) -> bool:
        site.host.run("ip", "-n", "outside", "-6", "neigh", "flush", "dev", "eth0")
        return site.host.pings("outside", target)

    assert not asked_anew(one) and not asked_anew(two)
    site.change(enable_ndp_proxy=True)
    proxy = site.project.api.call("POST", "/v2.0/ndp_proxies", {"ndp_proxy": {
        "router_id": site.router["id"], "port_id": site.ports["one"]}})["ndp_proxy"]  # fmt: skip
    assert eventually(lambda: asked_anew(one), 10), site.cloud.log_tail()
    assert site.gateway_mac() in site.host.run("ip", "-n", "outside", "-6", "neigh", "show", one)
    assert not asked_anew(two)
    site.outside_routes("replace", prefix, "via", site.gateway(6))
    assert site.reaches("outside", one) and not site.host.pings("outside", two)
    site.outside_routes("replace", prefix, "dev", "eth0")
    site.project.api.call("DELETE", f"/v2.0/ndp_proxies/{proxy['id']}")
    assert eventually(lambda: not asked_anew(one), 10) and not asked_anew(two)
    site.change(enable_ndp_proxy=False)
    site.outside_routes("replace", prefix, "via", site.gateway(6))
    assert site.reaches("outside", one) and site.reaches("outside", two)
