"""What may cross the bridges at all, as an nftables table of the family bridge.  Pure.

    prerouting   by the device that a frame comes from: an uplink and a port that is not filtered pass; a guest's frame
                 must have addresses of the port, and may not be what only a router or a DHCP server sends
    forward      by the device that it goes to: a guest gets what is for it, and for everybody
    input        nothing on these bridges is for the host itself

A frame from or to a device on our bridges that is no port's is dropped; other bridges of the host are not concerned.
What passes is marked with the number of the profile of groups of its sender, then with that of its receiver, by
which the rules (`rules.py`) find theirs; an unmarked frame meets none.  Frames with a VLAN tag never enter: where a
card carries networks with and without tags, no guest can reach one from the other.

Addresses and devices are elements of sets: a port more is a few elements, and a frame costs the same with many ports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Network, ip_network

from heddle.agent.bridge.division import DIVIDED, Division, quoted
from heddle.agent.bridge.led import Led, led_chains, led_elements
from heddle.agent.bridge.ports import BridgePort, LocalNetwork
from heddle.host.nft import Chain, Elements, Table

TABLE = "heddle_ports"
SENDER = "iifname . ether saddr"
PROBE = "arp operation request arp saddr ip 0.0.0.0 "
OTHERS = "iifname != @ours accept"


def filter_table(
    ports: Sequence[BridgePort], networks: Iterable[LocalNetwork], strangers: Iterable[str] = (),
    led: Sequence[Led] = (),
) -> Table:
    """`strangers`: devices on bridges of ours that are no port's; `led`: the local IPs that lead to ports here."""
    local = list(networks)
    division = Division(ports, local)
    elements = [*_elements(ports, local, list(strangers), division), *division.elements(), *led_elements(led)]
    return Table("bridge", TABLE, tuple(elements), (*division.chains(), *led_chains(led, OTHERS), *_chains()))


def bridges_of(networks: Iterable[LocalNetwork]) -> Elements:
    return Elements("set", "bridges", "ifname", tuple(sorted(quoted(each.bridge) for each in networks)))


def _elements(
    ports: Sequence[BridgePort], networks: Sequence[LocalNetwork], strangers: Sequence[str], division: Division
) -> list[Elements]:
    devices = {quoted(each) for each in (*(port.device for port in ports), *strangers)}
    uplinks = [quoted(each.uplink) for each in networks if each.uplink]
    senders = [f"{each} : goto trusted" for each in uplinks]
    receivers = [f"{each} : goto plain" for each in uplinks]
    for port in ports:
        filtered = port.profile is not None
        senders.append(f"{quoted(port.device)} : {'goto guest' if filtered else 'goto trusted'}")
        way = "to_guest" if filtered else "plain"
        receivers.append(f"{quoted(port.device)} : goto {way if port.meets_all else DIVIDED[way]}")
    guarded = [port for port in ports if port.profile is not None]
    profile_of = {quoted(port.device): port.profile for port in ports if port.profile is not None}
    sources = [
        (quoted(port.device), mac, ip_network(cidr)) for port in guarded for mac, cidr in port.sources
    ]
    four = [each for each in sources if each[2].version == 4]
    six = [each for each in sources if each[2].version == 6]
    key = "ifname . ether_addr . "
    return [
        Elements("set", "ours", "ifname", tuple(sorted({*devices, *uplinks}))),
        Elements("map", "senders", "ifname : verdict", tuple(sorted(senders))),
        Elements("map", "receivers", "ifname : verdict", tuple(sorted(receivers))),
        Elements("map", "profiles", "ifname : mark",
                 tuple(sorted(f"{device} : 0x{number:08x}" for device, number in profile_of.items()))),
        Elements("set", "macs", "ifname . ether_addr",
                 tuple(sorted(f"{quoted(port.device)} . {mac}" for port in guarded for mac in port.macs))),
        Elements("map", "owners", "ifname . ether_addr : mark", tuple(sorted(
            f"{quoted(port.device)} . {mac} : 0x{port.profile:08x}" for port in guarded for mac in port.macs
        ))),
        Elements("map", "sources4", f"{key}ipv4_addr : mark", tuple(
            f"{each} : 0x{profile_of[each.partition(' ')[0]]:08x}" for each in _texts(four, single=True)
        )),
        Elements("set", "ranges4", f"{key}ipv4_addr", _texts(four, single=False), "interval"),
        Elements("set", "sources6", f"{key}ipv6_addr", _texts(six, single=True)),
        Elements("set", "ranges6", f"{key}ipv6_addr", _texts(six, single=False), "interval"),
        Elements("set", "targets6", "typeof iifname . ether saddr . @th,64,128", _targets(six, single=True)),
        Elements("set", "target_ranges6", "typeof iifname . ether saddr . @th,64,128", _targets(six, single=False),
                 "interval"),
        Elements("set", "options", "typeof iifname . @th,208,48", tuple(
            sorted(f"{quoted(port.device)} . {_number(mac)}" for port in guarded for mac in port.macs)
        )),
    ]  # fmt: skip


def _texts(sources: Iterable[tuple[str, str, object]], single: bool) -> tuple[str, ...]:
    found = []
    for device, mac, network in sources:
        address, _, length = str(network).partition("/")
        alone = length == ("128" if ":" in address else "32")
        if alone == single:
            found.append(f"{device} . {mac} . {address if alone else network}")
    return tuple(sorted(found))


def _targets(sources: Iterable[tuple[str, str, object]], single: bool) -> tuple[str, ...]:
    """The addresses for which a neighbour advertisement may speak, as the bytes that they are in it."""
    found = []
    for device, mac, network in sources:
        assert isinstance(network, IPv6Network)
        if (network.prefixlen == 128) == single:
            first = f"0x{int(network.network_address):x}"
            text = first if single else f"{first}-0x{int(network.broadcast_address):x}"
            found.append(f"{device} . {mac} . {text}")
    return tuple(sorted(found))


def _chains() -> list[Chain]:
    return [*_from_guests(), *_from_guests6(), *_to_ports(), *_hooks()]


def _from_guests() -> list[Chain]:
    """What a guest may send: which of it is its own decides the sender's profile, in the mark."""
    return [
        Chain("trusted", "", ("ether type { 8021q, 8021ad } drop", "meta mark set 0x00000000 accept")),
        Chain("guest", "", (
            f"ip protocol tcp {_marked_by(f'{SENDER} . ip saddr map @sources4')}",
            "ether type ip goto guest_ip",
            f"{SENDER} != @macs drop",
            "ether type arp goto guest_arp",
            "ether type ip6 goto guest_ip6",
            "drop",
        )),
        Chain("guest_arp", "", (
            *_arp("arp saddr ip"),
            *_arp("arp daddr ip", PROBE),
            "drop",
        )),
        Chain("guest_ip", "", (
            f"ip saddr 0.0.0.0 udp sport 68 udp dport 67 {SENDER} @macs goto marked",
            "udp sport 67 udp dport 68 drop",
            _marked_by(f"{SENDER} . ip saddr map @sources4"),
            f"{SENDER} . ip saddr @ranges4 goto marked",
            "drop",
        )),
    ]  # fmt: skip


def _from_guests6() -> list[Chain]:
    """The same for IPv6, and where both end."""
    return [
        Chain("guest_ip6", "", (
            "icmpv6 type { nd-router-advert, nd-redirect } drop",
            "udp sport 547 udp dport 546 drop",
            "icmpv6 type nd-neighbor-solicit @th,192,16 0x101 goto guest_option",
            "icmpv6 type nd-neighbor-advert @th,192,16 0x201 goto guest_option",
            "goto guest_source6",
        )),
        Chain("guest_option", "", ("iifname . @th,208,48 != @options drop", "goto guest_source6")),
        Chain("guest_source6", "", (
            "ip6 saddr :: goto guest_unspecified",
            f"icmpv6 type nd-neighbor-advert {SENDER} . @th,64,128 @targets6 goto marked_from6",
            f"icmpv6 type nd-neighbor-advert {SENDER} . @th,64,128 @target_ranges6 goto marked_from6",
            "icmpv6 type nd-neighbor-advert drop",
            "goto marked_from6",
        )),
        Chain("guest_unspecified", "", (
            "icmpv6 type { nd-router-solicit, mld2-listener-report } goto marked",
            f"icmpv6 type nd-neighbor-solicit {SENDER} . @th,64,128 @targets6 goto marked",
            f"icmpv6 type nd-neighbor-solicit {SENDER} . @th,64,128 @target_ranges6 goto marked",
            "drop",
        )),
        Chain("marked_from6", "", (*_any(f"{SENDER} . ip6 saddr"), "drop")),
        Chain("marked", "", ("meta mark set iifname map @profiles", "accept")),
    ]  # fmt: skip


def _to_ports() -> list[Chain]:
    return [
        Chain("plain", "", ("meta mark set 0x00000000 accept",)),
        Chain("to_guest", "", (
            _marked_by("oifname . ether daddr map @owners"),
            "ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 goto to_everybody",
            "drop",
        )),
        Chain("to_everybody", "", (
            "icmpv6 type { mld-listener-report, mld-listener-done, nd-router-solicit, mld2-listener-report } drop",
            "udp sport 68 udp dport 67 drop",
            "udp sport 546 udp dport 547 drop",
            "meta mark set oifname map @profiles",
            "accept",
        )),
    ]  # fmt: skip


def _hooks() -> list[Chain]:
    return [
        Chain("prerouting", "type filter hook prerouting priority dstnat; policy accept;", (
            "iifname vmap @senders", OTHERS, "drop",
        )),
        Chain("forward", "type filter hook forward priority filter; policy accept;", (
            "oifname vmap @receivers", OTHERS, "drop",
        )),
        Chain("input", "type filter hook input priority filter; policy accept;", (OTHERS, "drop")),
    ]  # fmt: skip


def _number(mac: str) -> str:
    """As nft prints it."""
    return f"0x{int(mac.replace(':', ''), 16):x}"


def _any(key: str) -> list[str]:
    """What may be of one of a port's addresses or of a range of them."""
    return [f"{key} @{name}6 goto marked" for name in ("sources", "ranges")]


def _arp(address: str, before: str = "") -> list[str]:
    key = f"iifname . arp saddr ether . {address}"
    return [f"{before}{_marked_by(f'{key} map @sources4')}", f"{before}{key} @ranges4 accept"]


def _marked_by(found: str) -> str:
    """One lookup tells whether a frame may pass, and its mark: where nothing is found the next rule goes on."""
    return f"meta mark set {found} accept"
