"""Networks: created on a segment of their type, changed, deleted when nothing is on them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from heddle.control import floating_ips, quotas, security_groups, subnets
from heddle.control.context import Context, new_id
from heddle.control.news import network_news
from heddle.control.ports import delete_port
from heddle.errors import Conflict, Unavailable
from heddle.model.network import Network
from heddle.model.port import DHCP, FLOATING_IP
from heddle.model.resource import Draft
from heddle.network_types import registry
from heddle.network_types.base import Candidates, NetworkType, refuse, segment_key
from heddle.store.query import floating_ips as floating_ip_query
from heddle.store.query import ha_networks as ha_query
from heddle.store.query import networks as q
from heddle.store.query import ports as port_query
from heddle.store.query import subnets as subnet_query

_TRIES = 64
_SEGMENT = ("provider_network_type", "provider_physical_network", "provider_segmentation_id")


def create_networks(ctx: Context, drafts: Sequence[Draft[Network]]) -> list[Network]:
    """Create networks, all or none.  Raises `BadRequest`, `Conflict` (OverQuota, segment in use)."""
    created = []
    for draft in drafts:
        network = msgspec.structs.replace(
            draft.value, id=new_id(), revision_number=1, created_at=ctx.now, updated_at=ctx.now
        )
        if network.project_id:
            quotas.take(ctx, network.project_id, "network")
        security_groups.ensure_default(ctx, network.project_id)
        kind = _choose_segment(ctx, network, draft.given)
        _set_mtu(ctx, network, kind, "mtu" in draft.given)
        q.NETWORKS.insert(ctx.tx, [network])
        if network.ha:
            _serve_routers(ctx, network)
        network_news(ctx.tx, network)
        created.append(network)
    return created


def update_network(ctx: Context, old: Network, draft: Draft[Network]) -> Network:
    """Raises `BadRequest` for what cannot change, `Conflict` when its use forbids the change."""
    new = msgspec.structs.replace(draft.value, revision_number=old.revision_number + 1, updated_at=ctx.now)
    if any(getattr(new, name) != getattr(old, name) for name in _SEGMENT):
        raise refuse("Plugin does not support updating provider attributes: the segment of a network stays as it is")
    if old.router_external and not new.router_external and _used_as_external(ctx, old):
        raise Conflict(
            "ExternalNetworkInUse",
            f"External network {old.id} cannot be updated to be made non-external, since it has existing gateway "
            "ports.",
        )
    if old.shared and not new.shared and _used_by_others(ctx, old):
        raise Conflict(
            "InvalidSharedSetting",
            f"Unable to reconfigure sharing settings for network {old.name or old.id}. Multiple tenants are using it.",
        )
    if new.mtu != old.mtu:
        _set_mtu(ctx, new, registry()[new.provider_network_type], given=True)
        for subnet in subnet_query.of_network(ctx.tx, new.id):
            subnets.check_mtu(new, subnet)
    q.NETWORKS.update(ctx.tx, old, new)
    network_news(ctx.tx, new)
    return new


def delete_network(ctx: Context, network: Network) -> None:
    """Delete a network with its subnets, and floating IPs that reach no port.

    Raises `Conflict` (NetworkInUse) while ports of others are on it.
    """
    if _routers_need(ctx, network) or _has_users(ctx, network):
        raise Conflict(
            "NetworkInUse",
            f"Unable to complete operation on network {network.id}. There are one or more ports still in use on the "
            "network.",
        )
    for floating_ip in floating_ip_query.of_network(ctx.tx, network.id):
        floating_ips.delete_floating_ip(ctx, floating_ip)
    for port in port_query.of_network(ctx.tx, network.id):
        delete_port(ctx, port, own=True)
    for subnet in subnet_query.of_network(ctx.tx, network.id):
        subnets.delete_subnet(ctx, subnet, with_network=True)
    q.release_segments(ctx.tx, network.id)
    q.NETWORKS.delete(ctx.tx, network.id)
    ha_query.drop(ctx.tx, network.id)
    if network.project_id:
        quotas.give_back(ctx, network.project_id, "network")
    network_news(ctx.tx, network, gone=True)


def _has_users(ctx: Context, network: Network) -> bool:
    """Whether there are ports of others, or floating IPs that reach one."""
    if any(floating_ip.port_id for floating_ip in floating_ip_query.of_network(ctx.tx, network.id)):
        return True
    return port_query.count_foreign(ctx.tx, network.id, [DHCP, FLOATING_IP]) > 0


def _serve_routers(ctx: Context, network: Network) -> None:
    """The network is for the project's highly available routers.  Raises `Conflict` when they have one."""
    if ha_query.of_project(ctx.tx, network.project_id):
        raise Conflict(
            "HANetworkExists", f"Project {network.project_id} already has a network for its highly available routers."
        )
    ha_query.set(ctx.tx, network.project_id, network.id)


def _routers_need(ctx: Context, network: Network) -> bool:
    project_id = ha_query.project_of(ctx.tx, network.id)
    return project_id is not None and ha_query.is_needed(ctx.tx, project_id)


def _choose_segment(ctx: Context, network: Network, given: frozenset[str]) -> NetworkType:
    """Fill in where the network lives, and claim it."""
    asked = [name for name in _SEGMENT if name in given and getattr(network, name) not in (None, "")]
    if not asked:
        for name in ctx.settings.network.tenant_types:
            if _claim_any(ctx, network, registry()[name], None):
                return registry()[name]
        raise Unavailable(
            "NoNetworkAvailable", "Unable to create the network. No tenant network is available for allocation."
        )
    if not network.provider_network_type:
        raise refuse("provider:network_type is required when other provider attributes are given")
    kind = registry().get(network.provider_network_type)
    if kind is None:
        raise refuse(
            f"network_type value '{network.provider_network_type}' is not supported: there are "
            f"{', '.join(sorted(registry()))}"
        )
    physical, number = network.provider_physical_network or None, network.provider_segmentation_id
    kind.check(ctx.settings.network, physical, number)
    complete = number is not None or kind.name in ("local", "flat")
    if complete:
        key = segment_key(kind.name, physical, number, network.id)
        if not q.claim_segment(ctx.tx, key, network.id):
            raise _in_use(kind.name, physical, number)
        network.provider_physical_network = physical
    elif not _claim_any(ctx, network, kind, physical):
        raise Unavailable(
            "NoNetworkAvailable", f"Unable to create the network. No {kind.name} segment is available for allocation."
        )
    return kind


def _claim_any(ctx: Context, network: Network, kind: NetworkType, physical: str | None) -> bool:
    """Claim a free segment of the type: a random one, so that two requests seldom want the same."""
    candidates = kind.candidates(ctx.settings.network, physical)
    count = sum(len(each) for each in candidates)
    few = range(count) if count <= _TRIES else random.sample(range(count), _TRIES)
    for places in (few, range(count)):
        for start in range(0, len(places), 500):
            chosen = [_candidate(candidates, place) for place in places[start : start + 500]]
            part = {segment_key(kind.name, *segment, network.id): segment for segment in chosen}
            taken = q.claimed(ctx.tx, part)
            free = [key for key in part if key not in taken]
            if free and q.claim_segment(ctx.tx, free[0], network.id):
                network.provider_network_type = kind.name
                network.provider_physical_network, network.provider_segmentation_id = part[free[0]]
                return True
    return False


def _candidate(candidates: Sequence[Candidates], place: int) -> tuple[str | None, int | None]:
    """The segment at a place of them all."""
    for each in candidates:
        if place < len(each):
            return each.at(place)
        place -= len(each)
    raise IndexError(place)


def _in_use(name: str, physical: str | None, number: int | None) -> Conflict:
    if name == "vlan":
        return Conflict(
            "VlanIdInUse", f"Unable to create the network. The VLAN {number} on physical network {physical} is in use."
        )
    if name == "flat":
        return Conflict(
            "FlatNetworkInUse", f"Unable to create the flat network. Physical network {physical} is in use."
        )
    return Conflict("TunnelIdInUse", f"Unable to create the network. The tunnel ID {number} is in use.")


def _set_mtu(ctx: Context, network: Network, kind: NetworkType, given: bool) -> None:
    settings = ctx.settings.network
    most = (settings.path_mtu or settings.physical_mtu) if kind.uplink.kind == "tunnel" else settings.physical_mtu
    most -= kind.overhead[4]
    if not given or network.mtu == 0:
        network.mtu = most
    elif network.mtu > most:
        raise refuse(f"Requested MTU is too big, maximum is {most}")


def _used_as_external(ctx: Context, network: Network) -> bool:
    gateways = port_query.interfaces_on_network(ctx.tx, network.id, "network:router_gateway")
    return bool(gateways) or floating_ip_query.any_on_network(ctx.tx, network.id)


def _used_by_others(ctx: Context, network: Network) -> bool:
    ports = port_query.of_network(ctx.tx, network.id)
    return any(port.project_id not in ("", network.project_id) for port in ports)
