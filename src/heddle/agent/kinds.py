"""Which ports of a network meet on layer 2, where not all do: private VLANs (RFC 5517), and subnets apart.  Pure.

A promiscuous port meets all, one of a community its own and the promiscuous, an isolated one the promiscuous only.
Where subnets are apart, guests meet who have a subnet in common; the cloud's own ports (routers, DHCP) meet all.

The receiver's host decides, by the kind of the sender: of a port here by where the frame came in, of one elsewhere by
its source MAC, which its own host has checked.  So a host needs to know of the ports elsewhere only those that a port
here may hear, and one with none but promiscuous ports nothing.  A MAC that ports of different kinds may use is of none.
What bears a MAC of nobody comes from outside, and is promiscuous, where the network has an outside; else of no kind.
No kind has there, too, what begins as the MACs that the cloud itself chooses: it is a port of which this host has not
heard yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heddle.agent.addresses import checked_mac
from heddle.view.types import NeighbourView, NetworkView, PortView

OWN = "network:"
PROMISCUOUS, COMMUNITY = "promiscuous", "community"
OF_OURS = "ff:ff:ff:00:00:00"  # what of a MAC the cloud's own have in common


@dataclass(frozen=True)
class Kind:
    """`type` "" on a network that is no private VLAN; `subnets` None: it meets those of every subnet."""

    type: str = ""
    community: str = ""
    subnets: frozenset[str] | None = None

    @property
    def meets_all(self) -> bool:
        return self.type in ("", PROMISCUOUS) and self.subnets is None

    @property
    def number(self) -> int:
        """What frames of such a sender are marked with; 1 for one that meets all."""
        if self.meets_all:
            return 1
        text = "\n".join((self.type, self.community, *("/", *sorted(self.subnets))) if self.subnets is not None else
                         (self.type, self.community))  # fmt: skip
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") | 2


OPEN = Kind()


def kind_of(port: PortView | NeighbourView, network: NetworkView) -> Kind | None:
    """None on a network where all meet."""
    if not port.pvlan_type and not network.subnets_apart:
        return None
    apart = network.subnets_apart and not port.device_owner.startswith(OWN)
    subnets = frozenset(each.subnet_id for each in port.fixed_ips) if apart else None
    return Kind(port.pvlan_type, port.pvlan_community if port.pvlan_type == COMMUNITY else "", subnets)


def meets_all(port: PortView | NeighbourView, network: NetworkView) -> bool:
    kind = kind_of(port, network)
    return kind is None or kind.meets_all


def meet(one: Kind, other: Kind) -> bool:
    if one.subnets is not None and other.subnets is not None and not one.subnets & other.subnets:
        return False
    if one.meets_all or other.meets_all:
        return True
    if PROMISCUOUS in (one.type, other.type) or one.type == other.type == "":
        return True
    return one.type == other.type == COMMUNITY and one.community == other.community


def heard_by(receivers: Iterable[Kind], senders: Iterable[Kind]) -> set[tuple[Kind, Kind]]:
    """The (sender, receiver) pairs that meet, of receivers that do not meet all."""
    there = {OPEN, *senders}
    return {(one, other) for other in set(receivers) if not other.meets_all for one in there if meet(one, other)}


def told(
    pairs: set[tuple[Kind, Kind]], elsewhere: Mapping[str, Kind | None], outside: bool, ours: str = ""
) -> dict[str, Kind | None]:
    """What a host keeps of who is elsewhere, by MAC: what differs from what it takes a stranger for.  None: unheard.

    `ours`: how the MACs begin that the cloud chooses.
    """
    heard = {sender for sender, _ in pairs}
    kept = {mac: kind if kind in heard else None for mac, kind in elsewhere.items()}
    foreign = {mac for mac in kept if outside and not (ours and mac.startswith(ours))}
    return {
        mac: kind for mac, kind in kept.items()
        if (kind is None or not kind.meets_all if mac in foreign else kind is not None)
    }  # fmt: skip


def elsewhere(neighbours: Iterable[NeighbourView], network: NetworkView) -> dict[str, Kind | None]:
    """The kind of who sends from a MAC on another host than this; None where they are of several.

    Those that the view has here are among them: a guest moves sooner than the view tells.  The cloud's own ports send
    from any host, and a router may be on several.
    """
    found: dict[str, Kind | None] = {}
    for each in neighbours:
        if not each.host and not each.device_owner.startswith(OWN):
            continue
        kind = kind_of(each, network)
        for mac in {each.mac_address, *(pair.mac_address for pair in each.allowed_address_pairs)}:
            mac = checked_mac(mac)
            found[mac] = kind if found.get(mac, kind) == kind else None
    return found
