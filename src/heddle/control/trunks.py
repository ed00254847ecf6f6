"""Trunks: made on a parent port, with subports that come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from heddle.control import quotas, subports
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.control.news import port_news
from heddle.errors import BadRequest, Conflict, NotFound, invalid
from heddle.model.fields import Invalid
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.resource import Draft
from heddle.model.trunk import LARGEST_VLAN, SUBPORT_OWNER, SubPort, Trunk, check_distinct
from heddle.store.engine import Tx
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import trunks as q


def create_trunks(ctx: Context, drafts: Sequence[Draft[Trunk]]) -> list[Trunk]:
    """Raises `BadRequest`, `NotFound`, `Conflict` (a port in use, an MTU too large, OverQuota)."""
    created = []
    for draft in drafts:
        trunk = ctx.made(draft.value, sub_ports=[])
        quotas.take(ctx, trunk.project_id, "trunk")
        parent = need(ctx, port_query.PORTS, trunk.port_id, lock=True)
        _check_parent(parent)
        q.TRUNKS.insert(ctx.tx, [trunk])
        _change_port(ctx, parent, trunk_id=trunk.id)
        trunk.sub_ports = _join(ctx, trunk, parent, draft.value.sub_ports)
        created.append(trunk)
    return created


def update_trunk(ctx: Context, old: Trunk, draft: Draft[Trunk]) -> Trunk:
    new = ctx.changed(old, draft.value)
    q.TRUNKS.update(ctx.tx, old, new)
    return new


def delete_trunk(ctx: Context, trunk: Trunk) -> None:
    """Raises `Conflict` for a trunk that is disabled, or whose card is on a host."""
    _check_enabled(trunk)
    parent = port_query.PORTS.lock(ctx.tx, trunk.port_id)
    if parent is not None and parent.binding_host_id:
        raise Conflict("TrunkInUse", f"Trunk {trunk.id} is currently in use.")
    _leave(ctx, trunk, [subport.port_id for subport in trunk.sub_ports])
    if parent is not None:
        _change_port(ctx, parent, trunk_id=None)
    q.TRUNKS.delete(ctx.tx, trunk.id)
    quotas.give_back(ctx, trunk.project_id, "trunk")


def add_subports(ctx: Context, trunk: Trunk, wanted: Sequence[SubPort]) -> Trunk:
    """Raises `BadRequest`, `NotFound`, `Conflict` like `create_trunks`."""
    _check_enabled(trunk)
    parent = port_query.PORTS.lock(ctx.tx, trunk.port_id)
    assert parent is not None
    joined = _join(ctx, trunk, parent, wanted)
    return _changed(ctx, trunk, [*trunk.sub_ports, *joined])


def remove_subports(ctx: Context, trunk: Trunk, port_ids: Sequence[str]) -> Trunk:
    """Raises `NotFound` for a port that is not in the trunk, `Conflict` for a trunk that is disabled."""
    _check_enabled(trunk)
    have = {subport.port_id for subport in trunk.sub_ports}
    for port_id in port_ids:
        if port_id not in have:
            raise NotFound(
                "SubPortNotFound", f"SubPort on trunk {trunk.id} with parent port {port_id} could not be found."
            )
    _leave(ctx, trunk, port_ids)
    return _changed(ctx, trunk, [subport for subport in trunk.sub_ports if subport.port_id not in port_ids])


def check_unused(port: Port) -> None:
    """A port of a trunk is not deleted.  Raises `Conflict`."""
    if port.trunk_id:
        raise Conflict(
            "PortInUseAsTrunkParent", f"Port {port.id} is currently a parent port for trunk {port.trunk_id}."
        )
    if port.device_owner == SUBPORT_OWNER:
        raise Conflict("PortInUseAsSubPort", f"Port {port.id} is currently a subport for trunk {port.device_id}.")


def describe_parents(tx: Tx, ports: Sequence[Port]) -> None:
    """Fill in `trunk_details` of the ports that are parents (Networking API v2.0, trunk-details)."""
    parents = {port.trunk_id: port for port in ports if port.trunk_id}
    if not parents:
        return
    trunks = q.TRUNKS.get_many(tx, parents)
    macs = q.macs_of(tx, [subport.port_id for trunk in trunks.values() for subport in trunk.sub_ports])
    for trunk in trunks.values():
        found: list[dict[str, Any]] = [
            {**msgspec.structs.asdict(subport), "mac_address": macs.get(subport.port_id, "")}
            for subport in trunk.sub_ports
        ]
        parents[trunk.id].trunk_details = {"trunk_id": trunk.id, "sub_ports": found}


def _check_enabled(trunk: Trunk) -> None:
    if not trunk.admin_state_up:
        raise Conflict("TrunkDisabled", f"Trunk {trunk.id} is currently disabled.")


def _check_parent(port: Port) -> None:
    if port.trunk_id or port.device_owner == SUBPORT_OWNER:
        raise Conflict("TrunkPortInUse", f"Port {port.id} is in use by another trunk.")
    if port.binding_host_id:
        raise Conflict(
            "ParentPortInUse", f"Port {port.id} is currently in use and is not eligible for use as a parent port."
        )


def _changed(ctx: Context, old: Trunk, sub_ports: list[SubPort]) -> Trunk:
    new = ctx.changed(old, sub_ports=sub_ports)
    q.TRUNKS.update(ctx.tx, old, new)
    subports.settle(ctx.tx, [old.id])
    found = q.TRUNKS.get(ctx.tx, old.id)
    assert found is not None
    return found


def _join(ctx: Context, trunk: Trunk, parent: Port, wanted: Sequence[SubPort]) -> list[SubPort]:
    """Put ports into the trunk.  Returns them with the IDs that they have there."""
    ports = [need(ctx, port_query.PORTS, subport.port_id, lock=True) for subport in wanted]
    networks = network_query.NETWORKS.get_many(ctx.tx, [parent.network_id, *(port.network_id for port in ports)])
    most = networks[parent.network_id].mtu
    found = []
    for subport, port in zip(wanted, ports, strict=True):
        network = networks[port.network_id]
        _check_subport(port, parent)
        if most and network.mtu > most:
            raise Conflict(
                "SubPortMtuGreaterThanTrunkPortMtu",
                f"MTU {network.mtu} of subport {port.id} cannot be greater than MTU {most} of trunk port {parent.id}.",
            )
        found.append(_with_id(subport, network))
    try:
        check_distinct(found)
    except Invalid as reason:
        raise invalid("sub_ports", f"{reason}.") from None
    taken = {subport.segmentation_id for subport in trunk.sub_ports}
    for subport in found:
        if subport.segmentation_id in taken:
            raise Conflict(
                "DuplicateSubPort",
                f"segmentation_type {subport.segmentation_type} and segmentation_id {subport.segmentation_id} already "
                f"in use on trunk {trunk.id}.",
            )
    q.add_subports(ctx.tx, trunk.id, found)
    for port in ports:
        there = {"device_owner": SUBPORT_OWNER, "device_id": trunk.id}
        subports.place(ctx, port, networks[port.network_id], parent.binding_host_id, **there)
    return found


def _check_subport(port: Port, parent: Port) -> None:
    if port.id == parent.id or port.trunk_id or port.device_owner == SUBPORT_OWNER:
        raise Conflict("TrunkPortInUse", f"Port {port.id} is in use by another trunk.")
    if port.device_id or port.binding_host_id:
        raise Conflict(
            "PortInUse",
            f"Unable to complete operation on port {port.id} for network {port.network_id}. Port already has an "
            f"attached device {port.device_id or port.binding_host_id}.",
        )


def _with_id(subport: SubPort, network: Network) -> SubPort:
    """The subport with its VLAN ID; one that inherits has that of its network.  Raises `BadRequest`."""
    if subport.segmentation_type != "inherit":
        return subport
    number = network.provider_segmentation_id
    if network.provider_network_type != "vlan" or number is None or not 1 <= number <= LARGEST_VLAN:
        raise BadRequest(
            "InvalidInput",
            f"Invalid input for operation: Cannot inherit segmentation details from network {network.id} of type "
            f"{network.provider_network_type}: only the ID of a network of type vlan can be inherited.",
        )
    return SubPort(subport.port_id, "vlan", number)


def _leave(ctx: Context, trunk: Trunk, port_ids: Sequence[str]) -> None:
    for port_id in port_ids:
        port = port_query.PORTS.lock(ctx.tx, port_id)
        network = network_query.NETWORKS.get(ctx.tx, port.network_id, bare=True) if port is not None else None
        if port is not None and network is not None:
            subports.place(ctx, port, network, "", device_owner="", device_id="")
    q.remove_subports(ctx.tx, trunk.id, port_ids)


def _change_port(ctx: Context, old: Port, **values: Any) -> None:
    new = ctx.changed(old, **values)
    port_query.PORTS.update(ctx.tx, old, new)
    port_news(ctx.tx, new, old)
