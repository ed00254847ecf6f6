"""br-tun: the local tag on the patch port, the tunnel ID on the tunnel port.  Pure.

Where a remote port lives is known from the view, so a frame for it goes to its host alone; only frames for
everybody, or for an address that is none of a port, go to all hosts that have the network.  A frame from
a tunnel never goes into one again, so the mesh has no loops.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.addresses import Builder, checked_mac
from heddle.host.openflow import FlowSet

TUN_IN, TUN_OUT = 1, 2


def tunnel_base_flows(patch: int, tunnel: int) -> FlowSet:
    b = Builder("base")
    b.add(0, 10, f"in_port={patch}", f"resubmit(,{TUN_OUT})")
    if tunnel:
        b.add(0, 10, f"in_port={tunnel}", f"resubmit(,{TUN_IN})")
    return b.flows


def tunnel_flows(
    network_id: str, tag: int, tunnel_id: int, patch: int, tunnel: int,
    remote: Iterable[tuple[str, str]],
) -> FlowSet:
    """A tunnelled network; `remote`: (MAC, tunnel address of its host) of the ports elsewhere."""
    b = Builder(network_id)
    arrive = f"push_vlan:0x8100,set_field:{4096 + tag}->vlan_vid,output:{patch}"
    b.add(TUN_IN, 10, f"tun_id={tunnel_id}", arrive)
    leave = f"pop_vlan,set_field:{tunnel_id}->tun_id"
    addresses = set()
    for mac, address in remote:
        addresses.add(address)
        send = f"{leave},set_field:{address}->tun_dst,output:{tunnel}"
        b.add(TUN_OUT, 20, f"dl_vlan={tag},dl_dst={checked_mac(mac)}", send)
    if addresses:
        sends = [f"set_field:{address}->tun_dst,output:{tunnel}" for address in sorted(addresses)]
        b.add(TUN_OUT, 10, f"dl_vlan={tag}", ",".join([leave, *sends]))
    return b.flows
