"""Who has this local IP?  Answered for who asks from this host with the MAC of the associated port.  Pure.

Duplicate detection (RFC 5227, 4862) and announcements are not questions: they go on to the port that holds the address,
and so does what the associated port itself asks.

An ARP request becomes the answer to it, and so does a neighbour solicitation where the datapath is Open vSwitch's own.
The kernel's has no fields for the flags and the kind of option of an advertisement, but can change the target of what
there is: there the associated port answers itself.

    solicitation    goes to the associated port as one for the address that this one has.  It is sent to the group of
                    that address, be it a probe of one port: only what came by multicast must be answered with a MAC
                    (RFC 4861, 7.2.4)
    advertisement   reaches who asked as it is, and once more for each local IP that is translated to its target: nobody
                    remembers which of them was asked for, and who has not asked for one ignores it (7.2.5).  A port of
                    this host that has the local IP for its own would take it for a duplicate, and gets none
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.answers import (
    ADVERTISEMENT,
    FROM_ITS_SENDER,
    SOLICITATION,
    SOLICITED_OVERRIDE,
    advertisement,
    made_of,
)
from heddle.agent.pipeline import ANSWER, CARD, DISPATCH, EGRESS_KIND, EGRESS_ND, OUT, WiredPort, retag

TO_ITS_CARD = f"{retag('NXM_NX_REG8[0..11]')},in_port"
GO_ON = f"set_field:1->reg1,resubmit(,{DISPATCH})"
GROUP = int(IPv6Address("ff02::1:ff00:0"))  # of solicited nodes


@dataclass(frozen=True)
class Local:
    """A local IP on this host: the port it leads to, and that one's address, "" where the port knows the local IP.

    `holders`: the numbers of the ports of this host that have the local IP for their own, where it matters.
    """

    address: str
    port: WiredPort
    inside: str
    holders: frozenset[int] = frozenset()

    @property
    def kind(self) -> str:
        return "ipv6" if ":" in self.address else "ip"

    @property
    def field(self) -> str:
        """How the fields of its version of IP begin."""
        return "ipv6" if ":" in self.address else "nw"


def question_flows(b: Builder, tag: int, every: list[Local], userspace: bool) -> None:
    """What becomes of questions for the local IPs of a network; `userspace`: the datapath is Open vSwitch's own."""
    six = [each for each in every if each.kind == "ipv6"]
    for each in every:
        if each.kind == "ip":
            _requests(b, tag, each)
    for each in six:
        _solicitations(b, tag, each, userspace)
    if userspace and six:
        b.add(ANSWER, 11, f"{ADVERTISEMENT},reg6={tag},reg8=0", f"{FROM_ITS_SENDER},in_port")
        b.add(ANSWER, 10, f"{ADVERTISEMENT},reg6={tag}", f"{FROM_ITS_SENDER},{TO_ITS_CARD}")
    elif six:
        _advertisements(b, tag, [each for each in six if each.inside])


def _requests(b: Builder, tag: int, each: Local) -> None:
    about = f"arp,reg6={tag},reg1=0,arp_op=1,arp_tpa={each.address}"
    for other in (f"in_port={each.port.ofport}", "arp_spa=0.0.0.0", f"arp_spa={each.address}"):
        b.add(DISPATCH, 42, f"{about},{other}", GO_ON)
    answer = made_of(each.address, checked_mac(each.port.mac))
    b.add(DISPATCH, 41, f"{about},reg4=0,reg8=0", f"{answer},in_port")
    b.add(DISPATCH, 40, f"{about},reg4=0", f"{answer},{TO_ITS_CARD}")


def _solicitations(b: Builder, tag: int, each: Local, userspace: bool) -> None:
    """Before what leads to the address, for it may be asked of it alone; and only when the sender may say so."""
    about = f"{SOLICITATION},reg6={tag},reg1=0,nd_target={each.address}"
    for other in (f"in_port={each.port.ofport}", "ipv6_src=::", f"ipv6_src={each.address}"):
        b.add(DISPATCH, 72, f"{about},{other}", GO_ON)
    mac = checked_mac(each.port.mac)
    answer = advertisement(each.address, mac, SOLICITED_OVERRIDE, ANSWER) if userspace else _asked_on(each, mac)
    b.add(DISPATCH, 71, f"{about},reg4=0", answer)
    for number in (135, 136):
        b.add(EGRESS_KIND, 63, f"icmp6,icmp_type={number},reg6={tag},ipv6_dst={each.address}",
              f"resubmit(,{EGRESS_ND})")  # fmt: skip


def _asked_on(each: Local, mac: str) -> str:
    """The actions that ask the associated port for its own address, by its group (RFC 4291, 2.7.1)."""
    asked = each.inside or each.address
    group = IPv6Address(GROUP | int(IPv6Address(asked)) & 0xFFFFFF)
    return f"set_field:{mac}->eth_dst,set_field:{group}->ipv6_dst,set_field:{asked}->nd_target,{GO_ON}"


def _advertisements(b: Builder, tag: int, every: list[Local]) -> None:
    """What an associated port says of its own address to one port, it says of the local IPs that lead there too."""
    led: dict[tuple[str, str], list[Local]] = {}
    for each in every:
        led.setdefault((checked_mac(each.port.mac), each.inside), []).append(each)
    for (mac, inside), local_ips in led.items():
        about = f"{ADVERTISEMENT},reg6={tag},reg4=0,dl_src={mac},nd_target={inside}"
        holders = frozenset[int]().union(*(each.holders for each in local_ips))
        for receiver in (0, *sorted(holders)):
            copies = [_copy(each.address) for each in local_ips if receiver not in each.holders]
            match, priority = (f"{about},reg5={receiver}", 23) if receiver else (about, 22)
            b.add(OUT, priority, match, ",".join([*copies, f"resubmit(,{CARD})"]))


def _copy(address: str) -> str:
    return f"clone(set_field:{address}->nd_target,set_field:{address}->ipv6_src,resubmit(,{CARD}))"
