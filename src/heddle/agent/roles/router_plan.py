"""What a router becomes on its host, decided from views alone: a namespace's layout and an nftables table.

    tables     prerouting   a floating address is translated to the fixed one, or ports of it to ports of others
               forward      a new connection from outside that no floating IP let in is dropped (with SNAT on), so that
                            nobody on the external network routes into a tenant's; nothing passes a router that is down
               postrouting  out of the gateway: the floating address of the guest, else the gateway's (with SNAT on).
                            A guest that reaches a floating IP of its own router is translated as well, or the answer
                            would go to it directly and be refused (hairpin)

Traffic between internal subnets leaves through no gateway, and is not translated.  What address scopes change of all
this is told in `router_scopes`.  IPv6 is routed and never translated.
A port whose network or subnet has not come yet is left out and named in `problems`; the rest of the router works.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from heddle.agent.roles import metadata_address
from heddle.agent.roles.router_advertising import advertised
from heddle.agent.roles.router_crossings import Scopes
from heddle.agent.roles.router_forwarding import maps, rules
from heddle.agent.roles.router_helpers import helpers
from heddle.agent.roles.router_limits import limit_chains
from heddle.agent.roles.router_meters import matches
from heddle.agent.roles.router_ndp import answered, doors
from heddle.agent.roles.router_neighbours import apart
from heddle.agent.roles.router_scopes import ROUTED, Links, held, routed, walls
from heddle.host.helpers import Kind
from heddle.host.layout import Interface, Layout
from heddle.host.meters import Labels
from heddle.host.nft import Chain, Elements, Table
from heddle.host.radvd import Advertised
from heddle.host.rtnetlink import Route
from heddle.view.types import (
    FloatingIpView,
    MeteringLabelView,
    NetworkView,
    PortView,
    QosPolicyView,
    RouterView,
    SubnetView,
)

_MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
GATEWAY, INTERFACE = "network:router_gateway", "network:router_interface"

SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/arp_ignore": "1",
    "ipv4/conf/all/arp_announce": "2",
    "ipv4/conf/all/promote_secondaries": "1",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/conf/all/accept_redirects": "0",
    "ipv6/conf/all/forwarding": "1",
    "ipv6/conf/all/proxy_ndp": "1",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/accept_ra": "0",
}


@dataclass(frozen=True, slots=True)
class RouterInput:
    """A router with all that belongs to it.

    `metadata`: it leads its guests to the metadata service; `lacking`: the conntrack helpers that its host has not;
    `ipv6_gateway`: the next hop on external networks whose subnets name none of IPv6, "" to hear of it there;
    `untracked`: the protocols whose ports its host does not track.
    """

    router: RouterView
    ports: tuple[PortView, ...]
    networks: Mapping[str, NetworkView]
    subnets: Mapping[str, SubnetView]
    floating_ips: tuple[FloatingIpView, ...] = ()
    labels: tuple[MeteringLabelView, ...] = ()
    metadata: bool = False
    lacking: frozenset[Kind] = frozenset()
    policies: Mapping[str, QosPolicyView] = field(default_factory=dict)
    ipv6_gateway: str = ""
    untracked: frozenset[str] = frozenset()

    @property
    def serves_metadata(self) -> bool:
        return self.metadata and self.router.admin_state_up


@dataclass(frozen=True, slots=True)
class RouterPlan:
    """`plugs`: the ports by the name of their interface; `problems`: what could not be realised, by (kind, id).

    `meters`: what is counted, by metering label; `advertised`: what interfaces tell guests of IPv6; `scopes`: what its
    rules say of address scopes, for connections that exist.
    """

    layout: Layout
    table: Table
    plugs: dict[str, PortView]
    floating: frozenset[str]
    problems: dict[tuple[str, str], str] = field(default_factory=dict)
    meters: Labels = field(default_factory=dict)
    advertised: tuple[Advertised, ...] = ()
    scopes: Scopes = field(default_factory=Scopes)


def interface_name(port: PortView) -> str:
    return f"{'qg' if port.device_owner == GATEWAY else 'qr'}-{port.id[:11]}"


def plan(given: RouterInput) -> RouterPlan:
    problems: dict[tuple[str, str], str] = {}
    ports = _usable(given, problems)
    gateway = next((port for port in ports if port.device_owner == GATEWAY), None)
    floating = _floating(given, gateway, problems)
    routes = _routes(given, ports, gateway, problems)
    listens = gateway is not None and all(route.destination != "::/0" for route in routes)
    interfaces = tuple(
        Interface(
            interface_name(port),
            port.mac_address,
            given.networks[port.network_id].mtu,
            frozenset(_addresses(port, given.subnets))
            | (frozenset(f"{item.floating_ip}/32" for item in floating) if port is gateway else frozenset()),
            proxied=answered(given.router) if port is gateway else metadata_address.at_router(given.serves_metadata),
            listens=listens and port is gateway,
        )
        for port in ports
    )
    return RouterPlan(
        layout=Layout(interfaces, routes, SETTINGS),
        table=_table(given, ports, gateway, floating, problems),
        plugs={interface_name(port): port for port in ports},
        floating=frozenset(item.floating_ip for item in floating),
        problems=problems,
        meters=matches(given.labels, given.router, interface_name(gateway) if gateway else ""),
        advertised=tuple(_advertised(given, ports)),
        scopes=held(
            *_links(ports, gateway), given.subnets, given.router.enable_snat, _first_ipv4(gateway) if gateway else ""
        ),
    )


def _usable(given: RouterInput, problems: dict[tuple[str, str], str]) -> list[PortView]:
    usable: list[PortView] = []
    for port in sorted(given.ports, key=lambda port: port.id):
        if port.device_owner not in (GATEWAY, INTERFACE):
            continue
        flaw = _flaw(given, port)
        if flaw:
            problems["port", port.id] = flaw
        else:
            usable.append(port)
    return usable


def _flaw(given: RouterInput, port: PortView) -> str:
    """Why the port cannot be an interface of the router, "" when it can."""
    missing = [item.subnet_id for item in port.fixed_ips if item.subnet_id not in given.subnets]
    if port.network_id not in given.networks or missing:
        return f"waits for {f'subnet {missing[0]}' if missing else f'network {port.network_id}'}"
    if not _MAC.fullmatch(port.mac_address):
        return f"{port.mac_address!r} is no MAC address"
    try:
        for item in port.fixed_ips:
            ipaddress.ip_address(item.ip_address)
            ipaddress.ip_network(given.subnets[item.subnet_id].cidr)
    except ValueError as error:
        return str(error)
    return ""


def _floating(
    given: RouterInput, gateway: PortView | None, problems: dict[tuple[str, str], str]
) -> list[FloatingIpView]:
    usable: list[FloatingIpView] = []
    fixed: set[str] = set()
    for item in sorted(given.floating_ips, key=lambda item: ipaddress.ip_address(item.floating_ip)):
        if gateway is None or item.floating_network_id != gateway.network_id:
            problems["floating_ip", item.id] = f"router {given.router.id} has no gateway on the network of the address"
        elif item.fixed_ip in fixed:
            problems["floating_ip", item.id] = f"another floating IP of the router has the fixed IP {item.fixed_ip}"
        else:
            fixed |= {item.fixed_ip} - {""}
            usable.append(item)
    return usable


def _advertised(given: RouterInput, ports: Iterable[PortView]) -> Iterable[Advertised]:
    for port in ports:
        if port.device_owner == INTERFACE:
            mtu, up = given.networks[port.network_id].mtu, given.router.admin_state_up and port.admin_state_up
            if found := advertised(port, interface_name(port), mtu, given.subnets, up):
                yield found


def _addresses(port: PortView, subnets: Mapping[str, SubnetView]) -> list[str]:
    """As the kernel writes them."""
    lengths = {item: subnets[item.subnet_id].cidr.partition("/")[2] for item in port.fixed_ips}
    return [f"{ipaddress.ip_address(item.ip_address)}/{length}" for item, length in lengths.items()]


def _routes(
    given: RouterInput, ports: Collection[PortView], gateway: PortView | None, problems: dict[tuple[str, str], str]
) -> frozenset[Route]:
    found: dict[str, Route] = {}
    links = [(interface_name(port), given.subnets[item.subnet_id]) for port in ports for item in port.fixed_ips]
    connected = [(name, ipaddress.ip_network(subnet.cidr)) for name, subnet in links]
    for extra in sorted(given.router.routes, key=lambda route: (route.destination, route.nexthop)):
        hop = ipaddress.ip_address(extra.nexthop)
        device = next((name for name, network in connected if hop in network), "")
        destination = str(ipaddress.ip_network(extra.destination, strict=False))
        if device:
            found.setdefault(destination, Route(destination, str(hop), device))
        else:
            problems["router", given.router.id] = f"the next hop {hop} of a route is on none of the router's subnets"
    for name, subnet in links:
        if gateway is not None and name == interface_name(gateway) and subnet.gateway_ip:
            hop = ipaddress.ip_address(subnet.gateway_ip)
            destination = "0.0.0.0/0" if hop.version == 4 else "::/0"
            onlink = hop not in ipaddress.ip_network(subnet.cidr) and not hop.is_link_local
            found.setdefault(destination, Route(destination, str(hop), name, onlink))
    if gateway is not None and given.ipv6_gateway:
        found.setdefault("::/0", Route("::/0", given.ipv6_gateway, interface_name(gateway)))
    return frozenset(found.values())


def _table(
    given: RouterInput,
    ports: Collection[PortView],
    gateway: PortView | None,
    floating: Collection[FloatingIpView],
    problems: dict[tuple[str, str], str],
) -> Table:
    inside = _inside(given, ports)
    out = f'"{interface_name(gateway)}"' if gateway else ""
    address = _first_ipv4(gateway) if gateway else ""
    links, beyond = _links(ports, gateway)
    scopes, forward = walls(links, beyond, given.subnets)
    answers, shut = doors(given.router, gateway, ports, given.subnets)
    neighbours = apart(((interface_name(port), port) for port in ports if port is not gateway), given.subnets)
    forward = [f"iifname {out} {rule}" for rule in shut] + neighbours + forward
    alike = tuple(_as_listed(network) for network in routed(links, beyond, given.subnets))
    if alike:
        scopes.append(Elements("set", ROUTED, "ipv4_addr", alike, "interval"))
    post: list[str] = []
    if out:
        if given.router.enable_snat:
            unless = f"ip daddr != @{ROUTED}" if alike else "meta nfproto ipv4"
            forward.append(f"iifname {out} {unless} ct state new ct status ! dnat drop")
        post.append(f"oifname {out} snat ip to ip saddr map @floating_out")
        if alike:
            post.append(f"oifname {out} ip saddr @{ROUTED} accept")
        if given.router.enable_snat and address:
            post.append(f"oifname {out} meta nfproto ipv4 snat ip to {address}")
        post.append("ct status dnat ip saddr @inside snat ip to ip saddr map @floating_out")
        if address:
            post.append(f"ct status dnat ip saddr @inside snat ip to {address}")
    policy = "accept" if given.router.admin_state_up else "drop"
    pair = "ipv4_addr : ipv4_addr"
    whole = [item for item in floating if item.fixed_ip]
    forwarded = maps(floating, given.untracked, problems)
    elements = (
        Elements("map", "floating_in", pair, tuple(f"{item.floating_ip} : {item.fixed_ip}" for item in whole)),
        Elements("map", "floating_out", pair, tuple(f"{item.fixed_ip} : {item.floating_ip}" for item in whole)),
        Elements("set", "inside", "ipv4_addr", inside, "interval"),
        *forwarded,
        *scopes,
        *answers,
    )
    chains = (
        Chain(
            "prerouting",
            "type nat hook prerouting priority dstnat; policy accept;",
            (
                *(metadata_address.REDIRECTS if given.serves_metadata else ()),
                "dnat ip to ip daddr map @floating_in",
                *rules(forwarded),
            ),
        ),
        *([metadata_address.GUARD] if given.serves_metadata else []),
        Chain("forward", f"type filter hook forward priority filter; policy {policy};", tuple(forward)),
        Chain("postrouting", "type nat hook postrouting priority srcnat; policy accept;", tuple(post)),
        *limit_chains(given.router, out, gateway, floating, given.policies),
    )
    objects, setting = helpers(given.router, given.lacking, problems)
    return Table("inet", "heddle", elements, (*setting, *chains), helpers=objects)


def _links(ports: Collection[PortView], gateway: PortView | None) -> tuple[Links, Links]:
    """The addresses of the interfaces and of the gateway, by the name of the interface."""
    inside = {interface_name(port): port.fixed_ips for port in ports if port is not gateway}
    return inside, {interface_name(gateway): gateway.fixed_ips} if gateway else {}


def _inside(given: RouterInput, ports: Collection[PortView]) -> tuple[str, ...]:
    """The IPv4 subnets of the router's interfaces, without overlap."""
    networks = [
        ipaddress.IPv4Network(given.subnets[item.subnet_id].cidr)
        for port in ports
        if port.device_owner == INTERFACE
        for item in port.fixed_ips
        if given.subnets[item.subnet_id].ip_version == 4
    ]
    return tuple(_as_listed(network) for network in ipaddress.collapse_addresses(networks))


def _as_listed(network: ipaddress.IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def _first_ipv4(port: PortView) -> str:
    return next((item.ip_address for item in port.fixed_ips if ":" not in item.ip_address), "")
