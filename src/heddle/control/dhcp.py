"""DHCP: which hosts serve a network, and the ports that their servers have there.

A network with a subnet that wants DHCP is served by as many hosts as the settings say (`network.dhcp_hosts`), or by
those that the administrator has chosen; on a routed network each segment with such a subnet has hosts of its own.  All
know all addresses: each answers whoever asks, and a guest takes the first answer.  A server's port has an address of
each subnet that it serves.  `refresh` brings that in line after a change of the subnets or segments, and when hosts
come.
"""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec

from heddle.control import allocation, readdressing
from heddle.control.binding import joined_by
from heddle.control.context import Context
from heddle.control.news import assignment_news, port_news
from heddle.control.ports import delete_port, own_port, update_port
from heddle.errors import Conflict
from heddle.model.agent import Agent
from heddle.model.network import Network
from heddle.model.port import DHCP, Port
from heddle.model.resource import Draft
from heddle.model.segment import Segment
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.store.query import addresses, hosts
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import segments as segment_query
from heddle.store.query import subnets as subnet_query
from heddle.store.query.hosts import Host

ROLE = "dhcp"


def refresh(ctx: Context, network: Network) -> None:
    """Give the network the DHCP servers that its subnets want, or take them away."""
    subnets = [subnet for subnet in subnet_query.of_network(ctx.tx, network.id) if _wants_server(subnet)]
    segments = segment_query.of_network(ctx.tx, network.id) if subnets else []
    names = hosts.hosts_of(ctx.tx, ROLE, network.id)
    known = hosts.named(ctx.tx, names) if names else {}
    servers = _servers(ctx, network)
    served: Counter[str] = Counter()
    for name in names:
        here = _subnets_at(known.get(name), subnets, segments)
        _bring(ctx, network, name, here, servers.get(name))
        served.update(subnet.id for subnet in here)
    wanted = ctx.settings.network.dhcp_hosts
    for part in _parts(subnet for subnet in subnets if served[subnet.id] < wanted):
        missing = wanted - min(served[subnet.id] for subnet in part)
        for host in _choose(ctx, network, part, segments, missing, names):
            if _bring(ctx, network, host.name, part, None):
                _assign(ctx, network.id, host.name)


def delete_any_port(ctx: Context, port: Port) -> None:
    """Delete a port as a user asks; a DHCP server gets another one while its network wants it.

    Raises `Conflict` like `delete_port`.
    """
    delete_port(ctx, port)
    network = network_query.NETWORKS.get(ctx.tx, port.network_id) if port.device_owner == DHCP else None
    if network is not None:
        refresh(ctx, network)


def leave_host(ctx: Context, network_id: str, host: str) -> None:
    """The host serves the network no longer: give it another one."""
    network = network_query.NETWORKS.get(ctx.tx, network_id)
    if network is not None:
        _withdraw(ctx, network, host)
        refresh(ctx, network)


def move(ctx: Context, network_id: str, host: str) -> bool:
    """Let another live host serve the network in the place of `host`, with the port and the addresses of its server.

    Returns whether it is served: by that one, or by others that did already.
    """
    network = network_query.NETWORKS.lock(ctx.tx, network_id)
    if network is None or host not in hosts.hosts_of(ctx.tx, ROLE, network_id):
        return True
    subnets = [subnet for subnet in subnet_query.of_network(ctx.tx, network.id) if _wants_server(subnet)]
    segments = segment_query.of_network(ctx.tx, network.id)
    here = _subnets_at(hosts.get(ctx.tx, host), subnets, segments)
    names = hosts.hosts_of(ctx.tx, ROLE, network.id)
    live = hosts.serving(ctx.tx, ROLE, network.availability_zone_hints)
    able = (each.name for each in live if _subnets_at(each, here, segments) == here)
    target = next((name for name in able if name not in names), "")
    port = _servers(ctx, network).get(host)
    if not target or port is None:
        return any(each.name in names for each in hosts.serving(ctx.tx, ROLE))
    moved = msgspec.structs.replace(port, binding_host_id=target, device_id=_device(network, target))
    update_port(ctx, port, Draft(moved, frozenset({"binding_host_id", "device_id"})), own=True)
    hosts.unassign(ctx.tx, ROLE, network.id, host)
    hosts.assign(ctx.tx, ROLE, network.id, target)
    assignment_news(ctx.tx, ROLE, network.id, [target], [host])
    return True


def give(ctx: Context, network: Network, agent: Agent) -> None:
    """Let the agent's host serve the network, beside others.  Raises `Conflict` when it does already, or cannot."""
    if agent.host in hosts.hosts_of(ctx.tx, ROLE, network.id):
        raise Conflict(
            "NetworkHostedByDHCPAgent",
            f"The network {network.id} has been already hosted by the DHCP Agent {agent.id}.",
        )
    host = hosts.get(ctx.tx, agent.host)
    if host is None or not joined_by(host, segment_query.of_network(ctx.tx, network.id)):
        raise Conflict(
            "NetworkNotReachedByDhcpAgent",
            f"The network {network.id} cannot be hosted by the DHCP agent {agent.id}: host {agent.host} reaches none "
            "of its segments.",
        )
    _assign(ctx, network.id, agent.host)
    refresh(ctx, network)


def take(ctx: Context, network: Network, agent: Agent) -> None:
    """Let the agent's host serve the network no longer, and no other by itself.  Raises `Conflict`."""
    if agent.host not in hosts.hosts_of(ctx.tx, ROLE, network.id):
        raise Conflict(
            "NetworkNotHostedByDhcpAgent", f"The network {network.id} is not hosted by the DHCP agent {agent.id}."
        )
    _withdraw(ctx, network, agent.host)
    hosts.hold_back(ctx.tx, ROLE, network.id)


def forget(ctx: Context, network: Network) -> None:
    """The network is deleted, with its ports."""
    gone = hosts.unassign(ctx.tx, ROLE, network.id)
    assignment_news(ctx.tx, ROLE, network.id, (), gone)


def _wants_server(subnet: Subnet) -> bool:
    return subnet.enable_dhcp and subnet.ipv6_address_mode != "slaac"


def _device(network: Network, host: str) -> str:
    return f"dhcp{uuid.uuid5(uuid.NAMESPACE_DNS, host)}-{network.id}"


def _servers(ctx: Context, network: Network) -> dict[str, Port]:
    """The servers' ports by host."""
    ports = port_query.interfaces_on_network(ctx.tx, network.id, DHCP)
    return {p.binding_host_id: p for p in ports if p.device_id == _device(network, p.binding_host_id)}


def _subnets_at(host: Host | None, subnets: Sequence[Subnet], segments: Sequence[Segment]) -> list[Subnet]:
    """Those of the subnets that a server on the host reaches."""
    segment = joined_by(host, segments) if host is not None else None
    return [subnet for subnet in subnets if segment is not None and subnet.segment_id in (None, segment.id)]


def _parts(subnets: Iterable[Subnet]) -> list[list[Subnet]]:
    """The subnets by segment."""
    found: dict[str | None, list[Subnet]] = {}
    for subnet in subnets:
        found.setdefault(subnet.segment_id, []).append(subnet)
    return list(found.values())


def _choose(ctx: Context, network: Network, subnets: Sequence[Subnet], segments: Sequence[Segment], most: int,
            besides: Collection[str]) -> list[Host]:  # fmt: skip
    """The least loaded live hosts that reach the subnets and are not among those that serve already."""
    free = hosts.serving(ctx.tx, ROLE, network.availability_zone_hints)
    able = (host for host in free if host.name not in besides and _subnets_at(host, subnets, segments))
    return list(itertools.islice(able, most))


def _bring(ctx: Context, network: Network, host: str, subnets: list[Subnet], port: Port | None) -> bool:
    """The server of a host has a port with an address of each of the subnets, if it can.  Returns whether it serves."""
    if port is not None and subnets:
        _readdress(ctx, network, port, subnets)
        return True
    if port is not None:
        _withdraw(ctx, network, host)
        return False
    fixed_ips = [FixedIp(subnet.id) for subnet in subnets if addresses.FREE.has_free(ctx.tx, subnet.id)]
    if not fixed_ips:
        return False
    try:
        own_port(
            ctx,
            network,
            owner=DHCP,
            device_id=_device(network, host),
            project_id=network.project_id,
            host=host,
            fixed_ips=fixed_ips,
        )
    except Conflict:
        return False
    return True


def _assign(ctx: Context, network_id: str, host: str) -> None:
    hosts.assign(ctx.tx, ROLE, network_id, host)
    assignment_news(ctx.tx, ROLE, network_id, [host])


def _withdraw(ctx: Context, network: Network, host: str) -> None:
    """Take the server of a host away."""
    port = _servers(ctx, network).get(host)
    if port is not None:
        delete_port(ctx, port, own=True)
    if hosts.unassign(ctx.tx, ROLE, network.id, host):
        assignment_news(ctx.tx, ROLE, network.id, (), [host])


def _readdress(ctx: Context, network: Network, port: Port, subnets: list[Subnet]) -> None:
    """Give the server's port an address of each subnet."""
    served = {fixed_ip.subnet_id for fixed_ip in port.fixed_ips}
    if served == {subnet.id for subnet in subnets}:
        return
    every = subnet_query.of_network(ctx.tx, network.id)
    known = {fixed_ip.subnet_id: fixed_ip for fixed_ip in port.fixed_ips}
    wanted = [known.get(subnet.id, FixedIp(subnet.id)) for subnet in subnets]
    wanted = [item for item in wanted if item.ip_address or addresses.FREE.has_free(ctx.tx, item.subnet_id)]
    fixed_ips = readdressing.reallocate(ctx, network, every, port, wanted)
    new = ctx.changed(port, fixed_ips=fixed_ips)
    port_query.PORTS.update(ctx.tx, port, new)
    allocation.store_allocations(ctx, [new])
    port_news(ctx.tx, new, port)
