"""What happens to floating IPs when the port or the address that they reach goes away."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from heddle.control.context import Context
from heddle.control.news import floating_ip_news
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import Port
from heddle.store.query import floating_ips as q


def port_gone(ctx: Context, port: Port) -> None:
    """The floating IPs of a port that is deleted reach nothing any more."""
    for floating_ip in q.of_port(ctx.tx, port.id):
        disassociate(ctx, floating_ip)


def addresses_gone(ctx: Context, port: Port, gone: Collection[str]) -> None:
    """A port lost addresses: so do the floating IPs that reach them."""
    if gone:
        for floating_ip in q.of_port(ctx.tx, port.id):
            if floating_ip.fixed_ip_address in gone:
                disassociate(ctx, floating_ip)


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
