"""A distributed router on the hosts of its guests: flows that forward for it between its networks.  Pure.

What a port of this host sends to the router's MAC, for an address of a port on a network of the router, is forwarded
here: it becomes a frame of that network and goes on in the pipeline (`pipeline.py`) as one, so both ends' rules hold.

    DISPATCH   a frame from a port of this host for the MAC of a router's interface
    ROUTE      by destination: the rewritten frame goes on to its port, or to the uplinks of its network
    AGREED     notes in the entry of the connection that the sender's rules have agreed, before its network is left

All else goes on to the host that carries the router, as if this were not there: what is for the router itself, for an
address that is not a known port's alone or that an extra route leads elsewhere, what is at the end of its hops (the
router tells the sender), link-local senders, and what would pass into another address scope or a smaller MTU.

reg10 is a number for all entrances from which the same is reached; reg11 says that a frame was looked at here.  A frame
that leaves the host has the host's own MAC as its source: switches would see the router's in several places.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.answers import made_of
from heddle.agent.pipeline import DISPATCH, UPLINK, ZONE, retag
from heddle.host.connection import CUT
from heddle.host.openflow import FlowSet

ROUTE, AGREED = 25, 26
ETHERTYPES = {4: "ip", 6: "ipv6"}
ONWARD = f"set_field:0->reg10,set_field:1->reg11,resubmit(,{DISPATCH})"


@dataclass(frozen=True)
class Entrance:
    """An interface of the router: packets of an IP version come in on the network with a tag.  `address` is its own."""

    tag: int
    mac: str
    version: int
    address: str
    number: int


@dataclass(frozen=True)
class Target:
    """A port on a network of the router, reached from entrances with these numbers."""

    address: str
    mac: str
    router_mac: str
    tag: int
    here: bool
    numbers: tuple[int, ...]


def routed_base_flows() -> FlowSet:
    """What is the same for all distributed routers."""
    b = Builder("routed")
    for kind in ETHERTYPES.values():
        for hops in (0, 1):
            b.add(ROUTE, 30, f"{kind},nw_ttl={hops}", ONWARD)
        for bits in (1, 2):
            commit = f"ct(commit,{ZONE},exec(set_field:0x{bits:x}/0x{bits | CUT:x}->ct_mark))"
            b.add(AGREED, 10, f"{kind},ct_state=+trk,reg3={bits},ct_mark=0x0/0x{bits:x}", commit)
    b.add(ROUTE, 30, "ipv6,ipv6_src=fe80::/10", ONWARD)
    b.add(ROUTE, 0, "", ONWARD)
    return b.flows


def routed_flows(router_id: str, entrances: Iterable[Entrance], targets: Iterable[Target], host_mac: str) -> FlowSet:
    """The flows of one router.  Raises `ValueError` for an address that is none."""
    b = Builder(router_id)
    for each in entrances:
        frame = f"{ETHERTYPES[each.version]},reg4=0,reg6={each.tag},reg11=0,dl_dst={checked_mac(each.mac)}"
        b.add(DISPATCH, 38, frame, f"set_field:0x{each.number:x}->reg10,resubmit(,{ROUTE})")
        if each.version == 4:
            _answer(b, each)
    for target in targets:
        kind, field = ("ipv6", "ipv6_dst") if ":" in target.address else ("ip", "nw_dst")
        source = checked_mac(target.router_mac) if target.here else host_mac
        actions = (
            f"resubmit(,{AGREED}),ct_clear,dec_ttl,set_field:{source}->eth_src,"
            f"set_field:{checked_mac(target.mac)}->eth_dst,set_field:1->reg1,set_field:0->reg2,set_field:0->reg3,"
            f"set_field:0->reg5,set_field:{target.tag}->reg6,set_field:0->reg7,set_field:0->reg10,set_field:1->reg11,"
            f"resubmit(,{DISPATCH if target.here else UPLINK})"
        )
        for number in target.numbers:
            b.add(ROUTE, 20, f"{kind},reg10=0x{number:x},{field}={target.address}", actions)
    return b.flows


def _answer(b: Builder, each: Entrance) -> None:
    """Who asks for the router is answered here, also when its host is dead; not who announces or probes."""
    about = f"arp,reg4=0,reg6={each.tag},reg11=0,arp_op=1,arp_tpa={each.address}"
    for other in ("arp_spa=0.0.0.0", f"arp_spa={each.address}"):
        b.add(DISPATCH, 37, f"{about},{other}", f"set_field:1->reg11,resubmit(,{DISPATCH})")
    answer = made_of(each.address, checked_mac(each.mac))
    b.add(DISPATCH, 36, f"{about},reg8=0", f"{answer},in_port")
    b.add(DISPATCH, 35, about, f"{answer},{retag('NXM_NX_REG8[0..11]')},in_port")


def host_mac(host: str, base: str) -> str:
    """The MAC under which a host forwards: the base, with what is zero at its end made of the host's name."""
    octets = checked_mac(base).split(":")
    kept = 4 if octets[3] != "00" else 3
    rest = hashlib.blake2b(host.encode(), digest_size=6 - kept).digest()
    return ":".join([*octets[:kept], *(f"{each:02x}" for each in rest)])
