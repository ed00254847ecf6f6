"""The distributed routers whose networks have guests on this host: which there are, and what they lead to.

A network of such a router without a port here is visited: it has a tag and a way out, and nothing comes in.  What flows
are made of all this is in `routed_flows.py`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from heddle.agent.claims import owned
from heddle.agent.kinds import kind_of as kind
from heddle.agent.local_networks import LocalNetworks, segment_here
from heddle.agent.mesh import ROUTER, reached
from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan, Uplinks
from heddle.agent.routed_floating import FloatingIps
from heddle.agent.routed_flows import Entrance, Target, host_mac, routed_base_flows, routed_flows
from heddle.agent.tunnel import kind_of
from heddle.view.types import NeighbourView, NetworkView, Ref, SubnetView

log = logging.getLogger(__name__)

TRUSTED = "network:"
BASE = Owner(INT, "routed", "")


@dataclass(frozen=True)
class Leg:
    """What a router is on a network, for one IP version: through which of its ports, with which subnets."""

    port: NeighbourView
    network: NetworkView
    version: int
    subnets: tuple[SubnetView, ...]
    address: str

    @property
    def scope(self) -> str:
        return next((subnet.address_scope for subnet in self.subnets if subnet.address_scope), "")


class Routed:
    """`base_mac`: what the host's own MAC begins with."""

    def __init__(self, host: str, base_mac: str) -> None:
        self._host = host
        self._mac = host_mac(host, base_mac)
        self._floating = FloatingIps(host)
        self._networks_of: dict[str, set[str]] = {}
        self._active: set[str] = set()
        self._numbers: dict[int, str] = {}
        self._places: dict[str, str] = {}

    # Which routers

    def concerned(self, mirror: Mirror, changed: Iterable[Ref] | None, networks: Iterable[str]) -> set[str]:
        """The routers that changes concern, and those on networks that have other members now."""
        if changed is None:
            self._places = {each.id: each.network_id for each in mirror.neighbours.values()}
            return set(mirror.interfaces) | set(self._networks_of)
        found: set[str] = set()
        touched = set(networks)
        for ref in changed:
            if ref.kind == "router":
                found.add(ref.id)
            elif ref.kind == "neighbour":
                touched |= self._moved(mirror, ref.id)
            elif ref.kind == "network":
                touched.add(ref.id)
            elif ref.kind == "subnet" and (subnet := mirror.subnets.get(ref.id)):
                touched.add(subnet.network_id)
            elif ref.kind == "host":
                found |= set(self._networks_of)
            else:
                found |= self._floating.routers(mirror, ref)
        for network_id in touched:
            found |= {id for id, own in mirror.interfaces.items() if network_id in {i.network_id for i in own.values()}}
            found |= {router for router, joined in self._networks_of.items() if network_id in joined}
        return found & (self._networks_of.keys() | mirror.interfaces.keys())

    def _moved(self, mirror: Mirror, port_id: str) -> set[str]:
        before = self._places.pop(port_id, "")
        now = mirror.neighbours.get(port_id)
        if now is not None:
            self._places[port_id] = now.network_id
        return {before, now.network_id if now else ""} - {""}

    # Which networks

    def visit(self, mirror: Mirror, routers: Iterable[str], networks: LocalNetworks) -> set[str]:
        """Note where the routers lead; returns the networks that are visited from now on, or no longer."""
        for router_id in routers:
            joined = {each.network_id for each in _interfaces(mirror, router_id)}
            view = mirror.routers.get(router_id)
            up = view is not None and view.admin_state_up
            if joined:
                self._networks_of[router_id] = joined
            else:
                self._networks_of.pop(router_id, None)
            if up and any(_has_guest(mirror, networks, network_id) for network_id in joined):
                self._active.add(router_id)
            else:
                self._active.discard(router_id)
        wanted = {network_id for router_id in self._active for network_id in self._networks_of.get(router_id, ())}
        wanted = {network_id for network_id in wanted if network_id in mirror.networks}
        changed = {each for each in wanted ^ networks.visited if each not in networks.members}
        networks.visited.clear()
        networks.visited.update(wanted)
        return changed

    # What they lead to

    def plan(
        self, mirror: Mirror, routers: Iterable[str], networks: LocalNetworks, plan: Plan, uplinks: Uplinks,
        installed: Iterable[Owner],
    ) -> None:
        """Add the flows of the routers to the plan."""
        for router_id in sorted(routers):
            owner = Owner(INT, "routed", router_id)
            legs = list(self._legs(mirror, router_id, networks)) if router_id in self._active else []
            entrances = [self._entrance(router_id, leg, networks) for leg in legs]
            if not legs:
                if owner in installed:
                    plan.flows[owner] = {}
                continue
            targets = [each for leg in legs for each in self._targets(mirror, router_id, leg, legs, networks, uplinks)]
            try:
                mine = {leg.network.id: each for leg, each in zip(legs, entrances, strict=True) if each.version == 4}
                plan.flows[owner] = routed_flows(router_id, entrances, targets, self._mac) | self._floating.flows(
                    mirror, router_id, mine, networks
                )
            except ValueError as error:
                log.error("router=%s its own host forwards all of it: %s", router_id, error)
                plan.flows[owner] = {}
        if self._active or BASE in installed:
            plan.flows[BASE] = routed_base_flows() if self._active else {}

    def _legs(self, mirror: Mirror, router_id: str, networks: LocalNetworks) -> Iterator[Leg]:
        for port in sorted(_interfaces(mirror, router_id), key=lambda each: each.id):
            network = mirror.networks.get(port.network_id)
            if network is None or not network.admin_state_up or port.network_id not in networks.tags:
                continue
            if any(kind(each, network) is not None for each in mirror.neighbours_by_network.of(network.id)):
                continue  # the router, which meets all, leads there
            for version in (4, 6):
                mine = [item for item in port.fixed_ips if (":" in item.ip_address) == (version == 6)]
                subnets = tuple(mirror.subnets[item.subnet_id] for item in mine if item.subnet_id in mirror.subnets)
                if subnets and len(subnets) == len(mine):
                    yield Leg(port, network, version, subnets, mine[0].ip_address)

    def _entrance(self, router_id: str, leg: Leg, networks: LocalNetworks) -> Entrance:
        tag, number = networks.tags[leg.network.id], self._number(_group(router_id, leg))
        return Entrance(tag, leg.port.mac_address, leg.version, leg.address, number)

    def _number(self, group: str) -> int:
        """A number for a group of entrances that no other has."""
        number = int.from_bytes(hashlib.blake2b(group.encode(), digest_size=4).digest(), "big") or 1
        while self._numbers.setdefault(number, group) != group:
            number = number % 0xFFFFFFFF + 1
        return number

    def _targets(
        self, mirror: Mirror, router_id: str, leg: Leg, legs: list[Leg], networks: LocalNetworks, uplinks: Uplinks
    ) -> Iterator[Target]:
        """The ports that are reached through an interface of the router."""
        alike = [each for each in legs if (each.version, each.scope) == (leg.version, leg.scope)]
        groups = {_group(router_id, each) for each in alike if each.network.mtu <= leg.network.mtu}
        numbers = tuple(sorted(self._number(group) for group in groups))
        neighbours = list(mirror.neighbours_by_network.of(leg.network.id))
        there = self._reached(mirror, leg.network, neighbours, uplinks)
        elsewhere = _led_elsewhere(mirror, router_id, leg)
        subnets = {subnet.id for subnet in leg.subnets}
        for address, each in owned(neighbours):
            here = each.host == self._host and each.id in networks.members.get(leg.network.id, {})
            if each.device_owner.startswith(ROUTER) or not (here or each.host in there):
                continue
            if _subnet_of(each, address) in subnets and not elsewhere(address):
                tag = networks.tags[leg.network.id]
                yield Target(address, each.mac_address, leg.port.mac_address, tag, here, numbers)

    def _reached(
        self, mirror: Mirror, network: NetworkView, neighbours: Iterable[NeighbourView], uplinks: Uplinks
    ) -> set[str]:
        """The other hosts to which frames of the network go from here."""
        segment = segment_here(network, uplinks) if len(network.segments) == 1 else None
        others = {each.host for each in neighbours} - {"", self._host}
        if segment is None:
            return set()
        if segment.physical_network:
            return others
        if not uplinks.to_tun or kind_of(segment) not in uplinks.tunnels.by_kind:
            return set()
        return set(reached(mirror, others, uplinks.underlay)[0])


def _interfaces(mirror: Mirror, router_id: str) -> list[NeighbourView]:
    return list(mirror.interfaces.of(router_id))


def _has_guest(mirror: Mirror, networks: LocalNetworks, network_id: str) -> bool:
    there = (mirror.ports.get(port_id) for port_id in networks.members.get(network_id, ()))
    return any(port is not None and not port.device_owner.startswith(TRUSTED) for port in there)


def _group(router_id: str, leg: Leg) -> str:
    return f"{router_id}/{leg.version}/{leg.scope}/{leg.network.mtu}"


def _subnet_of(port: NeighbourView, address: str) -> str:
    return next((item.subnet_id for item in port.fixed_ips if item.ip_address == address), "")


def _led_elsewhere(mirror: Mirror, router_id: str, leg: Leg) -> Callable[[str], bool]:
    """Whether an extra route of the router leads an address of the leg's subnets elsewhere."""
    view = mirror.routers.get(router_id)
    lengths = [ip_network(subnet.cidr).prefixlen for subnet in leg.subnets]
    routes = [ip_network(route.destination, strict=False) for route in (view.routes if view else ())]
    narrow = [each for each in routes if each.version == leg.version and each.prefixlen >= min(lengths)]
    return lambda address: any(ip_address(address) in each for each in narrow)
