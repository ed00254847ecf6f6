"""Availability zones: those that there are, and those in which an object is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heddle.control.context import Context
from heddle.errors import NotFound
from heddle.model.network import Network
from heddle.model.router import Router
from heddle.store.engine import Tx
from heddle.store.query import hosts

# What an object of a zone is called, by the role of the agents that serve it.
RESOURCES: Mapping[str, str] = {"dhcp": "network", "router": "router"}


def every(tx: Tx) -> list[dict[str, str]]:
    """The zones as the Networking API shows them; one without an enabled agent is "unavailable"."""
    return [
        {"name": name, "resource": RESOURCES[role], "state": "available" if up else "unavailable"}
        for role, name, up in hosts.zones(tx)
        if role in RESOURCES
    ]


def check_hints(ctx: Context, role: str, hints: Sequence[str]) -> None:
    """There are agents in each of the zones.  Raises `NotFound`."""
    known = {name for each, name, _ in hosts.zones(ctx.tx) if each == role} if hints else set()
    for name in hints:
        if name not in known:
            raise NotFound("AvailabilityZoneNotFound", f"AvailabilityZone {name} could not be found.")


def describe(tx: Tx, role: str, items: Sequence[Network] | Sequence[Router]) -> None:
    """Fill in the zones of the hosts that serve each object."""
    found = hosts.zones_of(tx, role, [item.id for item in items])
    for item in items:
        item.availability_zones = found.get(item.id, [])
