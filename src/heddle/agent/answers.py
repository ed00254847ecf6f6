"""Who has this address?  Answered on the host of the asker, for ports of which it is known.  Pure.

A question that a guest asks everybody (ARP, or a neighbour solicitation of IPv6) about an address of a port on another
host is answered here in that port's name; one about a port of this host is left to the port.  Neither goes into a
tunnel.  All else does, to the hosts that have the network:

    an address that no port has                the one who has it may answer
    an address that another port may use too   as an allowed pair, alone or within a CIDR: both may answer
    an address of a port that not all meet     who may not meet it shall not hear of it (`kinds.py`)
    an address of a port without port security it may use what it likes, another MAC too
    a probe for duplicates                     of 0.0.0.0 (RFC 5227) or :: (RFC 4862): the port itself shall object
    an announcement                            sender and target are the same (gratuitous ARP)
    a question asked of one port only          it is to find out whether the port is there (RFC 4861, 7.3)

The answer is made of the question: its sender becomes the target, MACs and addresses change places, and in a
solicitation the source's link-layer option becomes the target's.  An advertisement says that it is solicited and
overrides, and of a router that it is one: a guest that hears otherwise gives up its default route.

Only Open vSwitch's userspace datapath has the fields of an advertisement; on the kernel's, solicitations are asked on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heddle.agent.addresses import Builder, checked_mac

TUN_OUT, ASK, ADVERTISE = 2, 3, 4
SOLICITED_OVERRIDE, ROUTER = 0x60000000, 0x80000000
ARP = "arp,arp_op=1,dl_dst=ff:ff:ff:ff:ff:ff"
SOLICITATION = "icmp6,icmp_type=135,icmp_code=0"
IPV6_MULTICAST = "dl_dst=33:33:00:00:00:00/ff:ff:00:00:00:00"
ADVERTISEMENT, FROM_ITS_SENDER = "icmp6,icmp_type=136", "move:NXM_OF_ETH_SRC[]->NXM_NX_ND_TLL[]"
ELSEWHERE = f"resubmit(,{TUN_OUT})"


@dataclass(frozen=True)
class Known:
    """An address, the MAC of the port that alone has it, and whether that is on this host."""

    address: str
    mac: str
    here: bool
    router: bool = False


def base_answers(b: Builder, patch: int) -> None:
    """Questions, and what of them is never answered."""
    for match in (ARP, f"{SOLICITATION},{IPV6_MULTICAST}"):
        b.add(0, 20, f"in_port={patch},{match}", f"resubmit(,{ASK})")
    for match in ("arp,arp_spa=0.0.0.0", f"{SOLICITATION},ipv6_src=::", f"{SOLICITATION},nd_sll=00:00:00:00:00:00"):
        b.add(ASK, 40, match, ELSEWHERE)
    b.add(ASK, 0, "", ELSEWHERE)
    b.add(ADVERTISE, 10, ADVERTISEMENT, f"{FROM_ITS_SENDER},in_port")


def answers(b: Builder, tag: int, known: Iterable[Known]) -> None:
    """The questions of one network about addresses that are known."""
    for each in known:
        mac = checked_mac(each.mac)
        if ":" in each.address:
            flags = SOLICITED_OVERRIDE | (ROUTER if each.router else 0)
            action = "drop" if each.here else advertisement(each.address, mac, flags, ADVERTISE)
            b.add(ASK, 20, f"{SOLICITATION},dl_vlan={tag},nd_target={each.address}", action)
            continue
        about = f"arp,dl_vlan={tag},arp_tpa={each.address}"
        b.add(ASK, 30, f"{about},arp_spa={each.address}", ELSEWHERE)
        b.add(ASK, 20, about, "drop" if each.here else f"{made_of(each.address, mac)},in_port")


def made_of(address: str, mac: str) -> str:
    """The actions that make of an ARP request the answer to it."""
    return (
        f"move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:{mac}->eth_src,set_field:2->arp_op,"
        f"move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],"
        f"set_field:{mac}->arp_sha,set_field:{address}->arp_spa"
    )


def advertisement(address: str, mac: str, flags: int, table: int) -> str:
    """The actions that make of a solicitation the answer to it, but for its option; the table does that, and sends."""
    return (
        f"move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:{mac}->eth_src,"
        f"move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],set_field:{address}->ipv6_src,set_field:136->icmpv6_type,"
        f"set_field:0x{flags:x}->nd_reserved,set_field:2->nd_options_type,resubmit(,{table})"
    )
