"""What decides where floating IPs are translated, read at once for all of which it is decided together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from heddle.control.binding import reaches
from heddle.model.floating_ip import FloatingIp
from heddle.model.network import Network
from heddle.model.port import DISTRIBUTED_INTERFACE, Port
from heddle.model.router import Router
from heddle.model.segment import Segment
from heddle.model.subnet import Subnet
from heddle.store.engine import Tx
from heddle.store.query import hosts, metering, subnet_pools
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import segments as segment_query
from heddle.store.query import subnets as subnet_query
from heddle.store.query.hosts import Host

# What the agents of a guest's host and of a router's say of themselves that know of it.
_TRANSLATES, _LEAVES = ("switch", "translates_floating_ips"), ("router", "leaves_floating_ips")


@dataclass(frozen=True, slots=True)
class Facts:
    """`interfaces` by router, `outside` by external network; `scopes` of pools, `counted` projects; the hosts that
    translate floating IPs, and those that leave them to others."""

    routers: Mapping[str, Router]
    ports: Mapping[str, Port]
    interfaces: Mapping[str, Sequence[Port]]
    networks: Mapping[str, Network]
    segments: Mapping[str, Sequence[Segment]]
    subnets: Mapping[str, Subnet]
    outside: Mapping[str, Sequence[Subnet]]
    scopes: Mapping[str, str]
    hosts: Mapping[str, Host]
    counted: set[str]
    translating: set[str]
    leaving: set[str]

    def kept(self, router: Router) -> bool:
        """Whether the router's host does for its floating IPs what another would not, or does not leave them."""
        alone = router.ha or not router.distributed or not router.enable_snat or router.project_id in self.counted
        return alone or (router.host != "" and router.host not in self.leaving)

    def joined(self, router: Router, port: Port, item: FloatingIp) -> bool:
        """Whether the router is on the guest's network, all meet there, and it is translated from there to outside."""
        network = self.networks.get(port.network_id)
        subnet_id = next((each.subnet_id for each in port.fixed_ips if each.ip_address == item.fixed_ip_address), "")
        interfaces = self.interfaces[router.id]
        joined = any(each.subnet_id == subnet_id for interface in interfaces for each in interface.fixed_ips)
        if network is None or network.pvlan or network.subnet_isolation or not joined:
            return False
        inside, address = self.subnets.get(subnet_id), ip_address(item.floating_ip_address or "")
        outside = [each for each in self.outside[item.floating_network_id] if address in ip_network(each.cidr)]
        own = self.scopes.get((inside and inside.subnetpool_id) or "")
        return own is None or own not in {self.scopes.get(each.subnetpool_id or "") for each in outside}

    def able(self, name: str, item: FloatingIp) -> bool:
        """Whether a host reaches the outside, and its agent knows what to do there."""
        network, segments = self.networks.get(item.floating_network_id), self.segments[item.floating_network_id]
        host = self.hosts.get(name)
        if network is None or network.qos_policy_id or host is None or len(segments) != 1:
            return False
        return bool(segments[0].physical_network and reaches(host, segments[0]) and name in self.translating)


def gather(tx: Tx, floating_ips: Sequence[FloatingIp], routers: Mapping[str, Router]) -> Facts:
    """What is to know of floating IPs of these routers."""
    ports = port_query.PORTS.get_many(tx, [item.port_id for item in floating_ips if item.port_id])
    externals = {item.floating_network_id for item in floating_ips}
    subnets = subnet_query.SUBNETS.get_many(tx, [each.subnet_id for port in ports.values() for each in port.fixed_ips])
    outside = subnet_query.of_networks(tx, sorted(externals))
    every = [*subnets.values(), *(subnet for of_one in outside.values() for subnet in of_one)]
    names = sorted({port.binding_host_id for port in ports.values()} - {""})
    return Facts(
        routers=routers,
        ports=ports,
        interfaces=port_query.of_devices(tx, routers, DISTRIBUTED_INTERFACE),
        networks=network_query.NETWORKS.get_many(tx, {port.network_id for port in ports.values()} | externals),
        segments=segment_query.of_networks(tx, externals),
        subnets=subnets,
        outside=outside,
        scopes=subnet_pools.scopes(tx, {each.subnetpool_id for each in every if each.subnetpool_id}),
        hosts=hosts.named(tx, names),
        counted=metering.counted(tx, {router.project_id for router in routers.values()}),
        translating=_saying(tx, *_TRANSLATES, names),
        leaving=_saying(tx, *_LEAVES, sorted({router.host for router in routers.values()} - {""})),
    )


def _saying(tx: Tx, role: str, what: str, names: Sequence[str]) -> set[str]:
    """Those of the hosts whose agent with a role says this of itself."""
    return {agent.host for agent in hosts.agents_with(tx, role, names) if agent.configurations.get(what)}
