"""The ports of floating IPs that lead to ports behind a router, as nftables maps.

A range that keeps its numbers, and one that leads to a single port, are one element each.  nftables cannot shift a
range by an offset: one that leads to other numbers is an element for each port.
Of a protocol whose ports the kernel does not track nothing is forwarded: the first packet would open all its ports.
"""

from __future__ import annotations

from collections.abc import Collection

from heddle.host.conntrack import Service
from heddle.host.nft import Elements, Table
from heddle.view.types import FloatingIpView

# The protocols with ports and their numbers, in the order in which nft lists them.
PORTED = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132}
# The maps of ports that keep their number, and of those that get another.
FORWARD = ("forward_kept", "forward_changed")


# How many elements a router may have for ranges that are shifted: loading more would hold up the other routers.
MOST_SHIFTED = 65536
_UNTRACKED = (
    "the kernel of this host does not track the ports of {}: forward another protocol, or move the router to a host "
    "whose kernel does"
)


def maps(
    floating: Collection[FloatingIpView], untracked: Collection[str], problems: dict[tuple[str, str], str]
) -> list[Elements]:
    """The maps of forwarded ports, none where no ports are forwarded; `problems`: why some are not, by (kind, id)."""
    kept: list[str] = []
    changed: list[str] = []
    shifted = 0
    for item in floating:
        for each in sorted(item.forwardings, key=lambda each: each.id):
            key = f"{item.floating_ip} . {each.protocol}"
            width = each.external_last - each.external_first + 1
            outside = _span(each.external_first, each.external_last)
            if each.protocol not in PORTED:
                problems["floating_ip", item.id] = f"port forwarding {each.id}: {each.protocol} has no ports"
            elif each.protocol in untracked:
                problems["floating_ip", item.id] = f"port forwarding {each.id}: {_UNTRACKED.format(each.protocol)}"
            elif (each.external_first, each.external_last) == (each.internal_first, each.internal_last):
                kept.append(f"{key} . {outside} : {each.internal_ip}")
            elif each.internal_first == each.internal_last:
                changed.append(f"{key} . {outside} : {each.internal_ip} . {each.internal_first}")
            elif shifted + width > MOST_SHIFTED:
                problems["floating_ip", item.id] = f"port forwarding {each.id}: its router shifts too many ports"
            else:
                shifted += width
                pairs = [(each.external_first + step, each.internal_first + step) for step in range(width)]
                changed += [f"{key} . {out} : {each.internal_ip} . {into}" for out, into in pairs]
    key = "ipv4_addr . inet_proto . inet_service"
    tables = [
        Elements("map", FORWARD[0], f"{key} : ipv4_addr", tuple(sorted(kept)), "interval"),
        Elements("map", FORWARD[1], f"{key} : ipv4_addr . inet_service", tuple(sorted(changed)), "interval"),
    ]
    return tables if kept or changed else []


def protocols(floating: Collection[FloatingIpView]) -> set[str]:
    """Those of which ports are forwarded."""
    return {each.protocol for item in floating for each in item.forwardings}


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def rules(held: Collection[Elements]) -> list[str]:
    """The rules that look into the maps."""
    key = f"meta l4proto {{ {', '.join(PORTED)} }} dnat ip to ip daddr . meta l4proto . th dport map"
    return [f"{key} @{item.name}" for item in held]


def moved(old: Table, new: Table) -> tuple[set[str], set[Service]]:
    """The floating addresses, and the ports of others, that lead elsewhere than before."""
    before, after = ({held.name: set(held.items) for held in each.elements} for each in (old, new))
    addresses = {item.partition(" : ")[0] for item in before["floating_in"] - after["floating_in"]}
    gone = [item for name in FORWARD for item in before.get(name, set()) - after.get(name, set())]
    services = set()
    for item in gone:
        address, protocol, span = item.partition(" : ")[0].split(" . ")
        first, _, last = span.partition("-")
        services.add(Service(address, PORTED[protocol], int(first), int(last or first)))
    return addresses, services
