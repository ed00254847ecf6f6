"""Floating IPs and the ports that they reach: what happens to the one when the other goes away or changes."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from heddle.control.context import Context
from heddle.control.news import floating_ip_news
from heddle.errors import BadRequest
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import Port
from heddle.store.query import floating_ips as q


def port_gone(ctx: Context, port: Port) -> None:
    """The floating IPs of a port that is deleted reach nothing any more."""
    for floating_ip in q.of_port(ctx.tx, port.id):
        disassociate(ctx, floating_ip)


def check_addresses(ctx: Context, port: Port, gone: Collection[str]) -> None:
    """A port keeps the addresses that floating IPs reach.  Raises `BadRequest`."""
    if gone and any(floating_ip.fixed_ip_address in gone for floating_ip in q.of_port(ctx.tx, port.id)):
        raise BadRequest(
            "BadRequest",
            f"Bad port request: Cannot update the fixed_ips of the port {port.id}, because its original fixed_ip has "
            "been associated to a floating ip.",
        )


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
