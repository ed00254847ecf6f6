"""Floating IPs of a distributed router on the host of their guests: what leads to their namespace, and from it.  Pure.

`floating_plan.py` says what the namespace does; its only port is on the external network.  A packet from a guest with
a floating IP to an address that is not within the router (`ROUTE` has not found its port) goes there, when the
sender's rules have agreed; what comes from there for a guest becomes a frame of the guest's network and goes on as one,
so that the guest's rules hold.  The namespace asks here who has a guest's address.

Nobody on the external network says that he is a guest: he could be answered for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.answers import made_of
from heddle.agent.local_networks import LocalNetworks
from heddle.agent.mirror import Mirror
from heddle.agent.pipeline import ACCEPT, DISPATCH, WiredPort
from heddle.agent.routed_flows import ONWARD, ROUTE, Entrance
from heddle.host.openflow import FlowSet
from heddle.view.types import FloatingIpView, Ref

FLOATING_GATEWAY = "network:floatingip_agent_gateway"

# What no router leads to the outside: link-local addresses (metadata), multicast.
NEVER_OUT = ("169.254.0.0/16", "224.0.0.0/4")


@dataclass(frozen=True)
class Translated:
    """A guest of this host with a floating IP: its fixed address, its network's tag, the number of the entrance there,
    and the MAC of the router's interface."""

    fixed: str
    mac: str
    tag: int
    number: int
    router_mac: str


class FloatingIps:
    """The floating IPs that this host translates."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._router_of: dict[Ref, str] = {}

    def routers(self, mirror: Mirror, ref: Ref) -> set[str]:
        """The routers that a change of a floating IP, or of a namespace's port, concerns: as they were and are."""
        found = {self._router_of.get(ref, "")}
        if ref.kind == "floating_ip" and (item := mirror.floating_ips.get(ref.id)):
            found.add(item.router_id)
        elif ref.kind == "port" and (port := mirror.ports.get(ref.id)) and port.device_owner == FLOATING_GATEWAY:
            found.add(port.device_id)
        return found - {""}

    def flows(
        self, mirror: Mirror, router_id: str, entrances: Mapping[str, Entrance], networks: LocalNetworks
    ) -> FlowSet:
        """`entrances` for IPv4, by network.  Raises `ValueError` for an address that is none."""
        mine = [each for each in mirror.floating_ips_by_router.of(router_id) if each.host == self._host]
        gates = [port for port in mirror.ports_by_device.of(router_id) if port.device_owner == FLOATING_GATEWAY]
        self._router_of = {ref: owner for ref, owner in self._router_of.items() if owner != router_id}
        self._router_of |= {Ref("floating_ip", each.id): router_id for each in mine}
        self._router_of |= {Ref("port", port.id): router_id for port in gates}
        wired = [networks.members.get(port.network_id, {}).get(port.id) for port in gates]
        gate = next((each for each in wired if each is not None), None)
        if gate is None or not mine:
            return {}
        return floating_flows(router_id, gate, _guests(mirror, mine, entrances), _within(mirror, router_id))


def _guests(
    mirror: Mirror, floating_ips: Iterable[FloatingIpView], entrances: Mapping[str, Entrance]
) -> Iterator[Translated]:
    for item in sorted(floating_ips, key=lambda item: item.id):
        port = mirror.ports.get(item.port_id)
        entrance = entrances.get(port.network_id) if port else None
        if port and entrance:
            yield Translated(item.fixed_ip, port.mac_address, entrance.tag, entrance.number, entrance.mac)


def _within(mirror: Mirror, router_id: str) -> list[str]:
    """Where the router leads to inside, for IPv4: its subnets, and what its extra routes reach by way of these."""
    ids = {fixed.subnet_id for port in mirror.interfaces.of(router_id) for fixed in port.fixed_ips}
    blocks = [ip_network(mirror.subnets[id].cidr) for id in ids if id in mirror.subnets]
    blocks = [block for block in blocks if block.version == 4]
    view = mirror.routers.get(router_id)
    inside = [each for each in (view.routes if view else ()) if any(ip_address(each.nexthop) in b for b in blocks)]
    return [str(block) for block in blocks] + [str(ip_network(each.destination, strict=False)) for each in inside]


def floating_flows(
    router_id: str, gate: WiredPort, guests: Iterable[Translated], within: Iterable[str]
) -> FlowSet:
    """`gate` is the namespace's port; `within` are the CIDRs that the router leads to inside.

    Raises `ValueError` for an address that is none.
    """
    b = Builder(router_id)
    every = list(guests)
    for number in sorted({each.number for each in every}):
        for cidr in sorted({*within, *NEVER_OUT}):
            b.add(ROUTE, 12, f"ip,reg10=0x{number:x},nw_dst={cidr}", ONWARD)
    for each in every:
        _out(b, gate, each)
        _into(b, gate, each)
    return b.flows


def _out(b: Builder, gate: WiredPort, guest: Translated) -> None:
    actions = (
        f"set_field:{checked_mac(gate.mac)}->eth_dst,set_field:0->reg10,set_field:0->reg2,"
        f"set_field:{gate.number}->reg5,resubmit(,{ACCEPT})"
    )
    b.add(ROUTE, 10, f"ip,reg10=0x{guest.number:x},reg6={guest.tag},nw_src={guest.fixed}", actions)


def _into(b: Builder, gate: WiredPort, guest: Translated) -> None:
    sender, mac = f"in_port={gate.ofport},reg6={gate.tag}", checked_mac(guest.mac)
    actions = (
        f"set_field:{checked_mac(guest.router_mac)}->eth_src,set_field:{mac}->eth_dst,set_field:1->reg1,"
        f"set_field:{guest.tag}->reg6,set_field:1->reg11,resubmit(,{DISPATCH})"
    )
    b.add(DISPATCH, 45, f"ip,{sender},nw_dst={guest.fixed}", actions)
    b.add(DISPATCH, 45, f"arp,{sender},arp_op=1,arp_tpa={guest.fixed}", f"{made_of(guest.fixed, mac)},in_port")
    b.add(DISPATCH, 44, f"ip,reg6={gate.tag},dl_dst={checked_mac(gate.mac)},nw_src={guest.fixed}", "drop")
