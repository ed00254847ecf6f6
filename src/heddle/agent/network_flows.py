"""The flows of a network on br-int: where it comes in and leaves, and to whom of this host its frames go.  Pure.

The tables are those of the pipeline (`pipeline.py`), which says what becomes of a frame in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.ha_flows import own_only
from heddle.agent.pipeline import (
    DELIVER,
    DISPATCH,
    FLOOD,
    FLOOD_PORTS,
    MULTICAST,
    SEND,
    UPLINK,
    WiredPort,
    untag,
)
from heddle.agent.policed_flows import CLASSIFY
from heddle.host.openflow import FlowSet


@dataclass(frozen=True)
class Uplink:
    """A way out of br-int for a network: `ofport` of the patch port, and the VLAN there (0: untagged)."""

    ofport: int
    vlan: int


def network_flows(
    network_id: str, tag: int, ports: Sequence[WiredPort], uplinks: Sequence[Uplink], entered: int = DISPATCH,
    ha_macs: Iterable[str] = (),
) -> FlowSet:
    """The flows of one network on br-int, with its ports of this host; what comes by an uplink enters at `entered`.

    `ha_macs` are those of highly available routers.
    """
    b = Builder(network_id)
    here = f"reg6={tag}"
    for uplink in uplinks:
        seen, pop = untag(uplink.vlan)
        enter = f"in_port={uplink.ofport},{seen}"
        if ports:
            b.add(CLASSIFY, 10, enter, f"{pop}set_field:1->reg4,set_field:{tag}->reg6,resubmit(,{entered})")
    if uplinks:
        b.add(UPLINK, 10, here, ",".join(_leave(uplink) for uplink in uplinks))
        own_only(b, tag, ha_macs)
    outward = [f"resubmit(,{SEND})"] if uplinks else []
    for mac, owners in _destinations(ports).items():
        shared = any(port.mac != mac for port in owners)
        again = ["set_field:0->reg2"] if len(owners) > 1 else []
        actions = [action for port in owners for action in [*again, _deliver(port)]] + (outward if shared else [])
        b.add(DISPATCH, 30, f"{here},dl_dst={mac}", ",".join(actions))
    plain = [_output(port) if port.meets_all and not port.ha else _deliver(port)
             for port in ports if port.profile is None]  # fmt: skip
    filtered = [port for port in ports if port.profile is not None]
    flood = ([f"resubmit(,{UPLINK})"] if uplinks else []) + plain + ([f"resubmit(,{FLOOD})"] if filtered else [])
    if flood:
        b.add(DISPATCH, 20, f"{here},{MULTICAST}", ",".join(flood))
    if filtered:
        b.add(FLOOD_PORTS, 10, here, ",".join(_deliver(port) for port in filtered))
    unknown = outward + [_output(port) for port in ports if port.promiscuous]
    if unknown:
        b.add(DISPATCH, 10, here, ",".join(unknown))
    return b.flows


def _destinations(ports: Sequence[WiredPort]) -> dict[str, list[WiredPort]]:
    """Who receives what is sent to a MAC: the port it belongs to, and those that may use it besides their own."""
    found: dict[str, list[WiredPort]] = {}
    for port in ports:
        for mac in dict.fromkeys([checked_mac(port.mac), *(mac for mac, _ in port.addresses)]):
            found.setdefault(mac, []).append(port)
    return found


def _deliver(port: WiredPort) -> str:
    return f"set_field:{port.number}->reg5,resubmit(,{DELIVER})"


def _output(port: WiredPort) -> str:
    return _tagged(port.ofport, port.vlan)


def _leave(uplink: Uplink) -> str:
    return _tagged(uplink.ofport, uplink.vlan)


def _tagged(ofport: int, vlan: int) -> str:
    """Out by a port with this VLAN ID, 0 for none."""
    if not vlan:
        return f"output:{ofport}"
    return f"push_vlan:0x8100,set_field:{4096 + vlan}->vlan_vid,output:{ofport},pop_vlan"
