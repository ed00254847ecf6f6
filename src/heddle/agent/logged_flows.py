"""The flows that tell the agent of packets which logs ask for: of new connections that rules accepted, and of packets
that they dropped.  Pure.

Only a port that a log concerns has them; the frames of others meet none.  A copy of the packet's head goes to the
agent, within the meter of all logs of the host, and the packet goes on as it would: it waits for nobody, and nothing is
lost but lines when nobody listens.  The flow's cookie says of which port it is, the table what happened to the packet:

    DISPATCH, ACCEPT             the rules of the sender, of the receiver accepted it
    EGRESS_RULES, INGRESS_RULES  none of them does (lower than the rules, which come first)
    EGRESS_STATE, INGRESS_STATE  it belongs to no connection, or to one that was cut

On its way to the rules a frame that nobody has agreed to yet gets the port's number into reg12, so that what else
passes DISPATCH and ACCEPT is not taken for it: what belongs to a connection, and what needs no rule.  Only the first
packet of a connection finds its entry without the bit of this side (`pipeline.py`).  Groups without state, and
multicast, know no connections: each packet is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from heddle.agent.addresses import Builder
from heddle.agent.pipeline import (
    ACCEPT,
    DISPATCH,
    EGRESS_KIND,
    EGRESS_RULES,
    EGRESS_STATE,
    INGRESS_KIND,
    INGRESS_RULES,
    INGRESS_STATE,
    MULTICAST,
    STATELESS,
    WiredPort,
    port_flows,
)
from heddle.host.connection import CUT
from heddle.host.flow_meters import LAST_METER
from heddle.host.openflow import FlowSet

METER = LAST_METER
HEAD = 192
TOLD = f"controller(max_len={HEAD},meter_id={METER})"


@dataclass(frozen=True)
class _Side:
    """The tables of a direction; `register` and the bits are those of `base_flows.py`."""

    kind: int
    state: int
    rules: int
    accepted: int
    register: str
    forward: int
    back: int


SIDES = {
    "egress": _Side(EGRESS_KIND, EGRESS_STATE, EGRESS_RULES, DISPATCH, "reg3", 1, 2),
    "ingress": _Side(INGRESS_KIND, INGRESS_STATE, INGRESS_RULES, ACCEPT, "reg2", 2, 1),
}
# What the table of a flow says of a packet: the direction, and what became of it.
MEANING = {
    table: (direction, event)
    for direction, side in SIDES.items()
    for event, tables in (("ACCEPT", (side.accepted,)), ("DROP", (side.rules, side.state)))
    for table in tables
}


def flows_of(port: WiredPort) -> FlowSet:
    """All flows of a port.  Raises `ValueError` for an address that is none."""
    return port_flows(port) | log_flows(port)


def log_flows(port: WiredPort) -> FlowSet:
    b = Builder(port.id)
    if port.profile is None:
        return b.flows
    for side in SIDES.values():
        if "DROP" in port.logged:
            _dropped(b, side, port.number)
        if "ACCEPT" in port.logged:
            _accepted(b, side, port)
    return b.flows


def _dropped(b: Builder, side: _Side, number: int) -> None:
    about = f"reg5={number}"
    b.add(side.rules, 1, about, TOLD)
    b.add(side.state, 31, f"ct_state=+inv+trk,{about}", TOLD)
    for cut in ("+rpl", "+rel"):
        b.add(side.state, 29, f"ct_state={cut}+trk,ct_mark=0x{CUT:x}/0x{CUT:x},{about}", TOLD)


def _accepted(b: Builder, side: _Side, port: WiredPort) -> None:
    about, noted = f"reg5={port.number}", f"set_field:{port.number}->reg12,resubmit(,{side.rules})"
    for direction, bit in (("-rpl", side.forward), ("+rpl", side.back)):
        match = f"ct_state={direction}+trk,ct_mark=0x0/0x{bit:x},{about}"
        b.add(side.state, 12, match, f"set_field:{bit}->{side.register},{noted}")
    for version in ("ip", "ipv6"):
        if port.profile is not None and port.profile & STATELESS:
            b.add(side.kind, 46, f"{version},reg7=0x{port.profile:x},{about}", noted)
        elif side.kind == INGRESS_KIND:
            b.add(side.kind, 46, f"{version},{MULTICAST},{about}", noted)
    b.add(side.accepted, 200, f"reg12={port.number},{about}", f"set_field:0->reg12,{TOLD},resubmit(,{side.accepted})")
