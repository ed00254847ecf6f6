"""The path of a frame through br-int, as OpenFlow tables.  Pure: objects in, flows out.

A frame gets its network when it enters, and can leave only on that network:

    CLASSIFY        by in_port: the network's local tag into reg6, and for a guest the number of its port into
                    reg5 and its profile into reg7; a frame with a VLAN tag enters from an uplink or by a trunk only
    METER, MARK     what a port with a QoS policy sends (`policed_flows.py`)
    EGRESS_*        what a guest sends: source addresses (SOURCE), kind (KIND: DHCP, neighbour discovery,
                    the rest), its link-layer options (ND) and targets (TARGET), state and rules
    SENDER, MEET, MET   who meets whom, on networks where not all do (`kind_flows.py`)
    DISPATCH        by network and destination: a port of this host, the flood list, or the uplinks
    DELIVER         by port (reg5): a trusted one takes all; for a filtered one its profile goes into reg7
    INGRESS_*       what a guest receives: kind, state and rules
    ACCEPT, SEND    the end: to the port in reg5 (OUT), or to the uplinks of the network in reg6
    CARD            to the card of the port in reg5
    ANSWER          the end of an answer about a local IP, which goes back to who asked
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

**Trunks.**  A subport is a port like any other, behind a VLAN ID on the card of its trunk: the number of a port is
that of its card in OpenFlow, with the VLAN ID above it (0 for the card itself).  The tag goes when a frame enters, into
reg8, and comes back in CARD.

**Profiles.**  Ports with the same set of groups share a profile: a number derived from the set.  Rules are
compiled once per profile (`security.py`) and match reg7, so their number does not grow with the ports.
The top bit of the number marks a profile of stateless groups, whose traffic is not tracked.

Nothing here uses the switch's own forwarding (NORMAL): a frame never comes out on another network.
Addresses decide, never what was learned from traffic, so no guest can draw another's frames to itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from heddle.agent.addresses import Builder, checked_mac, field_match, link_local
from heddle.agent.ha_tables import ways
from heddle.agent.kinds import Kind
from heddle.agent.policed_flows import enter, meters_of
from heddle.agent.policing import NONE, Policing
from heddle.host.openflow import FlowSet

EGRESS_SOURCE, EGRESS_KIND, EGRESS_ND, EGRESS_TARGET, EGRESS_STATE, EGRESS_RULES = 10, 11, 12, 13, 14, 15
TRANSLATED, SENDER, ANSWER, DISPATCH, FLOOD, FLOOD_PORTS, MEET, MET = 16, 17, 18, 20, 21, 22, 23, 24
DELIVER, INGRESS_KIND, INGRESS_STATE, INGRESS_RULES, ACCEPT, OUT, TRANSLATED_BACK = 30, 31, 32, 33, 34, 35, 36
CARD = 37
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
    `policing` what limits its traffic: here only what it sends.  `ofport` is that of the card; a subport is on the card
    of another, `card`, with the ID `vlan` (else "" and 0).  `kind`: whom it meets, None: all; `logged`: what is told.
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
    vlan: int = 0
    card: str = ""
    kind: Kind | None = None
    logged: frozenset[str] = frozenset()
    ha: int = 0

    @property
    def meets_all(self) -> bool:
        return self.kind is None or self.kind.meets_all

    @property
    def number(self) -> int:
        """What reg5 says of frames to and from it."""
        return self.vlan << 16 | self.ofport


def untag(vlan: int) -> tuple[str, str]:
    """What a frame with this VLAN ID (0: none) matches, and the actions that take the tag off."""
    return (f"dl_vlan={vlan}", "pop_vlan,") if vlan else (UNTAGGED, "")


def retag(field: str) -> str:
    """The actions that give a frame a tag with the VLAN ID in a field."""
    return f"push_vlan:0x8100,move:{field}->NXM_OF_VLAN_TCI[0..11]"


def port_flows(port: WiredPort) -> FlowSet:
    """The flows of one port.  Raises `ValueError` for an address that is none."""
    b = Builder(port.id)
    kind, strip = untag(port.vlan)
    strip += f"set_field:{port.vlan}->reg8," if port.vlan else ""
    strip += f"set_field:{port.kind.number}->reg9," if port.kind else ""
    sender = f"in_port={port.ofport},{kind}"
    if port.profile is None:
        first, last = ways(port.ha, DISPATCH, ACCEPT)
        tagged = f"{strip}set_field:{port.tag}->reg6,{first}"
        enter(b, sender, meters_of(port.number, port.policing), port.policing.dscp, tagged)
        _deliver(b, port, last)
        return b.flows
    profile = f"set_field:0x{port.profile:x}->reg7"
    guest = f"set_field:{port.number}->reg5,set_field:{port.tag}->reg6,{profile},resubmit(,{EGRESS_SOURCE})"
    enter(b, sender, meters_of(port.number, port.policing), port.policing.dscp, strip + guest)
    _deliver(b, port, f"{profile},resubmit(,{INGRESS_KIND})")
    _sources(b, port)
    return b.flows


def _deliver(b: Builder, port: WiredPort, actions: str) -> None:
    """What becomes of a frame for the port, if it comes from somebody whom the port meets."""
    if port.kind is not None and not port.meets_all:
        b.add(DELIVER, 10, f"reg5={port.number}", f"set_field:{port.kind.number}->reg10,resubmit(,{MEET})")
        b.add(MET, 10, f"reg5={port.number}", actions)
    else:
        b.add(DELIVER, 10, f"reg5={port.number}", actions)


def _sources(b: Builder, port: WiredPort) -> None:
    """The source addresses that a filtered port may use: its own, and the allowed pairs."""
    pairs = [(checked_mac(mac), ip_network(cidr, strict=False)) for mac, cidr in port.addresses]
    macs = list(dict.fromkeys([checked_mac(port.mac), *(mac for mac, _ in pairs)]))
    for mac in macs:
        own = f"reg5={port.number},dl_src={mac}"
        b.add(EGRESS_SOURCE, 20, f"udp,{own},nw_src=0.0.0.0,tp_src=68,tp_dst=67", f"resubmit(,{DISPATCH})")
        b.add(EGRESS_SOURCE, 10, f"ipv6,{own},ipv6_src=::", f"resubmit(,{EGRESS_TARGET})")
        sender = f"reg5={port.number}"
        b.add(EGRESS_ND, 10, f"icmp6,{sender},icmp_type=135,nd_sll={mac}", f"resubmit(,{DISPATCH})")
        b.add(EGRESS_ND, 10, f"icmp6,{sender},icmp_type=136,nd_tll={mac}", f"resubmit(,{EGRESS_TARGET})")
        pairs.append((mac, IPv6Network(link_local(mac))))
    for mac, network in dict.fromkeys(pairs):
        own = f"reg5={port.number},dl_src={mac}"
        if isinstance(network, IPv4Network):
            arp = f"arp,{own},arp_sha={mac}"
            b.add(EGRESS_SOURCE, 10, arp + field_match("arp_spa", network), f"resubmit(,{DISPATCH})")
            probe = f"{arp},arp_op=1,arp_spa=0.0.0.0" + field_match("arp_tpa", network)
            b.add(EGRESS_SOURCE, 10, probe, f"resubmit(,{DISPATCH})")
            b.add(EGRESS_SOURCE, 10, f"ip,{own}" + field_match("nw_src", network), f"resubmit(,{EGRESS_KIND})")
            continue
        b.add(EGRESS_SOURCE, 10, f"ipv6,{own}" + field_match("ipv6_src", network), f"resubmit(,{EGRESS_KIND})")
        for number in (135, 136):
            target = f"icmp6,reg5={port.number},icmp_type={number}" + field_match("nd_target", network)
            b.add(EGRESS_TARGET, 10, target, f"resubmit(,{DISPATCH})")
