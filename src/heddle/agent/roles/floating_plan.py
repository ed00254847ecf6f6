"""What translates the floating IPs of a router's guests on their host: a namespace with one interface.  Pure.

The interface is on the external network.  `routed_floating.py` leads to it what those guests send to the outside, and
from it to them what they are sent:

    out     from the fixed address, to the outside: under the floating address
    in      to the floating address: to the fixed one
    among   from one guest here to the floating address of another: both

Addresses of the external network are reached directly, all others by its gateway or an extra route of the router.  The
interface takes what the largest of the networks sends; the routes know what each can carry, so that who sends more is
told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from heddle.agent.roles.router_helpers import helpers
from heddle.agent.roles.router_plan import SETTINGS
from heddle.host.helpers import Kind
from heddle.host.layout import Interface, Layout
from heddle.host.nft import Chain, Elements, Table
from heddle.host.rtnetlink import Route
from heddle.view.types import FloatingIpView, NetworkView, PortView, RouterView, SubnetView


@dataclass(frozen=True, slots=True)
class FloatingInput:
    """`port` is this host's on the external `network`, whose gateway is `nexthop` ("" for none).

    `floating_ips` are those of guests here, with the MTU of the guest's network in `mtus` by id; `lacking`: the
    conntrack helpers that the host has not.
    """

    router: RouterView
    port: PortView
    network: NetworkView
    subnets: tuple[SubnetView, ...]
    nexthop: str
    floating_ips: tuple[FloatingIpView, ...]
    mtus: Mapping[str, int]
    lacking: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True)
class FloatingPlan:
    """`problems`: what could not be realised, by (kind, id)."""

    layout: Layout
    table: Table
    problems: dict[tuple[str, str], str] = field(default_factory=dict)


def interface_name(port: PortView) -> str:
    return f"fg-{port.id[:11]}"


def plan(given: FloatingInput) -> FloatingPlan:
    problems: dict[tuple[str, str], str] = {}
    items = sorted(given.floating_ips, key=lambda item: ip_address(item.floating_ip))
    name = interface_name(given.port)
    mtu = max([given.network.mtu, *(given.mtus[item.id] for item in items)])
    addresses = frozenset(f"{item.floating_ip}/32" for item in items)
    routes = {*_outside(given, name), *(Route(f"{i.fixed_ip}/32", "", name, mtu=given.mtus[i.id]) for i in items)}
    interface = Interface(name, given.port.mac_address, mtu, addresses)
    layout = Layout((interface,), frozenset(routes), SETTINGS)
    return FloatingPlan(layout, _table(given, items, problems), problems)


def _outside(given: FloatingInput, name: str) -> list[Route]:
    mtu, blocks = given.network.mtu, [ip_network(each.cidr) for each in given.subnets if each.ip_version == 4]
    found = {str(block): Route(str(block), "", name, mtu=mtu) for block in blocks}
    for route in sorted(given.router.routes, key=lambda route: (route.destination, route.nexthop)):
        if any(ip_address(route.nexthop) in block for block in blocks):
            destination = str(ip_network(route.destination, strict=False))
            found.setdefault(destination, Route(destination, route.nexthop, name, True, mtu))
    if given.nexthop:
        found.setdefault("0.0.0.0/0", Route("0.0.0.0/0", given.nexthop, name, True, mtu))
    return list(found.values())


def _table(
    given: FloatingInput, items: Collection[FloatingIpView], problems: dict[tuple[str, str], str]
) -> Table:
    pair = "ipv4_addr : ipv4_addr"
    elements = (
        Elements("map", "floating_in", pair, tuple(f"{item.floating_ip} : {item.fixed_ip}" for item in items)),
        Elements("map", "floating_out", pair, tuple(f"{item.fixed_ip} : {item.floating_ip}" for item in items)),
        Elements("set", "guests", "ipv4_addr", tuple(item.fixed_ip for item in items)),
    )
    forward = (
        "ct state invalid drop",
        "ct state new ip daddr @guests ct status ! dnat drop",
        "ct state new ip saddr != @guests ct status ! dnat drop",
    )
    policy = "accept" if given.router.admin_state_up else "drop"
    objects, setting = helpers(given.router, given.lacking, problems)
    into, out = "dnat ip to ip daddr map @floating_in", "snat ip to ip saddr map @floating_out"
    chains = (
        *setting,
        Chain("prerouting", "type nat hook prerouting priority dstnat; policy accept;", (into,)),
        Chain("forward", f"type filter hook forward priority filter; policy {policy};", forward),
        Chain("postrouting", "type nat hook postrouting priority srcnat; policy accept;", (out,)),
    )
    return Table("inet", "heddle", elements, chains, helpers=objects)
