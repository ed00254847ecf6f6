"""Routed networks: each subnet is on one segment, and a host is on the network by the segment that it reaches.

A port has addresses of the subnets of its host's segment.  Without a host nobody knows which these are, so a port that
asks for nothing gets its addresses when it is bound (`ip_allocation` "deferred").  The subnets of different segments
reach each other by their gateways, and their hosts learn that by host routes.

A subnet of the service type "network:routed" is on no segment: its addresses are routed to whichever host has them, so
that ports get them on every host and before they have one.  It is meant for floating IPs and gateways.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from heddle.control.binding import reaches
from heddle.control.context import Context
from heddle.control.lookup import not_found
from heddle.control.news import subnet_news
from heddle.errors import BadRequest, Conflict
from heddle.model.port import ROUTED, Port
from heddle.model.segment import Segment
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp, HostRoute
from heddle.store.query import hosts
from heddle.store.query import segments as segment_query
from heddle.store.query import subnets as subnet_query


def is_routed(subnets: Iterable[Subnet]) -> bool:
    return any(subnet.segment_id for subnet in subnets)


# Which subnets a port may have addresses of


def within_reach(ctx: Context, network_id: str, subnets: Sequence[Subnet], host: str) -> Sequence[Subnet]:
    """The subnets of a network whose addresses work on a host.

    Raises `Conflict` for a host that is on none of the segments, or on several.
    """
    if not is_routed(subnets):
        return subnets
    known = hosts.get(ctx.tx, host)
    with_subnets = {subnet.segment_id for subnet in subnets}
    every = [segment for segment in segment_query.of_network(ctx.tx, network_id) if segment.id in with_subnets]
    mine = {segment.id for segment in every if known is not None and reaches(known, segment)}
    if not mine:
        raise Conflict(
            "HostNotConnectedToAnySegment",
            f"Host {host} is connected to no segment of the routed provider network {network_id}: it needs one.",
        )
    if len(mine) > 1:
        raise Conflict(
            "HostConnectedToMultipleSegments",
            f"Host {host} is connected to several segments of the routed provider network {network_id}: it may be "
            "connected to one only.",
        )
    return [subnet for subnet in subnets if subnet.segment_id is None or subnet.segment_id in mine]


def everywhere(subnets: Iterable[Subnet]) -> list[Subnet]:
    """The subnets whose addresses work on every host of a routed network."""
    return [subnet for subnet in subnets if subnet.segment_id is None]


def on_the_segment(ctx: Context, subnet: Subnet, ports: Sequence[Port]) -> list[Port]:
    """Those of the ports of a network that are on hosts of the subnet's segment."""
    segment = segment_query.SEGMENTS.get(ctx.tx, subnet.segment_id or "")
    known = hosts.named(ctx.tx, {port.binding_host_id for port in ports})
    there = {name for name, host in known.items() if segment is not None and reaches(host, segment)}
    return [port for port in ports if port.binding_host_id in there]


def check_one_segment(subnets: Iterable[Subnet], fixed_ips: Iterable[FixedIp]) -> None:
    """The addresses of a port are on one segment.  Raises `BadRequest`."""
    segment_of = {subnet.id: subnet.segment_id for subnet in subnets}
    if len({segment_of[fixed_ip.subnet_id] for fixed_ip in fixed_ips} - {None}) > 1:
        raise BadRequest("FixedIpsSubnetsNotOnSameSegment", "Addresses of different segments cannot be on one port.")


def check_host(port: Port, host: str, here: Iterable[Subnet]) -> None:
    """The addresses of a port work on the host where it goes.  Raises `Conflict`."""
    ids = {subnet.id for subnet in here}
    if any(fixed_ip.subnet_id not in ids for fixed_ip in port.fixed_ips):
        raise Conflict(
            "HostNotCompatibleWithFixedIps",
            f"Host {host} is on another segment than the fixed_ips of port {port.id}: they would not work there.",
        )


# Subnets on segments


def check_segment(ctx: Context, subnet: Subnet, others: Sequence[Subnet]) -> None:
    """A new subnet's segment is one of its network; all subnets of a network that need a segment have one, or none.

    Raises `BadRequest`, `NotFound`.
    """
    if subnet.segment_id:
        segment = segment_query.SEGMENTS.get(ctx.tx, subnet.segment_id)
        if segment is None:
            raise not_found(Segment, subnet.segment_id)
        if segment.network_id != subnet.network_id:
            raise BadRequest(
                "NetworkIdsDontMatch",
                f"segment_id '{segment.id}' is a segment of the network '{segment.network_id}', and the subnet is on "
                f"'{subnet.network_id}'.",
            )
    if not _needs_none(subnet) and any(
        bool(other.segment_id) != bool(subnet.segment_id) for other in others if not _needs_none(other)
    ):
        raise BadRequest(
            "SubnetsNotAllAssociatedWithSegments",
            f"Either all subnets of the network '{subnet.network_id}' are associated with segments, or none of them.",
        )


def _needs_none(subnet: Subnet) -> bool:
    return subnet.segment_id is None and ROUTED in subnet.service_types


def check_segment_change(ctx: Context, old: Subnet, new: Subnet, others: Sequence[Subnet]) -> None:
    """The only subnet of a network of one segment may be put on it.  Raises `BadRequest`, `NotFound`."""
    if old.segment_id:
        raise BadRequest(
            "SubnetSegmentAssociationChangeNotAllowed",
            f"The subnet is associated with the segment '{old.segment_id}', and stays so.",
        )
    check_segment(ctx, new, others)
    if len(segment_query.of_network(ctx.tx, new.network_id)) > 1:
        raise BadRequest(
            "NoUpdateSubnetWhenMultipleSegmentsOnNetwork",
            f"The network '{new.network_id}' has several segments: a subnet that is there can be associated with the "
            "only segment of its network.",
        )


# Routes between the segments


def with_peer_routes(
    subnet: Subnet, others: Iterable[Subnet], *, old_gateway: str | None = None, gone: Subnet | None = None
) -> list[HostRoute]:
    """The host routes of a subnet on a segment, with one by its gateway to each subnet of the other segments.

    A wider route that is there already will do.  `old_gateway`: what the gateway was; `gone`: a subnet that is deleted.
    """
    peers = [
        ipaddress.ip_network(other.cidr)
        for other in others
        if other.segment_id not in (None, subnet.segment_id) and other.ip_version == subnet.ip_version
    ]
    stale = {HostRoute(str(peer), old_gateway) for peer in peers if old_gateway}
    if gone is not None and subnet.gateway_ip:
        stale.add(HostRoute(gone.cidr, subnet.gateway_ip))
    routes = [route for route in subnet.host_routes if route not in stale]
    if subnet.gateway_ip is None or subnet.segment_id is None:
        return routes
    covered = [ipaddress.ip_network(route.destination) for route in routes]
    for peer in peers:
        if not any(peer.version == block.version and peer.subnet_of(block) for block in covered):  # type: ignore[arg-type]
            routes.append(HostRoute(str(peer), subnet.gateway_ip))
    return routes


def tell_peers(ctx: Context, subnet: Subnet, *, gone: bool = False) -> None:
    """The other subnets of the network have a route to this one, or no longer."""
    if not subnet.segment_id:
        return
    every = subnet_query.of_network(ctx.tx, subnet.network_id)
    for old in every:
        routes = with_peer_routes(old, every, gone=subnet if gone else None)
        if old.id != subnet.id and routes != old.host_routes:
            new = ctx.changed(old, host_routes=routes)
            subnet_query.SUBNETS.update(ctx.tx, old, new)
            subnet_news(ctx.tx, new)
