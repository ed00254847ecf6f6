"""What hosts say that they can promise to ports: shown in the records of their agents, and kept for claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heddle.model import capacity
from heddle.model.agent import CARRIERS, Agent
from heddle.store.engine import Tx
from heddle.store.query import capacities
from heddle.view.types import Guarantees


def shown(told: Guarantees) -> dict[str, Any]:
    """As the configurations of an agent show it."""
    return {
        capacity.BANDWIDTHS: told.bandwidths,
        capacity.DEFAULTS: told.bandwidth_defaults,
        capacity.PACKETS: told.packets,
        capacity.PACKETS_BY_DIRECTION: told.packets_by_direction,
        capacity.PACKET_DEFAULTS: told.packet_defaults,
    }


def take(tx: Tx, host: str, known: Mapping[str, Agent], told: Guarantees | None) -> None:
    """Keep what is other than what the records of the host's agents (`known`, by role) show; what a host had is 0."""
    if told is None:
        return
    before = next((known[role].configurations for role in CARRIERS if role in known), {})
    old, new = capacity.totals(before), capacity.totals(shown(told))
    if old != new:
        capacities.save(tx, host, dict.fromkeys(old, 0) | new)
