"""The tunnels of one network on this host: to which hosts, and why not.

A network in tunnels joins the hosts that have a port of it.  What keeps a host out of it, or this one, is told as a
problem of the network; the other hosts are joined all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from heddle.agent.answers import Known
from heddle.agent.claims import owned
from heddle.agent.kinds import meets_all
from heddle.agent.mirror import Mirror
from heddle.agent.tunnel import KINDS, TunnelPorts, Underlay, kind_of, tunnel_flows
from heddle.host.openflow import FlowSet
from heddle.view.types import NetworkView, Segment

ROUTER = "network:router"


@dataclass(frozen=True)
class Mesh:
    """`flows` of br-tun, None to leave them as they are; `problem` "" when all is well."""

    flows: FlowSet | None
    problem: str = ""


def mesh(
    mirror: Mirror, here: str, network: NetworkView, segment: Segment, tag: int, ports: TunnelPorts, underlay: Underlay
) -> Mesh:
    """The tunnels of a network, by a segment of it that lives in tunnels; `here` is this host."""
    neighbours = list(mirror.neighbours_by_network.of(network.id))
    remote = [each for each in neighbours if each.host not in ("", here)]
    missing = _missing(segment, ports, underlay)
    if missing or not ports.patch:
        return Mesh({}, missing if remote else "")
    ready = {host for each in neighbours for host in each.ha_hosts} - {here}
    there, problem = reached(mirror, {each.host for each in remote} | ready, underlay)
    if remote:
        problem = problem or underlay.too_small_for(network.mtu, segment)
    places = [
        (mac, there[each.host]) for each in remote if each.host in there
        for mac in {each.mac_address, *(pair.mac_address for pair in each.allowed_address_pairs)}
    ]  # fmt: skip
    known = (
        Known(address, each.mac_address, each.host == here, each.device_owner.startswith(ROUTER))
        for address, each in owned(neighbours)
        if (each.host == here or (each.host in there and meets_all(each, network)))
        and (ports.advertises or ":" not in address)
    )
    tunnel = ports.by_kind[kind_of(segment)]
    try:
        flows = tunnel_flows(
            network.id, tag, segment.segmentation_id, ports.patch, tunnel, places, known,
            ha_macs_of(mirror, network.id), [there[name] for name in ready & there.keys()],
        )  # fmt: skip
    except ValueError as error:
        return Mesh(None, str(error))
    return Mesh(flows, problem)


def ha_macs_of(mirror: Mirror, network_id: str) -> list[str]:
    """The MACs of highly available routers on a network."""
    return sorted({each.mac_address for each in mirror.neighbours_by_network.of(network_id) if each.ha_hosts})


def _missing(segment: Segment, ports: TunnelPorts, underlay: Underlay) -> str:
    """Why this host has no tunnels of that kind, else ""."""
    kind, alone = kind_of(segment), "; its ports here meet those of no other host"
    if kind not in KINDS:
        return f"Open vSwitch carries no tunnels of the kind {kind}, only {', '.join(KINDS)}{alone}"
    if not underlay.address:
        return (
            f"the network is in {kind} tunnels and this host has no address for them{alone}: "
            "set agent.tunnel_ip to an address by which other hosts reach it"
        )
    if kind not in ports.by_kind:
        reason = ports.refused.get(kind) or "it has no port number yet"
        return f"Open vSwitch of this host made no port for {kind} tunnels: {reason}{alone}"
    return ""


def reached(mirror: Mirror, names: set[str], underlay: Underlay) -> tuple[dict[str, str], str]:
    """The tunnel address of each host that can be reached, and what to say of the others."""
    found: dict[str, str] = {}
    problems: list[str] = []
    for name in sorted(names):
        host = mirror.hosts.get(name)
        if host is None or not host.tunnel_ip:
            problems.append(f"the host {name} has ports of the network and no agent.tunnel_ip: set it there")
        elif ip_address(host.tunnel_ip).version != underlay.version:
            problems.append(
                f"the host {name} has the tunnel address {host.tunnel_ip} and this one {underlay.address}: "
                "agent.tunnel_ip must be of one IP version in the whole cloud"
            )
        else:
            found[name] = host.tunnel_ip
    return found, "; ".join(problems)
