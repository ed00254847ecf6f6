"""What the pure parts of the Linux-bridge data plane know of a port, and the names that things have on the host.

    brq<network id>   the bridge of a network      vxlan-<number>     its way to other hosts
    tap<port id>      the interface of a guest or of a DHCP server; qr-, qg- those of a router
    <card>.<vlan>     the sub-interface of a VLAN network

Ids are shortened to eleven characters, as operators know them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_network

from heddle.agent.addresses import checked_mac, link_local
from heddle.agent.kinds import Kind
from heddle.agent.policing import NONE, Policing
from heddle.agent.security import profile_number
from heddle.agent.tunnel import kind_of as tunnel_kind
from heddle.view.types import GroupView, NetworkView, PortView, Segment

TRUSTED = "network:"
CARRIED = ("", "vxlan")  # the kinds of tunnels of segments without a physical network that bridges join
SHORT = 11
BRIDGE, TUNNEL = "brq", "vxlan-"
PREFIXES = ("tap", "qr-", "qg-")
NUMBERS, SHIFT = 0x7F800000, 23  # the bits of a mark that say to which local IP a frame was sent (`led.py`)


@dataclass(frozen=True, slots=True)
class BridgePort:
    """A port on a bridge.  `sources`: (MAC, CIDR) pairs that it may send from; `profile` None: it is not filtered.

    `policing` is what limits and marks its traffic; `kind` says whom it meets on `network_id`, None: all.
    """

    id: str
    device: str
    mac: str
    macs: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    profile: int | None = None
    policing: Policing = NONE
    kind: Kind | None = None
    network_id: str = ""

    @property
    def meets_all(self) -> bool:
        return self.kind is None or self.kind.meets_all


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """A network that has ports here.  `uplink` is the device by which it leaves the host, or "".

    Where not all its ports meet, `elsewhere` is the kind of those on other hosts by MAC, and `outside` says that
    others may come by the uplink, but none whose MAC begins as `ours`.  `end` is this host's end of its tunnels, or "".
    """

    id: str
    bridge: str
    zone: int
    uplink: str = ""
    outside: bool = False
    elsewhere: tuple[tuple[str, Kind | None], ...] = ()
    end: str = ""
    ours: str = ""


def is_carried(segment: Segment) -> bool:
    """Whether bridges join a segment that is on no physical network."""
    return not segment.physical_network and tunnel_kind(segment) in CARRIED


def not_carried(network: NetworkView) -> str:
    """Why no port of a network can be wired by bridges, "" if one can: it lives in tunnels alone that they do not join.

    Ports that meet only those of their own host would look as if they were on the network.
    """
    segments = network.segments
    if not segments or any(each.physical_network or is_carried(each) for each in segments):
        return ""
    kinds = " or ".join(dict.fromkeys(each.network_type for each in segments))
    return (
        f"Linux bridges carry no {kinds} networks: bind the port to a host with Open vSwitch, or give it a network of "
        "another type"
    )


def bridge_name(network_id: str) -> str:
    return BRIDGE + network_id[:SHORT]


def device_names(port_id: str) -> list[str]:
    return [prefix + port_id[:SHORT] for prefix in PREFIXES]


def number_of(groups: Iterable[GroupView], names: frozenset[str], taken: dict[int, frozenset[str]]) -> int:
    """The number of a set of groups, as the frames of its ports are marked with; it is noted in `taken`."""
    there = list(groups)
    stateless = bool(there) and not any(group.stateful for group in there)
    salt = 0
    while taken.setdefault(number := _marked(profile_number(names, stateless, salt)), names) != names:
        salt += 1
    return number


def _marked(number: int) -> int:
    """A number without the bits that are of local IPs; never 0, which no frame of a guest has."""
    own = number & ~NUMBERS
    return own if own & ((1 << SHIFT) - 1) else own | 1


def bridge_port(
    view: PortView, device: str, profile: int | None, policing: Policing = NONE, kind: Kind | None = None
) -> BridgePort:
    """Raises `ValueError` for an address that is none."""
    mac = checked_mac(view.mac_address)
    pairs = [(mac, ip.ip_address) for ip in view.fixed_ips]
    pairs += [(checked_mac(pair.mac_address), pair.ip_address) for pair in view.allowed_address_pairs]
    macs = tuple(dict.fromkeys([mac, *(each for each, _ in pairs)]))
    sources = [(each, str(ip_network(cidr, strict=False))) for each, cidr in pairs]
    sources += [(each, str(IPv6Network(link_local(each)))) for each in macs]
    return BridgePort(
        view.id, device, mac, macs, tuple(dict.fromkeys(sources)), profile, policing, kind, view.network_id
    )


def is_filtered(view: PortView) -> bool:
    return view.port_security and not view.device_owner.startswith(TRUSTED)
