"""What leads to a port: what happens to it when the port goes away or has other addresses."""

from __future__ import annotations

from collections.abc import Collection

from heddle.control import floating_places, logs, ndp_proxies, port_forwardings
from heddle.control.context import Context
from heddle.control.news import floating_ip_news, local_ip_news
from heddle.errors import BadRequest, Conflict
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import Port
from heddle.store.query import floating_ips as q
from heddle.store.query import local_ips as local_ip_query
from heddle.store.query import ndp_proxies as ndp_query
from heddle.store.query import port_forwardings as forwarding_query
from heddle.store.query import port_uses


def port_gone(ctx: Context, port: Port) -> None:
    """A port is deleted: floating IPs reach nothing any more, and what leads to it goes too.

    Raises `Conflict` (ServicePortInUse) for one that holds the address of a local IP.
    """
    uses = port_uses.kinds(ctx.tx, port.id)
    if "local_ip" in uses:
        raise Conflict(
            "ServicePortInUse",
            f"Port {port.id} cannot be deleted directly via the port API: still referenced by Local IPs.",
        )
    if "floating_ip" in uses:
        for floating_ip in q.of_port(ctx.tx, port.id):
            disassociate(ctx, floating_ip)
    if "log" in uses:
        logs.port_gone(ctx, port.id)
    _drop(ctx, port, uses, None)


def addresses_gone(ctx: Context, port: Port, gone: Collection[str]) -> None:
    """A port loses addresses; what leads to them goes too.  Raises `BadRequest` where a floating IP reaches one."""
    uses = port_uses.kinds(ctx.tx, port.id) if gone else set()
    if "floating_ip" in uses and any(item.fixed_ip_address in gone for item in q.of_port(ctx.tx, port.id)):
        raise BadRequest(
            "BadRequest",
            f"Bad port request: Cannot update the fixed_ips of the port {port.id}, because its original fixed_ip has "
            "been associated to a floating ip.",
        )
    _drop(ctx, port, uses, gone)


def _drop(ctx: Context, port: Port, uses: set[str], gone: Collection[str] | None) -> None:
    """Delete what leads to these addresses of a port, None for all of them."""

    def lost(address: str | None) -> bool:
        return gone is None or address in gone

    if "port_forwarding" in uses:
        found = forwarding_query.to_port(ctx.tx, port.id)
        port_forwardings.drop(ctx, [item for item in found if lost(item.internal_ip_address)])
    if "ndp_proxy" in uses:
        for proxy in ndp_query.of_port(ctx.tx, port.id):
            if lost(proxy.ip_address):
                ndp_proxies.delete_ndp_proxy(ctx, proxy)
    if "local_ip_association" in uses:
        for association in local_ip_query.to_port(ctx.tx, port.id):
            if lost(association.fixed_ip):
                local_ip_query.ASSOCIATIONS.delete(ctx.tx, association.id)
                local_ip_news(ctx.tx, association, "", association.host)


def disassociate(ctx: Context, old: FloatingIp) -> FloatingIp:
    new = ctx.changed(old, port_id=None, fixed_ip_address=None, router_id=None, status="DOWN")
    q.FLOATING_IPS.update(ctx.tx, old, new)
    floating_ip_news(ctx.tx, None, old)
    floating_places.changed(ctx, new, old)
    return new
