"""Whether a router is distributed or highly available, by its flavor or by the administrator's word.

The interfaces of a distributed router are told by their owner, as clients know it.
"""

from __future__ import annotations

import msgspec

from heddle.control import flavors, ports
from heddle.control.context import Context
from heddle.errors import BadRequest
from heddle.model.port import DISTRIBUTED_INTERFACE, INTERFACES, ROUTER_INTERFACE
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.service_provider import ServiceProvider
from heddle.store.query import ports as port_query

_MODES = ("distributed", "ha")


def choose(ctx: Context, router: Router) -> None:
    """Fill in what a new router is.  Raises `BadRequest`, and what its flavor does."""
    if router.flavor_id:
        provider = flavors.router_provider(ctx, router.flavor_id)
        _check_provider(provider, router)
        router.distributed, router.ha = provider.distributed, provider.ha
    router.distributed, router.ha = bool(router.distributed), bool(router.ha)


def check_change(ctx: Context, old: Router, new: Router) -> None:
    """Whether a router may become another kind: only while it is down.  Raises `BadRequest`."""
    for name in _MODES:
        if getattr(new, name) is None:
            setattr(new, name, getattr(old, name))
    changed = [name for name in _MODES if getattr(new, name) != getattr(old, name)]
    if not changed:
        return
    if old.admin_state_up:
        raise BadRequest(
            "BadRequest",
            f"Bad router request: Cannot change the '{changed[0]}' attribute of active routers. Please set router "
            "admin_state_up to False prior to upgrade.",
        )
    if new.flavor_id:
        _check_provider(flavors.router_provider(ctx, new.flavor_id), new)


def interface_owner(router: Router) -> str:
    """Whose a port is that joins the router to a subnet."""
    return DISTRIBUTED_INTERFACE if router.distributed else ROUTER_INTERFACE


def convert_interfaces(ctx: Context, router: Router) -> None:
    """The router is distributed now, or is so no longer: its interfaces stay as they are, and say so."""
    owner = interface_owner(router)
    for port in port_query.of_device(ctx.tx, router.id, INTERFACES):
        new = msgspec.structs.replace(port, device_owner=owner)
        ports.update_port(ctx, port, Draft(new, frozenset({"device_owner"})), own=True)


def _check_provider(provider: ServiceProvider, router: Router) -> None:
    for name in _MODES:
        wanted = getattr(router, name)
        if wanted not in (None, getattr(provider, name)):
            raise BadRequest("Invalid", f"Provider {provider.name} does not support {name}={wanted}")
