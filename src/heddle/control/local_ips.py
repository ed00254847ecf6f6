"""Local IPs and the ports that they lead to, one on each host."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control import ports
from heddle.control.context import Context, new_id
from heddle.control.lookup import need, not_found
from heddle.control.news import local_ip_news
from heddle.errors import BadRequest, Conflict
from heddle.model.local_ip import LocalIp, LocalIpAssociation
from heddle.model.port import LOCAL_IP, Port
from heddle.model.resource import Draft
from heddle.model.values import FixedIp
from heddle.store.query import local_ips as q
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import subnets as subnet_query


def create_local_ips(ctx: Context, drafts: Sequence[Draft[LocalIp]]) -> list[LocalIp]:
    """Raises `BadRequest`, `NotFound`, `Conflict` (address in use, no address left)."""
    return [_create(ctx, draft.value) for draft in drafts]


def _create(ctx: Context, wanted: LocalIp) -> LocalIp:
    local_ip = ctx.made(wanted)
    if local_ip.local_port_id:
        port = _port(ctx, local_ip.local_port_id, "local_ip")
        local_ip.local_ip_address = _address(port, local_ip.local_ip_address)
    elif local_ip.network_id:
        port = _make_port(ctx, local_ip)
        local_ip.local_ip_address = port.fixed_ips[0].ip_address
    else:
        raise BadRequest(
            "LocalIPPortOrNetworkRequired", "Either Port ID or Network ID must be specified for Local IP create."
        )
    local_ip.local_port_id, local_ip.network_id = port.id, port.network_id
    q.LOCAL_IPS.insert(ctx.tx, [local_ip])
    return local_ip


def _port(ctx: Context, id: str, what: str) -> Port:
    """A port that the caller sees; nobody deletes it meanwhile.  Raises `BadRequest`."""
    found = port_query.PORTS.get(ctx.tx, id, ctx.visible(Port), hold=True)
    if found is None:
        raise BadRequest("BadRequest", f"Bad {what} request: Port {id} not found.")
    return found


def _make_port(ctx: Context, local_ip: LocalIp) -> Port:
    network = need(ctx, network_query.NETWORKS, local_ip.network_id)
    subnets = [subnet for subnet in subnet_query.of_network(ctx.tx, network.id) if subnet.ip_version == 4]
    if not subnets:
        raise BadRequest("BadRequest", f"Bad local_ip request: Network {network.id} does not contain any IPv4 subnet.")
    wanted = FixedIp("" if local_ip.local_ip_address else subnets[0].id, local_ip.local_ip_address or "")
    return ports.own_port(
        ctx,
        network,
        owner=LOCAL_IP,
        device_id=local_ip.id,
        project_id=local_ip.project_id,
        host="",
        fixed_ips=[wanted],
    )


def _address(port: Port, wanted: str | None) -> str:
    """The wanted address of a port, or its only one.  Raises `BadRequest`."""
    own = [fixed_ip.ip_address for fixed_ip in port.fixed_ips]
    if not own:
        raise BadRequest("LocalIPNoIP", f"Specified Port {port.id} has no fixed IPs configured.")
    if wanted is not None and wanted not in own:
        raise BadRequest(
            "LocalIPRequestedIPNotFound", f"Specified Port {port.id} does not have requested IP address: {wanted}."
        )
    if wanted is None and len(own) > 1:
        raise BadRequest(
            "LocalIPNoRequestedIP",
            f"Specified Port {port.id} has several IPs, should specify exact IP address to use for Local IP.",
        )
    return wanted or own[0]


def update_local_ip(ctx: Context, old: LocalIp, draft: Draft[LocalIp]) -> LocalIp:
    new = ctx.changed(old, draft.value)
    q.LOCAL_IPS.update(ctx.tx, old, new)
    return new


def delete_local_ip(ctx: Context, local_ip: LocalIp) -> None:
    """Raises `Conflict` (LocalIPInUse) while it leads to ports."""
    if q.associations_of(ctx.tx, local_ip.id):
        raise Conflict("LocalIPInUse", f"Local IP {local_ip.id} is still associated with one or more ports.")
    q.LOCAL_IPS.delete(ctx.tx, local_ip.id)
    port = port_query.PORTS.get(ctx.tx, local_ip.local_port_id)
    if port is not None and port.device_owner == LOCAL_IP:
        ports.delete_port(ctx, port, own=True)


# The ports that they lead to


def create_associations(ctx: Context, drafts: Sequence[Draft[LocalIpAssociation]]) -> list[LocalIpAssociation]:
    """Raises `BadRequest`, `Conflict` for a port that is associated already."""
    return [_associate(ctx, draft.value) for draft in drafts]


def _associate(ctx: Context, wanted: LocalIpAssociation) -> LocalIpAssociation:
    local_ip = q.LOCAL_IPS.lock(ctx.tx, wanted.local_ip_id)
    if local_ip is None:
        raise not_found(LocalIp, wanted.local_ip_id)
    port = _port(ctx, wanted.fixed_port_id, "local_ip_port_association")
    if any(known.fixed_port_id == port.id for known in q.associations_of(ctx.tx, local_ip.id)):
        raise Conflict("LocalIPAssociationExists", f"Local IP {local_ip.id} is associated with port {port.id} already.")
    made = msgspec.structs.replace(
        wanted,
        id=new_id(),
        project_id=local_ip.project_id,
        local_ip_address=local_ip.local_ip_address or "",
        fixed_ip=_address(port, wanted.fixed_ip),
        host=port.binding_host_id or "",
    )
    q.ASSOCIATIONS.insert(ctx.tx, [made])
    local_ip_news(ctx.tx, made, made.host)
    return made


def delete_association(ctx: Context, association: LocalIpAssociation) -> None:
    q.ASSOCIATIONS.delete(ctx.tx, association.id)
    local_ip_news(ctx.tx, association, "", association.host)
