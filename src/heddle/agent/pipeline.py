"""The path of a frame through br-int, as OpenFlow tables.  Pure: objects in, flows out.

A frame gets its network when it enters, and can leave only on that network:

    CLASSIFY        by in_port: the network's local tag into reg6, and for a guest its port number into
                    reg5 and its profile into reg7; a frame with a VLAN tag enters from an uplink only
    METER, MARK     what a port with a QoS policy sends (`policed_flows.py`)
    EGRESS_*        what a guest sends: source addresses (SOURCE), kind (KIND: DHCP, neighbour discovery,
                    the rest), its link-layer options (ND) and targets (TARGET), state and rules
    DISPATCH        by network and destination: a port of this host, the flood list, or the uplinks
    DELIVER         by port (reg5): a trusted one takes all; for a filtered one its profile goes into reg7
    INGRESS_*       what a guest receives: kind, state and rules
    ACCEPT, SEND    the end: to the port in reg5 (OUT), or to the uplinks of the network in reg6
    TRANSLATED*     what was translated on its way, to a local IP (`local_ips.py`) or back

**State.**  A network is one conntrack zone, its tag.  A frame from a guest to a guest of the same host is
looked up once; the rules of both see the same state, and only ACCEPT or SEND commits, where all have
agreed: what the receiver refused leaves no entry that could let an answer through.  An entry says in its mark
whose rules have agreed: bit 0 the initiator's, bit 1 the responder's.  A guest's own bit lets its frames pass
without the rules, nobody else's does: a connection that the sender had committed on another way (to a
router, to an unknown address) is still new to the receiver.  What a rule agreed to in this pass is in reg3 (the
sender's) and reg2 (the receiver's).  Multicast is never committed and always meets the rules.  Bit 2 says that
a connection was cut (`cutting.py`): nothing answers in it any more, until rules agree to what the initiator sends.

**Uplinks.**  What came in by an uplink (reg4) never leaves by one: networks with several have no loops.

**Profiles.**  Ports with the same set of groups share a profile: a number derived from the set.  Rules are
compiled once per profile (`security.py`) and match reg7, so their number does not grow with the ports.
The top bit of the number marks a profile of stateless groups, whose traffic is not tracked.

Nothing here uses the switch's own forwarding (NORMAL): a frame never comes out on another network.
Addresses decide, never what was learned from traffic, so no guest can draw another's frames to itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from heddle.agent.addresses import Builder, checked_mac, field_match, link_local
from heddle.agent.policed_flows import enter
from heddle.agent.policing import NONE, Policing
from heddle.host.connection import CUT
from heddle.host.openflow import FlowSet

EGRESS_SOURCE, EGRESS_KIND, EGRESS_ND, EGRESS_TARGET, EGRESS_STATE, EGRESS_RULES = 10, 11, 12, 13, 14, 15
TRANSLATED, DISPATCH, FLOOD, FLOOD_PORTS = 16, 20, 21, 22
DELIVER, INGRESS_KIND, INGRESS_STATE, INGRESS_RULES, ACCEPT, OUT, TRANSLATED_BACK = 30, 31, 32, 33, 34, 35, 36
SEND, UPLINK = 40, 41

STATELESS = 1 << 31
ZONE = "zone=NXM_NX_REG6[0..15]"
UNTAGGED = "vlan_tci=0x0000/0x1000"
WHOLE = "nw_frag=no"  # fragments only pass by the connection table, which wants to see all of a packet
MULTICAST = "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00"


@dataclass(frozen=True)
class WiredPort:
    """A port as the pipeline needs it.

    `addresses`: (MAC, CIDR) pairs that it may use as source.  `profile` is None for a port that is not
    filtered; such a port also gets frames for unknown addresses where `promiscuous`.  `device` is its interface,
    `policing` what limits its traffic: here only what it sends.
    """

    id: str
    ofport: int
    tag: int
    mac: str
    addresses: tuple[tuple[str, str], ...] = ()
    profile: int | None = None
    promiscuous: bool = False
    device: str = ""
    policing: Policing = NONE


def base_flows() -> FlowSet:
    """What is the same on every host.  What only routers and servers listen to is not flooded to guests."""
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
    b.add(ACCEPT, 50, MULTICAST, "output:NXM_NX_REG5[]")
    _commit(b, ACCEPT, ((0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1)), f"resubmit(,{OUT})")
    for table in (OUT, TRANSLATED_BACK):
        b.add(table, 0, "", "output:NXM_NX_REG5[]")
    b.add(TRANSLATED, 10, "reg5=0", f"ct_clear,resubmit(,{DISPATCH})")
    b.add(TRANSLATED, 0, "", f"ct_clear,resubmit(,{EGRESS_KIND})")
    _commit(b, SEND, ((1, 0), (2, 0)), f"resubmit(,{UPLINK})")
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


def port_flows(port: WiredPort) -> FlowSet:
    """The flows of one port.  Raises `ValueError` for an address that is none."""
    b = Builder(port.id)
    if port.profile is None:
        enter(b, port.ofport, UNTAGGED, port.policing, f"set_field:{port.tag}->reg6,resubmit(,{DISPATCH})")
        b.add(DELIVER, 10, f"reg5={port.ofport}", f"resubmit(,{ACCEPT})")
        return b.flows
    profile = f"set_field:0x{port.profile:x}->reg7"
    guest = f"set_field:{port.ofport}->reg5,set_field:{port.tag}->reg6,{profile},resubmit(,{EGRESS_SOURCE})"
    enter(b, port.ofport, UNTAGGED, port.policing, guest)
    b.add(DELIVER, 10, f"reg5={port.ofport}", f"{profile},resubmit(,{INGRESS_KIND})")
    _sources(b, port)
    return b.flows


def _sources(b: Builder, port: WiredPort) -> None:
    """The source addresses that a filtered port may use: its own, and the allowed pairs."""
    pairs = [(checked_mac(mac), ip_network(cidr, strict=False)) for mac, cidr in port.addresses]
    macs = list(dict.fromkeys([checked_mac(port.mac), *(mac for mac, _ in pairs)]))
    for mac in macs:
        own = f"reg5={port.ofport},dl_src={mac}"
        b.add(EGRESS_SOURCE, 20, f"udp,{own},nw_src=0.0.0.0,tp_src=68,tp_dst=67", f"resubmit(,{DISPATCH})")
        b.add(EGRESS_SOURCE, 10, f"ipv6,{own},ipv6_src=::", f"resubmit(,{EGRESS_TARGET})")
        sender = f"reg5={port.ofport}"
        b.add(EGRESS_ND, 10, f"icmp6,{sender},icmp_type=135,nd_sll={mac}", f"resubmit(,{DISPATCH})")
        b.add(EGRESS_ND, 10, f"icmp6,{sender},icmp_type=136,nd_tll={mac}", f"resubmit(,{EGRESS_TARGET})")
        pairs.append((mac, IPv6Network(link_local(mac))))
    for mac, network in dict.fromkeys(pairs):
        own = f"reg5={port.ofport},dl_src={mac}"
        if isinstance(network, IPv4Network):
            arp = f"arp,{own},arp_sha={mac}"
            b.add(EGRESS_SOURCE, 10, arp + field_match("arp_spa", network), f"resubmit(,{DISPATCH})")
            probe = f"{arp},arp_op=1,arp_spa=0.0.0.0" + field_match("arp_tpa", network)
            b.add(EGRESS_SOURCE, 10, probe, f"resubmit(,{DISPATCH})")
            b.add(EGRESS_SOURCE, 10, f"ip,{own}" + field_match("nw_src", network), f"resubmit(,{EGRESS_KIND})")
            continue
        b.add(EGRESS_SOURCE, 10, f"ipv6,{own}" + field_match("ipv6_src", network), f"resubmit(,{EGRESS_KIND})")
        for number in (135, 136):
            target = f"icmp6,reg5={port.ofport},icmp_type={number}" + field_match("nd_target", network)
            b.add(EGRESS_TARGET, 10, target, f"resubmit(,{DISPATCH})")
