"""The subports of trunks on a host with Linux bridges: which have a device of their own, and on which card.  Pure.

A subport has a device by the name that the interface of any port has, as long as its card is here: so its bridge, its
filters and its limits are those of any port.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from heddle.agent.bridge.ports import SHORT, device_names
from heddle.agent.mirror import Mirror


@dataclass(frozen=True, slots=True)
class Subport:
    """`device` has its frames without a tag, `peer` is the device's other end; on `card` they bear `vlan`."""

    id: str
    device: str
    peer: str
    card: str
    vlan: int


def subports(mirror: Mirror, devices: Collection[str]) -> dict[str, Subport]:
    """By id, those whose card is among these devices of the host."""
    found: dict[str, Subport] = {}
    for port in mirror.ports.values():
        if port.parent_port_id and port.admin_state_up and port.network_id in mirror.networks:
            card = next((name for name in device_names(port.parent_port_id) if name in devices), "")
            if card:
                short = port.id[:SHORT]
                found[port.id] = Subport(port.id, f"tap{short}", f"sub{short}", card, port.vlan)
    return found
