"""Networks: created on a segment of their type, changed, deleted when nothing is on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from heddle.control import (
    claims,
    dhcp,
    floating_ips,
    floating_places,
    private_vlans,
    qos,
    quotas,
    security_groups,
    segment_claims,
    segments,
    sharing,
    subnets,
    zones,
)
from heddle.control.context import Context
from heddle.control.news import network_news
from heddle.control.ports import delete_port
from heddle.errors import BadRequest, Conflict
from heddle.model.access import NETWORK_EXTERNAL, NETWORK_SHARED
from heddle.model.network import Network
from heddle.model.port import DHCP, FLOATING_IP
from heddle.model.resource import Draft
from heddle.model.segment import Segmentation
from heddle.network_types.base import refuse
from heddle.store.query import defaults, topologies
from heddle.store.query import floating_ips as floating_ip_query
from heddle.store.query import ha_networks as ha_query
from heddle.store.query import networks as q
from heddle.store.query import ports as port_query
from heddle.store.query import qos as qos_query
from heddle.store.query import rbac as rbac_query
from heddle.store.query import segments as segment_query
from heddle.store.query import subnets as subnet_query

DEFAULT = "external_network"  # its name among the cloud's defaults
_PROVIDER = ("provider_network_type", "provider_physical_network", "provider_segmentation_id")


def create_networks(ctx: Context, drafts: Sequence[Draft[Network]]) -> list[Network]:
    """Create networks, all or none.  Raises `BadRequest`, `Conflict` (OverQuota, segment in use)."""
    created = []
    for draft in drafts:
        network = ctx.made(draft.value)
        if network.project_id:
            quotas.take(ctx, network.project_id, "network")
        security_groups.ensure_default(ctx, network.project_id)
        zones.check_hints(ctx, dhcp.ROLE, network.availability_zone_hints)
        private_vlans.check_network(network)
        qos.check_policy_change(ctx, None, network.qos_policy_id)
        network.qos_policy_id = network.qos_policy_id or qos_query.default_of(ctx.tx, network.project_id)
        asked = _asked(network, draft.given)
        found = [segment_claims.reserve(ctx, network, each) for each in asked]
        found = found or [segment_claims.reserve_any(ctx, network)]
        _set_mtu(ctx, network, [each.network_type for each in found], "mtu" in draft.given)
        _settle_default(ctx, network)
        q.NETWORKS.insert(ctx.tx, [network])
        segment_query.SEGMENTS.insert(ctx.tx, segments.of_new_network(ctx, network.id, found))
        network.tell_segments(found)
        if network.shared:
            sharing.open_to_all(ctx, NETWORK_SHARED, network)
        if network.router_external:
            sharing.open_to_all(ctx, NETWORK_EXTERNAL, network)
        if network.ha:
            _serve_routers(ctx, network)
        network_news(ctx.tx, network)
        created.append(network)
    return created


def update_network(ctx: Context, old: Network, draft: Draft[Network]) -> Network:
    """Raises `BadRequest` for what cannot change, `Conflict` when its use forbids the change."""
    new = ctx.changed(old, draft.value)
    _check_segments_stay(old, new)
    private_vlans.network_changed(ctx, old, new)
    if "is_default" in draft.given or old.is_default:
        new.is_default = new.is_default and (new.router_external or "is_default" in draft.given)
        _settle_default(ctx, new, was=old.is_default)
    qos.check_policy_change(ctx, old.qos_policy_id, new.qos_policy_id)
    if new.mtu != old.mtu:
        names = [each.network_type for each in segment_query.of_network(ctx.tx, new.id)]
        _set_mtu(ctx, new, names, given=True)
        for subnet in subnet_query.of_network(ctx.tx, new.id):
            subnets.check_mtu(new, subnet)
    if "shared" in draft.given:
        _set_shared(ctx, old, new.shared)
    if new.router_external != old.router_external:
        _set_external(ctx, old, new.router_external)
    q.NETWORKS.update(ctx.tx, old, new)
    if (new.dns_domain, new.router_external) != (old.dns_domain, old.router_external):
        ctx.tx.publish("network", new.id)
    claims.policy_of_network_changed(ctx, old, new)
    network_news(ctx.tx, new)
    floating_places.of_network(ctx, new, old)
    return new if not {"shared", "router_external"} & draft.given else q.NETWORKS.get(ctx.tx, new.id) or new


def _set_shared(ctx: Context, network: Network, wanted: bool) -> None:
    """Let everybody use a network, or only whom other entries let.  Raises `Conflict` (InvalidSharedSetting)."""
    entry = sharing.entry_for_all(ctx, NETWORK_SHARED, network)
    if entry is None and wanted:
        sharing.open_to_all(ctx, NETWORK_SHARED, network)
    elif entry is not None and not wanted:
        if sharing.losing(ctx, network, entry):
            raise Conflict(
                "InvalidSharedSetting",
                f"Unable to reconfigure sharing settings for network {network.name or network.id}. Multiple tenants "
                "are using it.",
            )
        sharing.remove(ctx, [entry])


def _set_external(ctx: Context, network: Network, wanted: bool) -> None:
    """An external network is so for everybody; one that is none is so for nobody.  Raises `Conflict`."""
    if wanted:
        sharing.open_to_all(ctx, NETWORK_EXTERNAL, network)
        return
    if _used_as_external(ctx, network):
        raise Conflict(
            "ExternalNetworkInUse",
            f"External network {network.id} cannot be updated to be made non-external, since it has existing gateway "
            "ports.",
        )
    sharing.remove(ctx, rbac_query.of_object(ctx.tx, network.id, NETWORK_EXTERNAL.action))


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
    if network.is_default:
        defaults.release(ctx.tx, DEFAULT, network.id)
    topologies.drop_of_network(ctx.tx, network.id)
    dhcp.forget(ctx, network)
    segment_query.drop_all(ctx.tx, network.id)
    sharing.object_gone(ctx, network)
    q.NETWORKS.delete(ctx.tx, network.id)
    ha_query.drop(ctx.tx, network.id)
    if network.project_id:
        quotas.give_back(ctx, network.project_id, "network")
    network_news(ctx.tx, network, gone=True)


def _settle_default(ctx: Context, network: Network, *, was: bool = False) -> None:
    """The network becomes, or is no longer, the default external one.  Raises `BadRequest`, `Conflict`."""
    if was and not network.is_default:
        defaults.release(ctx.tx, DEFAULT, network.id)
    if not network.is_default:
        return
    if not network.router_external:
        raise refuse("is_default can be True for an external network only (router:external)")
    if not defaults.claim(ctx.tx, DEFAULT, network.id):
        raise Conflict(
            "DefaultExternalNetworkExists",
            f"A default external network already exists: {defaults.holder(ctx.tx, DEFAULT)}.",
        )


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


def _asked(network: Network, given: frozenset[str]) -> list[Segmentation]:
    """The segments that a request asks for: one by the provider attributes, or several.  Raises `BadRequest`."""
    several = network.segments or []
    if not any(name in given and getattr(network, name) not in (None, "") for name in _PROVIDER):
        complete = [each for each in several if segment_claims.is_complete(each)]
        if len(set(complete)) != len(complete):
            raise BadRequest("SegmentsContainDuplicateEntry", "Duplicate segment entry in request.")
        return several
    if several:
        raise BadRequest("SegmentsSetInConjunctionWithProviders", "Segments and provider values cannot both be set.")
    return [
        Segmentation(
            network.provider_network_type or "", network.provider_physical_network, network.provider_segmentation_id
        )
    ]


def _check_segments_stay(old: Network, new: Network) -> None:
    if any(getattr(new, name) != getattr(old, name) for name in _PROVIDER) or (new.segments or None) != old.segments:
        raise refuse("Plugin does not support updating provider attributes: the segment of a network stays as it is")


def _set_mtu(ctx: Context, network: Network, names: Iterable[str], given: bool) -> None:
    """The MTU as asked, or the largest that all segments, of these types, can carry."""
    most = segments.largest_mtu(ctx, names)
    if not given or network.mtu == 0:
        network.mtu = most
    elif network.mtu > most:
        raise refuse(f"Requested MTU is too big, maximum is {most}")


def _used_as_external(ctx: Context, network: Network) -> bool:
    gateways = port_query.interfaces_on_network(ctx.tx, network.id, "network:router_gateway")
    return bool(gateways) or floating_ip_query.any_on_network(ctx.tx, network.id)
