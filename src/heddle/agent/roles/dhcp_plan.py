"""What DHCP of a network becomes on its host, decided from views alone: a namespace's layout and dnsmasq's files.

    conf     what dnsmasq reads once: interface, address ranges, domain, files.  Another text means a new process
    hosts    hardware address -> address and name, a line for each fixed IP of the network
    opts     DHCP options, by subnet (tag subnet-…) and by port (tag port-…)
    names    the names that dnsmasq answers for: of all addresses, those that guests make themselves too

A port's tag is given in conf, not in its line of `hosts`: dnsmasq 2.90 and others free such a tag, when they read the
lines again, together with what it stood before for the last client that had it, and crash.

The three files are read again at a signal.  Ranges are static: who is not in `hosts` gets nothing.  dnsmasq has no
upstream servers, so no question of a tenant leaves the host by way of it.

What a tenant wrote (names, option values) ends up in a line of these files; what could end a line or a field is left
out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from heddle.agent.roles import metadata_address
from heddle.host.dnsmasq import Files
from heddle.host.layout import Interface, Layout
from heddle.host.rtnetlink import Route
from heddle.view.types import DhcpOption, FixedIp, NeighbourView, NetworkView, PortView, SubnetView

OWNER = "network:dhcp"
METADATA = f"{metadata_address.IPV4}/32"
SETTINGS = {
    "ipv4/ip_forward": "0",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/arp_announce": "2",
    "ipv4/conf/all/promote_secondaries": "1",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/accept_ra": "0",
}
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_OPTION = re.compile(r"[A-Za-z0-9-]{1,64}")
_SERVED_V6 = ("", "dhcpv6-stateful", "dhcpv6-stateless")
_MOST_LEASES = 1 << 24


@dataclass(frozen=True, slots=True)
class DhcpInput:
    """A network with all that its DHCP server must know.  `port` is the server's own, `domain` the cloud's.

    `metadata`: the server leads isolated guests to the metadata service.
    """

    network: NetworkView
    port: PortView
    subnets: tuple[SubnetView, ...]
    neighbours: tuple[NeighbourView, ...]
    domain: str
    lease_seconds: int
    metadata: bool = False


@dataclass(frozen=True, slots=True)
class DhcpPlan:
    layout: Layout
    files: Files
    plug: tuple[str, PortView]


def interface_name(port: PortView) -> str:
    return f"tap{port.id[:11]}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of `hosts`, "" for an address that does not come by DHCP, and one of `names`."""

    line: str
    name: str


class Entries:
    """The lines of each neighbour, kept while neither it nor what is served changes: a port more costs its own."""

    def __init__(self) -> None:
        self._key: tuple[tuple[SubnetView, ...], str] | None = None
        self._kept: dict[str, tuple[NeighbourView, tuple[_Entry, ...]]] = {}

    def of(self, neighbours: Iterable[NeighbourView], served: tuple[SubnetView, ...], domain: str) -> list[_Entry]:
        old = self._kept if self._key == (served, domain) else {}
        self._key, self._kept = (served, domain), {}
        found: list[_Entry] = []
        for item in neighbours:
            there = old.get(item.id)
            if there is None or there[0] is not item:
                there = (item, () if item.device_owner == OWNER else tuple(_entries(item, served, domain)))
            self._kept[item.id] = there
            found += there[1]
        return found


def plan(given: DhcpInput, kept: Entries | None = None) -> DhcpPlan:
    """`kept`: those of the network's last plan."""
    subnets = sorted(given.subnets, key=lambda subnet: subnet.id)
    served = tuple(subnet for subnet in subnets if _is_served(given, subnet))
    name = interface_name(given.port)
    domain = given.network.dns_domain.rstrip(".") or given.domain
    domain = domain if _DOMAIN.fullmatch(domain) else ""
    neighbours = sorted(given.neighbours, key=lambda item: item.id)
    entries = (kept or Entries()).of(neighbours, served, domain)
    files = Files(
        conf=(*_conf(given, name, served, domain), *_port_tags(neighbours)),
        hosts=tuple(entry.line for entry in entries if entry.line),
        opts=(*_subnet_options(given, served, domain), *_port_options(neighbours)),
        names=tuple(entry.name for entry in entries),
    )
    return DhcpPlan(_layout(given, name), files, (name, given.port))


def _is_served(given: DhcpInput, subnet: SubnetView) -> bool:
    if not subnet.enable_dhcp or not _own_address(given.port, subnet):
        return False
    return subnet.ip_version == 4 or subnet.ipv6_address_mode in _SERVED_V6


def _own_address(port: PortView, subnet: SubnetView) -> str:
    return next((item.ip_address for item in port.fixed_ips if item.subnet_id == subnet.id), "")


def _layout(given: DhcpInput, name: str) -> Layout:
    by_id = {subnet.id: subnet for subnet in given.subnets}
    addresses: set[str] = set()
    routes: dict[str, Route] = {}
    for item in given.port.fixed_ips:
        subnet = by_id.get(item.subnet_id)
        if subnet is None:
            continue
        network = ipaddress.ip_network(subnet.cidr)
        addresses.add(f"{ipaddress.ip_address(item.ip_address)}/{network.prefixlen}")
        if subnet.gateway_ip and ipaddress.ip_address(subnet.gateway_ip) in network:
            destination = "0.0.0.0/0" if network.version == 4 else "::/0"
            routes.setdefault(destination, Route(destination, subnet.gateway_ip, name))
    if given.metadata and addresses:
        addresses |= metadata_address.at_dhcp(given.subnets, given.neighbours)
    interface = Interface(name, given.port.mac_address, given.network.mtu, frozenset(addresses))
    return Layout((interface,), frozenset(routes.values()), SETTINGS)


def _conf(given: DhcpInput, name: str, served: tuple[SubnetView, ...], domain: str) -> Iterable[str]:
    yield "no-hosts"
    yield "no-resolv"
    yield "no-poll"
    yield "bind-interfaces"
    yield f"interface={name}"
    yield "except-interface=lo"
    yield "dhcp-authoritative"
    if domain:
        yield f"domain={domain}"
        yield f"local=/{domain}/"
    leases = 0
    for subnet in served:
        network = ipaddress.ip_network(subnet.cidr)
        size = network.netmask if network.version == 4 else network.prefixlen
        start = network.network_address
        yield f"dhcp-range=set:{_tag(subnet)},{start},static,{size},{given.lease_seconds}s"
        leases += network.num_addresses
    yield f"dhcp-lease-max={min(leases, _MOST_LEASES)}"


def _subnet_options(given: DhcpInput, served: tuple[SubnetView, ...], domain: str) -> Iterable[str]:
    isolated = metadata_address.isolated(served, given.neighbours) if given.metadata else frozenset()
    for subnet in served:
        head = f"tag:{_tag(subnet)},"
        own = _own_address(given.port, subnet)
        servers = [server for server in subnet.dns_nameservers or [own] if server not in ("0.0.0.0", "::")]
        if subnet.ip_version == 6:
            yield ",".join([f"{head}option6:dns-server", *(f"[{server}]" for server in servers)])
            if domain:
                yield f"{head}option6:domain-search,{domain}"
            continue
        yield ",".join([f"{head}option:router", *([subnet.gateway_ip] if subnet.gateway_ip else [])])
        yield ",".join([f"{head}option:dns-server", *servers])
        yield f"{head}option:mtu,{given.network.mtu}"
        routes = _classless_routes(subnet, own if subnet.id in isolated else "")
        if routes:
            yield f"{head}option:classless-static-route,{routes}"
            yield f"{head}249,{routes}"


def _classless_routes(subnet: SubnetView, metadata: str) -> str:
    """The value of options 121 and 249; `metadata`: who leads to the metadata service, or "".

    A client that takes them ignores the router option, so it is in them too.
    """
    routes = [(route.destination, route.nexthop) for route in subnet.host_routes]
    if metadata and METADATA not in [destination for destination, _ in routes]:
        routes.append((METADATA, metadata))
    if routes and subnet.gateway_ip and "0.0.0.0/0" not in [destination for destination, _ in routes]:
        routes.append(("0.0.0.0/0", subnet.gateway_ip))
    return ",".join(f"{destination},{hop}" for destination, hop in routes)


def _port_tags(neighbours: Iterable[NeighbourView]) -> Iterable[str]:
    for item in neighbours:
        if any(map(_is_plain, item.dhcp_options)):
            yield f"dhcp-mac=set:{_port_tag(item)},{item.mac_address}"


def _port_options(neighbours: Iterable[NeighbourView]) -> Iterable[str]:
    for item in neighbours:
        for option in item.dhcp_options:
            if _is_plain(option):
                family = "option6" if option.ip_version == 6 else "option"
                name = option.name if option.name.isdigit() and option.ip_version == 4 else f"{family}:{option.name}"
                yield ",".join([f"tag:{_port_tag(item)}", name, *([option.value] if option.value else [])])


def _is_plain(option: DhcpOption) -> bool:
    return bool(_OPTION.fullmatch(option.name)) and option.value.isprintable()


def _entries(item: NeighbourView, served: Iterable[SubnetView], domain: str) -> Iterable[_Entry]:
    leased = {subnet.id for subnet in served if subnet.ipv6_address_mode != "dhcpv6-stateless"}
    own = item.domain.rstrip(".")
    zone = own if _DOMAIN.fullmatch(own) else domain
    for fixed in item.fixed_ips:
        name = _hostname(item, fixed, zone)
        address = f"[{fixed.ip_address}]" if ":" in fixed.ip_address else fixed.ip_address
        full = f"{name}.{zone} {name}" if zone else name
        line = ",".join([item.mac_address, name.partition(".")[0], address]) if fixed.subnet_id in leased else ""
        yield _Entry(line, f"{fixed.ip_address}\t{full}")


def _hostname(item: NeighbourView, fixed: FixedIp, zone: str) -> str:
    """The name inside the zone; of a full name that is in another one, the first label."""
    name = item.hostname.lower()
    if name.endswith("."):
        inside = name.removesuffix(f".{zone}.")
        name = inside if inside != name else name.partition(".")[0]
    if len(name) <= 253 and all(map(_NAME.fullmatch, name.split("."))):
        return name
    return "host-" + fixed.ip_address.replace(".", "-").replace(":", "-")


def _tag(subnet: SubnetView) -> str:
    return f"subnet-{subnet.id}"


def _port_tag(item: NeighbourView) -> str:
    return f"port-{item.id}"
