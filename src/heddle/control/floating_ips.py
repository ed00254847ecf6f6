"""Floating IPs: an address of an external network, and the port behind a router that it reaches."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.control import associations, floating_places, floating_routers, port_names, ports, qos, quotas
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.control.news import floating_ip_news
from heddle.errors import BadRequest, Conflict
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import FLOATING_IP, Port
from heddle.model.resource import Draft
from heddle.model.values import FixedIp
from heddle.store.query import floating_ips as q
from heddle.store.query import networks as network_query
from heddle.store.query import port_forwardings as forwarding_query
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query
from heddle.store.query import subnets as subnet_query


def create_floating_ips(ctx: Context, drafts: Sequence[Draft[FloatingIp]]) -> list[FloatingIp]:
    """Raises `BadRequest`, `NotFound`, `Conflict` (OverQuota, address in use, no address left)."""
    return [_create(ctx, draft) for draft in drafts]


def _create(ctx: Context, draft: Draft[FloatingIp]) -> FloatingIp:
    port_names.check_floating(draft.value.dns_name, draft.value.dns_domain)
    quotas.take(ctx, draft.value.project_id, "floatingip")
    value = ctx.made(draft.value)
    qos.check_policy_change(ctx, None, value.qos_policy_id)
    network = need(ctx, network_query.NETWORKS, value.floating_network_id)
    if not network.router_external:
        raise BadRequest("BadRequest", f"Bad floatingip request: Network {network.id} is not a valid external network.")
    subnets = subnet_query.of_network(ctx.tx, network.id)
    subnets = [subnet for subnet in subnets if subnet.ip_version == 4]
    if not subnets:
        raise BadRequest(
            "BadRequest", f"Bad floatingip request: Network {network.id} does not contain any IPv4 subnet."
        )
    wanted = [FixedIp(value.subnet_id or "", value.floating_ip_address or "")]
    asks = bool(value.subnet_id or value.floating_ip_address)
    port = ports.own_port(
        ctx,
        network,
        owner=FLOATING_IP,
        device_id=value.id,
        project_id="",
        host="",
        fixed_ips=wanted if asks else None,
    )
    if not port.fixed_ips:
        raise BadRequest(
            "ExternalIpAddressExhausted",
            f"Unable to find any IP address on external network {network.id}: its subnets are on segments. Name a "
            "subnet_id, or let it have a subnet of the service types network:routed and network:floatingip.",
        )
    value.floating_ip_address = port.fixed_ips[0].ip_address
    value.floating_port_id = port.id
    if value.port_id:
        _associate(ctx, value)
    else:
        _check_nothing_without_port(value)
    q.FLOATING_IPS.insert(ctx.tx, [value])
    floating_ip_news(ctx.tx, value)
    floating_places.settle(ctx, [value])
    return _again(ctx, value)


def update_floating_ip(ctx: Context, old: FloatingIp, draft: Draft[FloatingIp]) -> FloatingIp:
    """Raises `BadRequest`, `NotFound`, `Conflict` like `create_floating_ips`."""
    new = ctx.changed(old, draft.value)
    qos.check_policy_change(ctx, old.qos_policy_id, new.qos_policy_id)
    if not draft.given:
        new.port_id = None
    if {"port_id", "fixed_ip_address", "router_id"} & draft.given or not draft.given:
        _change_association(ctx, old, new, draft.given)
    q.FLOATING_IPS.update(ctx.tx, old, new)
    floating_ip_news(ctx.tx, new, old)
    floating_places.changed(ctx, new, old)
    return _again(ctx, new)


def _change_association(ctx: Context, old: FloatingIp, new: FloatingIp, given: frozenset[str]) -> None:
    """What is not given is chosen anew: the router always, the fixed address where the port is another."""
    if "router_id" not in given:
        new.router_id = None
    if "fixed_ip_address" not in given and new.port_id != old.port_id:
        new.fixed_ip_address = None
    if new.port_id:
        _check_forwards_nothing(old)
        _associate(ctx, new, (old.host and old.router_id) or "")
    else:
        if "port_id" not in given:
            _check_nothing_without_port(new)
        new.fixed_ip_address = None
        new.router_id = old.router_id if old.port_forwardings else None
    if (new.port_id, new.fixed_ip_address, new.router_id) != (old.port_id, old.fixed_ip_address, old.router_id):
        new.status = "DOWN"


def _check_nothing_without_port(floating_ip: FloatingIp) -> None:
    for name in ("fixed_ip_address", "router_id"):
        if getattr(floating_ip, name):
            raise BadRequest("BadRequest", f"Bad floatingip request: {name} cannot be specified without a port_id.")


def _check_forwards_nothing(floating_ip: FloatingIp) -> None:
    if floating_ip.port_forwardings:
        raise Conflict(
            "FipInUseByPortForwarding", f"Floating IP {floating_ip.id} in use by Port Forwarding resources."
        )


def delete_floating_ip(ctx: Context, floating_ip: FloatingIp) -> None:
    """Raises `Conflict` (FipInUseByPortForwarding)."""
    _check_forwards_nothing(floating_ip)
    if floating_ip.port_id:
        associations.disassociate(ctx, floating_ip)
    q.FLOATING_IPS.delete(ctx.tx, floating_ip.id)
    if floating_ip.dns_name:
        ctx.tx.publish("floating_ip", floating_ip.id)
    port = port_query.PORTS.get(ctx.tx, floating_ip.floating_port_id)
    if port is not None:
        ports.delete_port(ctx, port, own=True)
    quotas.give_back(ctx, floating_ip.project_id, "floatingip")


def _associate(ctx: Context, floating_ip: FloatingIp, left: str = "") -> None:
    """Fill in the fixed address, and the router through which the port is reached where none is named.

    `left`: the router for which a guest's host translated it so far.
    """
    port = need(ctx, port_query.PORTS, floating_ip.port_id or "", lock=True)
    if port.project_id != floating_ip.project_id and not ctx.caller.is_admin:
        raise BadRequest(
            "BadRequest",
            f"Bad floatingip request: Port {port.id} is associated with a different tenant than the floating IP and "
            "therefore cannot be bound.",
        )
    fixed_ip = _choose_fixed_ip(floating_ip, port)
    _check_not_forwarded(ctx, port)
    for other in q.of_port(ctx.tx, port.id):
        if (
            other.id != floating_ip.id
            and other.fixed_ip_address == fixed_ip.ip_address
            and other.floating_network_id == floating_ip.floating_network_id
        ):
            raise Conflict(
                "FloatingIPPortAlreadyAssociated",
                f"Cannot associate floating IP {floating_ip.floating_ip_address} ({floating_ip.floating_port_id}) "
                f"with port {port.id} using fixed IP {fixed_ip.ip_address}, as that fixed IP already has a floating "
                f"IP on external network {floating_ip.floating_network_id}.",
            )
    floating_ip.fixed_ip_address = fixed_ip.ip_address
    if floating_ip.router_id:
        floating_routers.check_router(ctx, floating_ip, floating_ip.router_id, left)
    else:
        floating_ip.router_id = floating_routers.router_of(ctx, floating_ip, port, fixed_ip, left)


def _check_not_forwarded(ctx: Context, port: Port) -> None:
    """A port that a distributed router forwards to has no floating IP besides: it would answer under that."""
    for forwarding in forwarding_query.to_port(ctx.tx, port.id):
        carrier = q.FLOATING_IPS.get(ctx.tx, forwarding.floatingip_id, bare=True)
        router = router_query.ROUTERS.get(ctx.tx, (carrier and carrier.router_id) or "", bare=True)
        if router is not None and router.distributed:
            raise BadRequest(
                "PortHasPortForwarding",
                f"Cannot associate floating IP to port {port.id} because it already has a Port Forwarding binding.",
            )


def _choose_fixed_ip(floating_ip: FloatingIp, port: Port) -> FixedIp:
    ipv4 = [fixed_ip for fixed_ip in port.fixed_ips if ":" not in fixed_ip.ip_address]
    if floating_ip.fixed_ip_address:
        for fixed_ip in ipv4:
            if fixed_ip.ip_address == floating_ip.fixed_ip_address:
                return fixed_ip
        raise BadRequest(
            "BadRequest",
            f"Bad floatingip request: Port {port.id} does not have fixed ip {floating_ip.fixed_ip_address}.",
        )
    if not ipv4:
        raise BadRequest(
            "BadRequest",
            f"Bad floatingip request: Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses.",
        )
    if len(ipv4) > 1:
        raise BadRequest(
            "BadRequest",
            f"Bad floatingip request: Port {port.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 "
            "address when assigning a floating IP.",
        )
    return ipv4[0]


def _again(ctx: Context, floating_ip: FloatingIp) -> FloatingIp:
    found = q.FLOATING_IPS.get(ctx.tx, floating_ip.id)
    assert found is not None
    return found
