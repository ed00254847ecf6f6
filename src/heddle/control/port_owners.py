"""Whom a port belongs to: some are made, moved and deleted by the verbs of routers and floating IPs alone."""

from __future__ import annotations

from heddle.errors import Conflict
from heddle.model.port import FLOATING_GATEWAY, FLOATING_IP, INTERFACES, LOCAL_IP, ROUTER_GATEWAY, Port

BELONGING = (*INTERFACES, ROUTER_GATEWAY, FLOATING_GATEWAY, FLOATING_IP, LOCAL_IP)


def check(new: Port, old: Port | None = None) -> None:
    """No request says by itself that a port is a router's or a floating IP's, or is no longer one.

    It could join networks to others' routers, or get rid of the filters of a port.
    """
    before = (old.device_owner, old.device_id) if old is not None else ("", "")
    if before == (new.device_owner, new.device_id):
        return
    for device_owner in (before[0], new.device_owner):
        if device_owner in BELONGING:
            raise Conflict(
                "DeviceIDNotOwnedByTenant",
                f"The device_owner {device_owner} and its device_id are given and taken by the verbs of routers and "
                "floating IPs alone: add or remove a router interface, for example.",
            )
