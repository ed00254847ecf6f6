"""Bindings of a port: prepared on a host to which its VM will move, activated there, and what is left removed.

The active binding is the one in the port itself (`binding:host_id` and the like).  Activating another swaps the two in
one transaction, so that the port is never without a host in between.
"""

from __future__ import annotations

import msgspec

from heddle.control import binding, claims, floating_places, subports
from heddle.control.context import Context
from heddle.control.news import port_news
from heddle.errors import Conflict, NotFound
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.port_binding import PortBinding
from heddle.model.resource import Draft
from heddle.store.query import networks as network_query
from heddle.store.query import port_bindings as q
from heddle.store.query import ports as port_query


def active_of(port: Port) -> PortBinding | None:
    """The binding that carries the port; None for a port without a host."""
    if not port.binding_host_id:
        return None
    return PortBinding(
        host=port.binding_host_id,
        vif_type=port.binding_vif_type,
        vif_details=port.binding_vif_details,
        vnic_type=port.binding_vnic_type,
        profile=port.binding_profile,
        status="ACTIVE",
    )


def bindings_of(ctx: Context, port: Port) -> list[PortBinding]:
    """The active one first."""
    active = active_of(port)
    return [*([active] if active else []), *q.of_port(ctx.tx, port.id)]


def find(ctx: Context, port: Port, host: str) -> PortBinding:
    """Raises `NotFound`."""
    for found in bindings_of(ctx, port):
        if found.host == host:
            return found
    raise NotFound("PortBindingNotFound", f"Binding for port {port.id} for host {host} could not be found.")


def create_binding(ctx: Context, port: Port, draft: Draft[PortBinding]) -> PortBinding:
    """Prepare a binding, or bind a port that has none.  Raises `Conflict`."""
    wanted = draft.value
    if any(known.host == wanted.host for known in bindings_of(ctx, port)):
        raise Conflict("PortBindingAlreadyExists", f"Binding for port {port.id} on host {wanted.host} already exists.")
    network = _plug(ctx, port, wanted)
    if not port.binding_host_id:
        wanted = _bind(ctx, port, wanted)
    else:
        q.insert(ctx.tx, port.id, wanted)
    _check_claims(ctx, port, network, wanted.host)
    return wanted


def update_binding(ctx: Context, port: Port, old: PortBinding, draft: Draft[PortBinding]) -> PortBinding:
    """Raises `Conflict` when the host cannot carry the port like that."""
    new = draft.value
    network = _plug(ctx, port, new)
    if old.status == "ACTIVE":
        new = _bind(ctx, port, new)
    else:
        q.delete(ctx.tx, port.id, old.host)
        q.insert(ctx.tx, port.id, new)
    _check_claims(ctx, port, network, new.host)
    return new


def activate_binding(ctx: Context, port: Port, host: str) -> PortBinding:
    """Make a prepared binding the active one, and prepare the one that was.  Raises `NotFound`, `Conflict`."""
    wanted = find(ctx, port, host)
    if wanted.status == "ACTIVE":
        raise Conflict("PortBindingAlreadyActive", f"Binding for port {port.id} on host {host} is already active.")
    before = active_of(port)
    q.delete(ctx.tx, port.id, host)
    if before is not None:
        q.insert(ctx.tx, port.id, before)
    return _bind(ctx, port, wanted)


def delete_binding(ctx: Context, port: Port, host: str) -> None:
    """Remove a binding; a port whose active one goes has no host.  Raises `NotFound`."""
    found = find(ctx, port, host)
    if found.status == "ACTIVE":
        _bind(ctx, port, PortBinding(vnic_type=found.vnic_type))
    else:
        q.delete(ctx.tx, port.id, host)


def _plug(ctx: Context, port: Port, wanted: PortBinding) -> Network:
    network = _network(ctx, port)
    wanted.vif_type, wanted.vif_details = binding.plug(ctx, wanted.host, wanted.vnic_type, network)
    if wanted.vif_type == "binding_failed":
        raise Conflict(
            "PortBindingError",
            f"Binding for port {port.id} on host {wanted.host} could not be created: no agent of that host reaches the "
            f"port's network with a card of type {wanted.vnic_type}.",
        )
    return network


def _check_claims(ctx: Context, port: Port, network: Network, host: str) -> None:
    if reason := claims.reason_against(ctx, port, network, host):
        raise Conflict(
            "PortBindingError", f"Binding for port {port.id} on host {host} could not be created: {reason}."
        )


def _network(ctx: Context, port: Port) -> Network:
    network = network_query.NETWORKS.get(ctx.tx, port.network_id, bare=True)
    assert network is not None
    return network


def _bind(ctx: Context, old: Port, wanted: PortBinding) -> PortBinding:
    """Write the binding into the port."""
    new = ctx.changed(
        old,
        binding_host_id=wanted.host,
        binding_vif_type=wanted.vif_type,
        binding_vif_details=wanted.vif_details,
        binding_vnic_type=wanted.vnic_type,
        binding_profile=wanted.profile,
        binding_refusal="",
        status="DOWN" if wanted.host != old.binding_host_id else old.status,
    )
    port_query.PORTS.update(ctx.tx, old, new)
    port_news(ctx.tx, new, old)
    floating_places.follow(ctx, new, old)
    subports.follow(ctx, new, old)
    return msgspec.structs.replace(wanted, status="ACTIVE")
