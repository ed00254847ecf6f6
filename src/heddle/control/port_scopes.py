"""Which hosts have to know a port."""

from __future__ import annotations

from heddle.model.port import ROUTER_OWNERS, Port
from heddle.view.types import host_scope, ready_scope


def hosts_of(port: Port) -> set[str]:
    """The scope of its host; of a router's port also that of the hosts that are ready to carry the router."""
    ready = {ready_scope(port.device_id)} if port.device_owner in ROUTER_OWNERS and port.device_id else set()
    bound = port.binding_host_id and not port.binding_refusal
    return {host_scope(port.binding_host_id), *ready} if bound else ready
