"""Highly available routers in the tables of br-int (`ha_flows.py` says what these are for).  Pure.

`ha` of a port is the number of its router where that is highly available, else 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from heddle.agent.mirror import Mirror
from heddle.host.ha_gate import number_of

HA_IN, HA_OUT = 5, 38


class Wired(Protocol):
    @property
    def ha(self) -> int: ...


def ways(ha: int, dispatch: int, accept: int) -> tuple[str, str]:
    """Where what a router's port sends goes first, and what is for it goes last."""
    if not ha:
        return f"resubmit(,{dispatch})", f"resubmit(,{accept})"
    router = f"set_field:0x{ha:x}->metadata"
    return f"{router},resubmit(,{HA_IN})", f"{router},resubmit(,{HA_OUT})"


def ha_number(mirror: Mirror, router_id: str) -> int:
    """The number of a highly available router; 0 for another, and for what is none."""
    router = mirror.routers.get(router_id)
    return number_of(router_id) if router is not None and router.ha is not None else 0


def ports_of_other_kind(mirror: Mirror, router_id: str, wired: Mapping[str, Wired]) -> set[str]:
    """The wired ports of a router that has become highly available, or is so no longer."""
    number = ha_number(mirror, router_id)
    mine = {port.id for port in mirror.ports_by_device.of(router_id)}
    return {id for id in mine if id in wired and wired[id].ha != number}
