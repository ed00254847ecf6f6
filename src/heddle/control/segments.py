"""Segments: added to a network, named, and taken from it when nothing needs them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from heddle.control import dhcp, foreign_macs, segment_claims
from heddle.control.binding import joined_by
from heddle.control.context import Context, new_id
from heddle.control.lookup import need
from heddle.control.news import network_news
from heddle.errors import Conflict
from heddle.model.network import Network
from heddle.model.port import DHCP
from heddle.model.resource import Draft
from heddle.model.segment import Segment, Segmentation
from heddle.network_types import registry
from heddle.network_types.base import refuse
from heddle.store.query import hosts
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import segments as q
from heddle.store.query import subnets as subnet_query


def of_new_network(ctx: Context, network_id: str, found: Sequence[Segmentation]) -> list[Segment]:
    """The segments of a network that is being created."""
    return [
        Segment(
            id=new_id(),
            network_id=network_id,
            network_type=each.network_type,
            physical_network=each.physical_network,
            segmentation_id=each.segmentation_id,
            position=position,
            revision_number=1,
            created_at=ctx.now,
            updated_at=ctx.now,
        )
        for position, each in enumerate(found)
    ]


def create_segments(ctx: Context, drafts: Sequence[Draft[Segment]]) -> list[Segment]:
    """Add segments to networks, all or none.

    Raises `BadRequest`, `NotFound`, `Conflict` (segment in use, MTU of the network too large for it, a port whose MAC
    address it must not have there).
    """
    return [_create(ctx, draft.value) for draft in drafts]


def _create(ctx: Context, asked: Segment) -> Segment:
    network = need(ctx, network_query.NETWORKS, asked.network_id, lock=True)
    have = q.of_network(ctx.tx, network.id)
    wanted = Segmentation(asked.network_type, asked.physical_network, asked.segmentation_id)
    found = segment_claims.reserve(ctx, network, wanted)
    most = largest_mtu(ctx, [found.network_type])
    if network.mtu > most:
        raise refuse(f"Requested MTU is too big, maximum is {most}: the network has the MTU {network.mtu}")
    foreign_macs.check_segment(ctx, network, have, found)
    segment = ctx.made(
        asked,
        physical_network=found.physical_network,
        segmentation_id=found.segmentation_id,
        position=max((each.position + 1 for each in have), default=0),
    )
    q.SEGMENTS.insert(ctx.tx, [segment])
    _network_changed(ctx, network)
    return segment


def update_segment(ctx: Context, old: Segment, draft: Draft[Segment]) -> Segment:
    """Change its name or description."""
    new = ctx.changed(old, draft.value)
    q.SEGMENTS.update(ctx.tx, old, new)
    return new


def delete_segment(ctx: Context, segment: Segment) -> None:
    """Raises `Conflict` (SegmentInUse) while subnets are on it, or ports are reached by it."""
    network = network_query.NETWORKS.lock(ctx.tx, segment.network_id)
    assert network is not None
    subnets = [each.id for each in subnet_query.of_network(ctx.tx, network.id) if each.segment_id == segment.id]
    if subnets:
        raise _in_use(segment, f"The segment is still associated with subnet(s) {', '.join(subnets)}")
    ports = _ports_on(ctx, segment)
    if ports:
        raise _in_use(segment, f"The segment is still bound with port(s) {', '.join(ports[:10])}")
    segment_claims.release(ctx, segment)
    q.SEGMENTS.delete(ctx.tx, segment.id)
    _network_changed(ctx, network)


def largest_mtu(ctx: Context, network_types: Iterable[str]) -> int:
    """The largest MTU of a network with segments of these types."""
    settings = ctx.settings.network
    most = settings.physical_mtu
    for name in network_types:
        kind = registry()[name]
        path = (settings.path_mtu or settings.physical_mtu) if kind.uplink.kind == "tunnel" else settings.physical_mtu
        most = min(most, path - kind.overhead[settings.overlay_ip_version])
    return most


def _ports_on(ctx: Context, segment: Segment) -> list[str]:
    """The ports whose hosts are on the network by this segment; its own DHCP servers do not count."""
    bound = [port for port in port_query.bound_on_network(ctx.tx, segment.network_id) if port.device_owner != DHCP]
    known = hosts.named(ctx.tx, {port.binding_host_id for port in bound})
    every = q.of_network(ctx.tx, segment.network_id)
    joined = {name: joined_by(host, every) for name, host in known.items()}
    return sorted(port.id for port in bound if (there := joined.get(port.binding_host_id)) and there.id == segment.id)


def _network_changed(ctx: Context, network: Network) -> None:
    new = ctx.changed(network)
    network_query.NETWORKS.update(ctx.tx, network, new)
    network_news(ctx.tx, network)
    dhcp.refresh(ctx, network)


def _in_use(segment: Segment, reason: str) -> Conflict:
    return Conflict("SegmentInUse", f"Segment '{segment.id}' cannot be deleted: {reason}.")
