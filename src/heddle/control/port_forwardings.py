"""Port forwardings: ports of a floating IP that lead to ports behind the router that carries it.

The router is that of the first one; the others must be reached by it too.  A floating IP that forwards ports is
associated with none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from heddle.control import floating_routers
from heddle.control.context import Context, new_id
from heddle.control.lookup import need, not_found
from heddle.control.news import floating_ip_news
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import Port
from heddle.model.port_forwarding import PORTED, PortForwarding, ends
from heddle.model.resource import Draft
from heddle.store.query import floating_ips as floating_ip_query
from heddle.store.query import port_forwardings as q
from heddle.store.query import ports as port_query

_SIDES = ("external", "internal")


def create_port_forwardings(ctx: Context, drafts: Sequence[Draft[PortForwarding]]) -> list[PortForwarding]:
    """Raises `BadRequest`, `NotFound`, `Conflict` where floating IPs are associated with ports."""
    return [_create(ctx, draft) for draft in drafts]


def _create(ctx: Context, draft: Draft[PortForwarding]) -> PortForwarding:
    floating_ip = _floating_ip(ctx, draft.value.floatingip_id)
    value = msgspec.structs.replace(draft.value, id=new_id(), project_id=floating_ip.project_id)
    _check_protocol(value.protocol)
    _fill_in(value, draft.given)
    if floating_ip.port_id:
        raise Conflict(
            "FloatingIPPortAlreadyAssociated",
            f"Cannot associate floating IP {floating_ip.floating_ip_address} ({floating_ip.id}) with port "
            f"{value.internal_port_id} using fixed IP {value.internal_ip_address}, as it reaches port "
            f"{floating_ip.port_id}.",
        )
    router_id = _router(ctx, floating_ip, value)
    _check_collisions(ctx, value)
    q.PORT_FORWARDINGS.insert(ctx.tx, [value])
    _changed(ctx, floating_ip, router_id)
    return value


def update_port_forwarding(ctx: Context, old: PortForwarding, draft: Draft[PortForwarding]) -> PortForwarding:
    """Raises `BadRequest`, `NotFound`, `Conflict` like `create_port_forwardings`."""
    floating_ip = _floating_ip(ctx, old.floatingip_id)
    new = draft.value
    if new.protocol != old.protocol:
        _check_protocol(new.protocol)
    _fill_in(new, draft.given)
    if (new.internal_port_id, new.internal_ip_address) != (old.internal_port_id, old.internal_ip_address):
        _router(ctx, floating_ip, new)
    _check_collisions(ctx, new)
    if q.PORT_FORWARDINGS.update(ctx.tx, old, new):
        _changed(ctx, floating_ip, floating_ip.router_id)
    return new


def delete_port_forwarding(ctx: Context, forwarding: PortForwarding) -> None:
    drop(ctx, [forwarding])


def drop(ctx: Context, forwardings: Iterable[PortForwarding]) -> None:
    """Delete them; a floating IP without any is carried by no router."""
    for forwarding in forwardings:
        floating_ip = _floating_ip(ctx, forwarding.floatingip_id)
        q.PORT_FORWARDINGS.delete(ctx.tx, forwarding.id)
        last = [item["id"] for item in floating_ip.port_forwardings] == [forwarding.id]
        _changed(ctx, floating_ip, None if last else floating_ip.router_id)


def _floating_ip(ctx: Context, id: str) -> FloatingIp:
    found = floating_ip_query.FLOATING_IPS.lock(ctx.tx, id)
    if found is None:
        raise not_found(FloatingIp, id)
    return found


def _changed(ctx: Context, old: FloatingIp, router_id: str | None) -> None:
    """The floating IP forwards something else, through this router."""
    new = ctx.changed(old, router_id=router_id, status=old.status if router_id else "DOWN")
    floating_ip_query.FLOATING_IPS.update(ctx.tx, old, new)
    floating_ip_news(ctx.tx, new, old)


def _refuse(message: str) -> BadRequest:
    return BadRequest("BadRequest", f"Bad port_forwarding request: {message}")


# Ports and ranges


def _check_protocol(protocol: str) -> None:
    """Raises `BadRequest` for what no router could forward, which would be kept and do nothing."""
    if protocol not in PORTED:
        raise _refuse(
            f"protocol {protocol} has no ports, so there is nothing to forward. Name one of {', '.join(PORTED)}, or "
            "associate the floating IP with the port: then it gets everything."
        )


def _fill_in(value: PortForwarding, given: frozenset[str]) -> None:
    """Make ports and ranges say the same.  Raises `BadRequest`."""
    for side in _SIDES:
        one, several = f"{side}_port", f"{side}_port_range"
        port, span = getattr(value, one), getattr(value, several)
        if one in given and port is not None:
            if several in given and span not in (None, f"{port}:{port}"):
                raise _refuse(f"{one} {port} and {several} {span} do not match.")
            span = f"{port}:{port}"
        if not span:
            raise _refuse(f"either {one} or {several} must be given.")
        first, last = ends(span)
        setattr(value, several, span)
        setattr(value, one, first if first == last else None)
    if _width(value, "internal") not in (1, _width(value, "external")):
        raise _refuse(
            f"Invalid ranges of internal and/or external ports: {value.external_port_range} cannot lead to "
            f"{value.internal_port_range}. The relation between internal and external ports must be N-N or 1-N."
        )


def _width(value: PortForwarding, side: str) -> int:
    first, last = ends(getattr(value, f"{side}_port_range"))
    return last - first + 1


def _check_collisions(ctx: Context, value: PortForwarding) -> None:
    """No port of a floating IP leads to two places, and no place is reached twice.  Raises `BadRequest`."""
    outside = q.of_floating_ip(ctx.tx, value.floatingip_id)
    inside = [
        other
        for other in q.to_port(ctx.tx, value.internal_port_id)
        if other.internal_ip_address == value.internal_ip_address
    ]
    for side, others in (("external", outside), ("internal", inside)):
        name = f"{side}_port_range"
        mine = ends(getattr(value, name))
        for other in others:
            first, last = ends(getattr(other, name))
            if other.id != value.id and other.protocol == value.protocol and first <= mine[1] and mine[0] <= last:
                raise _refuse(
                    f"There is a port collision with the {name}. The following ranges collides: {first}:{last} and "
                    f"{mine[0]}:{mine[1]}"
                )


# Where it leads


def _router(ctx: Context, floating_ip: FloatingIp, value: PortForwarding) -> str:
    """The router that carries it.  Raises `BadRequest`, `NotFound`, `Conflict`."""
    port = need(ctx, port_query.PORTS, value.internal_port_id, lock=True)
    _check_port(ctx, floating_ip, value, port)
    fixed_ip = next((f for f in port.fixed_ips if f.ip_address == value.internal_ip_address), None)
    if fixed_ip is None or ":" in value.internal_ip_address:
        raise _refuse(
            f"Requested internal IP address {value.internal_ip_address} is not suitable for internal neutron port "
            f"{port.id}, as its IPv4 addresses are "
            f"{', '.join(f.ip_address for f in port.fixed_ips if ':' not in f.ip_address) or 'none'}."
        )
    try:
        router_id = floating_routers.router_of(ctx, floating_ip, port, fixed_ip)
    except NotFound as error:
        raise _refuse(str(error)) from None
    if floating_ip.router_id not in (None, router_id):
        raise _refuse(
            f"The Floating IP {floating_ip.id} had been set on router {floating_ip.router_id}, the internal Neutron "
            f"port {port.id} can not reach it."
        )
    return router_id


def _check_port(ctx: Context, floating_ip: FloatingIp, value: PortForwarding, port: Port) -> None:
    if port.project_id != floating_ip.project_id and not ctx.caller.is_admin:
        raise _refuse(f"Port {port.id} is of another project than the floating IP, and cannot be forwarded to.")
    for other in floating_ip_query.of_port(ctx.tx, port.id):
        raise Conflict(
            "PortHasBindingFloatingIP",
            f"Cannot create port forwarding to floating IP {other.floating_ip_address} ({other.id}) with port "
            f"{port.id} using fixed IP {value.internal_ip_address}, as that port already has a binding floating IP.",
        )
