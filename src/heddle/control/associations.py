"""What leads to a port: what happens to it when the port goes away or has other addresses."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from heddle.control import port_forwardings
from heddle.control.context import Context
from heddle.control.news import floating_ip_news
from heddle.errors import BadRequest
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import Port
from heddle.store.query import floating_ips as q
from heddle.store.query import port_forwardings as forwarding_query
from heddle.store.query import port_uses


def port_gone(ctx: Context, port: Port) -> None:
    """A port is deleted: floating IPs reach nothing any more, and what forwards to it goes too."""
    uses = port_uses.kinds(ctx.tx, port.id)
    if "floating_ip" in uses:
        for floating_ip in q.of_port(ctx.tx, port.id):
            disassociate(ctx, floating_ip)
    if "port_forwarding" in uses:
        port_forwardings.drop(ctx, forwarding_query.to_port(ctx.tx, port.id))


def addresses_gone(ctx: Context, port: Port, gone: Collection[str]) -> None:
    """A port loses addresses; what forwards to them goes too.  Raises `BadRequest` where a floating IP reaches one."""
    uses = port_uses.kinds(ctx.tx, port.id) if gone else set()
    if "floating_ip" in uses and any(item.fixed_ip_address in gone for item in q.of_port(ctx.tx, port.id)):
        raise BadRequest(
            "BadRequest",
            f"Bad port request: Cannot update the fixed_ips of the port {port.id}, because its original fixed_ip has "
            "been associated to a floating ip.",
        )
    if "port_forwarding" in uses:
        lost = [item for item in forwarding_query.to_port(ctx.tx, port.id) if item.internal_ip_address in gone]
        port_forwardings.drop(ctx, lost)


def disassociate(ctx: Context, old: FloatingIp) -> FloatingIp:
    new = msgspec.structs.replace(
        old,
        port_id=None,
        fixed_ip_address=None,
        router_id=None,
        status="DOWN",
        revision_number=old.revision_number + 1,
        updated_at=ctx.now,
    )
    q.FLOATING_IPS.update(ctx.tx, old, new)
    floating_ip_news(ctx.tx, None, old)
    return new
