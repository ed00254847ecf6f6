"""What a host promises to ports: minimum bandwidth by bridge or card, and minimum packet rates of the whole host.

Bandwidth is in kilobits a second, of a provider: the bridge (Open vSwitch) or network card (Linux bridge) of a physical
network, or `TUNNELS` for all that travels in tunnels.  Packet rates are in thousands a second, either for both
directions together (`any`) or for each.  A share of the whole may be reserved, and promised several times over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heddle.model.qos import ANY, EGRESS, INGRESS

TUNNELS = "rp_tunnelled"
KBPS, KPPS = "kbps", "kpps"


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """What is claimed of: `provider` is "" for packet rates."""

    unit: str
    provider: str
    direction: str

    def __str__(self) -> str:
        of = "" if self.unit == KPPS else " of the tunnels" if self.provider == TUNNELS else f" of {self.provider}"
        return f"{self.unit} {self.direction}{of}"


BANDWIDTHS = "resource_provider_bandwidths"
DEFAULTS = "resource_provider_inventory_defaults"
PACKETS = "resource_provider_packet_processing_without_direction"
PACKETS_BY_DIRECTION = "resource_provider_packet_processing_with_direction"
PACKET_DEFAULTS = "resource_provider_packet_processing_inventory_defaults"
NAMES = (BANDWIDTHS, DEFAULTS, PACKETS, PACKETS_BY_DIRECTION, PACKET_DEFAULTS)


def totals(told: Mapping[str, Any]) -> dict[Amount, int]:
    """How much may be promised, from what an agent's configurations tell."""
    found = {
        Amount(KBPS, provider, direction): _usable(amount, told.get(DEFAULTS, {}))
        for provider, amounts in told.get(BANDWIDTHS, {}).items()
        for direction, amount in amounts.items()
        if direction in (EGRESS, INGRESS)
    }
    defaults = told.get(PACKET_DEFAULTS, {})
    for amount in told.get(PACKETS, {}).values():
        found[Amount(KPPS, "", ANY)] = _usable(amount, defaults)
    for amounts in told.get(PACKETS_BY_DIRECTION, {}).values():
        for direction, amount in amounts.items():
            if direction in (EGRESS, INGRESS):
                found[Amount(KPPS, "", direction)] = _usable(amount, defaults)
    return found


def _usable(amount: int, defaults: Mapping[str, float]) -> int:
    return max(0, int((amount - int(defaults.get("reserved", 0))) * float(defaults.get("allocation_ratio", 1.0))))
