"""Who has flows, and a plan of which: what the planners fill in and the switch applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heddle.agent.tunnel import TunnelPorts, Underlay
from heddle.host.openflow import FlowBody, FlowKey, FlowSet
from heddle.view.types import Ref

FlowChanges = dict[FlowKey, FlowBody | None]

INT, TUN = "br-int", "br-tun"


@dataclass(frozen=True)
class Owner:
    bridge: str
    kind: str
    id: str


BASE = Owner(INT, "base", "")


@dataclass(frozen=True)
class Uplinks:
    """The patch ports of br-int (their ofports), by physical network and to br-tun; and what there is for tunnels.
    `userspace`: their datapath is Open vSwitch's own; `associations`: how many the switch may learn there of a network,
    0 for any number (`association_flows.py`)."""

    physnets: Mapping[str, int] = field(default_factory=dict)
    to_tun: int = 0
    tunnels: TunnelPorts = field(default_factory=TunnelPorts)
    underlay: Underlay = field(default_factory=Underlay)
    userspace: bool = False
    associations: int = 0


@dataclass
class Plan:
    """`flows` by owner, empty for one that shall have none; `changes` of owners that keep the flows that are not named
    there, None for a flow that goes; `ports` are those that were looked at.

    `problems` says by object why it cannot be realised; `freed` are tags that no network has any more, and
    `released` (tag, address or CIDR) pairs that a port no longer has.
    """

    flows: dict[Owner, FlowSet] = field(default_factory=dict)
    changes: dict[Owner, FlowChanges] = field(default_factory=dict)
    ports: set[str] = field(default_factory=set)
    problems: dict[Ref, str] = field(default_factory=dict)
    freed: list[int] = field(default_factory=list)
    released: list[tuple[int, str]] = field(default_factory=list)

    def owners(self, bridge: str) -> list[Owner]:
        """Those of a bridge."""
        return [owner for owner in (*self.flows, *self.changes) if owner.bridge == bridge]
