"""br-tun: the local tag on the patch port, the tunnel ID on the tunnel ports.  Pure.

A tunnel port for each kind of tunnels that networks of this host need; where a frame goes is said by the flow that
sends it.  The same ID in tunnels of two kinds is two networks.

Where a remote port lives is known from the view, so a frame for it goes to its host alone; only frames for
everybody, or for an address that is none of a port, go to all hosts that have the network, and questions for known
addresses to none (`answers.py`).  A frame from a tunnel never goes into one again, so the mesh has no loops; but one
of the ID 0, which no network has, that asks whether the tunnel works (`host/tunnel_echo.py`) is sent back to its host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.answers import TUN_OUT, Known, answers, base_answers
from heddle.agent.ha_flows import learn_flows
from heddle.host.openflow import FlowSet
from heddle.host.tunnel_echo import ANSWER, ETHERTYPE, REQUEST
from heddle.view.types import Segment

KINDS = ("vxlan", "gre", "geneve")
TUN_IN = 1
BACK = ",".join(f"move:NXM_NX_TUN_{ip}_SRC[]->NXM_NX_TUN_{ip}_DST[]" for ip in ("IPV4", "IPV6"))
IPV6_MORE = 20


@dataclass(frozen=True)
class Underlay:
    """What this host has for tunnels: its address ("": none), the device that bears it and its MTU (0: unknown)."""

    address: str = ""
    device: str = ""
    mtu: int = 0

    @property
    def version(self) -> int:
        return ip_address(self.address).version

    def too_small_for(self, mtu: int, segment: Segment) -> str:
        """Why frames of a network with this MTU do not fit, else ""."""
        overhead = segment.overhead + (IPV6_MORE if segment.overhead and self.version == 6 else 0)
        if not self.mtu or mtu + overhead <= self.mtu:
            return ""
        return (
            f"the MTU of {self.device}, which has agent.tunnel_ip {self.address}, is {self.mtu}: too small for packets "
            f"of {mtu} bytes in {segment.network_type} ({mtu + overhead} bytes). Raise it on all hosts, or lower the "
            f"MTU of the network to {self.mtu - overhead} (network.path_mtu for new ones)"
        )


@dataclass(frozen=True)
class TunnelPorts:
    """The ports of br-tun: its patch port, and by kind that of the tunnels; `refused` says why a kind has none.

    `advertises`: the datapath can make an IPv6 neighbour advertisement.
    """

    patch: int = 0
    by_kind: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    advertises: bool = True


def kind_of(segment: Segment) -> str:
    """The kind of tunnels in which a segment lives, "" for one that lives in none."""
    if segment.physical_network or not segment.segmentation_id:
        return ""
    return segment.encapsulation or segment.network_type


def tunnel_base_flows(ports: TunnelPorts) -> FlowSet:
    b = Builder("base")
    b.add(0, 10, f"in_port={ports.patch}", f"resubmit(,{TUN_OUT})")
    base_answers(b, ports.patch)
    for number in ports.by_kind.values():
        b.add(0, 10, f"in_port={number}", f"resubmit(,{TUN_IN})")
        mine = f"in_port={number},tun_id=0,dl_type={ETHERTYPE:#x}"
        b.add(0, 20, f"{mine},dl_dst={REQUEST}", f"{BACK},set_field:{ANSWER}->eth_dst,in_port")
        b.add(0, 20, f"{mine},dl_dst={ANSWER}", "controller")
    return b.flows


def tunnel_flows(
    network_id: str, tag: int, tunnel_id: int, patch: int, tunnel: int, remote: Iterable[tuple[str, str]],
    known: Iterable[Known] = (), ha_macs: Iterable[str] = (), ready: Iterable[str] = (),
) -> FlowSet:
    """A network in tunnels of the port `tunnel`.

    `remote`: (MAC, tunnel address of its host) of what is elsewhere, a MAC that several may use once for each.
    `ha_macs`: of highly available routers; `ready`: the tunnel addresses of hosts that may carry one at any moment.
    """
    b = Builder(network_id)
    answers(b, tag, known)
    arrive = f"push_vlan:0x8100,set_field:{4096 + tag}->vlan_vid,output:{patch}"
    b.add(TUN_IN, 10, f"in_port={tunnel},tun_id={tunnel_id}", arrive)
    leave = f"pop_vlan,set_field:{tunnel_id}->tun_id"
    places: dict[str, set[str]] = {}
    for mac, address in remote:
        places.setdefault(checked_mac(mac), set()).add(address)
    for mac, addresses in places.items():
        b.add(TUN_OUT, 20, f"dl_vlan={tag},dl_dst={mac}", f"{leave},{_send(addresses, tunnel)}")
    everywhere = set(ready).union(*places.values())
    ipv6 = any(":" in each for each in everywhere)
    learn_flows(b, TUN_IN, TUN_OUT, f"in_port={tunnel},tun_id={tunnel_id}", arrive, tag, ha_macs, ipv6)
    if everywhere:
        b.add(TUN_OUT, 10, f"dl_vlan={tag}", f"{leave},{_send(everywhere, tunnel)}")
    return b.flows


def _send(addresses: Iterable[str], tunnel: int) -> str:
    fields = ((each, "tun_ipv6_dst" if ":" in each else "tun_dst") for each in sorted(addresses))
    return ",".join(f"set_field:{each}->{field},output:{tunnel}" for each, field in fields)
