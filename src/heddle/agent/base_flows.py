"""The flows of br-int that are the same on every host: what guests may send and receive whatever their rules say, the
judgement of connections, and the end of the path.  The tables are those of `pipeline.py`.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.addresses import Builder
from heddle.agent.association_flows import association_flows
from heddle.agent.ha_flows import gate_flows
from heddle.agent.pipeline import (
    ACCEPT,
    CARD,
    DISPATCH,
    EGRESS_KIND,
    EGRESS_ND,
    EGRESS_RULES,
    EGRESS_STATE,
    EGRESS_TARGET,
    FLOOD,
    FLOOD_PORTS,
    INGRESS_KIND,
    INGRESS_RULES,
    INGRESS_STATE,
    MULTICAST,
    OUT,
    SEND,
    STATELESS,
    TRANSLATED,
    TRANSLATED_BACK,
    UPLINK,
    WHOLE,
    ZONE,
    retag,
)
from heddle.host.connection import CUT
from heddle.host.openflow import FlowSet


def base_flows(userspace: bool = False) -> FlowSet:
    """What is the same on every host, and where the datapath is Open vSwitch's own (`userspace`).

    What only routers and servers listen to is not flooded to guests.
    """
    b = Builder("base")
    _egress_base(b)
    _ingress_base(b)
    for number in (130, 134, 135, 136):
        b.add(FLOOD, 30, f"icmp6,icmp_type={number}", f"resubmit(,{FLOOD_PORTS})")
    for number in (131, 132, 133, 143):
        b.add(FLOOD, 30, f"icmp6,icmp_type={number}", "drop")
    b.add(FLOOD, 30, "udp,tp_src=67,tp_dst=68", f"resubmit(,{FLOOD_PORTS})")
    b.add(FLOOD, 30, "udp,tp_src=68,tp_dst=67", "drop")
    b.add(FLOOD, 30, "udp6,tp_src=546,tp_dst=547", "drop")
    b.add(FLOOD, 0, "", f"resubmit(,{FLOOD_PORTS})")
    b.add(UPLINK, 20, "reg4=1", "drop")
    b.add(ACCEPT, 50, MULTICAST, f"resubmit(,{CARD})")
    b.add(CARD, 10, "reg5=0x0/0xffff0000", "output:NXM_NX_REG5[]")
    b.add(CARD, 0, "", f"{retag('NXM_NX_REG5[16..27]')},output:NXM_NX_REG5[0..15],pop_vlan")
    _commit(b, ACCEPT, ((0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1)), f"resubmit(,{OUT})")
    for table in (OUT, TRANSLATED_BACK):
        b.add(table, 0, "", f"resubmit(,{CARD})")
    b.add(TRANSLATED, 10, "reg5=0", f"ct_clear,resubmit(,{DISPATCH})")
    b.add(TRANSLATED, 0, "", f"ct_clear,resubmit(,{EGRESS_KIND})")
    _commit(b, SEND, ((1, 0), (2, 0)), f"resubmit(,{UPLINK})")
    gate_flows(b)
    if userspace:
        association_flows(b)
    return b.flows


def _commit(b: Builder, table: int, agreed: Iterable[tuple[int, int]], then: str) -> None:
    """Note in the entry who agreed (reg3, reg2), where it does not say so yet, and go on."""
    for sender, receiver in agreed:
        bits = sender | receiver
        match = f"ct_state=+trk,reg3={sender},reg2={receiver}" if table == ACCEPT else f"ct_state=+trk,reg3={sender}"
        for kind in ("ip", "ipv6"):
            for missing in (bit for bit in (1, 2) if bits & bit):
                commit = f"ct(commit,{ZONE},exec(set_field:0x{bits:x}/0x{bits | CUT:x}->ct_mark))"
                b.add(table, 10 + missing, f"{kind},{match},ct_mark=0x0/0x{missing:x}", f"{commit},{then}")
    b.add(table, 0, "", then)


def _egress_base(b: Builder) -> None:
    """What a guest may send, once its source addresses are right.  A guest is no router and no DHCP server."""
    never = ["udp,tp_src=67,tp_dst=68", "udp6,tp_src=547,tp_dst=546"]
    for match in [*never, "icmp6,icmp_type=134", "icmp6,icmp_type=137"]:
        b.add(EGRESS_KIND, 50, match, "drop")
    always = [f"udp,{WHOLE},tp_src=68,tp_dst=67", f"udp6,{WHOLE},tp_src=546,tp_dst=547", "icmp6,icmp_type=133"]
    for match in always + [f"icmp6,icmp_type={number}" for number in (130, 131, 132, 143)]:
        b.add(EGRESS_KIND, 50, match, f"resubmit(,{DISPATCH})")
    for number in (135, 136):
        b.add(EGRESS_KIND, 50, f"icmp6,icmp_type={number}", f"resubmit(,{EGRESS_ND})")
    for number in (133, 143):
        b.add(EGRESS_TARGET, 10, f"icmp6,icmp_type={number}", f"resubmit(,{DISPATCH})")
    b.add(EGRESS_ND, 10, "icmp6,icmp_type=135,nd_sll=00:00:00:00:00:00", f"resubmit(,{DISPATCH})")
    b.add(EGRESS_ND, 10, "icmp6,icmp_type=136,nd_tll=00:00:00:00:00:00", f"resubmit(,{EGRESS_TARGET})")
    _track(b, EGRESS_KIND, EGRESS_STATE, EGRESS_RULES)
    _judge(b, EGRESS_STATE, EGRESS_RULES, DISPATCH, ("reg3", 1, 2))


def _ingress_base(b: Builder) -> None:
    b.add(INGRESS_KIND, 50, "arp", f"resubmit(,{ACCEPT})")
    for number in (130, 131, 132, 134, 135, 136, 143):
        b.add(INGRESS_KIND, 50, f"icmp6,icmp_type={number}", f"resubmit(,{ACCEPT})")
    for match in (f"udp,{WHOLE},tp_src=67,tp_dst=68", f"udp6,{WHOLE},tp_src=547,tp_dst=546"):
        b.add(INGRESS_KIND, 50, match, f"resubmit(,{ACCEPT})")
    for kind in ("ip", "ipv6"):
        b.add(INGRESS_KIND, 45, f"{kind},{MULTICAST}", f"resubmit(,{INGRESS_RULES})")
        b.add(INGRESS_KIND, 30, f"ct_state=+trk,{kind}", f"resubmit(,{INGRESS_STATE})")
    _track(b, INGRESS_KIND, INGRESS_STATE, INGRESS_RULES)
    _judge(b, INGRESS_STATE, INGRESS_RULES, ACCEPT, ("reg2", 2, 1))


def _track(b: Builder, table: int, state: int, rules: int) -> None:
    for kind in ("ip", "ipv6"):
        b.add(table, 40, f"{kind},reg7=0x{STATELESS:x}/0x{STATELESS:x}", f"resubmit(,{rules})")
        b.add(table, 20, kind, f"ct(table={state},{ZONE})")


def _judge(b: Builder, table: int, rules: int, accepted: int, agrees: tuple[str, int, int]) -> None:
    """`agrees`: the register of this side, and its bit as the connection's initiator or responder."""
    register, forward, back = agrees
    b.add(table, 30, "ct_state=+inv+trk", "drop")
    for cut in ("+rpl", "+rel"):
        b.add(table, 28, f"ct_state={cut}+trk,ct_mark=0x{CUT:x}/0x{CUT:x}", "drop")
    b.add(table, 25, "ct_state=+rel+trk", f"resubmit(,{accepted})")
    for direction, bit in (("-rpl", forward), ("+rpl", back)):
        b.add(table, 20, f"ct_state=+est{direction}+trk,ct_mark=0x{bit:x}/0x{bit:x}", f"resubmit(,{accepted})")
        b.add(table, 10, f"ct_state={direction}+trk", f"set_field:{bit}->{register},resubmit(,{rules})")
